//! Requests with cookies (H39, H40).

use std::time::Duration;

use coalescer_http::{
    CoalesceLayer, Gates, Key, PassThrough, RequestVerdict, ResponseVerdict, Unshared,
};
use http::request::Builder;
use http::{Request, Response, Version};
use proptest::prelude::*;

use super::{echo, echoes};
use crate::stage::{follow, get, lead, page_with, pages, text, with_window};
use crate::support::watched;

fn layer() -> CoalesceLayer {
    CoalesceLayer::new().key_cookie("session").ignore_cookies(["_ga*", "theme"])
}

fn gates() -> Gates {
    Gates::new().key_cookie("session").ignore_cookies(["_ga*", "theme"])
}

fn with_cookies(cookies: &str) -> Builder {
    get("/").header("cookie", cookies)
}

fn verdict(gates: &Gates, request: Builder) -> RequestVerdict {
    gates.request_with(&request.body(()).unwrap().into_parts().0, false)
}

fn key(gates: &Gates, request: Builder) -> Key {
    match verdict(gates, request) {
        RequestVerdict::Shared(key) => key,
        other => panic!("{other:?}"),
    }
}

/// H39, H40: each visit of a browser has other numbers, and one run is for all of them.
#[test]
fn visits_that_differ_in_ignored_cookies_are_one_run() {
    let pages = echoes(layer(), "cookie");
    for visit in 0..10 {
        let ga = format!("_ga=GA1.1.{visit}; _ga_X1=GS1.{visit}; theme=dark");
        assert_eq!(echo(&pages, with_cookies(&ga)), "");
        assert_eq!(echo(&pages, with_cookies(&format!("{ga}; session=ada"))), "session=ada");
        assert_eq!(echo(&pages, with_cookies(&format!("session=bob; {ga}"))), "session=bob");
    }
    assert_eq!(echo(&pages, get("/")), "", "a client without cookies is as one with ignored ones");
    assert_eq!(echo(&pages, with_cookies("session=ada")), "session=ada");
    let stats = pages.stats();
    assert_eq!((stats.flights.executed_requests, stats.passed_through), (3, 0));
}

/// H39, H40: the handler of a request that does not share has the client's text.
#[test]
fn a_request_that_is_passed_through_keeps_its_cookies() {
    let pages = echoes(layer(), "cookie");
    for (cookies, reason) in [
        ("_ga=1; session=ada; cart=7", PassThrough::Credentials),
        ("_ga=1;session=ada", PassThrough::Malformed),
        ("session=ada; session=bob", PassThrough::Malformed),
        ("", PassThrough::Malformed),
    ] {
        let before = pages.stats().passed_through_for(reason);
        assert_eq!(echo(&pages, with_cookies(cookies)), cookies);
        assert_eq!(pages.stats().passed_through_for(reason), before + 1, "{cookies}");
    }
    let no_store = with_cookies("_ga=1; theme=x").header("cache-control", "no-store");
    assert_eq!(echo(&pages, no_store), "_ga=1; theme=x");
    let twice = with_cookies("_ga=1").header("cookie", "session=ada");
    assert_eq!(echo(&pages, twice), "_ga=1|session=ada", "two lines of HTTP/1");
    let post = Request::post("/").header("cookie", "_ga=1");
    assert_eq!(echo(&pages, post), "_ga=1");
    assert_eq!(pages.stats().flights.total_requests, 0);
}

/// H39, H40: HTTP/2 splits the field as it likes.
#[test]
fn the_lines_of_http_2_are_one_field() {
    let pages = echoes(layer(), "cookie");
    let request = |lines: &[&str]| {
        let request = Request::get("https://shop.example/").version(Version::HTTP_2);
        lines.iter().fold(request, |request, line| request.header("cookie", *line))
    };
    for lines in [
        &["_ga=1", "session=ada", "theme=x"][..],
        &["session=ada; _ga=2"],
        &["theme=y; _ga=3", "session=ada"],
    ] {
        assert_eq!(echo(&pages, request(lines)), "session=ada", "{lines:?}");
    }
    assert_eq!(pages.stats().flights.executed_requests, 1);
}

