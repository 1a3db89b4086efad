//! Pages past their lifetime: `stale-while-revalidate` (H31 to H36).

mod failures;
mod if_error;
mod random;
mod requests;

use std::sync::Arc;
use std::sync::Barrier;
use std::time::Duration;

use coalescer::ManualClock;
use coalescer_http::Settings;
use http::Request;

use crate::stage::{
    Page, Pages, begin, call, follow, get, lead, page, page_with, pages, text, with,
};
use crate::support::{NS, wait_until, watched};

const SECOND: Duration = Duration::from_secs(1);

/// Fresh for 10 seconds, and stale for 20 more.
const TIMES: &str = "max-age=10, stale-while-revalidate=20";

/// A layer with a window of a minute, and its clock.
fn by_clock() -> (Pages, ManualClock) {
    with_window(60 * SECOND)
}

fn with_window(window: Duration) -> (Pages, ManualClock) {
    let clock = ManualClock::new();
    (pages(with(Settings::new().window(window).clock(clock.clone()))), clock)
}

/// A page that is fresh for 10 seconds.
fn of_ten_seconds(text: &'static str) -> Page {
    page_with(text, "cache-control", TIMES)
}

/// A layer that has the page "old", which has just become stale.
fn with_stale_page() -> (Pages, ManualClock) {
    let (pages, clock) = by_clock();
    call(&pages, get("/"), of_ten_seconds("old"));
    clock.advance(10 * SECOND);
    (pages, clock)
}

/// Makes a request that must be answered at once, and returns the text and the age of its page.
#[track_caller]
fn served(pages: &Pages) -> (String, String) {
    let page = call(pages, get("/"), page("its handler ran"));
    let age = page.headers().get("age").map(|age| age.to_str().unwrap().to_owned());
    (text(page), age.unwrap_or_default())
}

fn counts(pages: &Pages) -> [u64; 3] {
    let stats = pages.stats();
    [stats.stale, stats.revalidations, stats.revalidation_failures]
}

/// H31: the lifetime and the time after it count from the start of the run. The window bounds both.
#[test]
fn a_page_is_served_for_its_stale_time_and_no_longer() {
    watched(|| {
        for (line, window, (fresh, kept)) in [
            ("max-age=3, stale-while-revalidate=4", 60, (3, 7)),
            ("max-age=9, s-maxage=3, stale-while-revalidate=4", 60, (3, 7)),
            ("max-age=3, stale-while-revalidate=4", 5, (3, 5)),
            ("max-age=3, stale-while-revalidate=99999999999999999999", 60, (3, 60)),
        ] {
            let (pages, clock) = with_window(window * SECOND);
            let slow = lead(&pages, get("/"));
            clock.advance(SECOND);
            slow.returns(Ok(page_with("old", "cache-control", line))).unwrap();
            clock.advance((fresh - 1) * SECOND - NS);
            assert_eq!(served(&pages), ("old".into(), (fresh - 1).to_string()), "{line}");
            assert_eq!(counts(&pages), [0, 0, 0], "it is fresh");
            clock.advance(NS);
            let renews = lead(&pages, get("/"));
            assert_eq!(served(&pages), ("old".into(), fresh.to_string()), "{line}");
            clock.advance((kept - fresh) * SECOND - NS);
            assert_eq!(served(&pages), ("old".into(), (kept - 1).to_string()), "{line}");
            clock.advance(NS);
            let waits = follow(&pages, || get("/"), 1).remove(0);
            renews.returns(Ok(page("new"))).unwrap();
            assert_eq!(text(waits.join_unrun().unwrap()), "new", "{line}");
            assert_eq!(counts(&pages), [2, 1, 0], "{line}");
        }
    });
}

/// H31: a page that has no time after its lifetime goes with it, and so does one whose lifetime is the window.
#[test]
fn other_pages_go_with_their_lifetime() {
    for line in [
        "max-age=10",
        "max-age=10, stale-while-revalidate=0",
        "max-age=60, stale-while-revalidate=9",
    ] {
        let (pages, clock) = by_clock();
        call(&pages, get("/"), page_with("old", "cache-control", line));
        clock.advance(if line.contains("60") { 60 * SECOND } else { 10 * SECOND });
        assert_eq!(text(call(&pages, get("/"), page("new"))), "new", "{line}");
        assert_eq!((counts(&pages), pages.stats().flights.late), ([0, 0, 0], 0), "{line}");
    }
}

/// H34: the fields of a response that forbid it, at the layer.
#[test]
fn a_page_that_must_be_validated_is_not_served_stale() {
    let lines: [&[(&'static str, &'static str)]; 7] = [
        &[("cache-control", "must-revalidate")],
        &[("cache-control", "proxy-revalidate")],
        &[("cache-control", "stale-while-revalidate")],
        &[("cdn-cache-control", "max-age=10")],
        &[("x-accel-expires", "10")],
        // They are not in the shared part, so no other process would see what they say.
        &[("connection", "cache-control")],
        &[("connection", "cdn-cache-control"), ("cdn-cache-control", "must-revalidate")],
    ];
    for lines in lines {
        let (pages, clock) = by_clock();
        let mut old = of_ten_seconds("old");
        for (name, value) in lines {
            old.headers_mut().append(*name, value.parse().unwrap());
        }
        call(&pages, get("/"), old);
        clock.advance(10 * SECOND - NS);
        assert_eq!(served(&pages).0, "old", "{lines:?}");
        clock.advance(NS);
        assert_eq!(text(call(&pages, get("/"), page("new"))), "new", "{lines:?}");
        assert_eq!(counts(&pages), [0, 0, 0], "{lines:?}");
    }
}

