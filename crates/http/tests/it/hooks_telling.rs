//! Hooks tell how a request was answered, and count it by its route (H53 to H58).

use std::time::Duration;

use coalescer::ManualClock;
use coalescer_http::{AfterWait, Begun, CoalesceLayer, Pages, RouteStats, Settings};
use http::Request;

use crate::hooks::{answered, follow, lead, parts};
use crate::stage::{Page, get, page, page_with};
use crate::support::watched;

const SECOND: Duration = Duration::from_secs(1);

fn telling(settings: Settings) -> CoalesceLayer {
    let layer = CoalesceLayer::new().settings(settings).cache_status("pages").server_timing();
    layer.route_by(|request| request.uri.path().split('/').nth(1).map(str::to_owned))
}

fn status(page: &Page) -> &str {
    page.headers()["cache-status"].to_str().unwrap()
}

#[track_caller]
fn passed(begun: Begun) -> Page {
    match begun {
        Begun::Pass(pass) => pass.finish(page("own")),
        other => panic!("it should be passed through: {other:?}"),
    }
}

fn of(pages: &Pages, name: &str) -> RouteStats {
    let stats = pages.stats_by_route();
    stats.into_iter().find(|stats| stats.route == name).unwrap()
}

/// H54, H55, H58
#[test]
fn each_response_of_hooks_has_its_member_and_is_counted_once() {
    watched(|| {
        let clock = ManualClock::new();
        let pages = telling(Settings::new().window(60 * SECOND).clock(clock.clone())).hooks();
        let first = lead(&pages, get("/a/1"));
        let (threads, begun) = follow(&pages, || get("/a/1"), 1);
        let own = first.finish(page_with(
            "page",
            "cache-control",
            "max-age=10, stale-while-revalidate=20",
        ));
        assert_eq!(status(&own), "pages; fwd=miss; stored");
        assert_eq!(own.headers()["server-timing"], r#"coalescer;desc="leader";dur=0.0"#);
        let followed = answered(begun.recv().unwrap());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(status(&followed), "pages; fwd=miss; collapsed");
        let timing = followed.headers()["server-timing"].to_str().unwrap();
        assert!(timing.starts_with(r#"coalescer;desc="follower";dur="#), "{timing}");
        let hit = answered(pages.begin(&mut parts(get("/a/1"))));
        assert_eq!(status(&hit), "pages; hit; ttl=10");
        let post = passed(pages.begin(&mut parts(Request::post("/b"))));
        assert_eq!(status(&post), "pages; fwd=method; detail=method");
        clock.advance(11 * SECOND);
        let renews = lead(&pages, get("/a/1"));
        let stale = answered(pages.begin(&mut parts(get("/a/1"))));
        assert_eq!(status(&stale), "pages; hit; ttl=-1");
        let mut busy = page("busy");
        *busy.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        let trouble = renews.finish(busy);
        assert_eq!(status(&trouble), "pages; fwd=stale; fwd-status=503; detail=status-5xx");
        clock.advance(SECOND);
        let renewed = lead(&pages, get("/a/1")).finish(page("new"));
        assert_eq!(status(&renewed), "pages; fwd=stale; stored");
        let fresh = get("/a/1").header("cache-control", "no-cache");
        let cookie = page_with("own", "set-cookie", "a=b");
        let own = lead(&pages, fresh).finish(cookie);
        assert_eq!(status(&own), "pages; fwd=request; detail=set-cookie");
        drop(lead(&pages, get("/c")));

        let a = of(&pages, "a");
        assert_eq!((a.requests, a.leaders, a.followers, a.hits), (7, 2, 1, 1));
        assert_eq!((a.stale, a.revalidations, a.unshared, a.unanswered), (2, 1, 1, 0));
        assert_eq!(of(&pages, "b").passed_through, 1);
        assert_eq!(of(&pages, "c").unanswered, 1, "its guard was dropped");
    });
}

/// H56, H58
#[test]
fn a_request_of_hooks_that_has_waited_too_long_is_told_and_counted() {
    watched(|| {
        for then in [AfterWait::Respond, AfterWait::RunOwn] {
            let settings = Settings::new().max_wait(Duration::from_millis(1));
            let pages = telling(settings).on_timeout(then).hooks();
            let first = lead(&pages, get("/a"));
            let late = pages.begin(&mut parts(get("/a")));
            let a = match then {
                AfterWait::Respond => {
                    assert_eq!(status(&answered(late)), "pages; detail=timed-out");
                    of(&pages, "a").refused
                }
                AfterWait::RunOwn => {
                    let own = passed(late);
                    assert_eq!(status(&own), "pages; fwd=miss; collapsed=?0; detail=timed-out");
                    of(&pages, "a").alone
                }
            };
            assert_eq!((a, pages.stats().refused + pages.stats().alone), (1, 1));
            let _ = first.finish(page("slow"));
        }
    });
}

/// H58: a request with `only-if-cached` is refused, and a PURGE is one of its own kind.
#[test]
fn what_the_layer_answers_itself_is_counted_too() {
    watched(|| {
        let pages = telling(Settings::new()).purge_if(|_| true).hooks();
        let only = get("/a").header("cache-control", "only-if-cached");
        let none = answered(pages.begin(&mut parts(only)));
        assert_eq!((status(&none), none.status().as_u16()), ("pages; detail=not-kept", 504));
        let purge = Request::builder().method("PURGE").uri("/a");
        assert_eq!(status(&answered(pages.begin(&mut parts(purge)))), "pages");
        let a = of(&pages, "a");
        assert_eq!((a.requests, a.refused, a.purges), (2, 1, 1));
        assert_eq!((pages.stats().refused, pages.stats().not_cached), (1, 1));
    });
}
