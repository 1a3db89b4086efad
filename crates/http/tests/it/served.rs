//! Each response says how its request was answered (H53).

use std::time::Duration;

use coalescer::ManualClock;
use coalescer_http::{
    CoalesceLayer, PassThrough, Served, ServedReason, ServedRole, Settings, Unshared,
};
use http::Request;

use crate::stage::{
    Page, Scripted, call, follow, get, how, lead, page, page_with, pages, scripted, with,
    with_window,
};
use crate::support::{MS, watched};

const SECOND: Duration = Duration::from_secs(1);

fn served(page: &Page) -> Served {
    *page.extensions().get::<Served>().unwrap()
}

fn with_status(status: u16, name: &'static str, value: &str) -> Page {
    let mut page = page_with("page", name, value);
    *page.status_mut() = http::StatusCode::from_u16(status).unwrap();
    page
}

/// A layer with a window of a minute, and its clock.
fn by_clock(settings: Settings) -> (CoalesceLayer, ManualClock) {
    let clock = ManualClock::new();
    (with(settings.window(60 * SECOND).clock(clock.clone())), clock)
}

/// H53
#[test]
fn leader_follower_and_hit_are_told_apart_with_wait_and_age() {
    watched(|| {
        let (layer, clock) = by_clock(Settings::new());
        let pages = pages(layer);
        let leader = lead(&pages, get("/"));
        let follower = follow(&pages, || get("/"), 1).remove(0);
        clock.advance(2 * SECOND);
        let led = leader.returns(Ok(page("hello"))).unwrap();
        let followed = follower.join_unrun().unwrap();
        clock.advance(SECOND);
        let hit = call(&pages, get("/"), page("not run"));
        for (response, role, age, waited) in [
            (&led, ServedRole::Leader, None, 0),
            (&followed, ServedRole::Follower, None, 2),
            (&hit, ServedRole::Hit, Some(3 * SECOND), 0),
        ] {
            let served = served(response);
            assert_eq!((served.role(), served.reason(), served.age()), (role, None, age));
            assert_eq!(served.waited(), Some(waited * SECOND), "{role}");
        }
        assert_eq!(hit.headers()["age"], "3");
    });
}

/// H53
#[test]
fn a_leader_is_told_what_became_of_its_response() {
    watched(|| {
        let pages = pages(with_window(Duration::MAX));
        for (response, told) in [
            (page("page"), "leader"),
            (page_with("page", "cache-control", "max-age=5"), "leader"),
            (page_with("page", "set-cookie", "a=b"), "leader: set-cookie"),
            (page_with("page", "cache-control", "private"), "leader: private"),
            (page_with("page", "cache-control", "no-cache"), "leader: no-cache"),
            (with_status(503, "x-page", "1"), "leader: 5xx"),
            (with_status(401, "x-page", "1"), "leader: 401, 403, 407 or 429"),
        ] {
            assert_eq!(how(&call(&pages, get("/"), response)), told);
            pages.forget_all();
        }
    });
}

/// H53: who runs the handler because the page that it waited for was not for it, leads, and has waited.
#[test]
fn who_waited_for_a_page_of_another_one_leads_and_has_waited() {
    watched(|| {
        let (layer, clock) = by_clock(Settings::new());
        let pages = pages(layer);
        let leader = lead(&pages, get("/"));
        let follower = follow(&pages, || get("/"), 1).remove(0);
        clock.advance(SECOND);
        leader.returns(Ok(page_with("of the leader", "set-cookie", "a=b"))).unwrap();
        let own = follower.returns(Ok(page_with("own", "cache-control", "no-store"))).unwrap();
        assert_eq!(how(&own), "leader: no-store");
        assert_eq!(served(&own).waited(), Some(SECOND));
    });
}

/// H53
#[test]
fn a_request_that_is_passed_through_is_told_why() {
    watched(|| {
        let pages = pages(CoalesceLayer::new());
        for (request, told) in [
            (Request::post("/"), PassThrough::Method),
            (get("/").header("cookie", "a=b"), PassThrough::Credentials),
            (get("/").header("cache-control", "no-store"), PassThrough::NoStore),
        ] {
            let response = call(&pages, request, page("own"));
            let served = served(&response);
            assert_eq!(served.role(), ServedRole::PassedThrough);
            assert_eq!(served.reason(), Some(ServedReason::PassThrough(told)));
            assert_eq!((served.age(), served.waited()), (None, Some(Duration::ZERO)));
        }
    });
}

