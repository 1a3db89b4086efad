//! Leaders, followers and hits of a layer.

use std::time::Duration;

use coalescer::{ManualClock, OnDeadlock};
use coalescer_http::{CoalesceLayer, PassThrough, Settings, Unkept, Unshared};
use http::request::Builder;
use http::{Request, Version};

use crate::stage::{
    begin, call, follow, followers, get, lead, page, page_with, pages, scripted, text, with,
    with_window,
};
use crate::support::{MS, wait_until, watched};

#[test]
fn requests_that_meet_are_one_run_of_the_handler() {
    watched(|| {
        let pages = pages(with_window(Duration::ZERO));
        let leader = lead(&pages, get("/"));
        let waiting = follow(&pages, || get("/"), 5);
        assert_eq!(text(leader.returns(Ok(page("hello"))).unwrap()), "hello");
        for follower in waiting {
            assert_eq!(text(follower.join_unrun().unwrap()), "hello");
        }
        let flights = pages.stats().flights;
        assert_eq!((flights.executed_requests, flights.followers), (1, 5));
        // A window of zero retains nothing.
        assert_eq!(text(call(&pages, get("/"), page("again"))), "again");
    });
}

#[test]
fn each_client_gets_status_fields_and_body_and_none_gets_what_is_another_ones() {
    watched(|| {
        #[derive(Clone)]
        struct NoteOfTheServer;
        let pages = pages(with_window(Duration::MAX));
        let leader = lead(&pages, get("/"));
        let follower = follow(&pages, || get("/"), 1).remove(0);
        let mut made = page_with("hello", "x-page", "1");
        *made.status_mut() = http::StatusCode::NOT_FOUND;
        *made.version_mut() = Version::HTTP_10;
        for (name, value) in [
            ("x-page", "2"),
            ("connection", "close, X-Hop"),
            ("x-hop", "mine"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("trailer", "x-sum"),
            ("upgrade", "h2c"),
            ("te", "trailers"),
            ("proxy-connection", "close"),
        ] {
            made.headers_mut().append(name, value.parse().unwrap());
        }
        made.extensions_mut().insert(NoteOfTheServer);
        let own_headers = made.headers().clone();
        let led = leader.returns(Ok(made)).unwrap();
        assert_eq!((led.headers(), led.version()), (&own_headers, Version::HTTP_10));
        assert!(led.extensions().get::<NoteOfTheServer>().is_some());
        let late = call(&pages, get("/"), page("not run"));
        let followed = follower.join_unrun().unwrap();
        assert!(!followed.headers().contains_key("age") && late.headers()["age"] == "0");
        for other in [followed, late] {
            assert_eq!((other.status().as_u16(), other.version()), (404, Version::HTTP_11));
            let mut names: Vec<_> = other.headers().keys().map(|name| name.as_str()).collect();
            names.retain(|name| *name != "age");
            assert_eq!(names, ["x-page"]);
            let values: Vec<_> = other.headers().get_all("x-page").iter().collect();
            assert_eq!(values, ["1", "2"]);
            assert!(other.extensions().get::<NoteOfTheServer>().is_none());
            assert_eq!(other.extensions().len(), 1, "but how it was served (H53)");
            assert_eq!(text(other), "hello");
        }
    });
}

#[test]
fn what_one_client_does_with_its_response_is_not_seen_by_another() {
    watched(|| {
        let pages = pages(with_window(Duration::MAX));
        let mut first = call(&pages, get("/"), page("hello"));
        first.headers_mut().insert("x-mine", "1".parse().unwrap());
        assert_eq!(text(first), "hello");
        let mut second = call(&pages, get("/"), page("not run"));
        assert!(!second.headers().contains_key("x-mine"));
        second.headers_mut().insert("set-cookie", "id=1".parse().unwrap());
        let third = call(&pages, get("/"), page("not run"));
        assert!(!third.headers().contains_key("set-cookie"));
        assert_eq!(text(third), "hello");
    });
}

#[test]
fn a_late_client_is_told_how_old_its_page_is() {
    watched(|| {
        let clock = ManualClock::new();
        let settings = Settings::new().window(Duration::from_secs(60)).clock(clock.clone());
        let pages = pages(with(settings));
        call(&pages, get("/"), page("hello"));
        call(&pages, get("/aged"), page_with("hello", "age", "100"));
        clock.advance(Duration::from_millis(2_999));
        assert_eq!(call(&pages, get("/"), page("not run")).headers()["age"], "2");
        assert_eq!(call(&pages, get("/aged"), page("not run")).headers()["age"], "102");
        clock.advance(Duration::from_secs(57));
        assert_eq!(call(&pages, get("/"), page("not run")).headers()["age"], "59");
        clock.advance(MS);
        assert_eq!(text(call(&pages, get("/"), page("anew"))), "anew");
    });
}

#[test]
fn the_window_is_100_ms_unless_told_otherwise() {
    watched(|| {
        let clock = ManualClock::new();
        let pages = pages(with(Settings::new().clock(clock.clone())));
        call(&pages, get("/"), page("one"));
        clock.advance(99 * MS);
        assert_eq!(text(call(&pages, get("/"), page("two"))), "one");
        clock.advance(MS);
        assert_eq!(text(call(&pages, get("/"), page("two"))), "two");
    });
}

#[test]
fn requests_that_are_passed_through_run_at_the_same_time_and_share_nothing() {
    watched(|| {
        let pages = pages(with_window(Duration::MAX));
        let post = || Request::post("/");
        let (first, second) = (lead(&pages, post()), lead(&pages, post()));
        let shared = lead(&pages, get("/"));
        assert_eq!(followers(&pages), 0);
        assert_eq!(text(first.returns(Ok(page("1"))).unwrap()), "1");
        assert_eq!(text(second.returns(Ok(page("2"))).unwrap()), "2");
        assert_eq!(text(shared.returns(Ok(page("3"))).unwrap()), "3");
        assert_eq!(text(call(&pages, post(), page("4"))), "4");
        assert_eq!(pages.stats().passed_through_for(PassThrough::Method), 3);
    });
}

#[test]
fn head_and_get_are_two_flights() {
    watched(|| {
        let pages = pages(with_window(Duration::MAX));
        let get_leads = lead(&pages, get("/"));
        let head_leads = lead(&pages, Request::head("/"));
        assert_eq!(text(head_leads.returns(Ok(page(""))).unwrap()), "");
        assert_eq!(text(get_leads.returns(Ok(page("hello"))).unwrap()), "hello");
    });
}

#[test]
fn a_response_that_may_not_be_shared_is_one_run_for_each_all_at_once() {
    watched(|| {
        let pages = pages(with_window(Duration::MAX));
        let leader = lead(&pages, get("/"));
        let waiting = follow(&pages, || get("/"), 3);
        let mine = page_with("leader", "set-cookie", "id=0");
        let led = leader.returns(Ok(mine)).unwrap();
        assert_eq!(led.headers()["set-cookie"], "id=0");
        assert_eq!(text(led), "leader");
        // All followers run their handlers before one of them returns.
        let running: Vec<_> = waiting.into_iter().map(|follower| follower.begun()).collect();
        for (number, follower) in running.into_iter().enumerate() {
            let cookie = format!("id={}", number + 1);
            let own = page_with("follower", "set-cookie", &cookie);
            let response = follower.returns(Ok(own)).unwrap();
            assert_eq!(response.headers()["set-cookie"], cookie.as_str());
            assert_eq!(text(response), "follower");
        }
        // The window retains no follower's page either.
        assert_eq!(text(call(&pages, get("/"), page("later"))), "later");
        let stats = pages.stats();
        assert_eq!((stats.unshared, stats.unshared_for(Unshared::SetCookie)), (4, 4));
        assert_eq!(stats.flights.coalesced_requests, 0);
    });
}

#[test]
fn an_error_page_goes_to_those_who_waited_and_to_nobody_later() {
    watched(|| {
        let pages = pages(with_window(Duration::MAX));
        let leader = lead(&pages, get("/"));
        let follower = follow(&pages, || get("/"), 1).remove(0);
        let mut busy = page("busy");
        *busy.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        leader.returns(Ok(busy)).unwrap();
        let followed = follower.join_unrun().unwrap();
        assert_eq!((followed.status().as_u16(), text(followed)), (503, "busy".into()));
        assert_eq!(text(call(&pages, get("/"), page("well"))), "well");
        assert_eq!(text(call(&pages, get("/"), page("not run"))), "well");
        let stats = pages.stats();
        assert_eq!((stats.unkept, stats.unkept_for(Unkept::ServerError)), (1, 1));
        assert_eq!(stats.unkept_for(Unkept::NoCache), 0);
    });
}

#[test]
fn a_fresh_request_gets_nothing_that_was_begun_before_it() {
    watched(|| {
        let no_cache = || get("/").header("cache-control", "no-cache");
        let pages = pages(with_window(Duration::MAX));
        call(&pages, get("/"), page("1"));
        assert_eq!(text(call(&pages, no_cache(), page("2"))), "2");
        assert_eq!(text(call(&pages, get("/"), page("not run"))), "2");
        // Fresh requests that arrive during a run share the next run.
        let leader = lead(&pages, get("/other"));
        let fresh = [(); 3].map(|()| {
            let request = get("/other").header("cache-control", "no-cache");
            begin(&pages, request)
        });
        wait_until(|| followers(&pages) == 3);
        leader.returns(Ok(page("3"))).unwrap();
        let fresh = fresh.map(|call| call.ends(|| Ok(page("4"))));
        for call in fresh {
            let response = call.join().unwrap();
            assert!(!response.headers().contains_key("age"));
            assert_eq!(text(response), "4");
        }
        assert_eq!(pages.stats().flights.executed_requests, 4);
    });
}

#[test]
fn users_are_in_flights_of_their_own_if_the_key_has_their_credentials() {
    watched(|| {
        let layer =
            with_window(Duration::MAX).key_header("authorization").key_principal(|request| {
                let user = request.headers.get("authorization")?;
                user.to_str().ok().map(str::to_owned)
            });
        let pages = pages(layer);
        let user = |name: &'static str| move || get("/me").header("authorization", name);
        let private = |text| page_with(text, "cache-control", "private");
        let (ada, bob) = (lead(&pages, user("ada")()), lead(&pages, user("bob")()));
        let ada_again = follow(&pages, user("ada"), 1).remove(0);
        assert_eq!(text(bob.returns(Ok(private("for bob"))).unwrap()), "for bob");
        assert_eq!(text(ada.returns(Ok(private("for ada"))).unwrap()), "for ada");
        assert_eq!(text(ada_again.join_unrun().unwrap()), "for ada");
        assert_eq!(text(call(&pages, user("bob")(), page("not run"))), "for bob");
        // A request without credentials gets none of these pages.
        assert_eq!(text(call(&pages, get("/me"), page("who?"))), "who?");
    });
}

#[test]
fn what_is_kept_is_bounded() {
    watched(|| {
        let kept = |layer: CoalesceLayer| {
            let pages = pages(layer);
            for number in 0..300 {
                call(&pages, get(&format!("/{number}")), page("hello"));
            }
            pages.forget_all()
        };
        let endless = Settings::new().window(Duration::MAX);
        assert_eq!(kept(with(endless.clone())), 256);
        assert_eq!(kept(with(endless.clone().max_retained(2))), 2);
        assert_eq!(kept(with(endless.clone().max_retained(usize::MAX))), 300);
        assert_eq!(kept(with(endless).max_body(4)), 0);
    });
}

#[test]
fn the_settings_of_the_flights_are_passed_on() {
    watched(|| {
        let pages = pages(
            with(Settings::new().window(Duration::MAX).max_requests(2))
                .name("pages")
                .key_part(|request| request.uri.query().map(str::to_owned))
                .scheme(http::uri::Scheme::HTTPS)
                .should_coalesce(|request| request.uri.path() != "/live"),
        );
        assert_eq!(pages.name(), Some("pages"));
        for _ in 0..4 {
            call(&pages, get("/"), page("hello"));
        }
        assert_eq!(pages.stats().flights.executed_requests, 2);
        call(&pages, get("/live"), page("hello"));
        assert_eq!(pages.stats().passed_through_for(PassThrough::Declined), 1);
        let leader = lead(&pages, get("/a").header("host", "a"));
        assert_eq!(pages.in_flight()[0].key.to_string(), "GET https://a/a");
        leader.returns(Ok(page(""))).unwrap();
    });
}

#[test]
fn a_handler_that_is_too_old_takes_nobody_on() {
    watched(|| {
        let clock = ManualClock::new();
        let pages = pages(with(Settings::new().max_join_age(MS).clock(clock.clone())));
        let old = lead(&pages, get("/"));
        clock.advance(MS);
        let young = lead(&pages, get("/"));
        assert_eq!(text(young.returns(Ok(page("young"))).unwrap()), "young");
        assert_eq!(text(old.returns(Ok(page("old"))).unwrap()), "old");
    });
}

#[test]
fn a_stuck_handler_is_taken_over_from_by_as_many_as_are_allowed() {
    watched(|| {
        let clock = ManualClock::new();
        let settings = Settings::new().leader_timeout(MS).max_leaders(3).clock(clock.clone());
        let pages = pages(with(settings));
        let stuck = lead(&pages, get("/"));
        clock.advance(MS);
        let second = lead(&pages, get("/"));
        clock.advance(MS);
        let third = lead(&pages, get("/"));
        clock.advance(MS);
        let waiting = follow(&pages, || get("/"), 1).remove(0);
        assert_eq!(text(third.returns(Ok(page("third"))).unwrap()), "third");
        assert_eq!(text(waiting.join_unrun().unwrap()), "third");
        // Each leader gets the page of its own handler.
        assert_eq!(text(second.returns(Ok(page("second"))).unwrap()), "second");
        assert_eq!(text(stuck.returns(Ok(page("stuck"))).unwrap()), "stuck");
    });
}

#[test]
fn a_forgotten_page_is_made_anew() {
    watched(|| {
        // The key must come from this layer's gates, because they know the field of the tenant.
        let layer = with_window(Duration::MAX).key_header("x-tenant");
        let pages = pages(layer);
        let get = |path: &'static str| get(path).header("x-tenant", "acme");
        let request = |path| get(path).body(()).unwrap().into_parts().0;
        let key = |path| match pages.gates().request(&request(path)) {
            coalescer_http::RequestVerdict::Shared(key) => key,
            other => panic!("{other:?}"),
        };
        call(&pages, get("/a"), page("old"));
        call(&pages, get("/b"), page("old"));
        assert!(pages.forget(&key("/a")));
        assert!(!pages.forget(&key("/c")));
        assert_eq!(text(call(&pages, get("/a"), page("new"))), "new");
        assert_eq!(pages.forget_all(), 2);
        assert_eq!(text(call(&pages, get("/b"), page("new"))), "new");
    });
}

#[test]
fn a_handler_that_asks_for_its_own_page_is_refused_or_runs_alone() {
    watched(|| {
        let inner_answer = |layer: CoalesceLayer| {
            let pages = pages(layer);
            let outer = lead(&pages, get("/"));
            let handle = pages.clone();
            let answer = outer.ends(move || {
                let inner = handle.call(scripted(get("/"), || Ok(page("inner"))));
                inner.map_err(|_| "refused".into())
            });
            answer.join().unwrap()
        };
        let refused = inner_answer(CoalesceLayer::new());
        assert_eq!((refused.status().as_u16(), text(refused)), (500, String::new()));
        let alone = inner_answer(with(Settings::new().on_deadlock(OnDeadlock::Bypass)));
        assert_eq!(text(alone), "inner");
    });
}

#[test]
fn every_request_is_counted_once_and_every_reason_is_told() {
    watched(|| {
        let pages = pages(with_window(Duration::MAX));
        let requests: [Builder; 4] =
            [Request::post("/"), get("/").header("cookie", "a"), get("/"), get("/")];
        for request in requests {
            call(&pages, request, page("hello"));
        }
        call(&pages, get("/login"), page_with("hello", "set-cookie", "a"));
        let stats = pages.stats();
        assert_eq!((stats.total_requests(), stats.passed_through), (5, 2));
        assert_eq!((stats.flights.total_requests, stats.flights.late), (3, 1));
        let line = stats.to_string();
        assert!(line.starts_with("5 requests, 2 passed through; 3 calls, 2 executed, 1 coalesced"));
        let reasons = "; passed through for method: 1; passed through for credentials: 1; \
                       unshared for set-cookie: 1";
        assert!(line.ends_with(reasons), "{line}");
        #[cfg(feature = "serde")]
        {
            let json = serde_json::to_value(&stats).unwrap();
            assert_eq!((&json["total_requests"], &json["unshared"]), (&5.into(), &1.into()));
            assert_eq!(json["reasons"]["passed through: credentials"], 1);
            assert_eq!(json["flights"]["late"], 1);
        }
    });
}

#[test]
fn debug_shows_the_settings_and_counters() {
    let layer = CoalesceLayer::new().name("pages").max_body(7);
    assert!(format!("{layer:?}").contains("max_body: 7"));
    let pages = pages(layer);
    let shown = format!("{pages:?}");
    assert!(shown.contains("pages") && shown.contains("passed_through"), "{shown}");
}
