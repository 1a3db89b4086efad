//! Requests that the window alone answers (H42).

use coalescer_http::{Served, ServedReason, ServedRole};
use http::request::Builder;

use super::{SECOND, by_clock};
use crate::stage::{Page, Pages, begin, call, followers, get, lead, page, page_with, text};
use crate::support::{NS, wait_until, watched};

fn only(path: &str, more: &str) -> Builder {
    get(path).header("cache-control", format!("only-if-cached{more}"))
}

/// Makes such a request, whose handler must not run.
#[track_caller]
fn from_window(pages: &Pages, request: Builder) -> Page {
    let runs = pages.stats().flights.total_requests;
    let response = call(pages, request, page("its handler ran"));
    assert_eq!(pages.stats().flights.total_requests, runs, "it is no call");
    response
}

#[track_caller]
fn is_refused(pages: &Pages, request: Builder) {
    let response = from_window(pages, request);
    assert_eq!(
        (response.status().as_u16(), &response.headers()["cache-control"]),
        (504, &"no-store".parse().unwrap())
    );
    let served = response.extensions().get::<Served>().unwrap();
    assert_eq!(served.reason(), Some(ServedReason::NotKept));
    assert_eq!(text(response), "");
}

#[track_caller]
fn gets(pages: &Pages, request: Builder) -> (String, String) {
    let response = from_window(pages, request);
    let age = response.headers()["age"].to_str().unwrap().to_owned();
    let role = response.extensions().get::<Served>().unwrap().role();
    assert!(matches!(role, ServedRole::Hit | ServedRole::Stale), "{role}");
    (text(response), age)
}

/// H42, H21
#[test]
fn it_gets_a_page_of_the_window_or_504() {
    let (pages, clock) = by_clock(|layer| layer);
    is_refused(&pages, only("/", ""));
    call(&pages, get("/"), page("hello"));
    assert_eq!(gets(&pages, only("/", "")), ("hello".into(), "0".into()));
    clock.advance(60 * SECOND - NS);
    assert_eq!(gets(&pages, only("/", "")), ("hello".into(), "59".into()));
    is_refused(&pages, only("/other", ""));
    clock.advance(NS);
    is_refused(&pages, only("/", ""));
    let stats = pages.stats();
    assert_eq!((stats.only_if_cached, stats.not_cached), (5, 3));
    assert_eq!((stats.total_requests(), stats.flights.total_requests), (6, 1));
    assert!(stats.to_string().contains("; 5 only if cached (3 not cached)"), "{stats}");
    #[cfg(feature = "serde")]
    {
        let json = serde_json::to_value(&stats).unwrap();
        assert_eq!((&json["only_if_cached"], &json["not_cached"]), (&5.into(), &3.into()));
        assert_eq!(json["total_requests"], 6);
    }
}

/// H42, H43
#[test]
fn it_gets_no_page_that_is_older_than_it_says() {
    let (pages, clock) = by_clock(|layer| layer);
    call(&pages, get("/"), page("hello"));
    is_refused(&pages, only("/", ", no-cache"));
    is_refused(&pages, only("/", ", max-age=0"));
    clock.advance(9 * SECOND - NS);
    assert_eq!(gets(&pages, only("/", ", max-age=9")).0, "hello");
    clock.advance(NS);
    is_refused(&pages, only("/", ", max-age=9"));
    assert_eq!(gets(&pages, only("/", ", max-age=10")).1, "9");
}

/// H42: it neither waits for a run nor begins one.
#[test]
fn it_does_not_wait_for_a_run() {
    watched(|| {
        let (pages, _clock) = by_clock(|layer| layer);
        let leader = lead(&pages, get("/"));
        is_refused(&pages, only("/", ""));
        assert_eq!(followers(&pages), 0);
        leader.returns(Ok(page("hello"))).unwrap();
        assert_eq!(gets(&pages, only("/", "")).0, "hello");
        let fresh = lead(&pages, get("/").header("cache-control", "no-cache"));
        assert_eq!(gets(&pages, only("/", "")).0, "hello", "beside a run for another one");
        fresh.returns(Ok(page("new"))).unwrap();
        assert_eq!(gets(&pages, only("/", "")).0, "new");
    });
}

/// H42, H35: a stale page is for those who accept one, and another request makes it anew.
#[test]
fn it_begins_no_revalidation() {
    watched(|| {
        let (pages, clock) = by_clock(|layer| layer);
        let times = "max-age=10, stale-while-revalidate=20";
        call(&pages, get("/"), page_with("old", "cache-control", times));
        clock.advance(12 * SECOND);
        assert_eq!(gets(&pages, only("/", "")), ("old".into(), "12".into()));
        assert_eq!(gets(&pages, only("/", ", max-stale=3")).0, "old");
        is_refused(&pages, only("/", ", max-stale=2"));
        is_refused(&pages, only("/", ", max-age=60"));
        is_refused(&pages, only("/", ", min-fresh=1"));
        let stats = pages.stats();
        assert_eq!((stats.stale, stats.revalidations), (2, 0));
        let renews = lead(&pages, get("/"));
        assert_eq!(gets(&pages, only("/", "")).0, "old");
        renews.returns(Ok(page_with("new", "cache-control", times))).unwrap();
        assert_eq!(gets(&pages, only("/", ", max-age=60")).0, "new");
        clock.advance(30 * SECOND);
        is_refused(&pages, only("/", ", max-stale"));
    });
}

/// H42: a page that the key of the request does not name is none of its.
#[test]
fn it_gets_the_page_of_its_own_key() {
    let (pages, _clock) = by_clock(|layer| layer.key_cookie("session").ignore_cookies(["_ga*"]));
    let with = |request: Builder, cookies| request.header("cookie", cookies);
    call(&pages, with(get("/"), "session=ada; _ga=1"), page("ada"));
    assert_eq!(gets(&pages, with(only("/", ""), "_ga=2; session=ada")).0, "ada");
    is_refused(&pages, with(only("/", ""), "session=bob"));
    is_refused(&pages, only("/", ""));
}

/// H42, H19: a request that does not share, and directives that are not read.
#[test]
fn it_runs_the_handler_where_the_window_is_not_for_it() {
    let (pages, _clock) = by_clock(|layer| layer);
    let credentials = only("/", "").header("authorization", "Bearer 1");
    assert_eq!(text(call(&pages, credentials, page("ran"))), "ran");
    assert_eq!(text(call(&pages, only("/", ", no-store"), page("ran"))), "ran");
    assert_eq!((pages.stats().passed_through, pages.stats().only_if_cached), (2, 0));
    let (pages, _clock) = by_clock(|layer| layer.ignore_request_directives());
    assert_eq!(text(call(&pages, only("/", ""), page("ran"))), "ran");
}

/// H42, H16
#[test]
fn it_gets_no_page_from_before_a_write() {
    watched(|| {
        let (pages, _clock) = by_clock(|layer| layer);
        call(&pages, get("/"), page("old"));
        call(&pages, http::Request::post("/"), page("done"));
        is_refused(&pages, only("/", ""));
        let leader = lead(&pages, get("/"));
        let follower = begin(&pages, get("/"));
        wait_until(|| followers(&pages) == 1);
        call(&pages, http::Request::post("/"), page("done"));
        leader.returns(Ok(page("before"))).unwrap();
        assert_eq!(text(follower.join_unrun().unwrap()), "before");
        is_refused(&pages, only("/", ""));
    });
}
