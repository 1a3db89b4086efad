//! `Cache-Status` and `Server-Timing` (H54, H55).

use std::time::Duration;

use coalescer::ManualClock;
use coalescer_http::{CoalesceLayer, Settings};
use http::header::CACHE_STATUS;
use http::{HeaderMap, Request, StatusCode};

use crate::stage::{
    Page, Pages, Scripted, call, follow, get, lead, page, page_with, pages, scripted, with,
};
use crate::support::{MS, watched};

const SECOND: Duration = Duration::from_secs(1);

/// Fresh for 10 seconds, and stale for 20 more.
const TIMES: &str = "max-age=10, stale-while-revalidate=20";

/// A layer with a window of a minute that tells how it serves, and its clock.
fn telling(settings: Settings) -> (Pages, ManualClock) {
    let clock = ManualClock::new();
    let layer = with(settings.window(60 * SECOND).clock(clock.clone()));
    (pages(layer.cache_status("pages")), clock)
}

fn lines(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers.get_all(name).iter().map(|line| line.to_str().unwrap().to_owned()).collect()
}

/// The one member of the layer.
#[track_caller]
fn status(page: &Page) -> String {
    let lines = lines(page.headers(), "cache-status");
    assert_eq!(lines.len(), 1);
    lines[0].strip_prefix("pages; ").unwrap().to_owned()
}

fn with_status(status: u16, cache_control: &str) -> Page {
    let mut page = page_with("page", "cache-control", cache_control);
    *page.status_mut() = StatusCode::from_u16(status).unwrap();
    page
}

/// H54
#[test]
fn leader_follower_and_hit_have_a_member_each() {
    watched(|| {
        let (pages, clock) = telling(Settings::new());
        let leader = lead(&pages, get("/"));
        let follower = follow(&pages, || get("/"), 1).remove(0);
        assert_eq!(status(&leader.returns(Ok(page("hello"))).unwrap()), "fwd=miss; stored");
        assert_eq!(status(&follower.join_unrun().unwrap()), "fwd=miss; collapsed");
        clock.advance(1500 * MS);
        assert_eq!(status(&call(&pages, get("/"), page("not run"))), "hit; ttl=58");
        let of_five = page_with("page", "cache-control", "max-age=5");
        assert_eq!(status(&call(&pages, get("/five"), of_five)), "fwd=miss; stored");
        clock.advance(4 * SECOND);
        assert_eq!(status(&call(&pages, get("/five"), page("not run"))), "hit; ttl=1");
        clock.advance(SECOND);
        assert_eq!(status(&call(&pages, get("/five"), page("anew"))), "fwd=miss; stored");
    });
}

/// H54: `stored` is said of a page that is in the window, and of no other.
#[test]
fn a_response_that_the_window_has_not_is_not_stored() {
    watched(|| {
        let (pages, clock) = telling(Settings::new());
        for (response, told) in [
            (page_with("page", "set-cookie", "a=b"), "fwd=miss; detail=set-cookie"),
            (page_with("page", "vary", "*"), "fwd=miss; detail=vary-*"),
            (page_with("page", "vary", "x-other"), "fwd=miss; detail=vary"),
            (with_status(503, "max-age=5"), "fwd=miss; detail=status-5xx"),
            (with_status(429, "max-age=5"), "fwd=miss; detail=status-401-403-407-or-429"),
        ] {
            assert_eq!(
                status(&call(&pages, get(&format!("/{told}").replace(' ', "")), response)),
                told
            );
        }
        let slow = lead(&pages, get("/"));
        clock.advance(60 * SECOND);
        let slow = slow.returns(Ok(page("as slow as the window"))).unwrap();
        assert_eq!(status(&slow), "fwd=miss");
        let forgotten = lead(&pages, get("/"));
        pages.forget_all();
        assert_eq!(status(&forgotten.returns(Ok(page("old"))).unwrap()), "fwd=miss");
    });
}

/// H54
#[test]
fn a_request_that_had_to_run_the_handler_after_a_wait_was_not_collapsed() {
    watched(|| {
        let (pages, clock) = telling(Settings::new());
        let leader = lead(&pages, get("/"));
        let follower = follow(&pages, || get("/"), 1).remove(0);
        clock.advance(SECOND);
        leader.returns(Ok(page_with("own", "set-cookie", "a=b"))).unwrap();
        let own = follower.returns(Ok(page("own"))).unwrap();
        assert_eq!(status(&own), "fwd=miss; collapsed=?0");
        let leader = lead(&pages, get("/"));
        let follower = follow(&pages, || get("/"), 1).remove(0);
        leader.panics(|| panic!("on purpose"));
        let own = follower.returns(Ok(page("own"))).unwrap();
        assert_eq!(status(&own), "fwd=miss; collapsed=?0; detail=panic");
    });
}

