//! Pages that are forgotten by the tags of their responses (H47, H48), and by a prefix of their path (H46).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use coalescer::ManualClock;
use coalescer_http::{Body, CoalesceLayer, Served, ServedRole, Settings};
use http::{Request, Response};

use crate::stage::{
    Page, Pages, Scripted, begin, call, follow, followers, get, handler, lead, page, page_with,
    pages, scripted, text, with, with_window,
};
use crate::support::{MS, wait_until, watched};

const SECOND: Duration = Duration::from_secs(1);

fn shop() -> Pages {
    pages(with_window(Duration::MAX))
}

fn by_clock(window: Duration) -> (Pages, ManualClock) {
    let clock = ManualClock::new();
    (pages(with(Settings::new().window(window).clock(clock.clone()))), clock)
}

fn tagged(text: &'static str, tags: &str) -> Page {
    page_with(text, "surrogate-key", tags)
}

/// Returns `true` if a page of this path is there no more.
fn is_gone(pages: &Pages, path: &str) -> bool {
    text(call(pages, get(path), page("new"))) == "new"
}

/// H46: the prefix counts by segments, for all variants and hosts, kept or under way.
#[test]
fn pages_below_a_prefix_are_forgotten() {
    watched(|| {
        for (prefix, forgotten) in [
            ("/shop", 4),
            ("/shop?x", 4),
            ("/x/../sh%6Fp", 4),
            ("/shop/", 3),
            ("/shop/1", 1),
            ("/", 5),
            ("/sho", 0),
        ] {
            let pages = shop();
            for path in ["/shop", "/shop/1?page=2", "/shopping"] {
                call(&pages, get(path), page("old"));
            }
            call(&pages, get("/shop/2").header("host", "a").header("range", "x"), page("old"));
            let slow = lead(&pages, get("/shop/"));
            assert_eq!(pages.forget_prefix(prefix), forgotten, "{prefix}");
            slow.returns(Ok(page("old"))).unwrap();
            assert_eq!(is_gone(&pages, "/shopping"), prefix == "/", "{prefix}");
            let is_one = |prefixes: &[&str]| prefixes.contains(&prefix);
            assert_eq!(
                is_gone(&pages, "/shop"),
                !is_one(&["/shop/", "/shop/1", "/sho"]),
                "{prefix}"
            );
            assert_eq!(is_gone(&pages, "/shop/"), !is_one(&["/shop/1", "/sho"]), "{prefix}");
        }
    });
}

/// H47: both fields have tags, and a page is forgotten by each of its tags.
#[test]
fn pages_are_forgotten_by_their_tags() {
    let pages = shop();
    let make = || {
        call(&pages, get("/1"), tagged("old", "product-1 shop"));
        call(&pages, get("/1").method("HEAD"), tagged("old", "product-1 shop"));
        call(&pages, get("/2"), page_with("old", "cache-tag", "product-2, shop , big one"));
        call(&pages, get("/3"), page("old"));
    };
    for (tags, forgotten) in [
        (&["product-1"][..], 2),
        (&["shop"], 3),
        (&["SHOP", "product-1"], 3),
        (&["big one", "product-1"], 3),
        (&["product-2"], 1),
        (&["product", "one", "3", ","], 0),
        (&["", " "], 0),
        (&[], 0),
    ] {
        make();
        assert_eq!(pages.forget_tags(tags), forgotten, "{tags:?}");
        let of_two = ["shop", "SHOP", "big one", "product-2"];
        assert_eq!(is_gone(&pages, "/2"), tags.iter().any(|tag| of_two.contains(tag)), "{tags:?}");
        pages.forget_all();
    }
    make();
    assert_eq!(pages.forget_tag("product-2"), 1);
    assert_eq!(pages.forget_tag_everywhere("product-1"), Ok(2));
    assert_eq!(pages.forget_tags_everywhere(["product-1", "x"]), Ok(0));
    assert!(!is_gone(&pages, "/3"));
}

/// H47: a response with more tags than are read has every tag.
#[test]
fn a_page_with_too_many_tags_is_forgotten_by_any() {
    watched(|| {
        let (pages, clock) = by_clock(Duration::MAX);
        let many = "tag ".repeat(5000);
        call(&pages, get("/"), tagged("old", &many));
        assert_eq!(pages.forget_tag("other"), 1);
        let slow = lead(&pages, get("/"));
        clock.advance(MS);
        pages.forget_tag("other");
        slow.returns(Ok(tagged("old", &many))).unwrap();
        assert!(is_gone(&pages, "/"));
    });
}

/// H47: the fields go out, and `hide_tags` takes them out of every response.
#[test]
fn tags_go_out_unless_they_are_hidden() {
    for (layer, go_out) in
        [(with_window(Duration::MAX), true), (with_window(Duration::MAX).hide_tags(), false)]
    {
        let pages = pages(layer);
        let both = || {
            let page = Response::builder().header("surrogate-key", "a").header("cache-tag", "b");
            page.header("etag", "c").body(Body::empty()).unwrap()
        };
        for request in [get("/"), get("/"), Request::post("/x"), get("/").header("cookie", "a")] {
            let response = call(&pages, request, both());
            assert_eq!(response.headers().contains_key("surrogate-key"), go_out);
            assert_eq!(response.headers().contains_key("cache-tag"), go_out);
            assert!(response.headers().contains_key("etag"));
        }
        assert_eq!(pages.forget_tag("b"), 1);
    }
}

