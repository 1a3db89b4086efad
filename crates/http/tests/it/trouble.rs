//! Handlers that fail, panic or never return.

use std::sync::Arc;
use std::time::Duration;

use coalescer::ManualClock;
use coalescer_http::{Body, CoalesceLayer, Settings};
use http::Response;

use crate::stage::{call, follow, get, lead, page, pages, scripted, text, with, with_window};
use crate::support::{MS, text as panic_text, watched};

#[test]
fn an_error_of_the_handler_goes_to_all_who_waited_and_is_not_kept() {
    watched(|| {
        let pages = pages(with_window(Duration::MAX));
        let leader = lead(&pages, get("/"));
        let follower = follow(&pages, || get("/"), 1).remove(0);
        let led = leader.returns(Err("down".into())).unwrap_err();
        let followed = follower.join_unrun().unwrap_err();
        assert_eq!(*led, "down");
        assert!(Arc::ptr_eq(&led, &followed));
        assert_eq!(text(call(&pages, get("/"), page("up"))), "up");
    });
}

#[test]
fn an_error_of_a_handler_that_is_passed_through_is_returned() {
    watched(|| {
        let pages = pages(CoalesceLayer::new());
        let post = scripted(http::Request::post("/"), || Err("down".into()));
        assert_eq!(*pages.call(post).unwrap_err(), "down");
    });
}

#[test]
fn a_panic_goes_through_the_leader_and_the_others_get_a_500() {
    watched(|| {
        let pages = pages(with_window(Duration::MAX));
        let leader = lead(&pages, get("/"));
        let follower = follow(&pages, || get("/"), 1).remove(0);
        let panic = leader.panics(|| panic!("on purpose"));
        assert_eq!(panic_text(&*panic), "on purpose");
        let followed = follower.join_unrun().unwrap();
        assert_eq!(followed.status(), 500);
        assert_eq!(followed.headers()["cache-control"], "no-store");
        assert!(followed.body().is_empty());
        assert_eq!(text(call(&pages, get("/"), page("well"))), "well");
        let flights = pages.stats().flights;
        assert_eq!((flights.panicked, flights.in_flight), (1, 0));
    });
}

#[test]
fn a_request_that_has_waited_long_enough_gets_a_503_and_harms_nobody() {
    watched(|| {
        let clock = ManualClock::new();
        let settings = Settings::new().window(Duration::MAX).max_wait(MS).clock(clock.clone());
        let pages = pages(with(settings));
        let leader = lead(&pages, get("/"));
        let impatient = follow(&pages, || get("/"), 1).remove(0);
        clock.advance(MS);
        let timed_out = impatient.join_unrun().unwrap();
        assert_eq!(timed_out.status(), 503);
        assert_eq!(timed_out.headers()["retry-after"], "1");
        assert_eq!(timed_out.headers()["cache-control"], "no-store");
        let patient = follow(&pages, || get("/"), 1).remove(0);
        leader.returns(Ok(page("hello"))).unwrap();
        assert_eq!(text(patient.join_unrun().unwrap()), "hello");
        assert_eq!(pages.stats().flights.timed_out, 1);
    });
}

#[test]
fn the_users_function_makes_the_pages_of_the_librarys_own_errors() {
    watched(|| {
        let clock = ManualClock::new();
        let layer = with(Settings::new().max_wait(MS).clock(clock.clone()));
        let pages = pages(layer.error_response(|error, key| {
            let text = format!("{}: {error}", key.path_and_query());
            Response::builder().status(599).body(Body::from(text)).unwrap()
        }));
        let leader = lead(&pages, get("/slow"));
        let impatient = follow(&pages, || get("/slow"), 1).remove(0);
        clock.advance(MS);
        let timed_out = impatient.join_unrun().unwrap();
        assert_eq!(timed_out.status(), 599);
        assert!(text(timed_out).starts_with("/slow: timed out"));
        let follower = follow(&pages, || get("/slow"), 1).remove(0);
        leader.panics(|| panic!("on purpose"));
        assert!(text(follower.join_unrun().unwrap()).ends_with("panicked: on purpose"));
    });
}

#[test]
fn a_panic_in_the_users_own_gates_harms_nobody() {
    watched(|| {
        let layer = with_window(Duration::MAX).key_part(|request| {
            assert!(request.uri.path() != "/bad", "no such tenant");
            None
        });
        let pages = pages(layer);
        let handle = pages.clone();
        let bad =
            crate::support::start(move |function| handle.call(get("/bad").body(function).unwrap()));
        let panic = bad.try_join().unwrap_err();
        assert_eq!(panic_text(&*panic), "no such tenant");
        assert_eq!(text(call(&pages, get("/good"), page("hello"))), "hello");
        assert!(pages.in_flight().is_empty());
    });
}