/// H54
#[test]
fn a_request_for_a_fresh_answer_went_forward_because_of_itself() {
    watched(|| {
        let (pages, clock) = telling(Settings::new());
        let no_cache = || get("/").header("cache-control", "no-cache");
        call(&pages, get("/"), page("1"));
        assert_eq!(status(&call(&pages, no_cache(), page("2"))), "fwd=request; stored");
        let leader = lead(&pages, get("/").header("cache-control", "max-age=0"));
        let fresh = follow(&pages, no_cache, 1).remove(0);
        clock.advance(SECOND);
        leader.returns(Ok(page("3"))).unwrap();
        assert_eq!(status(&fresh.returns(Ok(page("4"))).unwrap()), "fwd=request; stored");
    });
}

/// H54
#[test]
fn a_request_that_is_passed_through_has_its_reason() {
    watched(|| {
        let (pages, _clock) = telling(Settings::new());
        let ada = get("/").header("cookie", "session=ada");
        assert_eq!(status(&call(&pages, ada, page("own"))), "fwd=bypass; detail=credentials");
        let post = Request::post("/");
        assert_eq!(status(&call(&pages, post, page("own"))), "fwd=method; detail=method");
        let long = get("/").header("x-long", "a".repeat(5000));
        assert_eq!(status(&call(&pages, long, page("own"))), "fwd=bypass; detail=fields-too-long");
    });
}

/// H54
#[test]
fn a_page_past_its_lifetime_has_a_negative_one() {
    watched(|| {
        let (pages, clock) = telling(Settings::new());
        let of_ten = || page_with("page", "cache-control", TIMES);
        call(&pages, get("/"), of_ten());
        clock.advance(9 * SECOND);
        assert_eq!(status(&call(&pages, get("/"), page("not run"))), "hit; ttl=1");
        clock.advance(SECOND);
        let renews = lead(&pages, get("/"));
        for (passed, ttl) in [(0, 0), (1, -1), (999, -1), (1, -2)] {
            clock.advance(passed * MS);
            let told = format!("hit; ttl={ttl}");
            assert_eq!(status(&call(&pages, get("/"), page("not run"))), told);
        }
        let busy = with_status(503, TIMES);
        let failed = renews.returns(Ok(busy)).unwrap();
        assert_eq!(status(&failed), "fwd=stale; fwd-status=503; detail=status-5xx");
        let renews = lead(&pages, get("/"));
        assert_eq!(status(&renews.returns(Err("down".into())).unwrap()), "fwd=stale; detail=error");
        clock.advance(2 * SECOND);
        let choosy = get("/").header("cache-control", "max-age=3600");
        assert_eq!(status(&call(&pages, choosy, of_ten())), "fwd=stale; stored");
        clock.advance(10 * SECOND);
        assert_eq!(status(&call(&pages, get("/"), of_ten())), "fwd=stale; stored");
    });
}

/// H54: the run of another request is a collapsed one also for a request that makes a page anew.
#[test]
fn a_revalidation_may_be_collapsed_and_may_end_with_the_stale_page() {
    watched(|| {
        let (pages, clock) = telling(Settings::new());
        let of_ten = || page_with("page", "cache-control", TIMES);
        call(&pages, get("/"), of_ten());
        clock.advance(11_500 * MS);
        let fresh = || get("/").header("cache-control", "no-cache");
        let leads = lead(&pages, fresh());
        let renews = follow(&pages, || get("/"), 1).remove(0);
        leads.panics(|| panic!("on purpose"));
        assert_eq!(status(&renews.join_unrun().unwrap()), "hit; ttl=-2; detail=panic");
        clock.advance(2 * SECOND);
        let leads = lead(&pages, fresh());
        let renews = follow(&pages, || get("/"), 1).remove(0);
        leads.returns(Ok(of_ten())).unwrap();
        assert_eq!(status(&renews.join_unrun().unwrap()), "fwd=stale; collapsed");
    });
}

