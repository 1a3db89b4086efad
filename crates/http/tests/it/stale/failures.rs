//! A revalidation that fails leaves the stale page (H33).

use coalescer_http::{AfterWait, Body, Settings};
use http::{Response, StatusCode};

use super::{SECOND, TIMES, counts, of_ten_seconds, served, with_stale_page};
use crate::stage::{Page, begin, call, follow, get, lead, page, page_with, pages, text, with};
use crate::support::{NS, wait_until, watched};

fn with_status(status: u16, cache_control: &str) -> Page {
    let mut page = page_with("not the page", "cache-control", cache_control);
    *page.status_mut() = StatusCode::from_u16(status).unwrap();
    page
}

/// H33: after an error or 5xx its own request gets the stale page too, with the age that it has then.
#[test]
fn after_trouble_the_stale_page_is_served_to_all() {
    watched(|| {
        let busy = || with_status(503, TIMES);
        for outcome in [Ok(busy()), Err("down".to_owned()), Ok(with_status(500, "no-store"))] {
            let (pages, clock) = with_stale_page();
            let renews = lead(&pages, get("/"));
            clock.advance(3 * SECOND);
            let own = renews.returns(outcome).unwrap();
            assert_eq!(
                (&own.headers()["age"], own.status()),
                (&"13".parse().unwrap(), StatusCode::OK)
            );
            assert_eq!(text(own), "old");
            assert_eq!(counts(&pages), [1, 1, 1]);
            let renews = lead(&pages, get("/"));
            assert_eq!(served(&pages), ("old".into(), "13".into()));
            clock.advance(17 * SECOND);
            let waits = follow(&pages, || get("/"), 1).remove(0);
            renews.returns(Ok(busy())).unwrap();
            assert_eq!(waits.join_unrun().unwrap().status(), 503, "it came when the time was over");
        }
    });
}

/// H33: a panic goes on, and the stale page stays.
#[test]
fn a_panic_of_a_revalidation_leaves_the_stale_page() {
    watched(|| {
        let (pages, clock) = with_stale_page();
        lead(&pages, get("/")).panics(|| panic!("on purpose"));
        assert_eq!(served(&pages), ("old".into(), "10".into()));
        assert_eq!(counts(&pages), [1, 1, 1]);
        clock.advance(SECOND);
        assert_eq!(text(call(&pages, get("/"), page("new"))), "new", "the next one");
    });
}

/// H33: a response that is not for others is its own request's, and the others get the stale page.
#[test]
fn a_response_that_is_not_retained_is_for_its_own_request() {
    watched(|| {
        for own in [
            page_with("own", "set-cookie", "a"),
            page_with("own", "cache-control", "no-store"),
            page_with("own", "cache-control", "no-cache"),
            page_with("own", "cache-control", "max-age=0"),
            Response::builder().status(400).body(Body::from("own")).unwrap(),
        ] {
            let (pages, _clock) = with_stale_page();
            let renews = lead(&pages, get("/"));
            assert_eq!(served(&pages).0, "old");
            assert_eq!(text(renews.returns(Ok(own)).unwrap()), "own");
            assert_eq!(served(&pages).0, "old");
            assert_eq!(counts(&pages), [2, 1, 1]);
        }
    });
}

/// H33: the times between the begins of the revalidations double, up to a minute. A page that is new begins anew.
#[test]
fn the_next_revalidation_comes_later_after_each_failure() {
    watched(|| {
        let clock = coalescer::ManualClock::new();
        let pages = pages(with(Settings::new().window(3600 * SECOND).clock(clock.clone())));
        let long = || page_with("old", "cache-control", "max-age=10, stale-while-revalidate=3000");
        for _ in 0..2 {
            call(&pages, get("/"), long());
            clock.advance(10 * SECOND);
            for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
                assert_eq!(text(call(&pages, get("/"), with_status(500, TIMES))), "old");
                clock.advance(pause * SECOND - NS);
                assert_eq!(served(&pages).0, "old", "it is too soon");
                clock.advance(NS);
            }
            assert_eq!(text(call(&pages, get("/"), long())), "old");
            clock.advance(10 * SECOND);
        }
        let stats = pages.stats();
        assert_eq!((stats.revalidations, stats.revalidation_failures), (19, 16));
    });
}

