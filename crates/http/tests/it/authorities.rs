//! The authority and the form of the target: for whom a request is.

use coalescer_http::{Gates, Key, PassThrough, RequestVerdict};
use http::request::Builder;
use http::uri::Scheme;
use http::{Request, Version};

fn get() -> Builder {
    Request::get("/")
}

fn verdict(gates: &Gates, request: Builder) -> RequestVerdict {
    gates.request(&request.body(()).unwrap().into_parts().0)
}

#[track_caller]
fn key(request: Builder) -> Key {
    match verdict(&Gates::new(), request) {
        RequestVerdict::Shared(key) => key,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_passed(gates: &Gates, request: Builder) {
    let shown = format!("{request:?}");
    let reason = verdict(gates, request);
    let expected = [PassThrough::Authority, PassThrough::Malformed];
    let is_expected =
        |reason| matches!(&reason, RequestVerdict::PassThrough(r) if expected.contains(r));
    assert!(is_expected(reason), "{shown}");
}

/// H7: an authority in its usual form is in the key as it stands.
#[test]
fn usual_authorities_are_apart() {
    let usual = [
        "shop.example",
        "shop.example.",
        "www.shop.example",
        "shop.example:8080",
        "shop.example:443",
        "127.0.0.1",
        "127.0.0.1:81",
        "[::1]",
        "[::1]:81",
        "[2001:db8::1]",
        "a_b",
        "xn--bcher-kva.example",
    ];
    for (number, one) in usual.iter().enumerate() {
        for (other_number, other) in usual.iter().enumerate() {
            let [one, other] = [one, other].map(|host| key(get().header("host", *host)));
            assert_eq!(one == other, number == other_number);
        }
        assert_ne!(key(get().header("host", *one)), key(get()));
    }
    assert_ne!(key(get().header("host", "")), key(get()));
}

/// H7: any other form is passed through, wherever it stands.
#[test]
fn unusual_authorities_are_passed_through() {
    let unusual = [
        "Shop.example",
        "SHOP.EXAMPLE",
        "shop.example:80",
        "shop.example:",
        "shop.example:080",
        "shop.example:+81",
        "shop.example:0",
        "shop.example:00000000081",
        "shop.example:65536",
        "shop.example:99999",
        "shop.example:8a",
        "shop.example:80:80",
        ":80",
        ":",
        "[::1]:80",
        "[::1]:",
        "[::1].evil.example",
        "[::1]evil",
        "[::1]x:8443",
        "[::1]!",
        "[::1]$:",
        "[](",
        "[]",
        "[::1]:081",
        "[2001:DB8::1]",
        "[v1.a]",
        "[::1%25eth0]",
        "127.1",
        "0x7f.1.2.3.4:80",
        "shop%2eexample",
        "a,b",
        "a;b",
        "a@b",
        "ada:secret@shop.example",
        "a b",
        "a/b",
        "a?b",
        "a#b",
        "a\\b",
        "*",
        "a~b",
        "a!b",
        "a$",
        "a'",
    ];
    for host in unusual {
        assert_passed(&Gates::new(), get().header("host", host));
        let absolute = format!("http://{host}/");
        if let Ok(uri) = absolute.parse::<http::Uri>() {
            if uri.authority().is_some_and(|authority| authority == host) {
                assert_passed(&Gates::new(), Request::get(&absolute).header("host", host));
                let http2 =
                    Request::get(&absolute).version(Version::HTTP_2).header("content-length", 0);
                assert_passed(&Gates::new(), http2);
            }
        }
    }
    let https = Gates::new().scheme(Scheme::HTTPS);
    assert_passed(&https, get().header("host", "shop.example:443"));
    assert!(matches!(
        verdict(&https, get().header("host", "shop.example:80")),
        RequestVerdict::Shared(_)
    ));
    assert_passed(&Gates::new(), Request::get("https://a:443/").header("host", "a:443"));
}

/// H7: a request that is for one of two sites is passed through.
#[test]
fn a_request_is_passed_through_if_it_is_not_clear_for_whom_it_is() {
    for request in [
        get().header("host", "a").header("host", "a"),
        Request::get("http://a/").header("host", "b"),
        Request::get("http://a/").header("host", "A"),
        Request::get("http://a/").header("host", "a:80"),
        Request::get("http://ada:secret@a/").header("host", "a"),
        // The absolute form is for proxies, and has `Host` beside it.
        Request::get("http://a/"),
        Request::get("http://a/").header("host", ""),
        Request::get("http://a/").version(Version::HTTP_10),
        // The form of CONNECT.
        Request::get("a:81").header("host", "a:81"),
        Request::get("a").header("host", "a"),
    ] {
        assert_passed(&Gates::new(), request);
    }
}

/// H7: a handler sees the form of the target, so the key has it.
#[test]
fn the_form_of_the_target_is_in_the_key() {
    let absolute = || Request::get("http://a/b").header("host", "a");
    let origin = || Request::get("/b").header("host", "a");
    let http2 =
        || Request::get("http://a/b").version(Version::HTTP_2).header("content-length", "0");
    assert_eq!(key(absolute()), key(absolute()));
    assert_ne!(key(absolute()), key(origin()));
    assert_eq!(key(http2()), key(http2()));
    assert_ne!(key(http2()), key(http2().header("host", "a")));
    assert_eq!(key(absolute()).authority(), "a");
    assert_eq!(key(absolute()).path(), "/b");
}
