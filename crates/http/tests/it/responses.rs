//! The table of responses, row by row.

use std::time::Duration;

use coalescer::ShareWith;
use coalescer_http::{Gates, Key, RequestVerdict, ResponseVerdict, Unkept, Unshared};
use http::response::Builder;
use http::{Request, Response};

fn key(gates: &Gates, request: http::request::Builder) -> Key {
    match gates.request(&request.body(()).unwrap().into_parts().0) {
        RequestVerdict::Shared(key) => key,
        other => panic!("{other:?}"),
    }
}

fn judge(gates: &Gates, key: &Key, response: Builder, body: Option<u64>) -> ResponseVerdict {
    gates.response(key, &response.body(()).unwrap().into_parts().0, body)
}

/// The decision about a response to a request without credentials.
fn verdict(response: Builder) -> ResponseVerdict {
    let gates = Gates::new();
    judge(&gates, &key(&gates, Request::get("/")), response, Some(10))
}

/// The decision if the key names a person.
fn verdict_for_user(response: Builder) -> ResponseVerdict {
    let gates = Gates::new().key_header("cookie").key_principal(|request| {
        let cookie = request.headers.get("cookie")?;
        cookie.to_str().ok().map(str::to_owned)
    });
    let key = key(&gates, Request::get("/").header("cookie", "id=1"));
    judge(&gates, &key, response, Some(10))
}

fn with(name: &str, value: &str) -> Builder {
    Response::builder().header(name, value)
}

fn control(value: &str) -> Builder {
    with("cache-control", value)
}

fn unshared(reason: Unshared) -> ResponseVerdict {
    ResponseVerdict::Unshared(reason)
}

fn unkept(reason: Unkept) -> ResponseVerdict {
    ResponseVerdict::Unkept(reason)
}

// Unshared: followers run the handler.

#[test]
fn no_store_is_unshared_also_for_one_user() {
    for value in ["no-store", "max-age=60, NO-STORE", "private=\"a\", no-store"] {
        assert_eq!(verdict(control(value)), unshared(Unshared::NoStore), "{value}");
        assert_eq!(verdict_for_user(control(value)), unshared(Unshared::NoStore), "{value}");
    }
    let on_a_second_line = control("max-age=60").header("cache-control", "no-store");
    assert_eq!(verdict(on_a_second_line), unshared(Unshared::NoStore));
}

#[test]
fn set_cookie_is_unshared_also_for_one_user() {
    for name in ["set-cookie", "set-cookie2"] {
        assert_eq!(verdict(with(name, "a=b")), unshared(Unshared::SetCookie));
        assert_eq!(verdict_for_user(with(name, "a=b")), unshared(Unshared::SetCookie));
        assert_eq!(verdict(with(name, "").status(500)), unshared(Unshared::SetCookie));
    }
}

#[test]
fn vary_by_anything_is_unshared_also_for_one_user() {
    for value in ["*", "accept, *", " * ,accept"] {
        assert_eq!(verdict(with("vary", value)), unshared(Unshared::VaryAny), "{value}");
        assert_eq!(verdict_for_user(with("vary", value)), unshared(Unshared::VaryAny), "{value}");
    }
    let on_a_second_line = with("vary", "accept").header("vary", "*");
    assert_eq!(verdict(on_a_second_line), unshared(Unshared::VaryAny));
}

#[test]
fn informational_statuses_are_unshared() {
    for status in [100, 101, 103, 199] {
        let response = Response::builder().status(status);
        assert_eq!(verdict(response), unshared(Unshared::Informational), "{status}");
    }
}

#[test]
fn a_body_that_is_too_long_or_of_unknown_end_is_unshared() {
    let gates = Gates::new().max_body(10);
    let key = key(&gates, Request::get("/"));
    let of_length = |length| judge(&gates, &key, Response::builder(), length);
    assert_eq!(of_length(Some(10)), ResponseVerdict::Kept);
    assert_eq!(of_length(Some(11)), unshared(Unshared::TooLong));
    assert_eq!(of_length(None), unshared(Unshared::UnknownEnd));
}

