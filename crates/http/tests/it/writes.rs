//! A write through the layer: which pages it makes the layer forget.

use std::time::Duration;

use coalescer::ManualClock;
use coalescer_http::{Body, PassThrough, Settings};
use http::request::Builder;
use http::{Request, Response};

use crate::stage::{
    Pages, call, follow, get, lead, page, pages, scripted, text, with, with_window,
};
use crate::support::watched;

fn shop() -> Pages {
    pages(with_window(Duration::MAX))
}

fn cart() -> Builder {
    get("/cart").header("host", "shop.example")
}

fn write(method: &str, target: &str) -> Builder {
    Request::builder().method(method).uri(target).header("host", "shop.example")
}

fn done(status: u16) -> Response<Body> {
    Response::builder().status(status).body(Body::empty()).unwrap()
}

fn says(name: &str, value: &str) -> Response<Body> {
    Response::builder().status(303).header(name, value).body(Body::empty()).unwrap()
}

/// Returns `true` if a page of this request is there no more.
fn is_gone(pages: &Pages, request: Builder) -> bool {
    text(call(pages, request, page("new"))) == "new"
}

/// H16: after a write, its target is made anew.
#[test]
fn a_write_that_succeeds_forgets_its_target() {
    for method in ["POST", "PUT", "DELETE", "PATCH", "MKCOL", "PURGE", "post", "X"] {
        for status in [200, 201, 204, 301, 303, 308] {
            let pages = shop();
            call(&pages, cart(), page("old"));
            call(&pages, write(method, "/cart"), done(status));
            assert!(is_gone(&pages, cart()), "{method} {status}");
        }
    }
}

/// H16: a write that fails, and a request that writes nothing, forget nothing.
#[test]
fn a_write_that_fails_forgets_nothing() {
    watched(|| {
        let pages = shop();
        call(&pages, cart(), page("old"));
        for status in (100..200).chain(400..600) {
            call(&pages, write("POST", "/cart"), done(status));
        }
        pages.call(scripted(write("POST", "/cart"), || Err("no".into()))).unwrap_err();
        lead(&pages, write("POST", "/cart")).panics(|| panic!("on purpose"));
        for method in ["OPTIONS", "TRACE", "HEAD", "GET"] {
            call(&pages, write(method, "/cart").header("content-length", "1"), done(200));
        }
        assert!(!is_gone(&pages, cart()));
    });
}

/// H16: the write of a method that a field states counts.
#[test]
fn a_get_that_writes_forgets_its_target() {
    let pages = shop();
    call(&pages, cart(), page("old"));
    call(&pages, cart().header("x-http-method-override", "DELETE"), done(204));
    assert!(is_gone(&pages, cart()));
    call(&pages, write("POST", "/").header("x-original-url", "/cart"), done(204));
    assert!(is_gone(&pages, cart()));
}

/// H17: all variants of the target are forgotten.
#[test]
fn all_variants_are_forgotten() {
    let variants: [fn() -> Builder; 6] = [
        cart,
        || cart().header("accept-encoding", "gzip"),
        || cart().method("HEAD"),
        || cart().header("range", "bytes=0-1"),
        || get("/cart?page=2").header("host", "shop.example"),
        || get("http://shop.example/c%61rt").header("host", "shop.example"),
    ];
    let pages = shop();
    for variant in variants {
        call(&pages, variant(), page("old"));
    }
    call(&pages, get("/other").header("host", "shop.example"), page("old"));
    call(&pages, get("/cart").header("host", "other.example"), page("old"));
    call(&pages, write("POST", "/cart?from=form"), done(303));
    for variant in variants {
        assert!(is_gone(&pages, variant()));
    }
    assert!(!is_gone(&pages, get("/other").header("host", "shop.example")));
    assert!(!is_gone(&pages, get("/cart").header("host", "other.example")));
}

/// H17: a run that began before the write serves nobody who comes after it.
#[test]
fn runs_under_way_are_forgotten() {
    watched(|| {
        for window in [Duration::ZERO, Duration::MAX] {
            let pages = pages(with_window(window));
            let reader = lead(&pages, cart());
            let waiting = follow(&pages, cart, 1).remove(0);
            call(&pages, write("POST", "/cart"), done(303));
            // A run of its own begins, while the old one goes on.
            let after = lead(&pages, cart());
            assert_eq!(text(reader.returns(Ok(page("old"))).unwrap()), "old");
            assert_eq!(text(waiting.join_unrun().unwrap()), "old");
            assert_eq!(text(after.returns(Ok(page("new"))).unwrap()), "new");
            let later = call(&pages, cart(), page("newest"));
            assert_eq!(text(later), if window.is_zero() { "newest" } else { "new" });
        }
    });
}

