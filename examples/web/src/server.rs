//! Converts between the types of the server and those of the layer.

use std::fmt;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use coalescer_http::Body;
use http::{Method, Request, Response, StatusCode};
use oxhttp::{ListeningServer, Server};

/// Maximum length of the body of a request, in bytes.
pub const LONGEST_BODY: u64 = 1 << 20;

/// Maximum number of connections, and so of threads.
const MOST_CONNECTIONS: usize = 1024;

/// Longest wait for a client to read or write. A connection that is idle for longer is closed.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(60);

/// Starts a server at this address, with a thread for each connection, and returns.
///
/// # Errors
///
/// If the server cannot listen on the address.
pub fn serve<F, E>(address: SocketAddr, answer: F) -> io::Result<ListeningServer>
where
    F: Fn(Request<Vec<u8>>) -> Result<Response<Body>, Arc<E>> + Send + Sync + 'static,
    E: fmt::Display,
{
    Server::new(move |request| respond(&answer, request))
        .bind(address)
        .with_global_timeout(CLIENT_TIMEOUT)
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
    // An uncaught panic would close the connection without an answer.
    let response = match catch_unwind(AssertUnwindSafe(|| answer(request))) {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            eprintln!("a handler failed: {error}");
            return empty(StatusCode::INTERNAL_SERVER_ERROR);
        }
        Err(_) => return empty(StatusCode::INTERNAL_SERVER_ERROR),
    };
    if is_head {
        // The server would send the body. (It sends `Content-Length: 0` here, which cannot be changed.)
        return response.map(|_| oxhttp::model::Body::empty());
    }
    to_server(response)
}

/// A copy of the request for the handler. The server keeps the original, because it reads its headers
/// again after the answer.
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

fn to_server(response: Response<Body>) -> Response<oxhttp::model::Body> {
    let (parts, body) = response.into_parts();
    if body.len().is_none() {
        return Response::from_parts(parts, oxhttp::model::Body::from_read(body));
    }
    match body.into_bytes() {
        Ok(bytes) => Response::from_parts(parts, Vec::from(bytes).into()),
        Err(error) => {
            eprintln!("the body of a page failed: {error}");
            empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

fn empty(status: StatusCode) -> Response<oxhttp::model::Body> {
    let mut response = Response::new(oxhttp::model::Body::empty());
    *response.status_mut() = status;
    response
}
