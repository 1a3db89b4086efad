//! Requests that ask for a fresh answer, and the others.

use std::time::Duration;

use coalescer::ManualClock;
use coalescer_http::{Body, PassThrough, Settings};
use http::Response;

use crate::stage::{call, follow, get, lead, page, page_with, pages, text, with, with_window};
use crate::support::watched;

/// The request directives that ask for a run of one's own.
const WISHES: [(&str, &str); 5] = [
    ("cache-control", "no-cache"),
    ("cache-control", "max-age=0"),
    ("cache-control", "no-store"),
    ("cache-control", "no store"),
    ("pragma", "no-cache"),
];

/// H19: what one client wants takes nothing from the others.
#[test]
fn a_fresh_request_takes_the_kept_page_from_nobody() {
    watched(|| {
        let pages = pages(with_window(Duration::MAX));
        let fresh = || get("/news").header("cache-control", "no-cache");
        call(&pages, get("/news"), page("kept"));
        let mut busy = page("busy");
        *busy.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        for outcome in [
            Ok(busy),
            Err("down".to_owned()),
            Ok(Response::builder().status(400).body(Body::empty()).unwrap()),
        ] {
            let rude = lead(&pages, fresh());
            assert_eq!(text(call(&pages, get("/news"), page("not run"))), "kept");
            rude.returns(outcome).ok();
            assert_eq!(text(call(&pages, get("/news"), page("not run"))), "kept");
        }
        lead(&pages, fresh()).panics(|| panic!("on purpose"));
        assert_eq!(text(call(&pages, get("/news"), page("not run"))), "kept");
        // A page that has succeeded replaces it.
        assert_eq!(text(call(&pages, fresh(), page("newer"))), "newer");
        assert_eq!(text(call(&pages, get("/news"), page("not run"))), "newer");
    });
}

/// H19: the user can have the directives of requests ignored.
#[test]
fn directives_of_requests_can_be_ignored() {
    for (name, value) in WISHES {
        let pages = pages(with_window(Duration::MAX).ignore_request_directives());
        call(&pages, get("/"), page("kept"));
        let wish = call(&pages, get("/").header(name, value), page("not run"));
        assert_eq!(text(wish), "kept", "{name}: {value}");
        assert_eq!(pages.stats().passed_through_for(PassThrough::NoStore), 0);
    }
}

/// H22: a page is kept for its own lifetime, from the start of its run, and for the window at most.
#[test]
fn a_page_is_kept_for_its_lifetime() {
    watched(|| {
        const SECOND: Duration = Duration::from_secs(1);
        for (name, value, seconds) in [
            ("cache-control", "max-age=3", 3),
            ("cache-control", "max-age=0, s-maxage=4", 4),
            ("surrogate-control", "max-age=2", 2),
            ("x-accel-expires", "5", 5),
            ("cache-control", "max-age=60", 10),
            ("x-other", "max-age=1", 10),
        ] {
            let clock = ManualClock::new();
            let pages = pages(with(Settings::new().window(10 * SECOND).clock(clock.clone())));
            let slow = lead(&pages, get("/"));
            clock.advance(SECOND);
            slow.returns(Ok(page_with("first", name, value))).unwrap();
            clock.advance((seconds - 1) * SECOND - Duration::from_nanos(1));
            let late = call(&pages, get("/"), page("second"));
            assert_eq!(late.headers()["age"], (seconds - 1).to_string().as_str());
            assert_eq!(text(late), "first", "{name}: {value}");
            clock.advance(Duration::from_nanos(1));
            assert_eq!(text(call(&pages, get("/"), page("second"))), "second", "{name}: {value}");
        }
    });
}

/// H22: a run that took as long as its page is good leaves nothing, and the calls that waited get it.
#[test]
fn a_page_that_is_over_when_it_comes_is_for_those_who_waited() {
    watched(|| {
        let clock = ManualClock::new();
        let window = Duration::from_secs(10);
        let pages = pages(with(Settings::new().window(window).clock(clock.clone())));
        let slow = lead(&pages, get("/"));
        let waits = follow(&pages, || get("/"), 1).remove(0);
        clock.advance(Duration::from_secs(3));
        slow.returns(Ok(page_with("first", "cache-control", "max-age=3"))).unwrap();
        assert_eq!(text(waits.join_unrun().unwrap()), "first");
        assert_eq!(text(call(&pages, get("/"), page("second"))), "second");
    });
}
