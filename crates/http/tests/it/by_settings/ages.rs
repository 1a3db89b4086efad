//! Requests that say how old a page may be (H43).

use super::{SECOND, by_clock};
use crate::stage::{Pages, begin, call, followers, get, lead, page, page_with, text};
use crate::support::{NS, wait_until, watched};

/// Makes a request with this `max-age`. Returns the text and the `Age` of its page.
#[track_caller]
fn ask(pages: &Pages, max_age: u64, own: &'static str) -> (String, Option<String>) {
    let request = get("/").header("cache-control", format!("max-age={max_age}"));
    let response = call(pages, request, page(own));
    let age = response.headers().get("age").map(|age| age.to_str().unwrap().to_owned());
    (text(response), age)
}

/// H43: ages are exact, though `Age` has whole seconds.
#[test]
fn a_page_serves_those_for_whom_it_is_young_enough() {
    let (pages, clock) = by_clock(|layer| layer);
    assert_eq!(ask(&pages, 10, "old"), ("old".into(), None));
    clock.advance(10 * SECOND - NS);
    assert_eq!(ask(&pages, 10, "not run"), ("old".into(), Some("9".into())));
    assert_eq!(ask(&pages, 11, "not run"), ("old".into(), Some("9".into())));
    clock.advance(NS);
    assert_eq!(ask(&pages, 11, "not run"), ("old".into(), Some("10".into())));
    assert_eq!(ask(&pages, 10, "new"), ("new".into(), None));
    assert_eq!(text(call(&pages, get("/"), page("not run"))), "new", "the others have it, too");
    assert_eq!(pages.stats().flights.executed_requests, 2);
}

/// H43: of strangers that ask for a young page, one runs the handler.
#[test]
fn a_young_run_is_joined() {
    watched(|| {
        let (pages, clock) = by_clock(|layer| layer);
        let leader = lead(&pages, get("/"));
        clock.advance(5 * SECOND);
        let asks = |age| begin(&pages, get("/").header("cache-control", format!("max-age={age}")));
        let joins = [asks(6), asks(30)];
        wait_until(|| followers(&pages) == 2);
        leader.returns(Ok(page("hello"))).unwrap();
        for call in joins {
            assert_eq!(text(call.join_unrun().unwrap()), "hello");
        }
        assert_eq!(pages.stats().flights.executed_requests, 1);
    });
}

/// H43: a run that began too long ago is as an old page.
#[test]
fn an_old_run_is_not_joined() {
    watched(|| {
        let (pages, clock) = by_clock(|layer| layer);
        let leader = lead(&pages, get("/"));
        clock.advance(5 * SECOND);
        let careful = begin(&pages, get("/").header("cache-control", "max-age=5"));
        leader.returns(Ok(page("old"))).unwrap();
        assert_eq!(text(careful.returns(Ok(page("new"))).unwrap()), "new");
        assert_eq!(pages.stats().flights.executed_requests, 2);
    });
}

/// H43, H22: neither a lifetime nor the window is prolonged by what a client accepts.
#[test]
fn a_page_past_its_lifetime_is_for_nobody() {
    let (pages, clock) = by_clock(|layer| layer);
    call(&pages, get("/"), page_with("old", "cache-control", "max-age=3"));
    clock.advance(3 * SECOND);
    assert_eq!(ask(&pages, 10, "new"), ("new".into(), None));
}

/// H43, H35: a stale page is not for a request with `max-age`, however young it is.
#[test]
fn a_young_page_that_is_stale_is_made_anew() {
    let (pages, clock) = by_clock(|layer| layer);
    let times = "max-age=2, stale-while-revalidate=30";
    call(&pages, get("/"), page_with("old", "cache-control", times));
    clock.advance(3 * SECOND);
    let request = |line| get("/").header("cache-control", line);
    let served = call(
        &pages,
        request("max-age=4, max-stale=2"),
        page_with("renewed", "cache-control", times),
    );
    assert_eq!(text(served), "renewed", "it accepts the page, and makes it anew");
    clock.advance(3 * SECOND);
    assert_eq!(ask(&pages, 4, "new").0, "new");
    assert_eq!(ask(&pages, 4, "not run").0, "new");
}

/// H43, H44: the window of the key is the one that counts.
#[test]
fn an_age_is_compared_with_the_window_of_the_key() {
    use coalescer_http::{Gates, RequestVerdict};

    let gates = Gates::new()
        .window(60 * SECOND)
        .window_for(|key| (key.path() == "/stock").then_some(10 * SECOND));
    let verdict = |path: &str, age: u64| {
        let request = get(path).header("cache-control", format!("max-age={age}"));
        gates.request(&request.body(()).unwrap().into_parts().0)
    };
    assert!(matches!(verdict("/stock", 10), RequestVerdict::Shared(_)));
    assert!(matches!(verdict("/stock", 9), RequestVerdict::Within(_, age) if age == 9 * SECOND));
    assert!(matches!(verdict("/news", 10), RequestVerdict::Within(_, age) if age == 10 * SECOND));
    assert!(matches!(verdict("/news", 60), RequestVerdict::Shared(_)));
}
