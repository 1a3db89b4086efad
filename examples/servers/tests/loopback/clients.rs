//! Clients of one request each.

use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use ureq::{Agent, AsSendBody};

use crate::support::Watch;
use crate::watchdog::wait_until;

/// Longest wait of a client for an answer. Far longer than any test takes, even on a busy machine.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(30);

/// The response that a client got.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) fields: HeaderMap,
    pub(crate) text: String,
}

impl Got {
    /// All lines of a field.
    pub(crate) fn lines(&self, name: &str) -> Vec<&str> {
        self.fields.get_all(name).iter().map(|line| line.to_str().unwrap()).collect()
    }
}

/// A request to this server.
pub(crate) fn to(address: SocketAddr, method: &str, target: &str) -> http::request::Builder {
    Request::builder().method(method).uri(format!("http://{address}{target}"))
}

/// Sends a request over a new connection, and returns the response before its body is read.
pub(crate) fn open(request: Request<impl AsSendBody>) -> Response<ureq::Body> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .max_redirects(0)
        .timeout_global(Some(CLIENT_TIMEOUT))
        .build();
    Agent::from(config).run(request).unwrap()
}

/// Sends a request over a new connection.
pub(crate) fn send(request: Request<impl AsSendBody>) -> Got {
    let (parts, mut body) = open(request).into_parts();
    let text = body.read_to_string().unwrap();
    Got { status: parts.status.as_u16(), fields: parts.headers, text }
}

pub(crate) fn get(address: SocketAddr, target: &str) -> Got {
    send(to(address, "GET", target).body(()).unwrap())
}

/// Runs `count` clients of one page at once, and returns their responses. The handler does not return before it has
/// `count - 1` followers.
///
/// Each connects when the one before waits. (tiny_http may queue a connection behind others that are busy, if several come
/// at the same moment: it takes a thread for free that it has just woken.)
pub(crate) fn at_once(
    watch: &Watch,
    count: usize,
    client: impl Fn() -> Got + Send + Sync + 'static,
) -> Vec<Got> {
    let client = Arc::new(client);
    let clients = (0..count).map(|before| {
        let client = Arc::clone(&client);
        let running = thread::spawn(move || client());
        let is_last = before + 1 == count;
        wait_until(|| is_last || watch.requests() == before + 1);
        running
    });
    let clients: Vec<_> = clients.collect();
    clients.into_iter().map(|it| it.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
}