/// H48: the requests that came before get the page, and those that came after get one new page together.
#[test]
fn a_run_under_way_serves_no_later_request_if_it_has_the_tag() {
    watched(|| {
        for window in [Duration::ZERO, Duration::MAX] {
            let (pages, clock) = by_clock(window);
            let reader = lead(&pages, get("/"));
            let before = follow(&pages, || get("/"), 1).remove(0);
            assert_eq!(pages.forget_tag("product-7"), 0);
            let mut after = follow(&pages, || get("/"), 3);
            clock.advance(MS);
            assert_eq!(text(reader.returns(Ok(tagged("old", "a product-7"))).unwrap()), "old");
            assert_eq!(text(before.join_unrun().unwrap()), "old");
            wait_until(|| followers(&pages) == 2);
            let place = std::cell::Cell::new(None);
            wait_until(|| {
                place.set(after.iter().position(|call| call.has_begun()));
                place.get().is_some()
            });
            let runs = after.remove(place.get().unwrap());
            let own = runs.returns(Ok(tagged("next", "product-7"))).unwrap();
            let served = own.extensions().get::<Served>().unwrap();
            assert_eq!((served.role(), served.waited()), (ServedRole::Leader, Some(MS)));
            for call in after {
                assert_eq!(text(call.join_unrun().unwrap()), "next");
            }
            assert_eq!(pages.stats().flights.executed_requests, 2);
            assert_eq!(is_gone(&pages, "/"), window.is_zero(), "the new page is retained");
        }
    });
}

/// H48: nothing of such a page stays.
#[test]
fn a_page_whose_tag_was_forgotten_during_its_run_is_not_retained() {
    watched(|| {
        for (tag, retained) in [("a", 0), ("b", 1)] {
            let pages = shop();
            let slow = lead(&pages, get("/"));
            pages.forget_tag("a");
            slow.returns(Ok(tagged("made", tag))).unwrap();
            assert_eq!(pages.forget_all(), retained, "{tag}");
        }
    });
}

/// H48: with a clock that stands still there are fresh requests, which share a run as these do.
#[test]
fn a_run_of_no_time_serves_no_later_request_either() {
    watched(|| {
        let (pages, _clock) = by_clock(Duration::MAX);
        let reader = lead(&pages, get("/"));
        pages.forget_tag("product-7");
        let after = follow(&pages, || get("/"), 1).remove(0);
        reader.returns(Ok(tagged("old", "product-7"))).unwrap();
        assert_eq!(text(after.begun().returns(Ok(page("new"))).unwrap()), "new");
    });
}

/// H48: a run whose response does not have the tag is for everybody.
#[test]
fn a_run_under_way_goes_on_for_all_if_it_does_not_have_the_tag() {
    watched(|| {
        for response in [tagged("made", "product-70 product"), page("made")] {
            let (pages, clock) = by_clock(Duration::MAX);
            let reader = lead(&pages, get("/"));
            assert_eq!(pages.forget_tag("product-7"), 0);
            let after = follow(&pages, || get("/"), 2);
            clock.advance(MS);
            reader.returns(Ok(response)).unwrap();
            for call in after {
                assert_eq!(text(call.join_unrun().unwrap()), "made");
            }
            assert!(!is_gone(&pages, "/"));
            assert_eq!(pages.stats().flights.executed_requests, 1);
        }
    });
}

/// H48: a run that is stuck, and the run that took over from it, under way or ended.
#[test]
fn two_runs_of_a_flight_serve_no_later_request() {
    watched(|| {
        for has_ended in [false, true] {
            let clock = ManualClock::new();
            let settings = Settings::new().window(Duration::MAX).leader_timeout(SECOND);
            let pages = pages(with(settings.clock(clock.clone())));
            let stuck = lead(&pages, get("/"));
            clock.advance(SECOND);
            let mut took_over = Some(lead(&pages, get("/")));
            let mut end =
                || took_over.take().map(|run| run.returns(Ok(tagged("old", "b"))).unwrap());
            if has_ended {
                end();
                assert!(!is_gone(&pages, "/"));
            }
            assert_eq!(pages.forget_tag("b"), usize::from(has_ended));
            end();
            // The first leader ends later, with other tags.
            assert_eq!(text(stuck.returns(Ok(tagged("older", "a"))).unwrap()), "older");
            assert!(is_gone(&pages, "/"), "{has_ended}");
        }
    });
}

