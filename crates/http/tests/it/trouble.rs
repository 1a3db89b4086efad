//! Handlers that fail, panic or never return.

use std::sync::Arc;
use std::time::Duration;

use coalescer::{ManualClock, ShareWith};
use coalescer_http::{AfterWait, Body, CoalesceLayer, Settings, Unshared};
use http::Response;

use crate::stage::{
    Scripted, call, follow, get, handler, lead, page, pages, scripted, text, with, with_window,
};
use crate::support::{MS, text as panic_text, watched};

/// H14: an error is about one request unless the user's rule says otherwise.
#[test]
fn an_error_of_the_handler_goes_to_nobody_else() {
    watched(|| {
        let pages = pages(with_window(Duration::MAX));
        let leader = lead(&pages, get("/"));
        let waiting = follow(&pages, || get("/"), 3);
        assert_eq!(*leader.returns(Err("a bad request".into())).unwrap_err(), "a bad request");
        // All of them run their handlers before one of them returns.
        let running: Vec<_> = waiting.into_iter().map(|follower| follower.begun()).collect();
        for follower in running {
            assert_eq!(text(follower.returns(Ok(page("up"))).unwrap()), "up");
        }
        assert_eq!(pages.stats().unshared_for(Unshared::Failed), 1);
        assert_eq!(text(call(&pages, get("/"), page("anew"))), "anew");
    });
}

/// H14: what the rule shares goes to all who wait, and is not retained.
#[test]
fn an_error_that_the_rule_shares_goes_to_all_who_wait() {
    watched(|| {
        let layer = with_window(Duration::MAX);
        let handler = handler as fn(Scripted) -> _;
        let pages = layer.layer_sharing_errors(handler, |error: &String| error == "down");
        let leader = lead(&pages, get("/"));
        let follower = follow(&pages, || get("/"), 1).remove(0);
        let led = leader.returns(Err("down".into())).unwrap_err();
        let followed = follower.join_unrun().unwrap_err();
        assert!(Arc::ptr_eq(&led, &followed));
        let leader = lead(&pages, get("/"));
        let follower = follow(&pages, || get("/"), 1).remove(0);
        leader.returns(Err("not allowed".into())).unwrap_err();
        assert_eq!(text(follower.returns(Ok(page("up"))).unwrap()), "up");
        assert_eq!(text(call(&pages, get("/"), page("anew"))), "anew");
    });
}

/// H14: the rule says how long an error is kept, within the `error_window`.
#[test]
fn an_error_is_kept_for_as_long_as_the_rule_says() {
    watched(|| {
        const SECOND: Duration = Duration::from_secs(1);
        for (error, seconds) in [("own", 0), ("busy", 0), ("down", 2), ("gone", 5)] {
            let clock = ManualClock::new();
            let settings = Settings::new().error_window(5 * SECOND).clock(clock.clone());
            let handler = handler as fn(Scripted) -> _;
            let pages = with(settings).layer_sharing_errors(handler, |error: &String| match error
                .as_str()
            {
                "own" => ShareWith::Nobody,
                "busy" => ShareWith::Followers,
                "down" => ShareWith::For(2 * SECOND),
                _ => ShareWith::Everyone,
            });
            let ask = |then: &'static str| {
                pages.call(scripted(get("/"), move || Err(then.into()))).unwrap_err()
            };
            ask(error);
            for passed in 0..seconds {
                assert_eq!(*ask("own"), error, "after {passed} s");
                clock.advance(SECOND);
            }
            assert_eq!(*ask("own"), "own", "{error}");
        }
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

/// H14: a panic is about one request.
#[test]
fn a_panic_goes_through_the_leader_and_the_others_run_their_own() {
    watched(|| {
        let pages = pages(with_window(Duration::MAX));
        let leader = lead(&pages, get("/"));
        let waiting = follow(&pages, || get("/"), 3);
        let panic = leader.panics(|| panic!("on purpose"));
        assert_eq!(panic_text(&*panic), "on purpose");
        let running: Vec<_> = waiting.into_iter().map(|follower| follower.begun()).collect();
        for follower in running {
            assert_eq!(text(follower.returns(Ok(page("well"))).unwrap()), "well");
        }
        assert_eq!(text(call(&pages, get("/"), page("anew"))), "anew");
        let stats = pages.stats();
        assert_eq!((stats.alone, stats.flights.panicked, stats.flights.in_flight), (3, 1, 0));
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
        leader.returns(Ok(page("hello"))).unwrap();
    });
}

/// H15: the wait is bounded by default.
#[test]
fn a_request_waits_for_ten_seconds_unless_told_otherwise() {
    watched(|| {
        let clock = ManualClock::new();
        let bounded = pages(with(Settings::new().clock(clock.clone())));
        let endless = with(Settings::new().clock(clock.clone())).wait_without_limit();
        let endless = pages(endless);
        let leaders = [&bounded, &endless].map(|pages| lead(pages, get("/")));
        let [impatient, patient] =
            [&bounded, &endless].map(|pages| follow(pages, || get("/"), 1).remove(0));
        clock.advance(coalescer_http::DEFAULT_MAX_WAIT - MS);
        assert!(!impatient.has_returned());
        clock.advance(MS);
        assert_eq!(impatient.join_unrun().unwrap().status(), 503);
        for leader in leaders {
            leader.returns(Ok(page("hello"))).unwrap();
        }
        assert_eq!(text(patient.join_unrun().unwrap()), "hello");
    });
}

/// H15: who has waited long enough may run the handler, and shares its page with nobody.
#[test]
fn a_request_that_has_waited_long_enough_may_run_its_own() {
    watched(|| {
        let clock = ManualClock::new();
        let settings = Settings::new().window(Duration::MAX).max_wait(MS).clock(clock.clone());
        let pages = pages(with(settings).on_timeout(AfterWait::RunOwn));
        let leader = lead(&pages, get("/"));
        let waiting = follow(&pages, || get("/"), 2);
        clock.advance(MS);
        let running: Vec<_> = waiting.into_iter().map(|follower| follower.begun()).collect();
        for follower in running {
            assert_eq!(text(follower.returns(Ok(page("own"))).unwrap()), "own");
        }
        leader.returns(Ok(page("hello"))).unwrap();
        assert_eq!(text(call(&pages, get("/"), page("not run"))), "hello");
        assert_eq!((pages.stats().alone, pages.stats().flights.timed_out), (2, 2));
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