/// H17: also what a fresh request has begun, and what waits for it.
#[test]
fn successors_are_forgotten() {
    watched(|| {
        let pages = shop();
        for _ in 0..3 {
            call(&pages, cart().header("cache-control", "no-cache"), page("old"));
            call(&pages, cart(), page("old"));
            call(&pages, write("POST", "/cart"), done(303));
            assert!(is_gone(&pages, cart()));
        }
    });
}

/// H17: a run that is stuck, and the run that took over from it, under way or ended.
#[test]
fn a_stuck_run_and_the_one_that_took_over_are_forgotten() {
    watched(|| {
        for has_ended in [false, true] {
            let clock = ManualClock::new();
            let second = Duration::from_secs(1);
            let settings = Settings::new().window(Duration::MAX).leader_timeout(second);
            let pages = pages(with(settings.clock(clock.clone())));
            let stuck = lead(&pages, cart());
            clock.advance(second);
            let mut took_over = Some(lead(&pages, cart()));
            let mut end = || took_over.take().map(|run| run.returns(Ok(page("old"))).unwrap());
            if has_ended {
                end();
                assert!(!is_gone(&pages, cart()));
            }
            call(&pages, write("POST", "/cart"), done(303));
            end();
            assert_eq!(text(stuck.returns(Ok(page("older"))).unwrap()), "older");
            assert!(is_gone(&pages, cart()), "{has_ended}");
        }
    });
}

/// H18: the pages that the response names are forgotten, if they are of the same site.
#[test]
fn pages_that_the_response_names_are_forgotten() {
    for name in ["location", "content-location"] {
        for value in [
            "/cart",
            "cart",
            "./cart",
            "x/../cart",
            "/cart?added=1#top",
            "//shop.example/cart",
            "http://shop.example/cart",
            "https://shop.example/cart",
            "HTTP://SHOP.example:80/cart",
            "https://shop.example:443/c%61rt",
        ] {
            let pages = shop();
            call(&pages, cart(), page("old"));
            call(&pages, write("POST", "/add"), says(name, value));
            assert!(is_gone(&pages, cart()), "{name}: {value}");
        }
        for value in [
            "http://other.example/cart",
            "//other.example/cart",
            "http://shop.example:8080/cart",
            "http://shop.example.evil.example/cart",
            "http://ada@shop.example/cart",
            "mailto:cart",
            "/other",
            "ftp://shop.example/cart",
        ] {
            let pages = shop();
            call(&pages, cart(), page("old"));
            call(&pages, write("POST", "/add"), says(name, value));
            assert!(!is_gone(&pages, cart()), "{name}: {value}");
        }
    }
    let pages = shop();
    call(&pages, cart(), page("old"));
    let proxied = write("POST", "/add").header("x-forwarded-host", "public.example");
    call(&pages, proxied, says("location", "https://public.example/cart"));
    assert!(is_gone(&pages, cart()));
    let pages = shop();
    call(&pages, cart(), page("old"));
    let failed =
        Response::builder().status(400).header("location", "/cart").body(Body::empty()).unwrap();
    call(&pages, write("POST", "/add"), failed);
    assert!(!is_gone(&pages, cart()));
}

/// H18: a write whose site is not clear may be one of every site.
#[test]
fn a_write_of_an_unclear_site_forgets_the_path_of_every_site() {
    let writes: [fn() -> Builder; 6] = [
        || Request::post("/cart"),
        || Request::post("/cart").header("host", "SHOP.example:80"),
        || Request::post("/cart").header("host", "a").header("host", "shop.example"),
        || Request::post("http://a/cart").header("host", "shop.example"),
        || Request::post("http://shop.example/cart"),
        || Request::post("/cart").header("host", "shop.example:"),
    ];
    for write in writes {
        let pages = shop();
        call(&pages, cart(), page("old"));
        call(&pages, write(), done(204));
        assert!(is_gone(&pages, cart()), "{:?}", write());
    }
}

/// H16: the user can say that writes forget nothing, and can forget by path.
#[test]
fn forgetting_can_be_left_to_the_user() {
    let pages = pages(with_window(Duration::MAX).keep_after_writes());
    call(&pages, cart(), page("old"));
    call(&pages, cart().header("accept", "a/b"), page("old"));
    call(&pages, write("POST", "/cart"), done(204));
    assert!(!is_gone(&pages, cart()));
    assert_eq!(pages.forget_path("/cart?x"), 2);
    assert!(is_gone(&pages, cart()));
    assert_eq!(pages.forget_if(|key| key.path() == "/other"), 0);
    assert_eq!(pages.forget_if(|key| key.authority() == "shop.example"), 1);
    assert_eq!(pages.forget_all(), 0);
    assert_eq!(pages.stats().passed_through_for(PassThrough::Method), 1);
}
