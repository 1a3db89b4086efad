//! Pages that are not shared: what is remembered of them (H51), and for how long (H52).

use std::cell::Cell;
use std::io;
use std::time::Duration;

use coalescer::ManualClock;
use coalescer_http::{Body, CoalesceLayer, PassThrough, RequestVerdict, Settings};
use http::request::Builder;
use http::{Request, Response};

use crate::stage::{
    Page, Pages, begin, call, follow, followers, get, lead, page, page_with, pages, scripted, text,
    with, with_window,
};
use crate::support::{NS, wait_until, watched};

const SECOND: Duration = Duration::from_secs(1);

fn with_cookie() -> Page {
    page_with("own", "set-cookie", "visit=1")
}

fn by_clock(set: impl FnOnce(CoalesceLayer) -> CoalesceLayer) -> (Pages, ManualClock) {
    let clock = ManualClock::new();
    let settings = Settings::new().window(Duration::MAX).clock(clock.clone());
    (pages(set(with(settings))), clock)
}

fn passed(pages: &Pages) -> u64 {
    pages.stats().passed_through_for(PassThrough::Remembered)
}

/// Makes a call, and returns `true` if it was passed through. Its response says nothing about later ones.
fn is_remembered(pages: &Pages, request: Builder) -> bool {
    let before = passed(pages);
    call(pages, request, status(503));
    passed(pages) > before
}

fn status(status: u16) -> Page {
    Response::builder().status(status).body(Body::empty()).unwrap()
}

/// H51: those who come later wait for nothing, and all of them run at the same time.
#[test]
fn the_second_burst_of_a_page_that_sets_a_cookie_waits_for_nothing() {
    watched(|| {
        let pages = pages(with_window(Duration::ZERO));
        let first = lead(&pages, get("/"));
        let burst = follow(&pages, || get("/"), 7);
        first.returns(Ok(with_cookie())).unwrap();
        let burst: Vec<_> = burst.into_iter().map(|call| call.begun()).collect();
        burst.into_iter().for_each(|call| drop(call.returns(Ok(with_cookie())).unwrap()));
        assert_eq!(passed(&pages), 0, "the first burst has waited");

        for burst in 1..=3 {
            let calls: Vec<_> = (0..8).map(|_| begin(&pages, get("/"))).collect();
            // All of them are inside of their handlers before one returns.
            let calls: Vec<_> = calls.into_iter().map(|call| call.begun()).collect();
            assert_eq!(followers(&pages), 0);
            for call in calls {
                let own = call.returns(Ok(with_cookie())).unwrap();
                assert!(own.headers().contains_key("set-cookie"));
            }
            assert_eq!(passed(&pages), 8 * burst);
        }
        assert!(!is_remembered(&pages, get("/other")), "no other page");
        assert!(!is_remembered(&pages, get("/").header("accept", "a/b")), "no other variant");
    });
}

/// H51: the reasons of a page.
#[test]
fn a_reason_of_the_page_is_remembered() {
    let field = |name: &'static str, value: &'static str| page_with("own", name, value);
    for (reason, response) in [
        ("no-store", field("cache-control", "no-store")),
        ("cdn no-store", field("cdn-cache-control", "no-store")),
        ("cookie", with_cookie()),
        ("secret", field("x-csrf-token", "1")),
        ("nonce", field("content-security-policy", "script-src 'nonce-1'")),
        ("any", field("vary", "*")),
        ("vary", field("vary", "user-agent")),
        ("private", field("cache-control", "private")),
        ("coding", field("transfer-encoding", "gzip, chunked")),
        ("too long", page("a long page")),
        ("unknown end", Response::new(Body::stream(io::empty()))),
        ("declined", field("x-declined", "1")),
        (
            "redirect",
            Response::builder()
                .status(302)
                .header("set-cookie", "a=b")
                .body(Body::empty())
                .unwrap(),
        ),
        (
            "gone",
            Response::builder()
                .status(404)
                .header("set-cookie", "a=b")
                .body(Body::empty())
                .unwrap(),
        ),
    ] {
        let layer = with_window(Duration::MAX).max_body(5);
        let pages = pages(layer.should_share(|_, page| !page.headers.contains_key("x-declined")));
        call(&pages, get("/"), response);
        assert!(is_remembered(&pages, get("/")), "{reason}");
        assert_eq!(pages.stats().unshared, 1, "{reason}");
    }
}

