//! Servers and clients for the tests.

#[path = "../../../../tests/support/watchdog.rs"]
mod watchdog;

use std::convert::Infallible;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::panic::resume_unwind;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use coalescer_http::{Body, CoalesceLayer, LayerStats};
use http::{Request, Response};
use ureq::Agent;
pub(crate) use watchdog::{wait_until, watched};

/// Longest wait of a client for an answer. Far longer than any test takes, even on a busy machine.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(30);

/// Counters of a layer, for its own handler and for the test.
#[derive(Clone, Default)]
pub(crate) struct Watch(Arc<OnceLock<Look>>);

struct Look {
    followers: Box<dyn Fn() -> usize + Send + Sync>,
    stats: Box<dyn Fn() -> LayerStats + Send + Sync>,
}

impl Watch {
    fn look(&self) -> &Look {
        self.0.get().expect("the layer is built before the first request")
    }

    /// Number of requests that wait now.
    pub(crate) fn followers(&self) -> usize {
        (self.look().followers)()
    }

    pub(crate) fn stats(&self) -> LayerStats {
        (self.look().stats)()
    }
}

/// Serves a handler in a layer. The handler can watch its own layer.
pub(crate) fn start<H>(layer: CoalesceLayer, handler: H) -> (SocketAddr, Watch)
where
    H: Fn(&Watch, &Request<Vec<u8>>) -> Response<Body> + Send + Sync + 'static,
{
    let watch = Watch::default();
    let inside = watch.clone();
    let handler = move |request: Request<Vec<u8>>| Ok::<_, Infallible>(handler(&inside, &request));
    let pages = layer.layer(handler);
    let (flights, counters) = (pages.clone(), pages.clone());
    let look = Look {
        followers: Box::new(move || flights.in_flight().iter().map(|f| f.followers).sum()),
        stats: Box::new(move || counters.stats()),
    };
    assert!(watch.0.set(look).is_ok(), "a watch is set once");
    let answer = Arc::new(move |request| pages.call(request));
    let address = at_a_free_port(|address| {
        let answer = Arc::clone(&answer);
        web::serve(address, move |request| answer(request)).map(drop)
    });
    (address, watch)
}

/// Tries free ports in turn, because another program may take a port before the server does.
pub(crate) fn at_a_free_port(serve: impl Fn(SocketAddr) -> std::io::Result<()>) -> SocketAddr {
    for _ in 0..100 {
        let address = free_address();
        if serve(address).is_ok() {
            return address;
        }
    }
    panic!("found no free port")
}

pub(crate) fn free_address() -> SocketAddr {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    probe.local_addr().unwrap()
}

/// The response that a client got.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

/// A client without open connections.
pub(crate) fn client() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .max_redirects(0)
        .timeout_global(Some(CLIENT_TIMEOUT))
        .build();
    config.into()
}

/// Sends one request over a new connection.
pub(crate) fn get(address: SocketAddr, path: &str, fields: &[(&str, &str)]) -> Got {
    send(&client(), "GET", address, path, fields, "")
}

pub(crate) fn post(address: SocketAddr, path: &str, body: &str) -> Got {
    send(&client(), "POST", address, path, &[], body)
}

/// Sends a body that is no text.
pub(crate) fn post_bytes(address: SocketAddr, path: &str, body: &[u8]) -> Got {
    let request = Request::post(format!("http://{address}{path}")).body(body.to_vec()).unwrap();
    received(client().run(request).unwrap())
}

pub(crate) fn send(
    client: &Agent,
    method: &str,
    address: SocketAddr,
    path: &str,
    fields: &[(&str, &str)],
    body: &str,
) -> Got {
    let request = Request::builder().method(method).uri(format!("http://{address}{path}"));
    let request =
        fields.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = match method {
        "POST" => client.run(request.body(body.to_owned()).unwrap()),
        _ => client.run(request.body(()).unwrap()),
    };
    received(response.unwrap())
}

fn received(mut response: Response<ureq::Body>) -> Got {
    Got {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.body_mut().read_to_string().unwrap(),
    }
}

/// Sends a request. The client disconnects when the result is dropped.
pub(crate) fn deserter(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: */*\r\n\r\n").unwrap();
    stream
}

/// The headers of `ureq` that are in the key, so that a hand-written client has the same key.
pub(crate) const LIKE_UREQ: &[(&str, &str)] = &[("accept", "*/*")];

/// A page with this text.
pub(crate) fn page(text: impl Into<Body>) -> Response<Body> {
    Response::new(text.into())
}

/// Runs `count` jobs at once, and returns their results in order.
pub(crate) fn all_at_once<T: Send + 'static>(
    count: usize,
    job: impl Fn(usize) -> T + Send + Sync + 'static,
) -> Vec<T> {
    let job = Arc::new(job);
    let jobs = (0..count).map(|number| {
        let job = Arc::clone(&job);
        thread::spawn(move || job(number))
    });
    let jobs: Vec<_> = jobs.collect();
    jobs.into_iter().map(|job| job.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
}
