//! The bytes of the pages that a layer retains (H45).

use std::convert::Infallible;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use coalescer_http::{Body, CoalesceLayer, Coalesced, Settings, Unkept};
use http::{Request, Response};

use super::{SECOND, by_clock};
use crate::stage::{Pages, call, follow, get, lead, page, page_with, text};
use crate::support::watched;

/// Makes a request, and returns true if its handler ran.
fn runs(pages: &Pages, path: &str, line: &str) -> bool {
    let before = pages.stats().flights.executed_requests;
    call(pages, get(path), page_with("0123456789", "x", line));
    pages.stats().flights.executed_requests > before
}

fn no_room(pages: &Pages) -> u64 {
    pages.stats().unkept_for(Unkept::NoRoom)
}

/// A body that is counted as long as anybody holds it.
struct Counted {
    bytes: Vec<u8>,
    alive: Arc<AtomicI64>,
}

impl Counted {
    fn body(length: usize, alive: &Arc<AtomicI64>) -> Body {
        alive.fetch_add(length as i64, Ordering::SeqCst);
        Bytes::from_owner(Self { bytes: vec![0; length], alive: Arc::clone(alive) }).into()
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.alive.fetch_sub(self.bytes.len() as i64, Ordering::SeqCst);
    }
}

const THREADS: usize = 8;
const BOUND: u64 = 10_000;

/// A layer whose pages have the length that their query names. It looks at the sum each time that a page is made.
fn counted(
    alive: &Arc<AtomicI64>,
) -> Coalesced<impl Fn(Request<()>) -> Counts + use<>, Infallible> {
    let alive = Arc::clone(alive);
    let settings = Settings::new().window(Duration::MAX).max_retained(usize::MAX);
    CoalesceLayer::new().settings(settings).max_retained_bytes(BOUND).layer(
        move |request: Request<()>| {
            let length = request.uri().query().unwrap().parse().unwrap();
            Ok(Response::new(Counted::body(length, &alive)))
        },
    )
}

type Counts = Result<Response<Body>, Infallible>;

/// H45: threads that make, forget and replace pages at once. Between their turns the bodies that are alive are
/// exactly those of the pages that the layer says to retain, and at no time are those more than the bound.
#[test]
fn the_bytes_are_never_above_the_bound() {
    watched(|| {
        let alive = Arc::new(AtomicI64::new(0));
        let pages = counted(&alive);
        let turn = Barrier::new(THREADS + 1);
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (pages, turn) = (&pages, &turn);
                scope.spawn(move || {
                    for round in 0..30 {
                        for number in 0..40 {
                            // Some paths are asked for by several threads at once.
                            let owner = if number % 4 == 0 { 0 } else { thread };
                            let length = (round * 97 + number * 31 + owner * 13) % 900;
                            let request = Request::get(format!("/{owner}/{number}?{length}"));
                            let request = match number % 5 {
                                0 => request.header("cache-control", "no-cache"),
                                _ => request,
                            };
                            pages.call(request.body(()).unwrap()).unwrap();
                            assert!(pages.retained_bytes() <= BOUND);
                            if number % 7 == thread % 7 {
                                pages.forget_path(&format!("/{owner}/{}", number / 2));
                            }
                        }
                        turn.wait();
                        turn.wait();
                    }
                });
            }
            for _ in 0..30 {
                turn.wait();
                let alive = alive.load(Ordering::SeqCst);
                assert_eq!(pages.retained_bytes(), alive as u64);
                assert!(alive > 0 && alive as u64 <= BOUND, "{alive}");
                turn.wait();
            }
        });
        assert!(pages.stats().unkept_for(Unkept::NoRoom) > 0);
        pages.forget_all();
        assert_eq!((pages.retained_bytes(), alive.load(Ordering::SeqCst)), (0, 0));
    });
}

/// H45: pages that are made at once fill the bound, and not one more is retained.
#[test]
fn pages_that_are_made_at_once_fill_the_bound() {
    watched(|| {
        let settings = Settings::new().window(Duration::MAX);
        let at_once = Arc::new(Barrier::new(16));
        let in_handler = Arc::clone(&at_once);
        let layer = CoalesceLayer::new().settings(settings).max_retained_bytes(5 * 100 + 99);
        let pages = layer.layer(move |_: Request<()>| {
            in_handler.wait();
            Ok::<_, Infallible>(Response::new(vec![0; 100]))
        });
        thread::scope(|scope| {
            for number in 0..16 {
                let pages = &pages;
                scope.spawn(move || {
                    pages.call(Request::get(format!("/{number}")).body(()).unwrap()).unwrap()
                });
            }
        });
        assert_eq!(pages.retained_bytes(), 500);
        assert_eq!(pages.stats().unkept_for(Unkept::NoRoom), 11);
        assert_eq!(pages.forget_all(), 5);
    });
}