/// H51: what one request can cause by what is not in the key switches sharing off for nobody.
#[test]
fn an_outcome_that_one_request_can_cause_is_not_remembered() {
    watched(|| {
        for number in (400..600).chain([201, 202, 206, 226, 304, 305, 306]) {
            if [404, 405, 410].contains(&number) {
                continue;
            }
            for (name, value) in
                [("cache-control", "no-store"), ("set-cookie", "a=b"), ("vary", "*")]
            {
                let pages = pages(with_window(Duration::MAX));
                let response = Response::builder().status(number).header(name, value);
                call(&pages, get("/"), response.body(Body::empty()).unwrap());
                assert_eq!(pages.stats().unshared, 1);
                assert!(!is_remembered(&pages, get("/")), "{number} with {name}");
            }
        }
        let pages = pages(with_window(Duration::MAX));
        pages.call(scripted(get("/"), || Err("down".into()))).unwrap_err();
        assert!(!is_remembered(&pages, get("/")), "an error");
        lead(&pages, get("/")).panics(|| panic!("on purpose"));
        assert!(!is_remembered(&pages, get("/")), "a panic");
        call(&pages, get("/"), page_with("", "cache-control", "a b"));
        assert!(!is_remembered(&pages, get("/")), "an unreadable field");
        let broken = Body::sized(io::empty(), 3);
        call(&pages, get("/"), Response::new(broken));
        assert!(!is_remembered(&pages, get("/")), "a body that breaks off");
    });
}

/// H51: a refusal does not end it either.
#[test]
fn an_outcome_that_one_request_can_cause_ends_nothing() {
    let (pages, clock) = by_clock(|layer| layer);
    call(&pages, get("/"), with_cookie());
    for number in [400, 403, 412, 429, 500, 503] {
        assert_eq!(call(&pages, get("/"), status(number)).status(), number);
    }
    pages.call(scripted(get("/"), || Err("down".into()))).unwrap_err();
    assert_eq!(passed(&pages), 7);
    clock.advance(10 * SECOND);
    assert!(!is_remembered(&pages, get("/")), "nor does it begin the time anew");
}

/// H51: the time is that of the setting, by the clock of the layer.
#[test]
fn a_page_is_remembered_for_its_time() {
    let default = coalescer_http::DEFAULT_REMEMBER_UNSHARED;
    for (set, time) in [(None, default), (Some(3 * SECOND), 3 * SECOND)] {
        let (pages, clock) = by_clock(|layer| match set {
            Some(time) => layer.remember_unshared(time),
            None => layer,
        });
        call(&pages, get("/"), with_cookie());
        clock.advance(time - NS);
        assert!(is_remembered(&pages, get("/")));
        // A response that is not shared begins the time anew.
        call(&pages, get("/"), with_cookie());
        clock.advance(time - NS);
        assert!(is_remembered(&pages, get("/")));
        clock.advance(NS);
        assert!(!is_remembered(&pages, get("/")));
    }
    let (pages, clock) = by_clock(|layer| layer.remember_unshared(Duration::MAX));
    call(&pages, get("/"), with_cookie());
    clock.advance(1_000_000 * SECOND);
    assert!(is_remembered(&pages, get("/")));
    let (pages, _clock) = by_clock(|layer| layer.remember_unshared(Duration::ZERO));
    call(&pages, get("/"), with_cookie());
    assert!(!is_remembered(&pages, get("/")), "it is switched off");
}

/// H52: the first response that may be shared ends it.
#[test]
fn a_response_that_may_be_shared_ends_it() {
    watched(|| {
        for shared in
            [page("shared"), page_with("shared", "cache-control", "no-cache"), status(404)]
        {
            let pages = pages(with_window(Duration::MAX));
            call(&pages, get("/"), with_cookie());
            call(&pages, get("/"), shared);
            let first = lead(&pages, get("/"));
            let waits = follow(&pages, || get("/"), 1).remove(0);
            first.returns(Ok(page("new"))).unwrap();
            assert_eq!(text(waits.join_unrun().unwrap()), "new");
            assert_eq!(passed(&pages), 1);
        }
    });
}

/// H52: a page that is retained is served, whatever a fresh request got meanwhile.
#[test]
fn a_retained_page_is_served_in_any_case() {
    watched(|| {
        let (pages, clock) = by_clock(|layer| layer);
        let line = "max-age=10, stale-while-revalidate=20";
        call(&pages, get("/"), page_with("kept", "cache-control", line));
        call(&pages, get("/").header("cache-control", "no-cache"), with_cookie());
        assert_eq!(text(call(&pages, get("/"), page("it ran"))), "kept");
        clock.advance(10 * SECOND);
        assert_eq!(text(call(&pages, get("/"), with_cookie())), "own", "the revalidation");
        assert_eq!(text(call(&pages, get("/"), page("it ran"))), "kept", "stale (H33)");
        assert_eq!(passed(&pages), 0);
        clock.advance(20 * SECOND);
        assert!(!is_remembered(&pages, get("/")));
    });
}

