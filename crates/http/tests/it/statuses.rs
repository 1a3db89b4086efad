//! The statuses from 100 to 599, and the fields of a response that are for one client.

use std::time::Duration;

use coalescer_http::{
    Body, CoalesceLayer, Gates, Key, RequestVerdict, ResponseVerdict, Unkept, Unshared,
};
use http::response::Builder;
use http::{Request, Response};

use crate::stage::{call, get, page, pages, text, with_window};

fn key(gates: &Gates, request: http::request::Builder) -> Key {
    match gates.request(&request.body(()).unwrap().into_parts().0) {
        RequestVerdict::Shared(key) => key,
        other => panic!("{other:?}"),
    }
}

fn judge(gates: &Gates, request: http::request::Builder, response: Builder) -> ResponseVerdict {
    let response = response.body(()).unwrap().into_parts().0;
    gates.response(&key(gates, request), &response, Some(1))
}

fn of_status(status: u16) -> ResponseVerdict {
    judge(&Gates::new(), Request::get("/"), Response::builder().status(status))
}

/// H10: each status has its row.
#[test]
fn each_status_from_100_to_599_has_its_row() {
    for status in 100..=599 {
        let expected = match status {
            100..=199 => ResponseVerdict::Unshared(Unshared::Informational),
            200 | 203 | 204 | 300..=303 | 307 | 308 | 404 | 405 | 410 => ResponseVerdict::Kept,
            401 | 403 | 407 | 429 => ResponseVerdict::Unshared(Unshared::Refusal),
            505 | 506 | 510 | 511 => ResponseVerdict::Unshared(Unshared::Status),
            500..=599 => ResponseVerdict::Unkept(Unkept::ServerError),
            _ => ResponseVerdict::Unshared(Unshared::Status),
        };
        assert_eq!(of_status(status), expected, "{status}");
        let gates = Gates::new().own_server_errors();
        let own = judge(&gates, Request::get("/"), Response::builder().status(status));
        assert_eq!(own == expected, !matches!(expected, ResponseVerdict::Unkept(_)), "{status}");
        assert!(status < 500 || matches!(own, ResponseVerdict::Unshared(_)), "{status}");
    }
}

/// H10: a status that answers a field of the request is about the page of requests with this field.
#[test]
fn a_status_about_a_field_is_shared_between_requests_that_have_it() {
    for (status, name) in
        [(206, "range"), (304, "if-none-match"), (304, "if-modified-since"), (226, "a-im")]
    {
        assert_eq!(of_status(status), ResponseVerdict::Unshared(Unshared::Status), "{status}");
        let verdict = judge(
            &Gates::new(),
            Request::get("/").header(name, "x"),
            Response::builder().status(status),
        );
        assert_eq!(verdict, ResponseVerdict::Kept, "{status}");
        let other = judge(
            &Gates::new(),
            Request::get("/").header("origin", "x"),
            Response::builder().status(status),
        );
        assert_eq!(other, ResponseVerdict::Unshared(Unshared::Status), "{status}");
    }
}

/// H10: seen from outside, no status of a bad request is served to the next one.
#[test]
fn a_bad_request_fails_nobody_elses() {
    let shared = [200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410];
    for status in 100..=599 {
        let pages = pages(with_window(Duration::MAX));
        let mut odd = page("odd");
        *odd.status_mut() = http::StatusCode::from_u16(status).unwrap();
        call(&pages, get("/").header("x-odd", "1"), odd);
        let next = call(&pages, get("/"), page("ordinary"));
        assert_eq!(text(next) == "ordinary", !shared.contains(&status), "{status}");
    }
}

/// H12: a field that hands something to one client.
#[test]
fn a_field_for_one_client_makes_the_response_unshared() {
    let fields = [
        ("authorization", "Bearer for-ada"),
        ("x-auth-token", "a"),
        ("x-csrf-token", "a"),
        ("csrf-token", "a"),
        ("x-xsrf-token", "a"),
        ("x-subject-token", "a"),
        ("x-acme-session", "a"),
        ("authentication-info", "nextnonce=\"a\""),
        ("proxy-authentication-info", "a"),
        ("www-authenticate", "Negotiate oYG="),
        ("proxy-authenticate", "Basic"),
        ("clear-site-data", "\"cookies\""),
        ("replay-nonce", "a"),
        ("dpop-nonce", "a"),
        ("content-security-policy", "script-src 'nonce-11'"),
        ("content-security-policy", "default-src 'self', script-src 'Nonce-11'"),
        ("content-security-policy-report-only", "script-src 'nonce-11'"),
    ];
    for (name, value) in fields {
        let pages = pages(with_window(Duration::MAX));
        let made =
            || Response::builder().header(name, value).body(Body::from("one's own")).unwrap();
        assert!(call(&pages, get("/"), made()).headers().contains_key(name));
        assert_eq!(text(call(&pages, get("/"), page("anew"))), "anew", "{name}");
        assert_eq!(pages.stats().unshared_for(Unshared::Secret), 1, "{name}");
    }
    for (name, value) in [
        ("content-security-policy", "default-src 'self'"),
        ("surrogate-key", "a"),
        ("etag", "\"a\""),
        ("access-control-allow-credentials", "true"),
        ("location", "/login"),
    ] {
        let verdict =
            judge(&Gates::new(), Request::get("/"), Response::builder().header(name, value));
        assert_eq!(verdict, ResponseVerdict::Kept, "{name}");
    }
}