/// H39: a cookie says who asks.
#[test]
fn a_key_with_a_cookie_has_credentials() {
    assert!(key(&gates(), with_cookies("session=ada")).has_credentials());
    assert!(!key(&gates(), with_cookies("_ga=1")).has_credentials());
    assert!(!key(&gates(), get("/")).has_credentials());
    let shown = format!("{:?}", key(&gates(), with_cookies("session=hunter2")));
    assert!(shown.contains("cookie") && !shown.contains("hunter2"), "{shown}");
}

/// H39: all others stay as they were.
#[test]
fn other_credentials_are_passed_through_as_ever() {
    let request = with_cookies("session=ada").header("authorization", "Bearer 1");
    let expected = RequestVerdict::PassThrough(PassThrough::Credentials);
    assert_eq!(verdict(&gates(), request), expected);
    assert_eq!(verdict(&Gates::new(), with_cookies("_ga=1")), expected);
    let with_all = Gates::new().key_header("cookie");
    assert_ne!(key(&with_all, with_cookies("_ga=1")), key(&with_all, with_cookies("_ga=2")));
}

/// H11, H12 with cookies: a cookie in the key names nobody, and a cookie that is set is for one client.
#[test]
fn a_response_to_a_request_with_a_cookie_is_judged_as_ever() {
    let key = key(&gates(), with_cookies("session=ada; _ga=1"));
    let judged = |name, value| {
        let page = Response::builder().header(name, value).body(()).unwrap().into_parts().0;
        gates().response(&key, &page, Some(0))
    };
    assert_eq!(judged("vary", "Cookie"), ResponseVerdict::Kept);
    assert_eq!(judged("vary", "cookie, user-agent"), ResponseVerdict::Unshared(Unshared::Vary));
    assert_eq!(judged("cache-control", "private"), ResponseVerdict::Unshared(Unshared::Private));
    assert_eq!(judged("set-cookie", "theme=x"), ResponseVerdict::Unshared(Unshared::SetCookie));
}

/// H40: a follower that runs the handler itself has the form of the key, too.
#[test]
fn those_who_waited_for_an_unshared_page_see_the_key_alone() {
    watched(|| {
        let pages = pages(with_window(Duration::ZERO).ignore_cookies(["*"]));
        let leader = lead(&pages, with_cookies("a=1"));
        let followers = follow(&pages, || with_cookies("b=2"), 3);
        leader.returns(Ok(page_with("mine", "set-cookie", "id=1"))).unwrap();
        for follower in followers {
            let own = follower.returns(Ok(page_with("own", "set-cookie", "id=2"))).unwrap();
            assert_eq!(text(own), "own");
        }
        assert_eq!(pages.stats().passed_through, 0);
    });
}

fn cookies() -> impl Strategy<Value = Option<String>> {
    let pair = prop::sample::select(vec![
        "session=ada",
        "session=bob",
        "session=",
        "_ga=1",
        "_ga=2",
        "_gac=3",
        "theme=dark",
        "cart=7",
        "bad",
        "session=\"ada\"",
    ]);
    let separator = prop::sample::select(vec!["; ", "; ", "; ", ";"]);
    let cookies = (prop::collection::vec(pair, 1..4), separator)
        .prop_map(|(pairs, separator)| pairs.join(separator));
    prop::option::weighted(0.9, cookies)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// H1, H39: a client's page is made from its own session and from no other cookie of anybody.
    #[test]
    fn nobody_gets_a_page_of_another_session(visits in prop::collection::vec(cookies(), 1..20)) {
        let pages = echoes(layer(), "cookie");
        for cookies in visits {
            let before = pages.stats().passed_through;
            let request = cookies.iter().fold(get("/"), |request, line| request.header("cookie", line));
            let page = echo(&pages, request);
            let sent = cookies.unwrap_or_default();
            if pages.stats().passed_through > before {
                prop_assert_eq!(page, sent, "unchanged");
            } else {
                let session = sent.split("; ").find(|pair| pair.starts_with("session="));
                prop_assert_eq!(page, session.unwrap_or_default());
                prop_assert!(!sent.contains("cart") && !sent.contains("bad"));
            }
        }
    }
}
