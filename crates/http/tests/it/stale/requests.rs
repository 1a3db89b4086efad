//! Requests that get no stale page (H35).

use coalescer_http::Settings;

use super::{SECOND, TIMES, by_clock, counts, of_ten_seconds, served, with_stale_page};
use crate::stage::{begin, call, followers, get, lead, page, page_with, pages, text, with};
use crate::support::{wait_until, watched};

/// The fields of requests that accept no stale page, with a window of a minute.
const CAREFUL: [&str; 5] =
    ["max-age=60", "max-age=3600", "min-fresh=1", "max-stale=0", "max-age=60, max-stale=x"];

/// H35: it joins the run that makes the page anew.
#[test]
fn a_careful_request_waits_for_the_revalidation() {
    watched(|| {
        for line in CAREFUL {
            let (pages, _clock) = with_stale_page();
            let renews = lead(&pages, get("/"));
            let careful = begin(&pages, get("/").header("cache-control", line));
            wait_until(|| followers(&pages) == 1);
            assert_eq!(served(&pages).0, "old", "{line}");
            renews.returns(Ok(of_ten_seconds("new"))).unwrap();
            assert_eq!(text(careful.join_unrun().unwrap()), "new", "{line}");
            assert_eq!(counts(&pages), [1, 1, 0], "{line}");
        }
    });
}

/// H35: it leads a run if there is none, and others are served meanwhile.
#[test]
fn a_careful_request_runs_the_handler() {
    watched(|| {
        for line in CAREFUL {
            let (pages, _clock) = with_stale_page();
            let careful = lead(&pages, get("/").header("cache-control", line));
            let renews = begin(&pages, get("/"));
            wait_until(|| followers(&pages) == 1);
            assert_eq!(served(&pages).0, "old", "{line}");
            let own = careful.returns(Ok(of_ten_seconds("new"))).unwrap();
            assert_eq!(
                (text(own), text(renews.join_unrun().unwrap())),
                ("new".into(), "new".into())
            );
            assert_eq!(pages.stats().flights.executed_requests, 2, "{line}");
        }
    });
}

/// H35: trouble is told to it, since it wants no stale page.
#[test]
fn a_careful_request_gets_an_error_rather_than_a_stale_page() {
    watched(|| {
        let (pages, _clock) = with_stale_page();
        let careful = lead(&pages, get("/").header("cache-control", "max-age=60"));
        assert_eq!(*careful.returns(Err("down".to_owned())).unwrap_err(), "down");
        assert_eq!(counts(&pages), [0, 0, 0]);
    });
}

/// H35: it gets a fresh page from the window as ever.
#[test]
fn a_careful_request_gets_a_fresh_page() {
    let (pages, clock) = by_clock();
    call(&pages, get("/"), of_ten_seconds("old"));
    clock.advance(9 * SECOND);
    for line in CAREFUL {
        let page = call(&pages, get("/").header("cache-control", line), page("not run"));
        assert_eq!(text(page), "old", "{line}");
    }
}

/// H35: a page that is younger and stale all the same is not for it either.
#[test]
fn a_careful_request_asks_until_it_has_a_page_that_is_fresh() {
    watched(|| {
        let (pages, clock) = with_stale_page();
        let renews = lead(&pages, get("/"));
        clock.advance(5 * SECOND);
        let short = "max-age=1, stale-while-revalidate=20";
        renews.returns(Ok(page_with("short", "cache-control", short))).unwrap();
        let careful = get("/").header("cache-control", "max-age=60");
        assert_eq!(text(call(&pages, careful, of_ten_seconds("new"))), "new");
    });
}

/// H35: a client may say how stale a page may be.
#[test]
fn a_request_says_how_stale_a_page_may_be() {
    watched(|| {
        let (pages, clock) = with_stale_page();
        let renews = lead(&pages, get("/"));
        clock.advance(4 * SECOND);
        for line in ["max-stale", "max-stale=5", "max-age=60, max-stale=5"] {
            let page = call(&pages, get("/").header("cache-control", line), page("not run"));
            assert_eq!(text(page), "old", "{line}");
        }
        let careful = begin(&pages, get("/").header("cache-control", "max-stale=4"));
        wait_until(|| followers(&pages) == 1);
        renews.returns(Ok(of_ten_seconds("new"))).unwrap();
        assert_eq!(text(careful.join_unrun().unwrap()), "new");
    });
}

/// H35, H19: a request for a fresh answer gets none that began before, stale or not.
#[test]
fn a_request_for_a_fresh_answer_gets_no_stale_page() {
    watched(|| {
        for line in ["no-cache", "max-age=0", "max-age=59", "max-age=9, max-stale"] {
            let (pages, _clock) = with_stale_page();
            let fresh = get("/").header("cache-control", line);
            assert_eq!(text(call(&pages, fresh, page("new"))), "new", "{line}");
            assert_eq!(served(&pages).0, "new", "{line}");
        }
    });
}

/// H35: with `ignore_request_directives` every request accepts a stale page.
#[test]
fn directives_of_requests_can_be_ignored() {
    watched(|| {
        let clock = coalescer::ManualClock::new();
        let settings = Settings::new().window(60 * SECOND).clock(clock.clone());
        let pages = pages(with(settings).ignore_request_directives());
        call(&pages, get("/"), page_with("old", "cache-control", TIMES));
        clock.advance(10 * SECOND);
        let renews = lead(&pages, get("/"));
        for line in ["no-cache", "max-age=60", "min-fresh=1", "max-stale=0"] {
            let page = call(&pages, get("/").header("cache-control", line), page("not run"));
            assert_eq!(text(page), "old", "{line}");
        }
        renews.returns(Ok(page("new"))).unwrap();
    });
}