/// H48: a fresh request that runs beside a retained page.
#[test]
fn a_run_beside_a_retained_page_serves_no_later_request() {
    watched(|| {
        let (pages, clock) = by_clock(Duration::MAX);
        call(&pages, get("/"), tagged("kept", "a"));
        clock.advance(MS);
        let fresh = lead(&pages, get("/").header("cache-control", "no-cache"));
        pages.forget_tag("b");
        clock.advance(MS);
        assert_eq!(text(fresh.returns(Ok(tagged("old", "b"))).unwrap()), "old");
        assert_ne!(text(call(&pages, get("/"), page("new"))), "old");
    });
}

/// H48: a page past its lifetime, and the one that replaces it.
#[test]
fn a_revalidation_serves_no_later_request_if_its_page_has_the_tag() {
    watched(|| {
        for (old_tag, served) in [("a", "stale"), ("b", "new")] {
            let (pages, clock) = by_clock(60 * SECOND);
            let stale = |text, tag: &str| {
                let mut page = tagged(text, tag);
                let line = "max-age=10, stale-while-revalidate=20".parse().unwrap();
                page.headers_mut().insert("cache-control", line);
                page
            };
            call(&pages, get("/"), stale("stale", old_tag));
            clock.advance(10 * SECOND);
            let renews = lead(&pages, get("/"));
            pages.forget_tag("b");
            assert_eq!(text(renews.returns(Ok(stale("old", "b"))).unwrap()), "old");
            assert_eq!(text(call(&pages, get("/"), page("new"))), served);
        }
    });
}

/// H48: an error that a rule retains has no tags.
#[test]
fn errors_are_not_forgotten_by_tags() {
    let settings = Settings::new().window(Duration::MAX).error_window(Duration::MAX);
    let pages = with(settings).layer_sharing_errors(handler as fn(Scripted) -> _, |_| true);
    let ask =
        |then: &'static str| pages.call(scripted(get("/"), move || Err(then.into()))).unwrap_err();
    assert_eq!(*ask("down"), "down");
    assert_eq!(pages.forget_tag("a"), 0);
    assert_eq!(*ask("up"), "down");
}

/// H48: a response that is for its own request alone goes to it, whatever is forgotten.
#[test]
fn unshared_responses_are_not_affected() {
    watched(|| {
        let pages = shop();
        let reader = lead(&pages, get("/"));
        pages.forget_tag("a");
        let waits = follow(&pages, || get("/"), 1).remove(0);
        let mut own = tagged("own", "a");
        own.headers_mut().insert("set-cookie", "a=b".parse().unwrap());
        assert_eq!(text(reader.returns(Ok(own)).unwrap()), "own");
        assert_eq!(text(waits.returns(Ok(page("its own"))).unwrap()), "its own");
    });
}

/// H48: readers, runs and writers in any order. After `forget_tag` no reader gets what was before.
#[test]
fn no_reader_gets_a_page_from_before_its_tag_was_forgotten() {
    const PATHS: [&str; 3] = ["/0", "/1", "/2"];
    watched(|| {
        let [written, committed] = [(); 2].map(|()| Arc::new(PATHS.map(|_| AtomicU64::new(0))));
        let versions = Arc::clone(&written);
        let layer = CoalesceLayer::new().settings(Settings::new().window(Duration::MAX));
        let pages = layer.layer(move |request: Request<()>| {
            let number = request.uri().path()[1..].parse::<usize>().unwrap();
            let version = versions[number].load(Ordering::SeqCst);
            thread::yield_now();
            let page = Response::builder().header("cache-tag", format!("x, p{number}"));
            Ok::<_, ()>(page.body(version.to_string()).unwrap())
        });
        let read = |seed: usize| {
            for turn in 0..3000 {
                let number = (turn * 7 + seed) % PATHS.len();
                let least = committed[number].load(Ordering::SeqCst);
                let page = pages.call(Request::get(PATHS[number]).body(()).unwrap()).unwrap();
                let version: u64 = text(page).parse().unwrap();
                assert!(version >= least, "{version} is older than {least}");
            }
        };
        thread::scope(|scope| {
            let readers: Vec<_> = (0..3).map(|seed| scope.spawn(move || read(seed))).collect();
            let mut turn = 0;
            while !readers.iter().all(|reader| reader.is_finished()) {
                turn += 1;
                let number = turn % PATHS.len();
                let version = written[number].fetch_add(1, Ordering::SeqCst) + 1;
                pages.forget_tag(&format!("p{number}"));
                committed[number].store(version, Ordering::SeqCst);
            }
        });
        let stats = pages.stats().flights;
        assert!(stats.coalesced_requests > 0 && stats.executed_requests > 3, "{stats}");
    });
}

/// H48: a request that begins a run finds it under way, as ever.
#[test]
fn a_run_that_begins_after_is_followed() {
    watched(|| {
        let (pages, clock) = by_clock(Duration::MAX);
        pages.forget_tag("a");
        let reader = lead(&pages, get("/"));
        let waits = begin(&pages, get("/"));
        wait_until(|| followers(&pages) == 1);
        clock.advance(MS);
        reader.returns(Ok(tagged("made", "a"))).unwrap();
        assert_eq!(text(waits.join_unrun().unwrap()), "made");
        assert!(!is_gone(&pages, "/"));
    });
}