/// H45: those who wait get it.
#[test]
fn a_page_without_room_is_for_those_who_wait() {
    watched(|| {
        let (pages, _clock) = by_clock(|layer| layer.max_retained_bytes(4));
        let leader = lead(&pages, get("/"));
        let followers = follow(&pages, || get("/"), 3);
        leader.returns(Ok(page("hello"))).unwrap();
        for follower in followers {
            assert_eq!(text(follower.join_unrun().unwrap()), "hello");
        }
        assert_eq!((no_room(&pages), pages.retained_bytes()), (1, 0));
        assert_eq!(text(call(&pages, get("/"), page("four"))), "four");
        assert_eq!(text(call(&pages, get("/"), page("not run"))), "four");
        assert_eq!(text(call(&pages, get("/more"), page("1"))), "1");
        assert_eq!((no_room(&pages), pages.retained_bytes()), (2, 4), "a live page makes no room");
    });
}

/// H45: names and values of fields count, and pages that are not retained do not.
#[test]
fn fields_count_and_other_pages_do_not() {
    let (pages, _clock) = by_clock(|layer| layer.max_retained_bytes(100));
    call(&pages, get("/a"), page_with("hello", "etag", "\"1234\""));
    assert_eq!(pages.retained_bytes(), 5 + 4 + 6);
    call(&pages, get("/b"), page_with("hello", "cache-control", "no-cache"));
    call(&pages, get("/c"), page_with("hello", "set-cookie", "a=b"));
    call(&pages, http::Request::post("/d"), page("hello"));
    assert_eq!((pages.retained_bytes(), no_room(&pages)), (15, 0));
    assert!(pages.forget_path("/a") > 0);
    assert_eq!(pages.retained_bytes(), 0);
}

/// H45: a page whose window is over makes room, though no call has dropped it yet.
#[test]
fn pages_whose_window_is_over_make_room() {
    let (pages, clock) = by_clock(|layer| layer.max_retained_bytes(40));
    assert!(["/a", "/b", "/c"].iter().all(|path| runs(&pages, path, "1")));
    assert_eq!(pages.retained_bytes(), 36);
    assert!(runs(&pages, "/d", "1") && runs(&pages, "/d", "1"));
    clock.advance(60 * SECOND);
    assert!(runs(&pages, "/d", "1") && !runs(&pages, "/d", "1"));
    assert_eq!(no_room(&pages), 2);
}

/// H45: so does a page whose own time is over, while the window is not.
#[test]
fn pages_whose_own_time_is_over_make_room() {
    let (pages, clock) = by_clock(|layer| {
        layer.max_retained_bytes(40).window_for(|key| (key.path() < "/c").then_some(SECOND))
    });
    assert!(["/a", "/b", "/c"].iter().all(|path| runs(&pages, path, "1")));
    assert!(runs(&pages, "/d", "1"));
    assert_eq!((no_room(&pages), pages.retained_bytes()), (1, 36));
    clock.advance(SECOND);
    assert!(runs(&pages, "/d", "1") && !runs(&pages, "/d", "1"));
    assert!(!runs(&pages, "/c", "1"), "a live page stays");
    assert_eq!((no_room(&pages), pages.retained_bytes()), (1, 24));
}

/// H45: the old page of a key is there until the new one has replaced it.
#[test]
fn a_new_page_needs_room_beside_the_old_one() {
    let (pages, _clock) = by_clock(|layer| layer.max_retained_bytes(9));
    call(&pages, get("/"), page("old"));
    let fresh = |text| call(&pages, get("/").header("cache-control", "no-cache"), page(text));
    fresh("newer");
    assert_eq!(text(call(&pages, get("/"), page("not run"))), "newer");
    assert_eq!(pages.retained_bytes(), 5);
    assert_eq!(text(fresh("later")), "later");
    assert_eq!(text(call(&pages, get("/"), page("not run"))), "newer", "it was not replaced");
    assert_eq!(no_room(&pages), 1);
}

/// A page that never has room costs no search, and drops nothing.
#[test]
fn a_page_beyond_the_bound_drops_nothing() {
    let (pages, clock) = by_clock(|layer| layer.max_retained_bytes(10));
    call(&pages, get("/"), page("old"));
    clock.advance(60 * SECOND);
    call(&pages, get("/long"), page("more than ten bytes"));
    assert_eq!((no_room(&pages), pages.retained_bytes()), (1, 3));
}