/// H32: of many requests at the moment one runs the handler, and no other waits for it.
#[test]
fn of_many_requests_one_makes_a_stale_page_anew() {
    watched(|| {
        const REQUESTS: usize = 8;
        for _ in 0..20 {
            let (pages, clock) = with_stale_page();
            let barrier = Arc::new(Barrier::new(REQUESTS));
            let requests: Vec<_> = (0..REQUESTS)
                .map(|_| {
                    let (pages, barrier) = (pages.clone(), Arc::clone(&barrier));
                    crate::support::start(move |function| {
                        let request = get("/").body(function).unwrap();
                        barrier.wait();
                        pages.call(request)
                    })
                })
                .collect();
            wait_until(|| {
                requests.iter().filter(|call| call.has_returned()).count() == REQUESTS - 1
            });
            let (served, mut renews): (Vec<_>, Vec<_>) =
                requests.into_iter().partition(|call| call.has_returned());
            for request in served {
                let page = request.join_unrun().unwrap();
                assert_eq!(page.headers()["age"], "10");
                assert_eq!(text(page), "old");
            }
            let renews = renews.remove(0).begun();
            clock.advance(SECOND);
            let new = renews.returns(Ok(of_ten_seconds("new"))).unwrap();
            assert!(!new.headers().contains_key("age"));
            assert_eq!(text(new), "new");
            assert_eq!(
                served_at(&pages, &clock, SECOND),
                ("new".into(), "2".into()),
                "from its own start"
            );
            let flights = pages.stats().flights;
            assert_eq!((flights.executed_requests, flights.late), (2, REQUESTS as u64 + 1));
            assert_eq!(counts(&pages), [REQUESTS as u64 - 1, 1, 0]);
        }
    });
}

fn served_at(pages: &Pages, clock: &ManualClock, after: Duration) -> (String, String) {
    clock.advance(after);
    served(pages)
}

/// H32: it waits for a run that another request has asked for, and so does no second one.
#[test]
fn a_revalidation_joins_a_run_that_is_under_way() {
    watched(|| {
        let (pages, _clock) = with_stale_page();
        let fresh = lead(&pages, get("/").header("cache-control", "no-cache"));
        let renews = follow(&pages, || get("/"), 1).remove(0);
        assert_eq!(served(&pages).0, "old");
        fresh.returns(Ok(of_ten_seconds("new"))).unwrap();
        assert_eq!(text(renews.join_unrun().unwrap()), "new");
        assert_eq!(served(&pages).0, "new");
        assert_eq!(pages.stats().flights.executed_requests, 2);
    });
}

/// H32: a run that takes longer than the page is fresh brings a stale page, which is served while the next one runs.
#[test]
fn a_page_that_is_stale_when_it_comes_is_made_anew_by_the_next_request() {
    watched(|| {
        let (pages, clock) = with_stale_page();
        let renews = lead(&pages, get("/"));
        clock.advance(11 * SECOND);
        renews.returns(Ok(of_ten_seconds("new"))).unwrap();
        let renews = lead(&pages, get("/"));
        assert_eq!(served(&pages), ("new".into(), "11".into()));
        renews.returns(Ok(of_ten_seconds("newest"))).unwrap();
        assert_eq!(served(&pages), ("newest".into(), "0".into()));
    });
}

/// H36: what forgets a page forgets a stale one, and detaches its revalidation.
#[test]
fn forgetting_removes_a_stale_page_and_its_revalidation() {
    watched(|| {
        let write: fn(&Pages) = |pages| drop(call(pages, Request::post("/"), page("done")));
        let ways: [fn(&Pages); 4] = [
            write,
            |pages| assert!(pages.forget_path("/") > 0),
            |pages| assert!(pages.forget_if(|_| true) > 0),
            |pages| assert!(pages.forget_all() > 0),
        ];
        for forget in ways {
            let (pages, _clock) = with_stale_page();
            let renews = lead(&pages, get("/"));
            assert_eq!(served(&pages).0, "old");
            forget(&pages);
            let next = lead(&pages, get("/"));
            // It had begun before the write.
            assert_eq!(text(renews.returns(Ok(of_ten_seconds("before"))).unwrap()), "before");
            let waits = begin(&pages, get("/"));
            wait_until(|| crate::stage::followers(&pages) == 1);
            next.returns(Ok(of_ten_seconds("after"))).unwrap();
            assert_eq!(text(waits.join_unrun().unwrap()), "after");
            assert_eq!(served(&pages).0, "after");
        }
    });
}

/// H36: a revalidation that fails after a write serves its own request, and keeps nothing.
#[test]
fn a_revalidation_that_fails_after_a_write_leaves_nothing() {
    watched(|| {
        let (pages, _clock) = with_stale_page();
        let renews = lead(&pages, get("/"));
        call(&pages, Request::post("/"), page("done"));
        let own = renews.returns(Err("down".to_owned())).unwrap();
        assert_eq!(text(own), "old", "it came before the write");
        assert_eq!(text(call(&pages, get("/"), page("new"))), "new");
    });
}

/// The counters of stale pages are told where there are any.
#[test]
fn stale_pages_are_counted_and_told() {
    watched(|| {
        let (pages, _clock) = with_stale_page();
        assert!(!pages.stats().to_string().contains("stale"));
        let renews = lead(&pages, get("/"));
        served(&pages);
        renews.returns(Err("down".to_owned())).unwrap();
        let stats = pages.stats();
        assert!(stats.to_string().contains("; 2 stale, 1 revalidations (1 failed)"), "{stats}");
        #[cfg(feature = "serde")]
        {
            let json = serde_json::to_value(&stats).unwrap();
            assert_eq!((&json["stale"], &json["revalidations"]), (&2.into(), &1.into()));
            assert_eq!(json["revalidation_failures"], 1);
        }
    });
}
