//! Tags, PURGE requests, and pages that are not shared, where the handler runs between two hooks (H47 to H52).

use std::io;
use std::time::Duration;

use coalescer::ManualClock;
use coalescer_http::{
    Begun, Body, CoalesceLayer, Pages, Pass, PassThrough, Served, ServedRole, Settings,
};
use http::request::Builder;
use http::{Request, Response};

use crate::hooks::{answered, follow, lead, parts, waiting};
use crate::stage::{Page, get, page, page_with, text};
use crate::support::{wait_until, watched};

const SECOND: Duration = Duration::from_secs(1);

fn layer(window: Duration, clock: &ManualClock) -> CoalesceLayer {
    CoalesceLayer::new().settings(Settings::new().window(window).clock(clock.clone()))
}

#[track_caller]
fn pass(pages: &Pages, request: Builder) -> Pass {
    match pages.begin(&mut parts(request)) {
        Begun::Pass(pass) => pass,
        other => panic!("it should pass: {other:?}"),
    }
}

/// H48: a guard is a run under way.
#[test]
fn the_page_of_a_guard_serves_no_later_request_if_it_has_the_tag() {
    watched(|| {
        for window in [Duration::ZERO, Duration::MAX] {
            for passed in [Duration::ZERO, SECOND] {
                let clock = ManualClock::new();
                let pages = layer(window, &clock).hooks();
                let first = lead(&pages, get("/"));
                let (mut threads, before) = follow(&pages, || get("/"), 1);
                assert_eq!(pages.forget_tag("a"), 0);
                let (more, after) = follow(&pages, || get("/"), 1);
                threads.extend(more);
                clock.advance(passed);
                assert_eq!(text(first.finish(page_with("old", "cache-tag", "a"))), "old");
                assert_eq!(text(answered(before.recv().unwrap())), "old", "it came before");
                let Begun::Lead(second) = after.recv().unwrap() else { panic!("it should lead") };
                assert_eq!(text(second.finish(page_with("new", "cache-tag", "a"))), "new");
                threads.into_iter().for_each(|thread| thread.join().unwrap());
                if !window.is_zero() {
                    assert_eq!(text(answered(pages.begin(&mut parts(get("/"))))), "new");
                    assert_eq!(pages.forget_tag("a"), 1);
                }
            }
        }
    });
}

/// H48: those who came later share the new page, and a page without the tag is for all.
#[test]
fn later_requests_that_wait_for_a_guard_share_a_page() {
    watched(|| {
        for (tag, runs) in [("a", 2), ("b", 1)] {
            let clock = ManualClock::new();
            let pages = layer(Duration::MAX, &clock).hooks();
            let first = lead(&pages, get("/"));
            pages.forget_tag("a");
            let (threads, begun) = follow(&pages, || get("/"), 4);
            clock.advance(SECOND);
            let _ = first.finish(page_with("first", "surrogate-key", tag));
            let mut texts = Vec::new();
            if runs == 2 {
                let Begun::Lead(second) = begun.recv().unwrap() else { panic!("one leads") };
                wait_until(|| waiting(&pages) == 3);
                let _ = second.finish(page("second"));
                texts.push("second".to_owned());
            }
            texts.extend(begun.iter().take(4 - texts.len()).map(|begun| text(answered(begun))));
            let expected = if runs == 2 { "second" } else { "first" };
            assert_eq!(texts, [expected; 4]);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(pages.stats().flights.executed_requests, runs);
        }
    });
}

/// H50: a PURGE is answered by the first hook.
#[test]
fn the_first_hook_answers_a_purge() {
    let clock = ManualClock::new();
    let layer = layer(Duration::MAX, &clock);
    let pages = layer.purge_if(|request| request.headers.contains_key("x-secret")).hooks();
    let _ = lead(&pages, get("/a")).finish(page_with("old", "cache-tag", "a"));
    let purge = || Request::builder().method("PURGE").uri("/a");
    let stranger = pass(&pages, purge());
    assert_eq!(stranger.served().reason(), Some(PassThrough::Method.into()));
    let _ = stranger.finish(Response::builder().status(405).body(()).unwrap());
    let answer = answered(pages.begin(&mut parts(purge().header("x-secret", "1"))));
    assert_eq!(answer.extensions().get::<Served>().unwrap().role(), ServedRole::Purge);
    assert_eq!((answer.status().as_u16(), text(answer)), (200, r#"{"forgotten":1}"#.into()));
    let _ = lead(&pages, get("/a"));
    assert_eq!(pages.stats().purges, 1);
}

/// H47: the tags are in no response that leaves by a hook.
#[test]
fn hidden_tags_leave_by_no_hook() {
    let clock = ManualClock::new();
    let tagged = || page_with("page", "surrogate-key", "a");
    for (layer, go_out) in
        [(layer(Duration::MAX, &clock), true), (layer(Duration::MAX, &clock).hide_tags(), false)]
    {
        let pages = layer.clone().hooks();
        let responses: [Page; 3] = [
            lead(&pages, get("/")).finish(tagged()),
            answered(pages.begin(&mut parts(get("/")))),
            pass(&pages, Request::post("/b")).finish(tagged()),
        ];
        for response in responses {
            assert_eq!(response.headers().contains_key("surrogate-key"), go_out);
        }
    }
}

/// H51, H52: a page that is for its leader alone is remembered, and a response that may be shared ends that.
#[test]
fn a_page_that_is_not_shared_is_remembered() {
    let clock = ManualClock::new();
    let pages = layer(Duration::MAX, &clock).hooks();
    let refusal = || Response::builder().status(403).header("cache-control", "no-store");
    let _ = lead(&pages, get("/")).finish(refusal().body(Body::empty()).unwrap());
    let _ = lead(&pages, get("/")).finish(page_with("own", "set-cookie", "a=b"));
    // Two at a time, and neither waits.
    let passes = [(); 2].map(|()| pass(&pages, get("/")));
    for pass in passes {
        assert_eq!(pass.served().reason(), Some(PassThrough::Remembered.into()));
        let _ = pass.finish(refusal().body(()).unwrap());
    }
    clock.advance(6 * SECOND);
    let _ = pass(&pages, get("/")).finish(page_with("own", "set-cookie", "a=b"));
    clock.advance(6 * SECOND);
    drop(pass(&pages, get("/")));
    let _ = pass(&pages, get("/")).finish(page("for all"));
    let _ = lead(&pages, get("/")).finish(page("for all"));
    assert_eq!(pages.stats().passed_through_for(PassThrough::Remembered), 5);
}

/// H52: the second hook does not see a body, so it does not say that one is short enough.
#[test]
fn a_body_that_is_not_shared_is_remembered_for_its_time() {
    let clock = ManualClock::new();
    let pages = layer(Duration::MAX, &clock).hooks();
    let _ = lead(&pages, get("/")).finish(Response::new(Body::stream(io::empty())));
    for _ in 0..3 {
        let _ = pass(&pages, get("/")).finish(Response::new("of unknown length"));
    }
    clock.advance(10 * SECOND);
    let _ = lead(&pages, get("/"));
}