/// H33: a request that waits for another one's run, in vain, gets the stale page.
#[test]
fn a_revalidation_that_waits_in_vain_gets_the_stale_page() {
    watched(|| {
        let fresh = || get("/").header("cache-control", "no-cache");
        let (pages, _clock) = with_stale_page();
        let leads = lead(&pages, fresh());
        let renews = follow(&pages, || get("/"), 1).remove(0);
        leads.panics(|| panic!("on purpose"));
        assert_eq!(text(renews.join_unrun().unwrap()), "old");

        let (pages, _clock) = with_stale_page();
        let leads = lead(&pages, fresh());
        let renews = follow(&pages, || get("/"), 1).remove(0);
        leads.returns(Ok(with_status(500, TIMES))).unwrap();
        assert_eq!(text(renews.join_unrun().unwrap()), "old", "the other one gets the 500");
        assert_eq!(counts(&pages), [1, 1, 1]);
    });
}

/// H33: it waits as long as any request, and then gets the stale page instead of a 503.
#[test]
fn a_revalidation_that_waits_too_long_gets_the_stale_page() {
    watched(|| {
        let clock = coalescer::ManualClock::new();
        let settings = Settings::new().window(60 * SECOND).max_wait(5 * SECOND);
        let pages = pages(with(settings.clock(clock.clone())).on_timeout(AfterWait::RunOwn));
        call(&pages, get("/"), of_ten_seconds("old"));
        clock.advance(10 * SECOND);
        let stuck = lead(&pages, get("/").header("cache-control", "no-cache"));
        let renews = follow(&pages, || get("/"), 1).remove(0);
        clock.advance(5 * SECOND);
        assert_eq!(text(renews.join_unrun().unwrap()), "old");
        assert_eq!(counts(&pages), [1, 1, 1]);
        stuck.returns(Ok(page("late"))).unwrap();
    });
}

/// H33: a run whose response is not for others makes the request that waited run the handler itself.
#[test]
fn a_revalidation_that_waited_for_nobodys_page_runs_the_handler() {
    watched(|| {
        let (pages, _clock) = with_stale_page();
        let leads = lead(&pages, get("/").header("cache-control", "no-cache"));
        let renews = begin(&pages, get("/"));
        wait_until(|| crate::stage::followers(&pages) == 1);
        leads.returns(Ok(page_with("own", "set-cookie", "a"))).unwrap();
        let renews = renews.begun();
        assert_eq!(served(&pages).0, "old");
        assert_eq!(text(renews.returns(Ok(of_ten_seconds("new"))).unwrap()), "new");
    });
}

/// H33: errors that a rule of the user shares are trouble too.
#[test]
fn a_shared_error_of_a_revalidation_leaves_the_stale_page() {
    watched(|| {
        let clock = coalescer::ManualClock::new();
        let settings = Settings::new().window(60 * SECOND).clock(clock.clone());
        let handler: fn(crate::stage::Scripted) -> _ = crate::stage::handler;
        let pages = with(settings).layer_sharing_errors(handler, |_: &String| true);
        call(&pages, get("/"), of_ten_seconds("old"));
        clock.advance(10 * SECOND);
        let own = lead(&pages, get("/")).returns(Err("down".to_owned())).unwrap();
        assert_eq!(text(own), "old");
        assert_eq!(served(&pages).0, "old");
    });
}

/// H33: a handler that asks for its own stale page gets it.
#[test]
fn a_handler_may_ask_for_its_own_stale_page() {
    watched(|| {
        let (pages, _clock) = with_stale_page();
        let inner = pages.clone();
        let own = pages.call(crate::stage::scripted(get("/"), move || {
            assert_eq!(served(&inner).0, "old");
            Ok(page("new"))
        }));
        assert_eq!(text(own.unwrap()), "new");
    });
}
