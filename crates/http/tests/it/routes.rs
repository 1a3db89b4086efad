//! Counters by route (H58).

use std::time::Duration;

use coalescer::ManualClock;
use coalescer_http::{AfterWait, CoalesceLayer, RouteStats, Settings};
use http::{Request, request};

use crate::stage::{Pages, call, follow, get, lead, page, page_with, pages, scripted, with};
use crate::support::watched;

const SECOND: Duration = Duration::from_secs(1);

/// The first part of the path.
fn route(request: &request::Parts) -> Option<String> {
    let part = request.uri.path().split('/').nth(1)?;
    (!part.is_empty()).then(|| part.to_owned())
}

fn of(pages: &Pages, name: &str) -> RouteStats {
    let stats = pages.stats_by_route();
    stats.into_iter().find(|stats| stats.route == name).unwrap()
}

/// H58: each end of a request is counted once, and for its own route.
#[test]
fn requests_are_counted_by_their_route_and_by_how_they_end() {
    watched(|| {
        let clock = ManualClock::new();
        let settings = Settings::new().window(60 * SECOND).max_wait(10 * SECOND);
        let layer = with(settings.clock(clock.clone())).on_timeout(AfterWait::Respond);
        let pages = pages(layer.route_by(route));
        let times = "max-age=5, stale-while-revalidate=50";
        call(&pages, get("/a/1"), page_with("old", "cache-control", times));
        call(&pages, get("/a/1"), page("not run"));
        call(&pages, Request::post("/a/2"), page("own"));
        clock.advance(5 * SECOND);
        let renews = lead(&pages, get("/a/1"));
        call(&pages, get("/a/1"), page("not run"));
        renews.returns(Ok(page_with("own", "set-cookie", "a=b"))).unwrap();
        let leader = lead(&pages, get("/b/1"));
        let waiting = follow(&pages, || get("/b/1"), 2);
        assert_eq!(of(&pages, "b").requests, 3, "they have no answer yet");
        leader.panics(|| panic!("on purpose"));
        for call in waiting {
            call.returns(Ok(page("own"))).unwrap();
        }
        let leader = lead(&pages, get("/b/2"));
        let waiting = follow(&pages, || get("/b/2"), 2);
        leader.returns(Ok(page("shared"))).unwrap();
        for call in waiting {
            call.join_unrun().unwrap();
        }
        let leader = lead(&pages, get("/b/3"));
        let refused = follow(&pages, || get("/b/3"), 1).remove(0);
        clock.advance(10 * SECOND);
        refused.join_unrun().unwrap();
        leader.returns(Err("down".into())).unwrap_err();
        call(&pages, get("/"), page("at the root"));

        let a = of(&pages, "a");
        assert_eq!((a.requests, a.leaders, a.hits, a.passed_through), (5, 1, 1, 1));
        assert_eq!((a.stale, a.revalidations, a.unshared), (1, 1, 1));
        let b = of(&pages, "b");
        assert_eq!((b.requests, b.leaders, b.followers, b.alone), (8, 1, 2, 2));
        assert_eq!((b.refused, b.failed, b.unanswered, b.unshared), (1, 1, 1, 0));
        let other = of(&pages, "other");
        assert_eq!((other.requests, other.leaders), (1, 1));
        let names: Vec<_> = pages.stats_by_route().into_iter().map(|stats| stats.route).collect();
        assert_eq!(names, ["a", "b", "other"]);
    });
}

/// H58: the counters of all routes add up to those of the layer.
#[test]
fn the_counters_of_the_routes_add_up_to_those_of_the_layer() {
    watched(|| {
        let pages = pages(CoalesceLayer::new().route_by(route));
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let pages = pages.clone();
                std::thread::spawn(move || {
                    for number in 0..500 {
                        let path = format!("/{}/{}", number % 7, number % 13);
                        let own = number % 5 == 0;
                        let method = if number % 3 == 0 { "POST" } else { "GET" };
                        let request = Request::builder().method(method).uri(path);
                        let _ = pages.call(scripted(request, move || match (thread, own) {
                            (0, true) => Err("down".to_owned()),
                            (_, true) => Ok(page_with("own", "set-cookie", "a=b")),
                            _ => Ok(page("page")),
                        }));
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let (routes, stats) = (pages.stats_by_route(), pages.stats());
        let sum = |read: fn(&RouteStats) -> u64| routes.iter().map(read).sum::<u64>();
        assert_eq!(routes.len(), 7);
        assert_eq!(sum(|route| route.requests), 8 * 500);
        assert_eq!(sum(|route| route.requests), stats.total_requests());
        let ended = |route: &RouteStats| {
            let ran = route.passed_through + route.leaders + route.failed;
            ran + route.followers + route.hits == route.requests
        };
        assert!(routes.iter().all(ended), "{routes:?}");
        // A request of these that failed is in `failed`.
        let failed = sum(|route| route.failed);
        assert!(sum(|route| route.passed_through) <= stats.passed_through);
        assert!(sum(|route| route.passed_through) + failed >= stats.passed_through);
        assert_eq!(sum(|route| route.hits), stats.flights.late);
        assert_eq!(sum(|route| route.followers), stats.flights.followers);
        let unshared = stats.unshared - stats.unshared_for(coalescer_http::Unshared::Failed);
        assert_eq!(sum(|route| route.unshared), unshared);
    });
}

/// H58: a client that makes up paths makes no counters.
#[test]
fn a_client_cannot_make_the_counters_grow() {
    watched(|| {
        let pages = pages(CoalesceLayer::new().route_by(route));
        for number in 0..3000 {
            call(&pages, Request::post(format!("/{number}")), page("own"));
        }
        let stats = pages.stats_by_route();
        assert_eq!(stats.len(), 1001);
        assert_eq!(
            stats.last().map(|other| (&*other.route, other.requests)),
            Some(("other", 2000))
        );
    });
}

#[test]
fn a_layer_without_routes_has_no_counters_of_routes() {
    let pages = pages(CoalesceLayer::new());
    call(&pages, get("/"), page("hello"));
    assert!(pages.stats_by_route().is_empty());
}

/// H58
#[test]
fn a_panic_of_the_function_for_routes_harms_nobody() {
    watched(|| {
        let pages = pages(CoalesceLayer::new().route_by(|request| {
            assert!(request.uri.path() != "/bad", "no such route");
            Some("good")
        }));
        let ask = |path: &'static str| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                call(&pages, get(path), page("hello")).status()
            }))
        };
        assert!(ask("/bad").is_err());
        assert_eq!(ask("/").unwrap(), 200);
        assert_eq!(pages.stats_by_route().len(), 1);
        assert!(pages.in_flight().is_empty());
    });
}

#[cfg(feature = "serde")]
#[test]
fn a_status_page_has_the_routes_as_json() {
    watched(|| {
        let clock = ManualClock::new();
        let pages = pages(with(Settings::new().clock(clock.clone())).route_by(route));
        call(&pages, get("/a/1"), page("hello"));
        clock.advance(Duration::from_millis(1));
        call(&pages, get("/a/1"), page("not run"));
        let json = serde_json::to_value(pages.stats_by_route()).unwrap();
        assert_eq!((&json[0]["route"], &json[0]["requests"]), (&"a".into(), &2.into()));
        assert_eq!((&json[0]["leaders"], &json[0]["hits"]), (&1.into(), &1.into()));
    });
}
