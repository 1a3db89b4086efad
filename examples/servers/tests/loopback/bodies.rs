//! Bodies and fields on their way through an adapter.

use std::io::{Cursor, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use coalescer_http::{Body, CoalesceLayer, Settings};
use http::{Request, Response};
use ureq::SendBody;

use crate::clients::{at_once, get, open, send, to};
use crate::support::{Start, THREADS, Watch};
use crate::watchdog::wait_until;

/// More than any server gathers before it sends.
const LONG: usize = 2 << 20;

/// Tells the length and a sum of the request's body.
fn sum(_: &Watch, request: Request<Vec<u8>>) -> Response<Body> {
    let body = request.into_body();
    let sum: u64 = body.iter().map(|byte| u64::from(*byte)).sum();
    Response::new(Body::from(format!("{} {sum}", body.len())))
}

pub(crate) fn a_body_reaches_the_handler_whole(start: Start) {
    let (address, _) = start(CoalesceLayer::new(), Box::new(sum));
    let post = |body: &[u8]| send(to(address, "POST", "/").body(body).unwrap());
    assert_eq!(post(b"").text, "0 0");
    assert_eq!(post(b"\x00\xff").text, "2 255");
    assert_eq!(post(&vec![3; 500_000]).text, "500000 1500000");
}

pub(crate) fn a_body_in_chunks_reaches_the_handler_whole(start: Start) {
    let (address, watch) = start(CoalesceLayer::new(), Box::new(sum));
    let mut body = Cursor::new(vec![3; 100_000]);
    let request = to(address, "POST", "/").body(SendBody::from_reader(&mut body)).unwrap();
    assert_eq!(send(request).text, "100000 300000");
    assert_eq!(watch.stats().passed_through, 1);
}

/// A body whose rest is there when the test says so.
struct Rest(Receiver<Vec<u8>>, Cursor<Vec<u8>>);

impl Read for Rest {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.1.position() == self.1.get_ref().len() as u64 {
            match self.0.recv() {
                Ok(more) => self.1 = Cursor::new(more),
                Err(_) => return Ok(0),
            }
        }
        self.1.read(into)
    }
}

pub(crate) fn a_stream_is_sent_while_it_is_made(start: Start) {
    let (more, rest) = channel();
    let rest = Mutex::new(Some(rest));
    let (address, watch) = start(
        CoalesceLayer::new(),
        Box::new(move |_, _| {
            let rest = rest.lock().unwrap().take().expect("one request");
            Response::new(Body::stream(Rest(rest, Cursor::new(Vec::new()))))
        }),
    );
    more.send(vec![b'x'; LONG]).unwrap();
    let response = open(to(address, "GET", "/").body(()).unwrap());
    assert_eq!(response.headers()["transfer-encoding"], "chunked");
    let mut body = response.into_body().into_reader();
    // The handler's stream does not go on before the client has a part of it.
    body.read_exact(&mut vec![0; LONG / 2]).unwrap();
    more.send(b"the end".to_vec()).unwrap();
    drop(more);
    let mut last = String::new();
    body.read_to_string(&mut last).unwrap();
    assert_eq!(last.trim_start_matches('x'), "the end");
    assert_eq!(last.len(), LONG / 2 + "the end".len());
    assert_eq!(watch.stats().flights.executed_requests, 1);
}

pub(crate) fn a_long_page_reaches_all_clients_whole(start: Start) {
    let layer = CoalesceLayer::new().max_body(LONG as u64);
    let (address, watch) = start(
        layer,
        Box::new(|watch, _| {
            wait_until(|| watch.followers() == 3);
            Response::new(Body::sized(Cursor::new(vec![b'x'; LONG]), LONG as u64))
        }),
    );
    for got in at_once(&watch, 4, move || get(address, "/")) {
        assert!(got.text.len() == LONG && got.text.bytes().all(|byte| byte == b'x'));
    }
    assert_eq!(watch.stats().flights.executed_requests, 1);
}

pub(crate) fn lines_of_a_field_stay_apart(start: Start) {
    let layer = CoalesceLayer::new().settings(Settings::new().window(Duration::MAX));
    let (address, _) = start(
        layer,
        Box::new(|_, request| {
            let lines = request.headers().get_all("x-line").iter();
            let page = lines.fold(Response::builder(), |page, line| page.header("x-seen", line));
            page.body(Body::empty()).unwrap()
        }),
    );
    // The second client gets the same lines, from the window.
    for _ in 0..2 {
        let request = to(address, "GET", "/").header("x-line", "a, b").header("x-line", "c");
        assert_eq!(send(request.body(()).unwrap()).lines("x-seen"), ["a, b", "c"]);
    }
}

pub(crate) fn a_status_is_passed_on(start: Start) {
    let (address, _) = start(
        CoalesceLayer::new(),
        Box::new(|_, request| {
            let status: u16 = request.uri().path()[1..].parse().unwrap();
            let page = Response::builder().status(status);
            page.body(Body::from(if status == 204 { "" } else { "a page" })).unwrap()
        }),
    );
    for (status, text) in
        [(204, ""), (301, "a page"), (404, "a page"), (418, "a page"), (503, "a page")]
    {
        let got = get(address, &format!("/{status}"));
        assert_eq!((got.status, got.text.as_str()), (status, text));
    }
}

pub(crate) fn panics_of_the_handler_do_not_end_the_server(start: Start) {
    let (address, _) = start(
        CoalesceLayer::new(),
        Box::new(|_, request| {
            assert_ne!(request.uri().path(), "/broken", "the handler panics");
            Response::new(Body::from("a page"))
        }),
    );
    for _ in 0..=THREADS {
        assert_eq!(get(address, "/broken").status, 500);
    }
    assert_eq!(get(address, "/").text, "a page");
}

pub(crate) fn a_request_that_asks_for_an_upgrade_is_answered(start: Start) {
    let (address, watch) = start(
        CoalesceLayer::new(),
        Box::new(|_, request| Response::new(Body::from(request.into_body().len().to_string()))),
    );
    let mut stream = TcpStream::connect(address).unwrap();
    let request =
        "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    assert_eq!(watch.stats().passed_through, 1);
}

/// astra 0.4 runs the handler on the thread that would read the rest of the body, so a handler waits for ever for a body
/// that has not come with the head, with or without a layer. This one comes in the same segment.
pub(crate) fn a_body_that_comes_with_the_head_reaches_the_handler(start: Start) {
    let layer = CoalesceLayer::new().settings(Settings::new().window(Duration::MAX));
    let (address, watch) = start(layer, Box::new(sum));
    assert_eq!(get(address, "/").text, "0 0");
    let mut stream = TcpStream::connect(address).unwrap();
    let head =
        "POST / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nContent-Length: 3\r\n\r\n";
    stream.write_all(format!("{head}abc").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("3 294"), "{answer}");
    assert_eq!(watch.stats().passed_through, 1);
}
