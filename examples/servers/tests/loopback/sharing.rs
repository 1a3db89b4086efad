//! Who shares a page, and who does not.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use coalescer_http::{Body, CoalesceLayer, Settings};
use http::{Method, Response};

use crate::clients::{at_once, get, send, to};
use crate::support::Start;
use crate::watchdog::wait_until;

fn with_window(window: Duration) -> CoalesceLayer {
    CoalesceLayer::new().settings(Settings::new().window(window))
}

pub(crate) fn clients_at_once_are_one_run(start: Start) {
    let handler = |watch: &crate::support::Watch, request: http::Request<Vec<u8>>| {
        wait_until(|| watch.followers() == 19);
        Response::new(Body::from(format!("about {}", request.uri().path_and_query().unwrap())))
    };
    let (address, watch) = start(with_window(Duration::ZERO), Box::new(handler));
    for got in at_once(&watch, 20, move || get(address, "/slow?x=1&y=%20")) {
        assert_eq!((got.status, got.text.as_str()), (200, "about /slow?x=1&y=%20"));
    }
    let flights = watch.stats().flights;
    assert_eq!((flights.executed_requests, flights.followers, flights.late), (1, 19, 0));
}

pub(crate) fn a_cookie_reaches_its_own_client_alone(start: Start) {
    let runs = AtomicUsize::new(0);
    let (address, watch) = start(
        with_window(Duration::MAX),
        Box::new(move |watch, _| {
            let run = runs.fetch_add(1, Ordering::SeqCst);
            if run == 0 {
                wait_until(|| watch.followers() == 3);
            }
            let page = Response::builder()
                .header("set-cookie", format!("session={run}"))
                .header("set-cookie", format!("theme={run}"));
            page.body(Body::from(run.to_string())).unwrap()
        }),
    );
    let mut clients = BTreeSet::new();
    for got in at_once(&watch, 4, move || get(address, "/")) {
        let run = &got.text;
        assert_eq!(got.lines("set-cookie"), [format!("session={run}"), format!("theme={run}")]);
        clients.insert(run.clone());
    }
    assert_eq!(clients, ["0", "1", "2", "3"].map(String::from).into());
    assert_eq!(watch.stats().flights.late, 0);
}

pub(crate) fn a_later_client_gets_the_page_with_its_age(start: Start) {
    let runs = AtomicUsize::new(0);
    let (address, _) = start(
        with_window(Duration::MAX),
        Box::new(move |_, _| {
            Response::new(Body::from(runs.fetch_add(1, Ordering::SeqCst).to_string()))
        }),
    );
    let (first, later) = (get(address, "/"), get(address, "/"));
    assert_eq!((first.text.as_str(), first.lines("age")), ("0", vec![]));
    assert_eq!((later.text.as_str(), later.lines("age").len()), ("0", 1));
    assert_eq!(get(address, "/?other").text, "1");
}

pub(crate) fn a_write_reaches_the_handler_and_forgets_the_page(start: Start) {
    let runs = AtomicUsize::new(0);
    let (address, watch) = start(
        with_window(Duration::MAX),
        Box::new(move |_, request| {
            let run = runs.fetch_add(1, Ordering::SeqCst);
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            let body = String::from_utf8(request.into_body()).unwrap();
            Response::new(Body::from(format!("{run}: {method} {path} {body}")))
        }),
    );
    assert_eq!(get(address, "/orders").text, "0: GET /orders ");
    assert_eq!(get(address, "/orders").text, "0: GET /orders ");
    for (method, run) in [("POST", 1), ("PUT", 2)] {
        let write = send(to(address, method, "/orders").body("tea").unwrap());
        assert_eq!(write.text, format!("{run}: {method} /orders tea"));
    }
    assert_eq!(get(address, "/orders").text, "3: GET /orders ");
    assert_eq!(watch.stats().passed_through, 2);
}

pub(crate) fn head_has_no_body_and_its_own_run(start: Start) {
    let (address, watch) = start(
        with_window(Duration::MAX),
        Box::new(|_, request| {
            let text = if request.method() == Method::HEAD { "for HEAD" } else { "hello" };
            Response::builder().header("x-made", text).body(Body::from(text)).unwrap()
        }),
    );
    for _ in 0..2 {
        let head = send(to(address, "HEAD", "/").body(()).unwrap());
        assert_eq!((head.text.as_str(), head.lines("x-made")), ("", vec!["for HEAD"]));
        assert_eq!(get(address, "/").text, "hello");
    }
    let flights = watch.stats().flights;
    assert_eq!((flights.executed_requests, flights.late), (2, 2));
}