#[test]
fn the_longest_body_is_one_mebibyte_unless_told_otherwise() {
    let gates = Gates::new();
    let key = key(&gates, Request::get("/"));
    let of_length = |length| judge(&gates, &key, Response::builder(), Some(length));
    assert_eq!(of_length(1 << 20), ResponseVerdict::Kept);
    assert_eq!(of_length((1 << 20) + 1), unshared(Unshared::TooLong));
}

#[test]
fn private_is_for_one_user_only() {
    for value in ["private", "Private, max-age=60", "private=\"x-user\""] {
        assert_eq!(verdict(control(value)), unshared(Unshared::Private), "{value}");
        assert_eq!(verdict_for_user(control(value)), ResponseVerdict::Kept, "{value}");
    }
}

#[test]
fn refusals_are_for_one_user_only() {
    for status in [401, 403, 407, 429] {
        let response = || Response::builder().status(status);
        assert_eq!(verdict(response()), unshared(Unshared::Refusal), "{status}");
        assert_eq!(verdict_for_user(response()), ResponseVerdict::Kept, "{status}");
    }
}

#[test]
fn credentials_alone_name_nobody() {
    let gates = Gates::new().key_header("cookie").key_principal(|_| None);
    for request in [Request::get("/"), Request::get("/").header("cookie", "theme=dark")] {
        let key = key(&gates, request);
        let verdict = judge(&gates, &key, control("private"), Some(0));
        assert_eq!(verdict, unshared(Unshared::Private));
        let verdict = judge(&gates, &key, Response::builder().status(429), Some(0));
        assert_eq!(verdict, unshared(Unshared::Refusal));
    }
}

#[test]
fn vary_by_what_is_not_in_the_key_is_unshared() {
    for value in ["user-agent", "accept, User-Agent", "x-colour", "not a name", "\u{7f}a"] {
        let value = http::HeaderValue::from_bytes(value.as_bytes());
        let Ok(value) = value else { continue };
        let response = Response::builder().header("vary", value);
        assert_eq!(verdict(response), unshared(Unshared::Vary));
    }
    let on_a_second_line = with("vary", "accept").header("vary", "user-agent");
    assert_eq!(verdict_for_user(on_a_second_line), unshared(Unshared::Vary));
}

#[test]
fn vary_by_what_all_requests_of_a_key_agree_in_is_shared() {
    let agreed = [
        "accept",
        "Accept-Encoding, accept-language",
        "origin",
        "range",
        "if-none-match",
        "host",
        "x-forwarded-proto",
        "",
        ",",
        // A request with such a field has it in the key, or is passed through.
        "cookie, authorization, proxy-authorization",
    ];
    for value in agreed {
        assert_eq!(verdict(with("vary", value)), ResponseVerdict::Kept, "{value}");
        assert_eq!(verdict_for_user(with("vary", value)), ResponseVerdict::Kept, "{value}");
    }
    let gates = Gates::new().key_header("x-tenant");
    let key = key(&gates, Request::get("/"));
    assert_eq!(judge(&gates, &key, with("vary", "X-Tenant"), Some(0)), ResponseVerdict::Kept);
}

#[test]
fn what_cannot_be_read_is_unshared() {
    for name in ["cache-control", "pragma", "vary", "connection"] {
        assert_eq!(verdict(with(name, "a=\"b")), unshared(Unshared::Malformed), "{name}");
    }
    assert_eq!(verdict(control("max-age = 60")), unshared(Unshared::Malformed));
}

// Unkept: followers get the response, the window does not.

#[test]
fn no_cache_is_unkept() {
    for value in ["no-cache", "No-Cache=\"x\", max-age=60"] {
        assert_eq!(verdict(control(value)), unkept(Unkept::NoCache), "{value}");
    }
    assert_eq!(verdict(with("pragma", "no-cache")), unkept(Unkept::NoCache));
}