/// H54
#[test]
fn a_refused_request_went_nowhere() {
    watched(|| {
        let (pages, clock) = telling(Settings::new().max_wait(MS));
        let leader = lead(&pages, get("/"));
        let follower = follow(&pages, || get("/"), 1).remove(0);
        clock.advance(MS);
        assert_eq!(status(&follower.join_unrun().unwrap()), "detail=timed-out");
        leader.returns(Ok(page("hello"))).unwrap();
    });
}

/// H54, H21: a member is of one request. Those of caches behind the layer stand in front, and stay with the page.
#[test]
fn the_members_of_other_caches_stay_in_front() {
    watched(|| {
        let clock = ManualClock::new();
        let layer = |name: &str, window| {
            with(Settings::new().window(window).clock(clock.clone())).cache_status(name)
        };
        let inner = pages(layer("inner", 60 * SECOND));
        let ask = inner.clone();
        let outer =
            layer("two words", 10 * SECOND).layer(move |request: Scripted| ask.call(request));
        let ask = || {
            let origin = page_with("page", "cache-status", "origin; hit");
            let response = outer.call(scripted(get("/"), move || Ok(origin))).unwrap();
            lines(response.headers(), "cache-status")
        };
        let stored = "inner; fwd=miss; stored";
        assert_eq!(ask(), ["origin; hit", stored, "\"two words\"; fwd=miss; stored"]);
        assert_eq!(ask(), ["origin; hit", stored, "\"two words\"; hit; ttl=10"]);
        clock.advance(10 * SECOND);
        let hit = "inner; hit; ttl=50";
        assert_eq!(ask(), ["origin; hit", hit, "\"two words\"; fwd=miss; stored"]);
        clock.advance(SECOND);
        assert_eq!(ask(), ["origin; hit", hit, "\"two words\"; hit; ttl=9"]);
    });
}

/// H54, H55
#[test]
fn a_layer_tells_nothing_unless_told_to() {
    watched(|| {
        let pages = pages(CoalesceLayer::new());
        for request in [get("/"), get("/"), Request::post("/")] {
            let response = call(&pages, request, page("hello"));
            assert!(!response.headers().contains_key(CACHE_STATUS));
            assert!(!response.headers().contains_key("server-timing"));
        }
    });
}

/// H54
#[test]
fn a_name_that_the_field_cannot_have_is_refused() {
    for name in ["", "p\u{e4}ges", "two\nlines"] {
        let refused = std::panic::catch_unwind(|| CoalesceLayer::new().cache_status(name));
        let panic = refused.map(drop).unwrap_err();
        let text = panic.downcast_ref::<String>().unwrap();
        assert!(text.starts_with("cache_status(") && text.contains("use one such as"), "{text}");
    }
}

/// H55
#[test]
fn server_timing_tells_how_long_a_request_has_waited() {
    watched(|| {
        let clock = ManualClock::new();
        let settings = Settings::new().window(60 * SECOND).max_wait(SECOND).clock(clock.clone());
        let pages = pages(with(settings).server_timing());
        let timing = |page: &Page| lines(page.headers(), "server-timing").join(", ");
        let leader = lead(&pages, get("/"));
        let late = follow(&pages, || get("/"), 1).remove(0);
        clock.advance(SECOND);
        let late = late.join_unrun().unwrap();
        assert_eq!(timing(&late), r#"coalescer;desc="refused";dur=1000.0"#);
        let follower = follow(&pages, || get("/"), 1).remove(0);
        clock.advance(Duration::from_micros(12_345));
        let own = page_with("hello", "server-timing", "db;dur=7");
        let led = leader.returns(Ok(own)).unwrap();
        assert_eq!(timing(&led), r#"db;dur=7, coalescer;desc="leader";dur=0.0"#);
        let followed = follower.join_unrun().unwrap();
        assert_eq!(timing(&followed), r#"coalescer;desc="follower";dur=12.3"#);
        let hit = call(&pages, get("/"), page("not run"));
        assert_eq!(timing(&hit), r#"coalescer;desc="hit";dur=0.0"#);
        let passed = call(&pages, Request::post("/"), page("own"));
        assert_eq!(timing(&passed), r#"coalescer;desc="passed through";dur=0.0"#);
        // The flights do not tell how long it was, so the layer has measured it.
        let leader = lead(&pages, get("/bad"));
        let follower = follow(&pages, || get("/bad"), 1).remove(0);
        clock.advance(Duration::from_millis(7));
        leader.panics(|| panic!("on purpose"));
        let alone = timing(&follower.returns(Ok(page("own"))).unwrap());
        assert_eq!(alone, r#"coalescer;desc="alone";dur=7.0"#);
    });
}
