//! oxhttp: a thread for each connection, and the types of [`http`].
//!
//! The server lends the request, because it reads the fields again after the answer. So the adapter copies it, but for the
//! extensions, and oxhttp sets none: a handler cannot see the address of its client. A response to HEAD says
//! `Content-Length: 0`, which an adapter cannot change. Pages of known length are sent from memory.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use oxhttp::Server;
use oxhttp::model::Body;

use crate::{Site, answer, empty};

/// Longest wait for a client to read or write. A connection that is idle for longer is closed.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(60);

// guide: oxhttp
/// Answers a request of oxhttp. The server would send a body to HEAD, so there the adapter takes it away.
pub fn respond(site: &Site<Vec<u8>>, request: &mut Request<Body>) -> Response<Body> {
    let mut copy = Request::new(());
    (*copy.method_mut(), *copy.uri_mut()) = (request.method().clone(), request.uri().clone());
    (*copy.version_mut(), *copy.headers_mut()) = (request.version(), request.headers().clone());
    let (page, body) = answer(site, Ok(copy), request.body_mut()).into_parts();
    match (request.method(), body.len()) {
        (&Method::HEAD, _) => Response::from_parts(page, Body::empty()),
        (_, None) => Response::from_parts(page, Body::from_read(body)),
        (_, Some(_)) => match body.into_bytes() {
            Ok(bytes) => Response::from_parts(page, Body::from(Vec::from(bytes))),
            Err(_) => empty(StatusCode::INTERNAL_SERVER_ERROR),
        },
    }
}
// end

/// Starts the server at this address, and returns.
///
/// # Errors
///
/// If the server cannot listen on the address.
pub fn spawn(address: SocketAddr, site: Site<Vec<u8>>) -> io::Result<()> {
    let server = Server::new(move |request| respond(&site, request)).bind(address);
    server.with_global_timeout(CLIENT_TIMEOUT).spawn().map(drop)
}