/// H52: what forgets a page ends it, and nothing else does.
#[test]
fn a_page_that_is_forgotten_is_not_remembered() {
    type Way = fn(&Pages);
    let key = |pages: &Pages| match pages
        .gates()
        .request(&get("/a?b").body(()).unwrap().into_parts().0)
    {
        RequestVerdict::Shared(key) => key,
        verdict => panic!("{verdict:?}"),
    };
    let ends: [Way; 10] = [
        |pages| drop(call(pages, Request::post("/%61"), status(204))),
        |pages| _ = pages.forget_path("/a"),
        |pages| _ = pages.forget_path_everywhere("/a?x").unwrap(),
        |pages| _ = pages.forget_prefix("/"),
        |pages| _ = pages.forget_if(|_| false),
        |pages| _ = pages.forget_if_everywhere(|_| false).unwrap(),
        |pages| _ = pages.forget_all(),
        |pages| _ = pages.forget_all_everywhere().unwrap(),
        |pages| _ = pages.forget_tag("x"),
        |pages| _ = pages.forget_tags_everywhere(["x", "y"]).unwrap(),
    ];
    let goes_on: [Way; 6] = [
        |pages| drop(call(pages, Request::post("/b"), status(204))),
        |pages| drop(call(pages, Request::post("/a"), status(400))),
        |pages| _ = pages.forget_path("/b"),
        |pages| _ = pages.forget_tag(""),
        |pages| _ = pages.stats(),
        |pages| drop(call(pages, get("/b"), page("other"))),
    ];
    let remembered = || {
        let pages = pages(with_window(Duration::MAX));
        let mut own = with_cookie();
        own.headers_mut().insert("cache-tag", "a".parse().unwrap());
        call(&pages, get("/a?b"), own);
        assert!(is_remembered(&pages, get("/a?b")));
        pages
    };
    for (number, way) in ends.iter().enumerate() {
        let pages = remembered();
        way(&pages);
        assert!(!is_remembered(&pages, get("/a?b")), "{number}");
    }
    for (number, way) in goes_on.iter().enumerate() {
        let pages = remembered();
        way(&pages);
        assert!(is_remembered(&pages, get("/a?b")), "{number}");
    }
    for forgets in [
        |pages: &Pages, key: &_| pages.forget(key),
        |pages: &Pages, key: &_| pages.forget_everywhere(key).unwrap(),
    ] {
        let pages = remembered();
        assert!(!forgets(&pages, &key(&pages)), "there is no page");
        assert!(!is_remembered(&pages, get("/a?b")));
    }
    // A response without tags is none of the pages that a tag may be about.
    let pages = pages(with_window(Duration::MAX));
    call(&pages, get("/"), with_cookie());
    pages.forget_tag("x");
    assert!(is_remembered(&pages, get("/")));
}

/// H52: the handler sees no more of the request than that of one which shares, so its response is about the page.
#[test]
fn the_handler_of_a_remembered_page_sees_what_the_key_has() {
    let pages = CoalesceLayer::new().ignore_cookies(["_ga*"]).layer(|request: Request<()>| {
        assert!(!request.headers().contains_key("cookie"));
        Ok::<_, ()>(with_cookie())
    });
    for _ in 0..3 {
        pages.call(get("/").header("cookie", "_ga=1").body(()).unwrap()).unwrap();
    }
    assert_eq!(pages.stats().passed_through_for(PassThrough::Remembered), 2);
}

/// H52: a page that calls itself ends, as one that is shared does.
#[test]
fn a_page_that_calls_itself_ends() {
    thread_local! {
        static DEPTH: Cell<u32> = const { Cell::new(0) };
    }
    watched(|| {
        type Handler = Box<dyn Fn(Request<()>) -> Result<Page, ()> + Send + Sync>;
        let itself = std::sync::Arc::new(std::sync::OnceLock::<
            coalescer_http::Coalesced<Handler, ()>,
        >::new());
        let inside = std::sync::Arc::downgrade(&itself);
        let handler: Handler = Box::new(move |request| {
            DEPTH.set(DEPTH.get() + 1);
            assert!(DEPTH.get() < 10, "it calls itself without end");
            let pages = inside.upgrade().unwrap();
            let inner = pages.get().unwrap().call(request).unwrap();
            assert!(inner.status() == 500 || inner.headers().contains_key("set-cookie"));
            DEPTH.set(DEPTH.get() - 1);
            Ok(with_cookie())
        });
        let pages = itself.get_or_init(|| CoalesceLayer::new().layer(handler));
        for _ in 0..3 {
            pages.call(get("/").body(()).unwrap()).unwrap();
        }
        assert_eq!(pages.stats().passed_through_for(PassThrough::Remembered), 2);
    });
}

/// The wait of the first burst is what is saved: the page that a follower gets is none of the leader's.
#[test]
fn a_page_that_is_passed_through_goes_to_its_own_request_alone() {
    watched(|| {
        let pages = pages(with_window(Duration::MAX));
        call(&pages, get("/"), with_cookie());
        let ada = lead(&pages, get("/"));
        let bob = lead(&pages, get("/"));
        wait_until(|| passed(&pages) == 2);
        assert_eq!(text(bob.returns(Ok(page("of bob"))).unwrap()), "of bob");
        assert_eq!(text(ada.returns(Ok(page("of ada"))).unwrap()), "of ada");
        assert_eq!(text(call(&pages, get("/"), page("new"))), "new", "neither is retained");
    });
}
