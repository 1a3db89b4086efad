//! The next step of a request whose wait brought no page (H56). `trouble` has the defaults.

use std::sync::Arc;
use std::time::Duration;

use coalescer::{ManualClock, ShareWith};
use coalescer_http::{AfterWait, Body, CoalesceLayer, Settings, Unshared};
use http::Response;

use crate::stage::{
    Scripted, call, follow, get, handler, how, lead, page, pages, text, with, with_window,
};
use crate::support::{MS, watched};

/// A window of an hour also for errors.
fn keeping() -> CoalesceLayer {
    let hour = Duration::from_secs(3600);
    with(Settings::new().window(hour).error_window(hour))
}

/// H56, H14: the others get a response of the layer, and nobody gets the error or that response later.
#[test]
fn who_waited_for_an_error_gets_a_response_if_the_user_wants_it_so() {
    watched(|| {
        let pages = pages(keeping().on_error(AfterWait::Respond));
        let leader = lead(&pages, get("/"));
        let waiting = follow(&pages, || get("/"), 3);
        assert_eq!(*leader.returns(Err("a bad request".into())).unwrap_err(), "a bad request");
        for follower in waiting {
            let response = follower.join_unrun().unwrap();
            assert_eq!(
                (how(&response), response.status().as_u16()),
                ("refused: error".into(), 500)
            );
            assert_eq!(response.headers()["cache-control"], "no-store");
        }
        assert_eq!(text(call(&pages, get("/"), page("anew"))), "anew");
        assert_eq!(text(call(&pages, get("/"), page("not run"))), "anew");
        let stats = pages.stats();
        assert_eq!((stats.refused, stats.alone, stats.unshared_for(Unshared::Failed)), (3, 0, 1));
        assert_eq!((stats.flights.executed_requests, stats.flights.failed), (2, 1));
    });
}

/// H56: an error that a rule shares is the others' own.
#[test]
fn an_error_that_the_rule_shares_is_returned_all_the_same() {
    watched(|| {
        let handler = handler as fn(Scripted) -> _;
        let rule = |error: &String| match error.as_str() {
            "down" => ShareWith::Followers,
            _ => ShareWith::Nobody,
        };
        let layer = keeping().on_error(AfterWait::Respond);
        let pages = layer
            .error_response(|error, _| {
                Response::builder().status(599).body(Body::from(error.to_string())).unwrap()
            })
            .layer_sharing_errors(handler, rule);
        for (error, is_shared) in [("down", true), ("not allowed", false)] {
            let leader = lead(&pages, get("/"));
            let follower = follow(&pages, || get("/"), 1).remove(0);
            let led = leader.returns(Err(error.into())).unwrap_err();
            match follower.join_unrun() {
                Err(followed) => assert!(is_shared && Arc::ptr_eq(&led, &followed)),
                Ok(response) => {
                    assert!(!is_shared && response.status().as_u16() == 599);
                    assert!(!text(response).contains("allowed"), "the error is nobody else's");
                }
            }
            assert_eq!(text(call(&pages, get("/"), page("anew"))), "anew");
            pages.forget_all();
        }
    });
}

/// H56
#[test]
fn who_waited_for_a_panic_gets_a_response_if_the_user_wants_it_so() {
    watched(|| {
        let pages = pages(with_window(Duration::MAX).on_panic(AfterWait::Respond));
        let leader = lead(&pages, get("/"));
        let waiting = follow(&pages, || get("/"), 3);
        leader.panics(|| panic!("on purpose"));
        for follower in waiting {
            let response = follower.join_unrun().unwrap();
            assert_eq!(
                (how(&response), response.status().as_u16()),
                ("refused: panic".into(), 500)
            );
        }
        assert_eq!(text(call(&pages, get("/"), page("anew"))), "anew");
        assert_eq!((pages.stats().refused, pages.stats().alone), (3, 0));
    });
}

/// H56: each wait has a setting of its own.
#[test]
fn a_wait_that_was_too_long_has_a_setting_of_its_own() {
    watched(|| {
        for then in [AfterWait::RunOwn, AfterWait::Respond] {
            let clock = ManualClock::new();
            let settings = Settings::new().max_wait(MS).clock(clock.clone());
            let other = match then {
                AfterWait::RunOwn => AfterWait::Respond,
                AfterWait::Respond => AfterWait::RunOwn,
            };
            let layer = with(settings).on_timeout(then).on_panic(other).on_error(other);
            let pages = pages(layer);
            let leader = lead(&pages, get("/"));
            let follower = follow(&pages, || get("/"), 1).remove(0);
            clock.advance(MS);
            let response = match then {
                AfterWait::RunOwn => follower.returns(Ok(page("own"))),
                AfterWait::Respond => follower.join_unrun(),
            };
            let told = match then {
                AfterWait::RunOwn => "alone: timed out",
                AfterWait::Respond => "refused: timed out",
            };
            assert_eq!(how(&response.unwrap()), told);
            leader.returns(Ok(page("hello"))).unwrap();
        }
    });
}

/// H56, H33: a stale page is served after an error with either setting.
#[test]
fn a_stale_page_is_better_than_a_response_of_the_layer() {
    watched(|| {
        let clock = ManualClock::new();
        let settings = Settings::new().window(Duration::from_secs(60)).clock(clock.clone());
        let pages = pages(with(settings).on_error(AfterWait::Respond));
        let times = "max-age=10, stale-while-revalidate=20";
        let old = crate::stage::page_with("old", "cache-control", times);
        call(&pages, get("/"), old);
        clock.advance(Duration::from_secs(10));
        let renews = lead(&pages, get("/"));
        let own = renews.returns(Err("down".into())).unwrap();
        assert_eq!((how(&own), text(own)), ("stale: error".into(), "old".into()));
        assert_eq!(pages.stats().refused, 0);
    });
}