/// H12: numbers of one request reach its own client only.
#[test]
fn numbers_of_one_request_are_taken_out_of_what_is_shared() {
    for name in [
        "x-request-id",
        "x-correlation-id",
        "ratelimit-remaining",
        "x-ratelimit-reset",
        "traceparent",
    ] {
        let pages = pages(with_window(Duration::MAX));
        let made =
            Response::builder().header(name, "1").header("etag", "\"1\"").body(Body::from("page"));
        assert_eq!(call(&pages, get("/"), made.unwrap()).headers()[name], "1");
        let late = call(&pages, get("/"), page("not run"));
        assert!(
            !late.headers().contains_key(name) && late.headers().contains_key("etag"),
            "{name}"
        );
    }
}

/// H13: what speaks to gateways is heard, and of several the one that shares least.
#[test]
fn directives_for_gateways_are_heard() {
    let of = |name: &str, value: &str| {
        let response =
            Response::builder().header("cache-control", "public, max-age=600").header(name, value);
        judge(&Gates::new(), Request::get("/"), response)
    };
    for name in [
        "cdn-cache-control",
        "surrogate-control",
        "cloudflare-cdn-cache-control",
        "x-acme-cache-control",
    ] {
        assert_eq!(of(name, "No-Store"), ResponseVerdict::Unshared(Unshared::NoStore), "{name}");
        assert_eq!(of(name, "private"), ResponseVerdict::Unshared(Unshared::Private), "{name}");
        assert_eq!(of(name, "no-cache"), ResponseVerdict::Unkept(Unkept::NoCache), "{name}");
        assert_eq!(of(name, "max-age=0"), ResponseVerdict::Unkept(Unkept::MaxAge), "{name}");
        assert_eq!(
            of(name, "max-age = 1"),
            ResponseVerdict::Unshared(Unshared::Malformed),
            "{name}"
        );
        assert_eq!(of(name, "max-age=60"), ResponseVerdict::Kept, "{name}");
    }
    assert_eq!(of("x-accel-expires", "0"), ResponseVerdict::Unshared(Unshared::NoStore));
    for off in ["off", "@0", "", "-1"] {
        assert_eq!(
            of("x-accel-expires", off),
            ResponseVerdict::Unshared(Unshared::NoStore),
            "{off}"
        );
    }
    assert_eq!(of("x-accel-expires", "60"), ResponseVerdict::Kept);
    let allowed = Response::builder()
        .header("cache-control", "no-store")
        .header("cdn-cache-control", "max-age=9");
    let verdict = judge(&Gates::new(), Request::get("/"), allowed);
    assert_eq!(verdict, ResponseVerdict::Unshared(Unshared::NoStore));
}

/// H13: a body that is coded for a connection is not shared without the field that says so.
#[test]
fn a_transfer_coding_makes_the_response_unshared() {
    let of = |value: &str| {
        judge(
            &Gates::new(),
            Request::get("/"),
            Response::builder().header("transfer-encoding", value),
        )
    };
    assert_eq!(of("chunked"), ResponseVerdict::Kept);
    for value in ["gzip, chunked", "gzip", "identity"] {
        assert_eq!(of(value), ResponseVerdict::Unshared(Unshared::TransferCoding), "{value}");
    }
}

/// H11: a cookie that nobody owns does not make two strangers one person.
#[test]
fn private_and_refusals_need_a_person() {
    let strangers = || pages(with_window(Duration::MAX).key_header("cookie"));
    let person = || {
        let layer: CoalesceLayer = with_window(Duration::MAX).key_header("cookie");
        pages(layer.key_principal(|request| {
            let cookie = request.headers.get("cookie")?.to_str().ok()?;
            cookie.strip_prefix("session=").map(str::to_owned)
        }))
    };
    let private = || {
        Response::builder().header("cache-control", "private").body(Body::from("first")).unwrap()
    };
    let refused = || Response::builder().status(429).body(Body::from("first")).unwrap();
    for made in [&private as &dyn Fn() -> Response<Body>, &refused] {
        for (pages, cookie, expected) in [
            (strangers(), "theme=dark", "second"),
            (strangers(), "session=ada", "second"),
            (person(), "theme=dark", "second"),
            (person(), "session=ada", "first"),
        ] {
            call(&pages, get("/").header("cookie", cookie), made());
            let second = call(&pages, get("/").header("cookie", cookie), page("second"));
            assert_eq!(text(second), expected, "{cookie}");
        }
    }
}

/// H12: the user's function can keep a response for its own request, and cannot share more.
#[test]
fn the_users_function_can_decline_a_response() {
    let layer = with_window(Duration::MAX)
        .should_share(|key, _| key.path() != "/form")
        .should_share(|_, response| !response.headers.contains_key("x-own"));
    let pages = pages(layer);
    let own = || Response::builder().header("x-own", "1").body(Body::from("own")).unwrap();
    call(&pages, get("/form"), page("own"));
    call(&pages, get("/a"), own());
    for path in ["/form", "/a"] {
        assert_eq!(text(call(&pages, get(path), page("anew"))), "anew");
    }
    let eager = Gates::new().should_share(|_, _| true);
    let verdict = judge(&eager, Request::get("/"), Response::builder().header("set-cookie", "a"));
    assert_eq!(verdict, ResponseVerdict::Unshared(Unshared::SetCookie));
}
