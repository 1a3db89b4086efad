//! The settings for a server with two hooks, whose handler is not inside the layer.

use coalescer::ManualClock;
use coalescer_http::{
    Begun, CoalesceLayer, Lead, Pages, PassThrough, Served, ServedReason, ServedRole, Settings,
    Unkept,
};
use http::request::{Builder, Parts};
use http::{Request, Version};

use super::SECOND;
use crate::stage::{Page, get, page, text};

fn hooks(set: impl FnOnce(CoalesceLayer) -> CoalesceLayer) -> (Pages, ManualClock) {
    let clock = ManualClock::new();
    let settings = Settings::new().window(60 * SECOND).clock(clock.clone());
    (set(CoalesceLayer::new().settings(settings)).hooks(), clock)
}

fn parts(request: Builder) -> Parts {
    request.body(()).unwrap().into_parts().0
}

/// Begins a request that leads, and returns the request that its handler sees.
#[track_caller]
fn lead(pages: &Pages, request: Builder) -> (Lead, Parts) {
    let mut request = parts(request);
    match pages.begin_with(&mut request, false) {
        Begun::Lead(lead) => (lead, request),
        other => panic!("it should lead: {other:?}"),
    }
}

#[track_caller]
fn answered(pages: &Pages, request: Builder) -> Page {
    match pages.begin_with(&mut parts(request), false) {
        Begun::Answered(response) => response,
        other => panic!("it should be answered: {other:?}"),
    }
}

fn served(page: &Page) -> (ServedRole, Option<ServedReason>) {
    let served = page.extensions().get::<Served>().expect("each response has one");
    (served.role(), served.reason())
}

/// H39 to H41: the handler outside sees the form of the key, too.
#[test]
fn a_request_that_shares_has_the_form_of_its_key() {
    let (pages, _clock) = hooks(|layer| {
        layer.key_cookie("session").ignore_cookies(["_ga*"]).accept_encodings(["br"])
    });
    let visit = |cookies| get("/").header("cookie", cookies).header("accept-encoding", "gzip, br");
    let (first, seen) = lead(&pages, visit("_ga=1; session=ada"));
    assert_eq!(
        (&seen.headers["cookie"], &seen.headers["accept-encoding"]),
        (&"session=ada".parse().unwrap(), &"br".parse().unwrap())
    );
    let _ = first.finish(page("ada"));
    assert_eq!(text(answered(&pages, visit("session=ada; _ga=2"))), "ada");
    let (_bob, seen) = lead(&pages, visit("session=bob"));
    assert_eq!(seen.headers["cookie"], "session=bob");
    let mut passed = parts(visit("_ga=1; cart=7"));
    let before = passed.headers.clone();
    assert!(matches!(pages.begin(&mut passed), Begun::Pass(_)));
    assert_eq!(passed.headers, before, "unchanged");
}

/// H38
#[test]
fn the_server_tells_if_there_is_a_body() {
    let (pages, _clock) = hooks(|layer| layer);
    let request = || Request::get("https://shop.example/").version(Version::HTTP_2);
    let (first, _) = lead(&pages, request());
    let _ = first.finish(page("hello"));
    assert_eq!(text(answered(&pages, request())), "hello");
    assert!(matches!(pages.begin_with(&mut parts(request()), true), Begun::Pass(_)));
    assert!(matches!(pages.begin(&mut parts(request())), Begun::Pass(_)), "nobody knows");
    assert_eq!(pages.stats().passed_through_for(PassThrough::Body), 2);
}

/// H42
#[test]
fn the_window_alone_answers_who_wants_it() {
    let (pages, clock) = hooks(|layer| layer);
    let only = || get("/").header("cache-control", "only-if-cached");
    let (first, _) = lead(&pages, get("/"));
    let refused = answered(&pages, only());
    assert_eq!(refused.status(), 504);
    assert_eq!(served(&refused), (ServedRole::Refused, Some(ServedReason::NotKept)));
    let _ = first.finish(page("hello"));
    clock.advance(3 * SECOND);
    let hit = answered(&pages, only());
    assert_eq!(
        (served(&hit), &hit.headers()["age"]),
        ((ServedRole::Hit, None), &"3".parse().unwrap())
    );
    assert_eq!((pages.stats().only_if_cached, pages.stats().not_cached), (2, 1));
}

/// H43, H44
#[test]
fn ages_and_windows_hold_as_in_a_layer() {
    let (pages, clock) =
        hooks(|layer| layer.window_for(|key| (key.path() == "/stock").then_some(5 * SECOND)));
    let within = |age| get("/").header("cache-control", format!("max-age={age}"));
    for path in ["/", "/stock"] {
        let _ = lead(&pages, get(path)).0.finish(page("old"));
    }
    clock.advance(5 * SECOND);
    assert_eq!(text(answered(&pages, within(6))), "old");
    let _ = lead(&pages, within(5)).0.finish(page("new"));
    assert_eq!(text(answered(&pages, get("/"))), "new");
    let _ = lead(&pages, get("/stock")).0.finish(page("new"));
}

/// H45
#[test]
fn a_page_without_room_is_not_retained() {
    let (pages, _clock) = hooks(|layer| layer.max_retained_bytes(5));
    let _ = lead(&pages, get("/a")).0.finish(page("hello"));
    assert_eq!((text(answered(&pages, get("/a"))), pages.retained_bytes()), ("hello".into(), 5));
    for _ in 0..2 {
        let own = lead(&pages, get("/b")).0.finish(page("more"));
        let expected = Some(ServedReason::Unkept(Unkept::NoRoom));
        assert_eq!(served(&own), (ServedRole::Leader, expected));
    }
    pages.forget_all();
    assert_eq!(pages.retained_bytes(), 0);
}
