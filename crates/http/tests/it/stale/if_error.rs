//! Pages that are good enough in the place of trouble: `stale-if-error` (H68).

use coalescer::ManualClock;
use coalescer_http::{Begun, Body, CoalesceLayer, Served, Settings};
use http::{Response, request};

use super::{SECOND, by_clock, counts};
use crate::stage::{Page, Pages, begin, call, followers, get, lead, page, page_with, text};
use crate::support::{NS, wait_until, watched};

/// Fresh for 10 seconds, and good enough in trouble for 50 more.
const TIMES: &str = "max-age=10, stale-if-error=50";

/// A layer that has the page "old", which has just become stale.
fn with_page(times: &str) -> (Pages, ManualClock) {
    let (pages, clock) = by_clock();
    call(&pages, get("/"), page_with("old", "cache-control", times));
    clock.advance(10 * SECOND);
    (pages, clock)
}

fn trouble() -> Page {
    Response::builder().status(503).body(Body::from("trouble")).unwrap()
}

fn served(page: &Page) -> String {
    page.extensions().get::<Served>().unwrap().to_string()
}

/// H68: a request that finds it waits for the run, and those who come meanwhile do.
#[test]
fn nobody_gets_the_page_while_the_handler_answers() {
    watched(|| {
        let (pages, _clock) = with_page(TIMES);
        let renews = lead(&pages, get("/"));
        let waits = begin(&pages, get("/"));
        wait_until(|| followers(&pages) == 1);
        let own = renews.returns(Ok(page("new"))).unwrap();
        assert_eq!((served(&own).as_str(), text(own)), ("revalidation", "new".to_owned()));
        let other = waits.join_unrun().unwrap();
        assert_eq!((served(&other).as_str(), text(other)), ("follower", "new".to_owned()));
        assert_eq!(counts(&pages), [0, 1, 0]);
    });
}

/// H68: an error of the handler is shared with nobody, so who waited runs its own.
#[test]
fn all_get_the_page_in_the_place_of_trouble() {
    for fails in [false, true] {
        watched(move || {
            let (pages, clock) = with_page(TIMES);
            let renews = lead(&pages, get("/"));
            let waits = begin(&pages, get("/"));
            wait_until(|| followers(&pages) == 1);
            clock.advance(2 * SECOND);
            let own = renews.returns(if fails { Err("no".into()) } else { Ok(trouble()) }).unwrap();
            assert_eq!(
                (own.headers()["age"].clone(), text(own)),
                ("12".parse().unwrap(), "old".into())
            );
            let other = match fails {
                // Nothing was shared, so it runs its own.
                true => waits.begun().returns(Err("no".into())).unwrap(),
                false => waits.join_unrun().unwrap(),
            };
            assert_eq!(
                (other.headers()["age"].clone(), text(other)),
                ("12".parse().unwrap(), "old".into())
            );
            let next = call(&pages, get("/"), page("new"));
            assert_eq!(text(next), "new", "the pause of 1 s is over");
        });
    }
}

/// H68: the pause after a failure.
#[test]
fn a_page_is_served_at_once_until_the_next_attempt_is_due() {
    watched(|| {
        let (pages, clock) = with_page(TIMES);
        assert_eq!(text(call(&pages, get("/"), trouble())), "old");
        clock.advance(SECOND - NS);
        assert_eq!(text(call(&pages, get("/"), page("its handler ran"))), "old");
        assert_eq!(counts(&pages), [2, 1, 1]);
        clock.advance(NS);
        assert_eq!(text(call(&pages, get("/"), page("new"))), "new");
        assert_eq!(counts(&pages), [2, 2, 1]);
    });
}

/// H68: both times of one page.
#[test]
fn the_time_for_trouble_follows_the_time_for_all() {
    watched(|| {
        let (pages, clock) = with_page("max-age=10, stale-while-revalidate=5, stale-if-error=20");
        clock.advance(5 * SECOND - NS);
        let renews = lead(&pages, get("/"));
        assert_eq!(text(call(&pages, get("/"), page("its handler ran"))), "old", "served at once");
        clock.advance(NS);
        let waits = begin(&pages, get("/"));
        wait_until(|| followers(&pages) == 1);
        assert_eq!(text(renews.returns(Ok(trouble())).unwrap()), "old");
        assert_eq!(text(waits.join_unrun().unwrap()), "old");
        clock.advance(15 * SECOND);
        let gone = call(&pages, get("/"), trouble());
        assert_eq!(gone.status(), 503, "its time is over");
    });
}

/// H68, H35
#[test]
fn requests_that_want_nothing_stale_get_the_trouble() {
    watched(|| {
        for line in ["no-cache", "max-age=60", "min-fresh=1"] {
            let (pages, _clock) = with_page(TIMES);
            let request = get("/").header("cache-control", line);
            assert_eq!(call(&pages, request, trouble()).status(), 503, "{line}");
        }
        let (pages, _clock) = with_page(TIMES);
        let request = get("/").header("cache-control", "only-if-cached");
        assert_eq!(call(&pages, request, page("its handler ran")).status(), 504, "no trouble yet");
    });
}

/// H68, H62
#[test]
fn hooks_serve_the_page_in_the_place_of_trouble() {
    watched(|| {
        let clock = ManualClock::new();
        let settings = Settings::new().window(60 * SECOND).clock(clock.clone());
        let pages = CoalesceLayer::new().settings(settings).hooks();
        let parts = || -> request::Parts { get("/").body(()).unwrap().into_parts().0 };
        let lead = || match pages.begin(&mut parts()) {
            Begun::Lead(lead) => lead,
            other => panic!("it should lead: {other:?}"),
        };
        let _ = lead().finish(page_with("old", "cache-control", TIMES));
        clock.advance(10 * SECOND);
        let renews = lead();
        let waits = {
            let pages = pages.clone();
            let mut request = parts();
            std::thread::spawn(move || pages.begin(&mut request))
        };
        wait_until(|| pages.in_flight().iter().any(|flight| flight.followers == 1));
        assert_eq!(text(renews.finish(trouble())), "old");
        let Begun::Answered(other) = waits.join().unwrap() else { panic!("it is answered") };
        assert_eq!(text(other), "old");
        let stats = pages.stats();
        assert_eq!([stats.stale, stats.revalidations, stats.revalidation_failures], [2, 1, 1]);
    });
}
