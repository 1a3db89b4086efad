//! Requests that share a page, and requests that do not.

use std::io::{Cursor, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use coalescer_http::{Body, CoalesceLayer, Settings};
use http::{Method, Response};

use crate::support::{all_at_once, client, get, page, post, send, start, wait_until, watched};

#[test]
fn two_hundred_requests_for_one_slow_page_are_one_run_of_the_handler() {
    watched(|| {
        let runs = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&runs);
        let layer = CoalesceLayer::new().settings(Settings::new().window(Duration::ZERO));
        let (address, watch) = start(layer, move |watch, _| {
            counter.fetch_add(1, Ordering::SeqCst);
            wait_until(|| watch.followers() == 199);
            page("made once")
        });
        let got = all_at_once(200, move |_| get(address, "/slow?x=1", &[]));
        assert_eq!(got.len(), 200);
        for got in got {
            assert_eq!((got.status, got.text.as_str()), (200, "made once"));
        }
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        let flights = watch.stats().flights;
        assert_eq!((flights.executed_requests, flights.followers, flights.late), (1, 199, 0));
    });
}

#[test]
fn posts_are_never_coalesced() {
    watched(|| {
        // The barrier opens when eight handlers run at the same time.
        let (together, number) = (Barrier::new(8), AtomicUsize::new(0));
        let layer = CoalesceLayer::new().settings(Settings::new().window(Duration::MAX));
        let (address, watch) = start(layer, move |_, request| {
            assert_eq!((request.method(), request.body().as_slice()), (&Method::POST, &b"tea"[..]));
            together.wait();
            page(format!("order {}", number.fetch_add(1, Ordering::SeqCst)))
        });
        let mut orders: Vec<_> = all_at_once(8, move |_| post(address, "/orders", "tea").text);
        orders.sort();
        let expected: Vec<_> = (0..8).map(|number| format!("order {number}")).collect();
        assert_eq!(orders, expected);
        assert_eq!((watch.stats().passed_through, watch.stats().flights.total_requests), (8, 0));
    });
}

#[test]
fn a_kept_connection_serves_one_request_after_another() {
    watched(|| {
        let runs = AtomicUsize::new(0);
        let layer = CoalesceLayer::new().settings(Settings::new().window(Duration::MAX));
        let (address, watch) =
            start(layer, move |_, _| page(runs.fetch_add(1, Ordering::SeqCst).to_string()));
        let client = client();
        for _ in 0..3 {
            assert_eq!(send(&client, "GET", address, "/", &[], "").text, "0");
        }
        assert_eq!(send(&client, "POST", address, "/other", &[], "x").text, "1");
        assert_eq!(send(&client, "GET", address, "/", &[], "").text, "0");
        let fresh = [("cache-control", "no-cache")];
        assert_eq!(send(&client, "GET", address, "/", &fresh, "").text, "2");
        let late = send(&client, "GET", address, "/", &[], "");
        assert_eq!((late.text.as_str(), late.headers["age"].to_str().unwrap()), ("2", "0"));
        assert_eq!(watch.stats().flights.late, 4);
    });
}

#[test]
fn requests_that_differ_in_a_part_of_the_key_do_not_share() {
    watched(|| {
        let layer = CoalesceLayer::new()
            .settings(Settings::new().window(Duration::MAX))
            .key_header("x-tenant");
        let (address, watch) = start(layer, |_, request| {
            let said = |name: &str| match request.headers().get(name) {
                Some(value) => value.to_str().unwrap().to_owned(),
                None => String::new(),
            };
            let uri = request.uri().path_and_query().unwrap();
            page(format!("{uri} {} {}", said("accept-language"), said("x-tenant")))
        });
        let requests =
            [("/a", "de", "x"), ("/a", "en", "x"), ("/a", "de", "y"), ("/a?b", "de", "x")];
        for _ in 0..2 {
            for (path, language, tenant) in requests {
                let fields = [("accept-language", language), ("x-tenant", tenant)];
                let expected = format!("{path} {language} {tenant}");
                assert_eq!(get(address, path, &fields).text, expected);
            }
        }
        let flights = watch.stats().flights;
        assert_eq!((flights.executed_requests, flights.late), (4, 4));
    });
}

#[test]
fn head_has_no_body_and_its_own_execution() {
    watched(|| {
        let layer = CoalesceLayer::new().settings(Settings::new().window(Duration::MAX));
        let (address, watch) = start(layer, |_, request| {
            let made = Response::builder().header("x-method", request.method().as_str());
            made.body(Body::from("hello")).unwrap()
        });
        for _ in 0..2 {
            let head = send(&client(), "HEAD", address, "/", &[], "");
            assert_eq!(
                (head.text.as_str(), head.headers["x-method"].to_str().unwrap()),
                ("", "HEAD")
            );
            let got = get(address, "/", &[]);
            assert_eq!(
                (got.text.as_str(), got.headers["x-method"].to_str().unwrap()),
                ("hello", "GET")
            );
        }
        assert_eq!(watch.stats().flights.executed_requests, 2);
    });
}

#[test]
fn each_client_of_a_stream_gets_its_own_run() {
    watched(|| {
        let runs = AtomicUsize::new(0);
        let (address, _) = start(
            CoalesceLayer::new().settings(Settings::new().window(Duration::MAX)),
            move |watch, _| {
                let run = runs.fetch_add(1, Ordering::SeqCst);
                if run == 0 {
                    wait_until(|| watch.followers() == 3);
                }
                let long = std::io::repeat(b'x').take(100_000);
                page(Body::stream(Cursor::new(run.to_string()).chain(long)))
            },
        );
        let got = all_at_once(4, move |_| get(address, "/", &[]));
        let mut runs: Vec<_> = got
            .iter()
            .map(|got| {
                assert_eq!(got.headers["transfer-encoding"], "chunked");
                got.text.trim_end_matches('x').to_owned()
            })
            .collect();
        runs.sort();
        assert_eq!(runs, ["0", "1", "2", "3"]);
        assert!(got.iter().all(|got| got.text.len() == 100_001));
    });
}

#[test]
fn all_clients_get_a_long_page_whole() {
    watched(|| {
        let (address, watch) = start(CoalesceLayer::new(), |watch, _| {
            wait_until(|| watch.followers() == 15);
            page(vec![b'x'; 1 << 20])
        });
        for got in all_at_once(16, move |_| get(address, "/", &[])) {
            assert_eq!(got.text.len(), 1 << 20);
            assert!(got.text.bytes().all(|byte| byte == b'x'));
        }
        assert_eq!(watch.stats().flights.executed_requests, 1);
    });
}
