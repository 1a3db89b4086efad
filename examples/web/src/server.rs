//! From the server's types to those of the layer, and back.

use std::fmt;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use coalescer_http::Body;
use http::{Method, Request, Response, StatusCode};
use oxhttp::{ListeningServer, Server};

/// The longest body of a request, in bytes.
pub const LONGEST_BODY: u64 = 1 << 20;

/// How many connections, and so threads, there are at most.
const MOST_CONNECTIONS: usize = 1024;

/// How long the server waits for a client to read or write. A connection that is idle for so long
/// is closed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers requests at this address, each connection on a thread of its own, and returns at once.
///
/// # Errors
///
/// If the address cannot be listened to.
pub fn serve<F, E>(address: SocketAddr, answer: F) -> io::Result<ListeningServer>
where
    F: Fn(Request<Vec<u8>>) -> Result<Response<Body>, Arc<E>> + Send + Sync + 'static,
    E: fmt::Display,
{
    Server::new(move |request| respond(&answer, request))
        .bind(address)
        .with_global_timeout(PATIENCE)
        .with_max_concurrent_connections(MOST_CONNECTIONS)
        .spawn()
}

fn respond<E: fmt::Display>(
    answer: &impl Fn(Request<Vec<u8>>) -> Result<Response<Body>, Arc<E>>,
    request: &mut Request<oxhttp::model::Body>,
) -> Response<oxhttp::model::Body> {
    let is_head = request.method() == Method::HEAD;
    let request = match with_body_in_memory(request) {
        Ok(request) => request,
        Err(status) => return empty(status),
    };
    // A panic would take the connection down without a word to the client.
    let response = match catch_unwind(AssertUnwindSafe(|| answer(request))) {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            eprintln!("no page: {error}");
            return empty(StatusCode::INTERNAL_SERVER_ERROR);
        }
        Err(_) => return empty(StatusCode::INTERNAL_SERVER_ERROR),
    };
    if is_head {
        // The server does not know that this has no body. (It says `Content-Length: 0` to it, and
        // does not let that be changed.)
        return response.map(|_| oxhttp::model::Body::empty());
    }
    for_the_wire(response)
}

/// The server keeps the request, since it goes by its fields afterwards; the handler gets a copy.
fn with_body_in_memory(
    request: &mut Request<oxhttp::model::Body>,
) -> Result<Request<Vec<u8>>, StatusCode> {
    let mut body = Vec::new();
    let longest = request.body_mut().take(LONGEST_BODY + 1);
    read(longest, &mut body).map_err(|_| StatusCode::BAD_REQUEST)?;
    if body.len() as u64 > LONGEST_BODY {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let mut copy = Request::new(body);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    Ok(copy)
}

fn read(mut from: impl Read, into: &mut Vec<u8>) -> io::Result<usize> {
    from.read_to_end(into)
}

fn for_the_wire(response: Response<Body>) -> Response<oxhttp::model::Body> {
    let (parts, body) = response.into_parts();
    if body.len().is_none() {
        return Response::from_parts(parts, oxhttp::model::Body::from_read(body));
    }
    match body.into_bytes() {
        Ok(bytes) => Response::from_parts(parts, Vec::from(bytes).into()),
        Err(error) => {
            eprintln!("a page broke off: {error}");
            empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

fn empty(status: StatusCode) -> Response<oxhttp::model::Body> {
    let mut response = Response::new(oxhttp::model::Body::empty());
    *response.status_mut() = status;
    response
}