#[test]
fn an_age_of_zero_is_unkept() {
    for value in ["max-age=0", "s-maxage=0, max-age=60", "max-age=x", "max-age"] {
        assert_eq!(verdict(control(value)), unkept(Unkept::MaxAge), "{value}");
    }
    for value in ["max-age=1", "public, s-maxage=31536000"] {
        assert_eq!(verdict(control(value)), ResponseVerdict::Kept, "{value}");
    }
}

/// H13: within a field `s-maxage` holds.
#[test]
fn a_lifetime_shorter_than_the_window_is_kept_for_so_long() {
    let gates = Gates::new().window(Duration::from_secs(5));
    let key = key(&gates, Request::get("/"));
    let verdict = |response| judge(&gates, &key, response, Some(0));
    let kept_for = |seconds| ResponseVerdict::KeptFor(Duration::from_secs(seconds));
    assert_eq!(verdict(control("max-age=4")), kept_for(4));
    assert_eq!(verdict(control("max-age=5")), ResponseVerdict::Kept);
    assert_eq!(verdict(control("max-age=60, s-maxage=1")), kept_for(1));
    assert_eq!(verdict(control("max-age=0, s-maxage=60")), ResponseVerdict::Kept);
    assert_eq!(verdict(control("max-age=3").header("cdn-cache-control", "max-age=2")), kept_for(2));
    assert_eq!(verdict(control("max-age=3, no-cache")), unkept(Unkept::NoCache));
    assert_eq!(verdict(control("max-age=3").status(503)), unkept(Unkept::ServerError));
    // A part of the lifetime has passed in another cache.
    assert_eq!(verdict(control("max-age=60").header("age", "55")), ResponseVerdict::Kept);
    assert_eq!(verdict(control("max-age=60").header("age", "56")), kept_for(4));
    assert_eq!(verdict(control("max-age=60").header("age", "60")), unkept(Unkept::MaxAge));
    assert_eq!(verdict(control("max-age=60").header("age", "old")), unkept(Unkept::MaxAge));
}

#[test]
fn a_date_of_expiry_alone_is_unkept() {
    assert_eq!(verdict(with("expires", "0")), unkept(Unkept::Expires));
    assert_eq!(
        verdict(with("expires", "0").header("cache-control", "max-age=9")),
        ResponseVerdict::Kept
    );
}

#[test]
fn server_errors_are_unkept() {
    for status in [500, 502, 503, 504, 599] {
        let response = Response::builder().status(status);
        assert_eq!(verdict(response), unkept(Unkept::ServerError), "{status}");
    }
}

// All other responses are kept, and the first row that applies decides.

#[test]
fn anything_else_is_kept() {
    for status in [200, 203, 204, 301, 308, 404, 410] {
        assert_eq!(verdict(Response::builder().status(status)), ResponseVerdict::Kept, "{status}");
    }
    for value in ["public", "must-revalidate", "immutable", "x=\"no-store, private\""] {
        assert_eq!(verdict(control(value)), ResponseVerdict::Kept, "{value}");
    }
}

#[test]
fn the_row_that_shares_least_wins() {
    let busy = || Response::builder().status(503);
    assert_eq!(verdict(busy().header("set-cookie", "a")), unshared(Unshared::SetCookie));
    assert_eq!(verdict(busy().header("cache-control", "private")), unshared(Unshared::Private));
    assert_eq!(verdict(busy().header("vary", "x-a")), unshared(Unshared::Vary));
    let stale = control("no-cache, private");
    assert_eq!(verdict(stale), unshared(Unshared::Private));
}

#[test]
fn the_verdicts_in_the_words_of_the_core() {
    assert_eq!(ResponseVerdict::Kept.share_with(), ShareWith::Everyone);
    assert_eq!(unkept(Unkept::NoCache).share_with(), ShareWith::Followers);
    assert_eq!(unshared(Unshared::Vary).share_with(), ShareWith::Nobody);
}
