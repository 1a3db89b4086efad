//! How a layer finds out if a request has a body (H38).

use std::convert::Infallible;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use coalescer_http::{
    Body, CoalesceLayer, Coalesced, Gates, PassThrough, RequestVerdict, Settings,
};
use http::request::Builder;
use http::{Request, Response, Version};

use crate::stage::text;
use crate::support::{wait_until, watched};

fn get(version: Version) -> Builder {
    Request::get("https://shop.example/").version(version)
}

fn layer() -> CoalesceLayer {
    CoalesceLayer::new().settings(Settings::new().window(Duration::ZERO))
}

/// A layer whose handler answers with the length of the body.
fn lengths(layer: CoalesceLayer) -> Coalesced<Lengths, Infallible> {
    layer.layer(|request| Ok(Response::new(request.body().len().to_string())))
}

type Lengths = fn(Request<Vec<u8>>) -> Answered;
type Answered = Result<Response<String>, Infallible>;

/// H38: of 20 clients of one page, one runs the handler.
#[test]
fn clients_of_one_page_over_http_2_and_3_are_one_run() {
    watched(|| {
        for version in [Version::HTTP_2, Version::HTTP_3] {
            let (go_on, told_to) = channel::<()>();
            let told_to = Mutex::new(told_to);
            let pages = layer().layer(move |_: Request<Bytes>| {
                told_to.lock().unwrap().recv().unwrap();
                Ok::<_, Infallible>(Response::new("hello"))
            });
            let pages = Arc::new(pages);
            let clients: Vec<_> = (0..20)
                .map(|_| {
                    let pages = Arc::clone(&pages);
                    thread::spawn(move || pages.call(get(version).body(Bytes::new()).unwrap()))
                })
                .collect();
            let followers = || pages.in_flight().iter().map(|run| run.followers).sum::<usize>();
            wait_until(|| followers() == 19);
            go_on.send(()).unwrap();
            for client in clients {
                assert_eq!(text(client.join().unwrap().unwrap()), "hello");
            }
            let stats = pages.stats();
            assert_eq!((stats.passed_through, stats.flights.executed_requests), (0, 1));
        }
    });
}

/// H1: a handler sees the version, so the page of one is none of another.
#[test]
fn versions_do_not_share() {
    let gates = Gates::new();
    let verdict = |version| {
        let request = get(version).header("host", "shop.example").body(()).unwrap().into_parts().0;
        gates.request_with(&request, false)
    };
    assert!(matches!(verdict(Version::HTTP_2), RequestVerdict::Shared(_)));
    assert_eq!(verdict(Version::HTTP_2), verdict(Version::HTTP_2));
    assert_ne!(verdict(Version::HTTP_2), verdict(Version::HTTP_3));
    assert_ne!(verdict(Version::HTTP_2), verdict(Version::HTTP_11));
}

/// H38: a follower's request is dropped, and its body would be lost.
#[test]
fn a_body_that_is_there_passes_through_whatever_the_fields_say() {
    let pages = lengths(layer());
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let request = || get(version).header("host", "shop.example").header("content-length", "0");
        let before = pages.stats().passed_through_for(PassThrough::Body);
        let response = pages.call(request().body(vec![0; 7]).unwrap()).unwrap();
        assert_eq!(text(response), "7", "the handler has it");
        assert_eq!(pages.stats().passed_through_for(PassThrough::Body), before + 1);
        pages.call(request().body(Vec::new()).unwrap()).unwrap();
        assert_eq!(pages.stats().passed_through_for(PassThrough::Body), before + 1);
        pages.call_with(request().body(Vec::new()).unwrap(), true).unwrap();
        assert_eq!(pages.stats().passed_through_for(PassThrough::Body), before + 2);
    }
}

/// H38
#[test]
fn fields_that_announce_a_body_pass_through_whatever_the_transport_says() {
    for version in [Version::HTTP_11, Version::HTTP_2, Version::HTTP_3] {
        for (name, value) in [
            ("transfer-encoding", "chunked"),
            ("content-length", "1"),
            ("content-length", "00"),
            ("content-length", "many"),
        ] {
            let request = get(version).header("host", "shop.example").header(name, value);
            let request = request.body(()).unwrap().into_parts().0;
            let expected = RequestVerdict::PassThrough(PassThrough::Body);
            assert_eq!(Gates::new().request_with(&request, false), expected, "{name}: {value}");
        }
    }
}

/// The body of a server that the layer does not know.
struct Incoming {
    is_end_stream: bool,
}

/// H38: without a word of the transport, HTTP/1 alone tells by its fields.
#[test]
fn a_body_of_an_unknown_type_is_asked_by_the_function() {
    let passed = |layer: CoalesceLayer, version, is_end_stream| {
        let pages = layer.layer(|_: Request<Incoming>| Ok::<_, Infallible>(Response::new("hello")));
        let request = get(version).header("host", "shop.example");
        pages.call(request.body(Incoming { is_end_stream }).unwrap()).unwrap();
        pages.stats().passed_through == 1
    };
    let told = || layer().has_body(|body: &Incoming| !body.is_end_stream);
    assert!(passed(layer(), Version::HTTP_2, true), "nobody knows");
    assert!(!passed(layer(), Version::HTTP_11, false), "the fields say that there is none");
    for version in [Version::HTTP_11, Version::HTTP_2, Version::HTTP_3] {
        assert!(!passed(told(), version, true), "{version:?}");
        assert!(passed(told(), version, false), "{version:?}");
    }
    let both = told().has_body(|_: &Incoming| true);
    assert!(passed(both, Version::HTTP_2, true), "the second function holds");
}

#[test]
#[should_panic(expected = "and the handler takes a request with alloc::vec::Vec<u8>")]
fn a_function_for_a_body_that_the_handler_does_not_take_is_refused() {
    drop(lengths(layer().has_body(|_: &Incoming| false)));
}

#[test]
#[should_panic(expected = "has_body: the function is for a body of type")]
fn a_layer_that_shares_errors_refuses_it_too() {
    let layer = layer().has_body(|_: &Incoming| false);
    let handler = |_: Request<()>| Err::<Response<Body>, _>("down");
    drop(layer.layer_sharing_errors(handler, |_| true));
}

/// H38: a body that borrows from its connection.
#[test]
fn a_body_that_borrows_is_told_by_the_caller() {
    fn handler(request: Request<&mut Vec<u8>>) -> Result<Response<&'static str>, Infallible> {
        request.into_body().push(1);
        Ok(Response::new("hello"))
    }
    let pages = CoalesceLayer::new().settings(Settings::new().window(Duration::MAX)).layer(handler);
    let mut calls = Vec::new();
    for has_body in [false, false, true, true] {
        pages.call_with(get(Version::HTTP_2).body(&mut calls).unwrap(), has_body).unwrap();
    }
    assert_eq!((calls.len(), pages.stats().passed_through), (3, 2));
}
