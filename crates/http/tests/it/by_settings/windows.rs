//! Windows of keys (H44).

use std::time::Duration;

use coalescer_http::{CoalesceLayer, Gates, RequestVerdict, ResponseVerdict, Unkept};
use http::Response;

use super::{SECOND, by_clock};
use crate::stage::{Pages, call, follow, get, lead, page, page_with, pages, text, with_window};
use crate::support::{NS, watched};

fn by_path(layer: CoalesceLayer) -> CoalesceLayer {
    layer.window_for(|key| match key.path() {
        "/stock" => Some(5 * SECOND),
        "/long" => Some(Duration::MAX),
        "/live" => Some(Duration::ZERO),
        _ => None,
    })
}

/// Makes a request, and returns true if its handler ran.
fn runs(pages: &Pages, path: &str) -> bool {
    let before = pages.stats().flights.executed_requests;
    call(pages, get(path), page("hello"));
    pages.stats().flights.executed_requests > before
}

/// H44: counted from the start of the run, and never longer than the window of the settings.
#[test]
fn a_page_is_retained_for_the_window_of_its_key() {
    for (path, window) in [("/stock", 5 * SECOND), ("/long", 60 * SECOND), ("/news", 60 * SECOND)] {
        let (pages, clock) = by_clock(by_path);
        assert!(runs(&pages, path));
        clock.advance(window - NS);
        assert!(!runs(&pages, path), "{path}");
        clock.advance(NS);
        assert!(runs(&pages, path), "{path}");
    }
}

/// H44: zero is for those who wait.
#[test]
fn a_window_of_zero_retains_nothing() {
    watched(|| {
        let (pages, _clock) = by_clock(by_path);
        let leader = lead(&pages, get("/live"));
        let followers = follow(&pages, || get("/live"), 3);
        leader.returns(Ok(page("hello"))).unwrap();
        for follower in followers {
            assert_eq!(text(follower.join_unrun().unwrap()), "hello");
        }
        assert!(runs(&pages, "/live"));
        assert_eq!(pages.stats().unkept_for(Unkept::Window), 2);
    });
}

/// H44, H31: the window bounds the time after the lifetime, too.
#[test]
fn a_stale_page_ends_with_the_window_of_its_key() {
    for (path, lifetime, end) in [("/stock", 3, 5), ("/stock", 30, 5), ("/news", 3, 23)] {
        let (pages, clock) = by_clock(by_path);
        let line = format!("max-age={lifetime}, stale-while-revalidate=20");
        call(&pages, get(path), page_with("old", "cache-control", &line));
        clock.advance(end * SECOND - NS);
        let only = || get(path).header("cache-control", "only-if-cached");
        assert_eq!(text(call(&pages, only(), page("not run"))), "old", "{path} {line}");
        clock.advance(NS);
        assert_eq!(call(&pages, only(), page("not run")).status(), 504, "{path} {line}");
    }
}

/// H44: of window and lifetime the shorter one holds, and a reason against the page holds before.
#[test]
fn the_shortest_time_holds() {
    let gates = Gates::new().window(60 * SECOND).window_for(|key| match key.path() {
        "/live" => Some(Duration::ZERO),
        _ => Some(5 * SECOND),
    });
    let verdict = |path: &str, line: &str| {
        let (request, ()) = get(path).body(()).unwrap().into_parts();
        let RequestVerdict::Shared(key) = gates.request(&request) else { panic!("it shares") };
        let page = Response::builder().header("cache-control", line).body(()).unwrap();
        gates.response(&key, &page.into_parts().0, Some(0))
    };
    assert_eq!(verdict("/", "max-age=3"), ResponseVerdict::KeptFor(3 * SECOND));
    assert_eq!(verdict("/", "max-age=7"), ResponseVerdict::KeptFor(5 * SECOND));
    assert_eq!(verdict("/", ""), ResponseVerdict::KeptFor(5 * SECOND));
    assert_eq!(verdict("/", "no-cache"), ResponseVerdict::Unkept(Unkept::NoCache));
    assert_eq!(verdict("/live", "max-age=3"), ResponseVerdict::Unkept(Unkept::Window));
    assert_eq!(verdict("/live", "max-age=0"), ResponseVerdict::Unkept(Unkept::MaxAge));
    assert!(matches!(verdict("/live", "no-store"), ResponseVerdict::Unshared(_)));
}

/// A layer without a window has none for a key, and counts no page as left out.
#[test]
fn a_layer_without_a_window_stays_so() {
    let pages = pages(with_window(Duration::ZERO).window_for(|_| Some(Duration::MAX)));
    assert!(runs(&pages, "/") && runs(&pages, "/"));
    assert_eq!(pages.stats().unkept, 0);
}
