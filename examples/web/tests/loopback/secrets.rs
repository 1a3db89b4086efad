//! A response for one user never reaches another.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use coalescer_http::{Body, CoalesceLayer, PassThrough, Settings, Unshared};
use http::{Request, Response};

use crate::support::{all_at_once, get, page, start, wait_until, watched};

/// A page about the user, without `Cache-Control: private`.
fn about(request: &Request<Vec<u8>>) -> Response<Body> {
    let who =
        ["authorization", "cookie"].into_iter().filter_map(|name| request.headers().get(name));
    let who: Vec<_> = who.map(|value| value.to_str().unwrap()).collect();
    page(format!("for {}", who.join(" and ")))
}

#[test]
fn two_concurrent_users_never_see_each_others_page() {
    // The barrier opens when both handlers run, so neither request waits for the other.
    for name in ["authorization", "cookie"] {
        watched(move || {
            let together = Barrier::new(2);
            let layer = CoalesceLayer::new().settings(Settings::new().window(Duration::MAX));
            let (address, watch) = start(layer, move |_, request| {
                together.wait();
                about(request)
            });
            let users = ["ada", "bob"];
            for fields in [&[][..], &[("cache-control", "no-cache")]] {
                let got = all_at_once(2, move |user| {
                    let mut fields = fields.to_vec();
                    fields.push((name, users[user]));
                    get(address, "/me", &fields).text
                });
                assert_eq!(got, ["for ada", "for bob"]);
            }
            assert_eq!(watch.stats().passed_through_for(PassThrough::Credentials), 4);
        });
    }
}

#[test]
fn two_users_one_after_the_other_never_see_each_others_page() {
    watched(|| {
        let layer = CoalesceLayer::new().settings(Settings::new().window(Duration::MAX));
        let (address, _) = start(layer, |_, request| about(request));
        assert_eq!(get(address, "/me", &[]).text, "for ");
        for _ in 0..2 {
            for name in ["authorization", "cookie"] {
                for user in ["ada", "bob"] {
                    assert_eq!(get(address, "/me", &[(name, user)]).text, format!("for {user}"));
                }
            }
        }
        assert_eq!(get(address, "/me", &[]).text, "for ");
    });
}

#[test]
fn with_the_cookie_in_the_key_requests_of_the_same_user_share() {
    watched(|| {
        let layer = CoalesceLayer::new()
            .settings(Settings::new().window(Duration::ZERO))
            .key_header("cookie");
        let (address, watch) = start(layer, |watch, request| {
            // One leader for each of two users, and three followers behind each.
            wait_until(|| watch.stats().flights.total_requests == 8);
            about(request)
        });
        let got = all_at_once(8, move |number| {
            let user = ["ada", "bob"][number % 2];
            (user, get(address, "/me", &[("cookie", user)]).text)
        });
        for (user, text) in got {
            assert_eq!(text, format!("for {user}"));
        }
        let flights = watch.stats().flights;
        assert_eq!((flights.executed_requests, flights.followers), (2, 6));
        // A request with both headers is not identified by one of them.
        let both = [("cookie", "ada"), ("authorization", "bob")];
        assert_eq!(get(address, "/me", &both).text, "for bob and ada");
        assert_eq!(watch.stats().passed_through_for(PassThrough::Credentials), 1);
    });
}

#[test]
fn a_cookie_that_is_set_never_reaches_a_second_client() {
    watched(|| {
        let runs = AtomicUsize::new(0);
        let layer = CoalesceLayer::new().settings(Settings::new().window(Duration::MAX));
        let (address, watch) = start(layer, move |watch, _| {
            let run = runs.fetch_add(1, Ordering::SeqCst);
            if run == 0 {
                wait_until(|| watch.followers() == 7);
            }
            let made = Response::builder().header("set-cookie", format!("id={run}"));
            made.body(Body::from(format!("hello {run}"))).unwrap()
        });
        let mut got = all_at_once(8, move |_| get(address, "/", &[]));
        got.push(get(address, "/", &[]));
        let cookies: BTreeSet<_> = got
            .iter()
            .map(|got| {
                let cookies: Vec<_> = got.headers.get_all("set-cookie").iter().collect();
                let [cookie] = cookies[..] else { panic!("{cookies:?}") };
                let id = cookie.to_str().unwrap().strip_prefix("id=").unwrap();
                assert_eq!(got.text, format!("hello {id}"));
                id.to_owned()
            })
            .collect();
        assert_eq!(cookies.len(), 9, "two clients got the same cookie");
        let stats = watch.stats();
        assert_eq!(stats.unshared_for(Unshared::SetCookie), 8);
        assert_eq!(stats.passed_through_for(PassThrough::Remembered), 1, "the last one");
    });
}

#[test]
fn a_private_page_never_reaches_a_second_client() {
    watched(|| {
        let runs = AtomicUsize::new(0);
        let layer = CoalesceLayer::new().settings(Settings::new().window(Duration::MAX));
        let (address, _) = start(layer, move |watch, _| {
            let run = runs.fetch_add(1, Ordering::SeqCst);
            if run == 0 {
                wait_until(|| watch.followers() == 3);
            }
            let made = Response::builder().header("cache-control", "private");
            made.body(Body::from(run.to_string())).unwrap()
        });
        let mut got = all_at_once(4, move |_| get(address, "/", &[]).text);
        got.push(get(address, "/", &[]).text);
        let different: BTreeSet<_> = got.iter().collect();
        assert_eq!(different.len(), 5, "{got:?}");
    });
}

#[test]
fn headers_of_the_leaders_connection_reach_only_the_leader() {
    watched(|| {
        let layer = CoalesceLayer::new().settings(Settings::new().window(Duration::MAX));
        let (address, _) = start(layer, |watch, _| {
            wait_until(|| watch.followers() == 2);
            let made = Response::builder()
                .header("connection", "x-hop")
                .header("x-hop", "mine")
                .header("x-end", "all");
            made.body(Body::empty()).unwrap()
        });
        let mut got = all_at_once(3, move |_| get(address, "/", &[]));
        got.push(get(address, "/", &[]));
        assert!(got.iter().all(|got| got.headers["x-end"] == "all"));
        let leaders = got.iter().filter(|got| got.headers.contains_key("x-hop"));
        assert_eq!(leaders.count(), 1);
    });
}
