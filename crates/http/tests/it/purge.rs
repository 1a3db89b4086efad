//! PURGE requests (H50).

use std::time::Duration;

use coalescer_http::PassThrough;
use http::Request;
use http::request::Builder;

use crate::stage::{
    Page, Pages, call, get, lead, page, page_with, pages, scripted, text, with_window,
};
use crate::support::watched;

/// A layer that lets a client purge who states the secret.
fn shop() -> Pages {
    pages(with_window(Duration::MAX).purge_if(|request| {
        request.headers.get("x-purge-secret").is_some_and(|secret| secret == "of the shop")
    }))
}

fn purge(target: &str) -> Builder {
    stranger("PURGE", target).header("x-purge-secret", "of the shop")
}

fn stranger(method: &str, target: &str) -> Builder {
    Request::builder().method(method).uri(target).header("host", "shop.example")
}

fn with_pages() -> Pages {
    let pages = shop();
    for path in ["/shop", "/shop/1?page=2", "/shop/2", "/news"] {
        call(&pages, get(path), page_with("old", "surrogate-key", "all"));
    }
    call(&pages, get("/shop").header("host", "a"), page_with("old", "cache-tag", "a, all"));
    pages
}

/// Makes a request whose handler must not run. Returns the status and the body.
fn answer(pages: &Pages, request: Builder) -> (u16, String) {
    let answer: Page = pages.call(scripted(request, || panic!("its handler ran"))).unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    (answer.status().as_u16(), text(answer))
}

fn is_gone(pages: &Pages, path: &str) -> bool {
    text(call(pages, get(path), page("new"))) == "new"
}

/// H50: a path, all that is below, or tags.
#[test]
fn a_purge_forgets_what_it_names_and_runs_no_handler() {
    watched(|| {
        for (request, forgotten) in [
            (purge("/shop"), 2),
            (purge("/shop?page=3"), 2),
            (purge("http://other.example/x/../shop"), 2),
            (purge("/shop/*"), 2),
            (purge("/*"), 5),
            (purge("/shop*"), 0),
            (purge("/nothing"), 0),
            (purge("/").header("surrogate-key", "a x"), 1),
            (purge("/*").header("cache-tag", "x, a"), 1),
            (purge("/nothing").header("surrogate-key", "x").header("cache-tag", "ALL"), 5),
            (purge("/shop").header("surrogate-key", "x"), 0),
        ] {
            let pages = with_pages();
            let what = format!("{request:?}");
            let expected = (200, format!("{{\"forgotten\":{forgotten}}}"));
            assert_eq!(answer(&pages, request), expected, "{what}");
            assert_eq!(pages.forget_all(), 5 - forgotten, "{what}");
            let stats = pages.stats();
            assert_eq!((stats.purges, stats.total_requests()), (1, 6), "{what}");
        }
    });
}

/// H50: runs under way are forgotten as by `forget_path`.
#[test]
fn a_purge_forgets_runs_under_way() {
    watched(|| {
        let pages = shop();
        let slow = lead(&pages, get("/shop"));
        assert_eq!(answer(&pages, purge("/shop")).1, r#"{"forgotten":1}"#);
        slow.returns(Ok(page("old"))).unwrap();
        assert!(is_gone(&pages, "/shop"));
    });
}

/// H50: a request that names nothing is told what to name.
#[test]
fn a_purge_that_names_nothing_is_refused() {
    let pages = with_pages();
    let long = "a ".repeat(10_000);
    for (request, says) in [
        (purge("*"), "name one such as /cart"),
        (purge("/shop").header("surrogate-key", " "), "name no tag"),
        (purge("/shop").header("cache-tag", ","), "name no tag"),
        (purge("/shop").header("surrogate-key", &long), "send several requests"),
    ] {
        let (status, text) = answer(&pages, request);
        assert!(status == 400 && text.contains(says), "{text}");
        #[cfg(feature = "serde")]
        assert!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["error"].is_string());
    }
    assert_eq!(pages.forget_all(), 5);
}

/// H50: the request of a client that may not purge is one with an unsafe method, and so is each without the setting.
#[test]
fn a_purge_of_a_stranger_goes_to_the_handler() {
    let without = || {
        let pages = pages(with_window(Duration::MAX));
        call(&pages, get("/shop"), page("old"));
        pages
    };
    let cases: [(Pages, fn() -> Builder); 5] = [
        (with_pages(), || stranger("PURGE", "/shop")),
        (with_pages(), || stranger("PURGE", "/shop").header("x-purge-secret", "a guess")),
        (with_pages(), || purge("/shop").method("purge")),
        (with_pages(), || purge("/shop").method("POST").header("x-http-method", "PURGE")),
        (without(), || purge("/shop")),
    ];
    for (pages, request) in cases {
        let send = |status: u16| {
            let mut page = page("the handler");
            *page.status_mut() = status.try_into().unwrap();
            assert_eq!(text(call(&pages, request(), page)), "the handler");
        };
        for status in [401, 403, 404, 405, 500] {
            send(status);
            assert!(!is_gone(&pages, "/shop"), "{status}");
        }
        send(204);
        assert!(is_gone(&pages, "/shop"), "as after each write (H16)");
        let stats = pages.stats();
        assert_eq!((stats.passed_through_for(PassThrough::Method), stats.purges), (6, 0));
    }
}

/// The counter is told where there is one.
#[test]
fn purges_are_counted_and_told() {
    let pages = shop();
    assert!(!pages.stats().to_string().contains("purges"));
    answer(&pages, purge("/"));
    let stats = pages.stats();
    assert!(stats.to_string().contains("; 1 purges"), "{stats}");
    #[cfg(feature = "serde")]
    assert_eq!(serde_json::to_value(&stats).unwrap()["purges"], 1);
}