/// H53
#[test]
fn a_page_past_its_lifetime_says_so_and_the_request_that_makes_it_anew_too() {
    watched(|| {
        let (layer, clock) = by_clock(Settings::new());
        let pages = pages(layer);
        let of_ten = || page_with("page", "cache-control", "max-age=10, stale-while-revalidate=40");
        assert_eq!(how(&call(&pages, get("/"), of_ten())), "leader");
        clock.advance(10 * SECOND);
        let renews = lead(&pages, get("/"));
        clock.advance(SECOND);
        let stale = call(&pages, get("/"), page("not run"));
        assert_eq!(how(&stale), "stale");
        assert_eq!(
            (served(&stale).age(), &stale.headers()["age"]),
            (Some(11 * SECOND), &"11".parse().unwrap())
        );
        let renewed = renews.returns(Ok(of_ten())).unwrap();
        assert_eq!((how(&renewed), served(&renewed).age()), ("revalidation".into(), None));
        assert_eq!(how(&call(&pages, get("/"), page("not run"))), "hit");
        clock.advance(10 * SECOND);
        let own = page_with("own", "set-cookie", "a=b");
        assert_eq!(how(&call(&pages, get("/"), own)), "revalidation: set-cookie");
        clock.advance(SECOND);
        let renews = lead(&pages, get("/"));
        clock.advance(SECOND);
        let failed = renews.returns(Err("down".into())).unwrap();
        assert_eq!(how(&failed), "stale: error");
        assert_eq!(served(&failed).age().map(|age| age.as_secs()), Some(13));
        clock.advance(20 * SECOND);
        let busy = with_status(503, "cache-control", "no-cache");
        assert_eq!(how(&call(&pages, get("/"), busy)), "stale: no-cache");
    });
}

/// H53: it waits for a run that is young enough.
#[test]
fn a_revalidation_that_waited_for_another_run_has_waited() {
    watched(|| {
        let (layer, clock) = by_clock(Settings::new());
        let pages = pages(layer);
        let of_ten = || page_with("page", "cache-control", "max-age=10, stale-while-revalidate=20");
        call(&pages, get("/"), of_ten());
        clock.advance(10 * SECOND);
        let fresh = lead(&pages, get("/").header("cache-control", "no-cache"));
        let renews = follow(&pages, || get("/"), 1).remove(0);
        clock.advance(SECOND);
        assert_eq!(how(&fresh.returns(Ok(of_ten())).unwrap()), "leader");
        let renewed = renews.join_unrun().unwrap();
        assert_eq!(
            (how(&renewed), served(&renewed).waited()),
            ("revalidation".into(), Some(SECOND))
        );
    });
}

/// H53
#[test]
fn a_request_that_waited_in_vain_is_told_why() {
    watched(|| {
        let pages = pages(with_window(Duration::MAX));
        let leader = lead(&pages, get("/"));
        let follower = follow(&pages, || get("/"), 1).remove(0);
        leader.panics(|| panic!("on purpose"));
        let own = follower.returns(Ok(page("own"))).unwrap();
        assert_eq!((how(&own), served(&own).waited()), ("alone: panic".into(), None));
    });
}

/// H53
#[test]
fn a_request_that_the_flights_refuse_is_told_why() {
    watched(|| {
        let (layer, clock) = by_clock(Settings::new().max_wait(MS).max_followers(1));
        let pages = pages(layer);
        let leader = lead(&pages, get("/"));
        let follower = follow(&pages, || get("/"), 1).remove(0);
        let refused = call(&pages, get("/"), page("not run"));
        assert_eq!((how(&refused), refused.status().as_u16()), ("refused: overloaded".into(), 503));
        clock.advance(MS);
        let timed_out = follower.join_unrun().unwrap();
        assert_eq!(how(&timed_out), "refused: timed out");
        assert_eq!(served(&timed_out).waited(), Some(MS));
        let inner = pages.clone();
        let own = pages
            .call(scripted(get("/loop"), move || Ok(call(&inner, get("/loop"), page("not run")))));
        let own = own.unwrap();
        assert_eq!((how(&own), own.status().as_u16()), ("leader: no-store".into(), 500));
        leader.returns(Ok(page("hello"))).unwrap();
    });
}

