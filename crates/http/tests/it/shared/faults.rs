//! An engine that is down (C15, C21), and a page that nobody can read (C4).

use std::time::Duration;

use coalescer::ManualClock;
use coalescer_cluster::Memory;
use coalescer_cluster::engine::ErrorKind;
use coalescer_http::Settings;
use http::Request;

use super::{MINUTE, site, site_of};
use crate::stage::{begin, follow, get, lead, page, text};
use crate::support::{wait_until, watched};

/// C15: each process makes its pages by itself, and no request fails.
#[test]
fn without_an_engine_each_process_makes_its_own_pages() {
    watched(|| {
        // The engine is left alone as long as this clock stands.
        let clock = ManualClock::new();
        let engine = Memory::with_clock(clock.clone());
        let settings = Settings::new().window(MINUTE).clock(clock.clone());
        let [here, there] =
            [(); 2].map(|()| site_of(engine.clone(), settings.clone(), |layer| layer));
        here.call(get("/a"), page("before"));
        engine.fail_with(ErrorKind::Refused);
        for site in [&here, &there] {
            let is_alone = || {
                let health = site.cluster.health();
                !health.up && !health.listening
            };
            wait_until(|| site.runs(get("/").header("pragma", "no-cache")) && is_alone());
        }
        let slow = lead(&there.pages, get("/b"));
        let waits = follow(&there.pages, || get("/b"), 2);
        slow.returns(Ok(page("there"))).unwrap();
        for call in waits {
            assert_eq!(text(call.join_unrun().unwrap()), "there");
        }
        assert!(here.runs(get("/b")), "it asks nobody");
        assert!(!there.runs(get("/b")), "it has its own window");
        engine.fail_with(None);
        for site in [&here, &there] {
            wait_until(|| {
                clock.advance(Duration::from_millis(100));
                site.cluster.health().up && site.cluster.health().listening
            });
        }
        here.call(get("/c"), page("after"));
        assert_eq!(text(there.call(get("/c"), page("not run"))), "after");
    });
}

/// C21: a forget that does not reach the engine says so, and this process has forgotten.
#[test]
fn a_forget_that_reaches_nobody_says_so() {
    watched(|| {
        let engine = Memory::new();
        let [here, there] = [(); 2].map(|()| site(engine.clone()));
        here.call(get("/a"), page("old"));
        assert!(!there.runs(get("/a")));
        engine.fail_with(ErrorKind::Refused);
        for unreached in [
            here.pages.forget_all_everywhere().unwrap_err(),
            here.pages.forget_path_everywhere("/a").unwrap_err(),
            here.pages.forget_if_everywhere(|_| true).unwrap_err(),
        ] {
            assert!(unreached.engine());
            assert_eq!(unreached.at_most(), MINUTE);
        }
        assert!(here.runs(get("/a")));
        // A write is answered in any case.
        here.call(Request::post("/a"), page("done"));
        assert!(here.cluster.stats().forgets_unreached >= 4);
        assert!(here.runs(get("/a")));
    });
}

/// A request that waits for another process for as long as it may gets a 503, as one that follows.
#[test]
fn a_wait_for_another_process_has_the_limit_of_every_wait() {
    watched(|| {
        let engine = Memory::new();
        let settings = Settings::new().max_wait(Duration::from_millis(50));
        let [here, there] =
            [(); 2].map(|()| site_of(engine.clone(), settings.clone(), |layer| layer));
        let slow = lead(&here.pages, get("/a"));
        let waits = begin(&there.pages, get("/a"));
        assert_eq!(waits.join_unrun().unwrap().status(), 503);
        slow.returns(Ok(page("made"))).unwrap();
        assert_eq!(there.counts(), (0, 0));
        assert_eq!(there.pages.stats().flights.timed_out, 1);
    });
}
