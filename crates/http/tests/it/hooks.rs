//! Pages whose handler runs between two hooks (H59 to H63).

use std::sync::Barrier;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use coalescer::ManualClock;
use coalescer_http::{
    Begun, Body, CoalesceLayer, Lead, Pages, PassThrough, Served, ServedReason, ServedRole,
    Settings,
};
use http::request::Builder;
use http::{Request, Response, request};

use crate::stage::{Page, get, page, page_with, text};
use crate::support::{wait_until, watched};

const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn parts(request: Builder) -> request::Parts {
    request.body(()).unwrap().into_parts().0
}

fn hooks(settings: Settings) -> Pages {
    CoalesceLayer::new().settings(settings).hooks()
}

fn overlapping() -> Pages {
    hooks(Settings::new().window(Duration::ZERO))
}

#[track_caller]
pub(crate) fn lead(pages: &Pages, request: Builder) -> Lead {
    match pages.begin(&mut parts(request)) {
        Begun::Lead(lead) => lead,
        other => panic!("it should lead: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn answered(begun: Begun) -> Page {
    match begun {
        Begun::Answered(response) => response,
        other => panic!("it should be answered: {other:?}"),
    }
}

fn role(page: &Page) -> ServedRole {
    page.extensions().get::<Served>().expect("each response has one").role()
}

pub(crate) fn waiting(pages: &Pages) -> usize {
    pages.in_flight().iter().map(|flight| flight.followers).sum()
}

/// Begins requests on threads of their own, and returns when all of them wait. Each thread sends its request's end.
pub(crate) fn follow(
    pages: &Pages,
    request: impl Fn() -> Builder,
    count: usize,
) -> (Vec<JoinHandle<()>>, Receiver<Begun>) {
    let (ends, begun) = channel();
    let before = waiting(pages);
    let start = |_| {
        let (pages, mut request, ends) = (pages.clone(), parts(request()), Sender::clone(&ends));
        thread::spawn(move || ends.send(pages.begin(&mut request)).unwrap())
    };
    let threads = (0..count).map(start).collect();
    wait_until(|| waiting(pages) == before + count);
    (threads, begun)
}

/// H59
#[test]
fn one_request_leads_and_the_others_get_its_page() {
    watched(|| {
        let pages = overlapping();
        let first = lead(&pages, get("/"));
        let (threads, begun) = follow(&pages, || get("/"), 8);
        let leader = thread::spawn(move || first.finish(page_with("news", "x-request-id", "1")));
        let own = leader.join().unwrap();
        assert_eq!(
            (&own.headers()["x-request-id"], role(&own)),
            (&"1".parse().unwrap(), ServedRole::Leader)
        );
        assert_eq!(text(own), "news");
        for begun in begun.iter().take(8) {
            let shared = answered(begun);
            assert_eq!(role(&shared), ServedRole::Follower);
            assert!(shared.headers().is_empty(), "no number of the leader's request, and no age");
            assert_eq!(text(shared), "news");
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let stats = pages.stats().flights;
        assert_eq!((stats.executed_requests, stats.coalesced_requests), (1, 8));
    });
}

/// H59: the age counts from the begin of the request, and not from its end.
#[test]
fn the_window_begins_when_the_leader_begins() {
    watched(|| {
        let clock = ManualClock::new();
        let pages = hooks(Settings::new().window(10 * SECOND).clock(clock.clone()));
        let first = lead(&pages, get("/"));
        clock.advance(4 * SECOND);
        let _ = first.finish(page("news"));
        assert_eq!(answered(pages.begin(&mut parts(get("/")))).headers()["age"], "4");
        clock.advance(6 * SECOND);
        let _ = lead(&pages, get("/"));
    });
}

/// H60: all at once, as in a layer. None of them waits for another one.
#[test]
fn a_page_for_its_leader_alone_lets_all_others_run_their_own() {
    watched(|| {
        let pages = overlapping();
        let first = lead(&pages, get("/"));
        let (threads, begun) = follow(&pages, || get("/"), 8);
        let own = first.finish(page_with("news of ada", "set-cookie", "id=ada"));
        assert_eq!(own.headers()["set-cookie"], "id=ada");
        let passes: Vec<_> = begun.iter().take(8).collect();
        for begun in passes {
            let Begun::Pass(pass) = begun else { panic!("not for it: {begun:?}") };
            assert_eq!(pass.served().to_string(), "leader: set-cookie");
            assert_eq!(text(pass.finish(page("its own"))), "its own");
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(pages.in_flight().is_empty());
    });
}

/// H61: also if its thread panics.
#[test]
fn a_dropped_guard_lets_the_next_one_lead() {
    watched(|| {
        let pages = overlapping();
        let mut guard = lead(&pages, get("/"));
        let (threads, begun) = follow(&pages, || get("/"), 8);
        for round in 0..3 {
            match round {
                0 => drop(guard),
                _ => drop(thread::spawn(move || {
                    let _guard = guard;
                    std::panic::resume_unwind(Box::new("the handler panics"));
                })),
            }
            let next = begun.recv().unwrap();
            let Begun::Lead(next) = next else { panic!("the first one leads: {next:?}") };
            guard = next;
            let left = 7 - round;
            wait_until(|| waiting(&pages) == left);
        }
        let _ = guard.finish(page("news"));
        for begun in begun.iter().take(5) {
            assert_eq!(text(answered(begun)), "news");
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(pages.in_flight().is_empty());
        assert_eq!(pages.stats().flights.executed_requests, 1);
    });
}

/// H61
#[test]
fn a_guard_that_is_dropped_alone_leaves_nothing() {
    watched(|| {
        let pages = hooks(Settings::new());
        drop(lead(&pages, get("/")));
        assert!(pages.in_flight().is_empty());
        let _ = lead(&pages, get("/")).finish(page("news"));
        assert_eq!(pages.forget_all(), 1);
    });
}

/// H59, H15
#[test]
fn a_request_waits_for_its_leaders_no_longer_than_max_wait() {
    watched(|| {
        // A take-over would begin when its request does, which only a job that runs can say.
        let settings = Settings::new().leader_timeout(Duration::from_nanos(1));
        let pages = hooks(settings.max_wait(Duration::from_millis(1)));
        let stuck = lead(&pages, get("/"));
        let refused = answered(pages.begin(&mut parts(get("/"))));
        assert_eq!((refused.status().as_u16(), role(&refused)), (503, ServedRole::Refused));
        let _ = stuck.finish(page("late"));
    });
}

/// H59: what began before the request is not for it.
#[test]
fn fresh_requests_share_a_run_that_begins_after_them() {
    watched(|| {
        let fresh = || get("/").header("cache-control", "no-cache");
        // It stands still: a thread that loses its processor is no slower than the others.
        let clock = ManualClock::new();
        let pages = hooks(Settings::new().window(100 * SECOND).clock(clock.clone()));
        let old = lead(&pages, get("/"));
        let (threads, begun) = follow(&pages, fresh, 4);
        clock.advance(Duration::from_nanos(1));
        let _ = old.finish(page("old"));
        let next = begun.recv().unwrap();
        let Begun::Lead(next) = next else { panic!("one of them leads: {next:?}") };
        wait_until(|| waiting(&pages) == 3);
        assert_eq!(
            text(answered(pages.begin(&mut parts(get("/"))))),
            "old",
            "others get the old page"
        );
        let _ = next.finish(page("new"));
        for begun in begun.iter().take(3) {
            assert_eq!(text(answered(begun)), "new");
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(pages.stats().flights.executed_requests, 2);
    });
}

/// H59: nor is what began at its own instant.
#[test]
fn a_fresh_request_gets_no_run_of_a_clock_that_stands_still() {
    watched(|| {
        let fresh = || get("/").header("cache-control", "no-cache");
        let pages = hooks(Settings::new().window(100 * SECOND).clock(ManualClock::new()));
        let old = lead(&pages, get("/"));
        let (threads, begun) = follow(&pages, fresh, 1);
        let _ = old.finish(page("old"));
        let next = begun.recv().unwrap();
        assert!(matches!(next, Begun::Lead(_)), "{next:?}");
        drop(next);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// H62
#[test]
fn one_guard_makes_a_stale_page_anew_and_the_others_are_served() {
    watched(|| {
        let clock = ManualClock::new();
        let pages = hooks(Settings::new().window(60 * SECOND).clock(clock.clone()));
        let times = "max-age=10, stale-while-revalidate=20";
        let of_ten_seconds = |text| page_with(text, "cache-control", times);
        let counts = || {
            let stats = pages.stats();
            [stats.stale, stats.revalidations, stats.revalidation_failures]
        };
        let _ = lead(&pages, get("/")).finish(of_ten_seconds("old"));
        clock.advance(10 * SECOND);
        let renews = lead(&pages, get("/"));
        assert_eq!(text(answered(pages.begin(&mut parts(get("/"))))), "old");
        let trouble = Response::builder().status(500).body(Body::empty()).unwrap();
        clock.advance(SECOND);
        let old = renews.finish(trouble);
        assert_eq!(old.headers()["age"], "11");
        assert_eq!(old.extensions().get::<Served>().unwrap().to_string(), "stale: 5xx");
        assert_eq!(text(old), "old", "instead of the trouble");
        assert_eq!(counts(), [2, 1, 1]);
        clock.advance(SECOND);
        drop(lead(&pages, get("/")));
        assert_eq!(counts(), [2, 2, 2]);
        assert_eq!(
            text(answered(pages.begin(&mut parts(get("/"))))),
            "old",
            "the pause after a failure"
        );
        clock.advance(2 * SECOND);
        let own = lead(&pages, get("/")).finish(of_ten_seconds("new"));
        assert_eq!(role(&own), ServedRole::Revalidation);
        let new = answered(pages.begin(&mut parts(get("/"))));
        assert_eq!((new.headers()["age"].clone(), text(new)), ("0".parse().unwrap(), "new".into()));
        assert_eq!(counts(), [3, 3, 2]);
    });
}

/// H63, H16
#[test]
fn a_write_forgets_when_its_response_is_there() {
    watched(|| {
        let pages = hooks(Settings::new().window(100 * SECOND));
        let _ = lead(&pages, get("/cart")).finish(page("empty"));
        for (status, kept) in [(500, true), (200, false)] {
            let write = pages.begin(&mut parts(Request::post("/cart")));
            let Begun::Pass(write) = write else { panic!("a write: {write:?}") };
            let method = ServedReason::PassThrough(PassThrough::Method);
            assert_eq!(write.served().reason(), Some(method));
            assert_eq!(pages.stats().flights.in_flight, 0);
            let _ = write.finish(Response::builder().status(status).body(()).unwrap());
            match pages.begin(&mut parts(get("/cart"))) {
                Begun::Answered(page) => assert!(kept, "{status}: {page:?}"),
                Begun::Lead(_) => assert!(!kept, "{status}"),
                Begun::Pass(pass) => panic!("{pass:?}"),
            }
        }
    });
}

/// H61: guards that end at any time, on many threads. Every request gets a page or leads.
#[test]
fn whatever_becomes_of_guards_every_request_ends() {
    watched(|| {
        // Each request may lead: none is passed through for what another guard returned.
        let layer = CoalesceLayer::new().settings(Settings::new().window(Duration::ZERO));
        let pages = layer.remember_unshared(Duration::ZERO).hooks();
        let start = Barrier::new(8);
        thread::scope(|threads| {
            for number in 0..8_u32 {
                let (pages, start) = (&pages, &start);
                threads.spawn(move || {
                    start.wait();
                    for round in 0..300 {
                        match pages.begin(&mut parts(get("/"))) {
                            Begun::Lead(lead) if (round + number) % 3 == 0 => drop(lead),
                            Begun::Lead(lead) if (round + number) % 3 == 1 => {
                                let _ = lead.finish(page_with("mine", "cache-control", "no-store"));
                            }
                            Begun::Lead(lead) => {
                                assert_eq!(text(lead.finish(page("news"))), "news")
                            }
                            Begun::Answered(page) => assert_eq!(text(page), "news"),
                            Begun::Pass(pass) => {
                                assert_eq!(pass.served().role(), ServedRole::Leader)
                            }
                        }
                    }
                });
            }
        });
        let stats = pages.stats().flights;
        assert!(pages.in_flight().is_empty());
        let decided = stats.executed_requests + stats.coalesced_requests + stats.refused;
        assert_eq!((stats.total_requests, stats.timed_out), (decided, 0), "{stats:?}");
    });
}