/// H53: an answer of a layer inside the handler tells how the outer layer has answered, and is told to nobody else.
#[test]
fn the_outer_of_two_layers_has_the_word() {
    watched(|| {
        let inner = pages(with_window(Duration::MAX));
        let ask = inner.clone();
        let outer = with_window(Duration::MAX).layer(move |request: Scripted| ask.call(request));
        let ask =
            |path: &str, then: Page| outer.call(scripted(get(path), move || Ok(then))).unwrap();
        assert_eq!(how(&ask("/", page("page"))), "leader");
        outer.forget_all();
        assert_eq!(how(&ask("/", page("not run"))), "leader", "a hit of the inner one");
        assert_eq!(how(&ask("/", page("not run"))), "hit");
        assert_eq!(how(&ask("/", page("not run"))), "hit");
    });
}

/// H53: the responses say what the counters count.
#[test]
fn the_roles_of_the_responses_add_up_to_the_counters() {
    watched(|| {
        let (layer, clock) = by_clock(Settings::new().max_wait(SECOND));
        let pages = pages(layer);
        let mut responses = vec![call(&pages, Request::post("/"), page("own"))];
        for text in ["x", "y"] {
            responses.push(call(
                &pages,
                get("/"),
                page_with(text, "cache-control", "max-age=5, stale-while-revalidate=5"),
            ));
        }
        clock.advance(5 * SECOND);
        let renews = lead(&pages, get("/"));
        responses.push(call(&pages, get("/"), page("not run")));
        responses.push(renews.returns(Ok(page("new"))).unwrap());
        let slow = lead(&pages, get("/slow"));
        let waiting = follow(&pages, || get("/slow"), 3);
        clock.advance(SECOND);
        responses.extend(waiting.into_iter().map(|call| call.join_unrun().unwrap()));
        let waiting = follow(&pages, || get("/slow"), 2);
        responses.push(slow.returns(Ok(page_with("own", "set-cookie", "a=b"))).unwrap());
        for call in waiting {
            responses.push(call.returns(Ok(page_with("own", "set-cookie", "a=b"))).unwrap());
        }
        let bad = lead(&pages, get("/bad"));
        let waiting = follow(&pages, || get("/bad"), 2);
        bad.panics(|| panic!("on purpose"));
        for call in waiting {
            responses.push(call.returns(Ok(page("own"))).unwrap());
        }
        let good = lead(&pages, get("/good"));
        let waiting = follow(&pages, || get("/good"), 2);
        responses.push(good.returns(Ok(page("good"))).unwrap());
        responses.extend(waiting.into_iter().map(|call| call.join_unrun().unwrap()));

        let count =
            |role| responses.iter().filter(|page| served(page).role() == role).count() as u64;
        let stats = pages.stats();
        assert_eq!(count(ServedRole::PassedThrough), stats.passed_through);
        assert_eq!(count(ServedRole::Stale), stats.stale);
        assert_eq!(
            count(ServedRole::Revalidation),
            stats.revalidations - stats.revalidation_failures
        );
        assert_eq!(count(ServedRole::Alone), stats.alone);
        assert_eq!(count(ServedRole::Refused), stats.flights.timed_out);
        // A revalidation has led, and found a page before. So has a stale response.
        let led = stats.flights.executed_requests - stats.revalidations - stats.flights.panicked;
        assert_eq!(count(ServedRole::Leader), led);
        assert_eq!(count(ServedRole::Hit), stats.flights.late - stats.stale - stats.revalidations);
        assert_eq!(count(ServedRole::Follower), stats.flights.followers - stats.alone);
        let is_unshared = |page: &&Page| {
            matches!(served(page).reason(), Some(ServedReason::Unshared(Unshared::SetCookie)))
        };
        assert_eq!(responses.iter().filter(is_unshared).count() as u64, stats.unshared);
        // A revalidation is two calls of the flights, and a panic is no response.
        let all = stats.total_requests() - stats.revalidations - stats.flights.panicked;
        assert_eq!(responses.len() as u64, all);
    });
}

#[cfg(feature = "serde")]
#[test]
fn a_log_of_json_has_role_reason_age_and_wait() {
    watched(|| {
        let (layer, clock) = by_clock(Settings::new());
        let pages = pages(layer);
        let json = |page: &Page| serde_json::to_string(&served(page)).unwrap();
        let led = call(&pages, get("/"), page("page"));
        assert_eq!(
            json(&led),
            r#"{"role":"leader","reason":null,"age_seconds":null,"waited_seconds":0.0}"#
        );
        clock.advance(1500 * MS);
        let hit = call(&pages, get("/"), page("not run"));
        assert_eq!(
            json(&hit),
            r#"{"role":"hit","reason":null,"age_seconds":1.5,"waited_seconds":0.0}"#
        );
        let passed = call(&pages, Request::post("/"), page("own"));
        assert!(json(&passed).starts_with(r#"{"role":"passed through","reason":"method","#));
    });
}
