//! Pages past their lifetime in several processes (H37).

use std::time::Duration;

use coalescer::ManualClock;
use coalescer_cluster::Memory;
use coalescer_http::{CoalesceLayer, Settings};
use http::Request;

use super::{MINUTE, Site, opened, shared, two_by_clock};
use crate::stage::{Page, begin, followers, get, lead, page, page_with, pages, text};
use crate::support::{NS, wait_until, watched};

const SECOND: Duration = Duration::from_secs(1);

fn of_ten_seconds(text: &'static str) -> Page {
    page_with(text, "cache-control", "max-age=10, stale-while-revalidate=20")
}

fn served(site: &Site) -> (String, String) {
    let page = site.call(get("/a"), page("its handler ran"));
    let age = page.headers().get("age").map(|age| age.to_str().unwrap().to_owned());
    (text(page), age.unwrap_or_default())
}

/// H37: a page is fresh and stale at the same ages everywhere, whether a process had it before or has just got it.
#[test]
fn a_page_is_as_stale_in_other_processes() {
    watched(|| {
        for has_copy in [false, true] {
            let ([here, there], clock) = two_by_clock();
            let slow = lead(&here.pages, get("/a"));
            clock.advance(2 * SECOND);
            slow.returns(Ok(of_ten_seconds("old"))).unwrap();
            clock.advance(8 * SECOND - NS);
            if has_copy {
                assert_eq!(served(&there), ("old".into(), "9".into()), "it is fresh");
                assert_eq!(there.pages.stats().revalidations, 0);
            }
            clock.advance(NS);
            let renews = lead(&there.pages, get("/a"));
            assert_eq!(served(&there), ("old".into(), "10".into()));
            assert_eq!(text(renews.returns(Ok(of_ten_seconds("new"))).unwrap()), "new");
            assert_eq!(served(&there), ("new".into(), "0".into()));
            assert_eq!(served(&here), ("new".into(), "0".into()), "it came from there");
            assert_eq!((here.counts().0, there.counts().0), (1, 1));
        }
    });
}

/// H37: of all processes one runs the handler. The request of the other one that would have waits, and no more.
#[test]
fn one_process_makes_a_stale_page_anew() {
    watched(|| {
        let ([here, there], clock) = two_by_clock();
        here.call(get("/a"), of_ten_seconds("old"));
        assert_eq!(served(&there).0, "old");
        clock.advance(10 * SECOND);
        let renews = lead(&here.pages, get("/a"));
        let waits = begin(&there.pages, get("/a"));
        wait_until(|| there.cluster.stats().follows >= 1);
        assert_eq!((served(&here).0, served(&there).0), ("old".into(), "old".into()));
        renews.returns(Ok(of_ten_seconds("new"))).unwrap();
        assert_eq!(text(waits.join_unrun().unwrap()), "new");
        assert_eq!((served(&here).0, served(&there).0), ("new".into(), "new".into()));
        assert_eq!((here.counts().0, there.counts().0), (2, 0));
    });
}

/// H37, H35: a request that accepts no stale page gets none from another process.
#[test]
fn a_careful_request_gets_no_stale_page_of_another_process() {
    watched(|| {
        let ([here, there], clock) = two_by_clock();
        here.call(get("/a"), of_ten_seconds("old"));
        clock.advance(10 * SECOND);
        let careful = get("/a").header("cache-control", "max-age=60");
        assert_eq!(text(there.call(careful, of_ten_seconds("new"))), "new");
        assert_eq!(served(&here).0, "new");
    });
}

/// H37, H36: a write in one process removes a stale page from all.
#[test]
fn a_write_in_another_process_forgets_a_stale_page() {
    watched(|| {
        let ([here, there], clock) = two_by_clock();
        here.call(get("/a"), of_ten_seconds("old"));
        assert_eq!(served(&there).0, "old");
        clock.advance(10 * SECOND);
        let renews = lead(&there.pages, get("/a"));
        assert_eq!(served(&there).0, "old");
        here.call(Request::post("/a"), page("done"));
        assert_eq!(text(here.call(get("/a"), of_ten_seconds("after"))), "after");
        assert_eq!(text(renews.returns(Ok(of_ten_seconds("before"))).unwrap()), "before");
        assert_eq!((served(&here).0, served(&there).0), ("after".into(), "after".into()));
    });
}

/// H37: a page that other processes are handed and do not keep is no stale page, however long its run took.
#[test]
fn a_page_that_was_waited_for_is_not_stale() {
    watched(|| {
        let ([here, there], clock) = two_by_clock();
        let slow = lead(&here.pages, get("/a"));
        // Shorter than a lease.
        clock.advance(2 * SECOND);
        let asks = begin(&there.pages, get("/a"));
        wait_until(|| there.cluster.stats().follows >= 1);
        let mut busy = page_with("busy", "cache-control", "max-age=1, stale-while-revalidate=20");
        *busy.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        slow.returns(Ok(busy)).unwrap();
        assert_eq!(asks.join_unrun().unwrap().status(), 503);
        assert_eq!(there.pages.stats().revalidations, 0);
    });
}

/// H37: without copies the requests of a process join the run that makes the page anew.
#[test]
fn without_copies_a_process_serves_no_stale_page_beside_a_revalidation() {
    watched(|| {
        let clock = ManualClock::new();
        let engine = Memory::with_clock(clock.clone());
        let settings = Settings::new().window(MINUTE).clock(clock.clone());
        let [here, there] = [(); 2].map(|()| {
            let cluster = opened(engine.clone());
            let layer = CoalesceLayer::new().settings(settings.clone());
            Site { pages: pages(layer.shared(shared(&cluster).local_copies(false))), cluster }
        });
        here.call(get("/a"), of_ten_seconds("old"));
        clock.advance(9 * SECOND);
        assert_eq!(served(&there), ("old".into(), "9".into()));
        clock.advance(SECOND);
        let renews = lead(&there.pages, get("/a"));
        let joins = begin(&there.pages, get("/a"));
        wait_until(|| followers(&there.pages) == 1);
        renews.returns(Ok(of_ten_seconds("new"))).unwrap();
        assert_eq!(text(joins.join_unrun().unwrap()), "new");
        assert_eq!(served(&here), ("new".into(), "0".into()));
    });
}
