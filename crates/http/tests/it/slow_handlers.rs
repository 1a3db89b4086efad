//! Handlers that take their time, and windows of every length.

use std::cell::Cell;
use std::time::Duration;

use coalescer::ManualClock;
use coalescer_http::{Body, CoalesceLayer, Gates, RequestVerdict, Settings};
use http::{Request, Response};

use crate::stage::{Pages, begin, followers, get, lead, page, pages, with};
use crate::support::{Call, MS, wait_until, watched};

const WINDOWS: [Duration; 3] =
    [Duration::ZERO, Duration::from_millis(100), Duration::from_secs(60)];
const TAKES: Duration = Duration::from_secs(3);

fn is_fresh(window: Duration, name: &str, value: &str) -> bool {
    let request = Request::get("/").header(name, value).body(()).unwrap();
    let gates = Gates::new().window(window);
    matches!(gates.request(&request.into_parts().0), RequestVerdict::Fresh(_))
}

fn layer(window: Duration, clock: &ManualClock) -> CoalesceLayer {
    CoalesceLayer::new().settings(Settings::new().window(window).clock(clock.clone()))
}

#[test]
fn what_asks_for_a_fresh_answer_does_so_with_every_window() {
    for window in WINDOWS {
        for value in ["no-cache", "max-age=0", "max-age=\"0\"", "max-age=5, max-age=0"] {
            assert!(is_fresh(window, "cache-control", value), "{value} with {window:?}");
        }
        assert!(is_fresh(window, "pragma", "no-cache"), "{window:?}");
        let seconds = window.as_secs() + 1;
        assert!(!is_fresh(window, "cache-control", &format!("max-age={seconds}")), "{window:?}");
    }
}

#[test]
fn an_age_counts_from_when_the_handler_was_called() {
    // RFC 9111, 5.1; also the time that passes before the second request.
    let clock = ManualClock::new();
    let inside = clock.clone();
    let pages = layer(Duration::from_secs(60), &clock).layer(move |_: Request<()>| {
        inside.advance(TAKES);
        Ok::<_, ()>(Response::new(Body::from("slow")))
    });
    let get = || Request::get("/").body(()).unwrap();
    assert!(!pages.call(get()).unwrap().headers().contains_key("age"), "it comes from the handler");
    assert_eq!(pages.call(get()).unwrap().headers()["age"], "3");
    clock.advance(Duration::from_secs(4));
    assert_eq!(pages.call(get()).unwrap().headers()["age"], "7");
}

#[test]
fn a_page_is_kept_if_its_handler_was_quicker_than_the_window() {
    for window in WINDOWS {
        let clock = ManualClock::new();
        let inside = clock.clone();
        let pages = layer(window, &clock).layer(move |_: Request<()>| {
            inside.advance(TAKES);
            Ok::<_, ()>(Response::new(Body::from("slow")))
        });
        for _ in 0..2 {
            pages.call(Request::get("/").body(()).unwrap()).unwrap();
        }
        let kept = window > TAKES;
        assert_eq!(pages.stats().flights.late, u64::from(kept), "{window:?}");
    }
}

fn executions(pages: &Pages) -> usize {
    pages.in_flight().iter().map(|flight| flight.executions).sum()
}

#[test]
fn fresh_requests_of_a_hung_handler_keep_to_max_leaders() {
    // S30 S39: a browser that reloads sends `no-cache`, and its user reloads a page that does not come.
    watched(|| {
        for max in 1..=3 {
            let clock = ManualClock::new();
            let settings = Settings::new().leader_timeout(MS).max_leaders(max);
            let pages = pages(with(settings.clock(clock.clone())));
            let reload = || get("/").header("cache-control", "no-cache");
            let first = lead(&pages, reload());
            let mut reloads = Vec::new();
            for count in 2..=8 {
                reloads.push(begin(&pages, reload()));
                wait_until(|| executions(&pages) + followers(&pages) == count);
                clock.advance(MS);
                wait_until(|| executions(&pages) >= max.min(count));
                assert_eq!(executions(&pages), max.min(count), "after {count} requests");
            }
            let handlers = Cell::new(1);
            wait_until(|| {
                let begun = reloads.iter().filter(|call| call.has_begun()).count();
                handlers.set(handlers.get() + begun);
                handlers.get() >= max
            });
            assert_eq!(handlers.get(), max, "all others wait");
            let ended: Vec<_> =
                reloads.into_iter().map(|call| call.ends(|| Ok(page("made")))).collect();
            first.returns(Ok(page("made"))).unwrap();
            ended
                .into_iter()
                .map(Call::join)
                .for_each(|page| assert_eq!(page.unwrap().status(), 200));
            assert_eq!(pages.stats().flights.in_flight, 0);
        }
    });
}

/// S53: a request that waits reports a slow run at its time, once, and a run that is passed through is no flight.
#[test]
fn a_slow_run_is_reported_once_while_it_runs() {
    watched(|| {
        let (tell, reports) = std::sync::mpsc::channel();
        let clock = ManualClock::new();
        let layer = layer(Duration::from_secs(60), &clock).name("pages");
        let pages = pages(layer.on_slow(TAKES, move |slow| {
            let name = slow.name.unwrap_or_default();
            let line = format!("{name}: {} {:?} {}", slow.key, slow.age, slow.followers);
            tell.send(line).unwrap();
        }));
        let passed = lead(&pages, Request::post("/"));
        let leader = lead(&pages, get("/a?token=1"));
        let waiting = [(); 2].map(|()| begin(&pages, get("/a?token=1")));
        wait_until(|| followers(&pages) == 2);
        clock.advance(TAKES);
        assert_eq!(reports.recv().unwrap(), "pages: GET http:///a 3s 2");
        leader.returns(Ok(page("slow"))).unwrap();
        for follower in waiting {
            assert_eq!(follower.join_unrun().unwrap().status(), 200);
        }
        passed.returns(Ok(page("slow"))).unwrap();
        // The hook has gone with the layer, and has told nothing more.
        drop(pages);
        assert!(reports.recv().is_err());
    });
}

#[test]
fn a_hook_for_runs_of_no_time_is_refused() {
    let refused = std::panic::catch_unwind(|| CoalesceLayer::new().on_slow(Duration::ZERO, |_| {}));
    let panic = refused.map(drop).unwrap_err();
    assert!(crate::support::text(&*panic).contains("use a time that no flight should take"));
}
