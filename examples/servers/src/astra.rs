//! astra: hyper on threads, and so the types of [`http`].
//!
//! The body of a request is passed on as a stream, so the handler reads it. [`has_body`] tells the layer if there is one,
//! also for requests of HTTP/2 (the feature `http2` of astra, which these tests do not use). hyper gathers up to 400 kB
//! of a stream before it sends them.
//!
//! A connection holds a thread of the pool as long as it is open. Without [`max_workers`](Server::max_workers) there are 15
//! for each processor.
//!
//! Two faults of astra 0.4.0, with or without a layer: a handler waits for ever for a body that has not come with the head,
//! because it runs on the thread that would read the rest; and under load a new connection may be overlooked until its
//! client sends more.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{io, thread};

use astra::{Body, ConnectionInfo, Request, Response, Server};
use http::StatusCode;

use crate::{Site, empty};

// guide: astra
/// Tells if a request has a body: `CoalesceLayer::new().has_body(has_body)`.
pub fn has_body(body: &Body) -> bool {
    body.size_hint() != (0, Some(0))
}

/// Answers a request of astra. The address of the client is in the extensions.
pub fn respond(site: &Site<Body>, mut request: Request, client: ConnectionInfo) -> Response {
    request.extensions_mut().insert(client);
    // A panic would take the thread from the server's pool.
    let Ok(Ok(page)) = catch_unwind(AssertUnwindSafe(|| site.call(request))) else {
        return empty(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let (page, body) = page.into_parts();
    match (body.len(), body) {
        (None, body) => Response::from_parts(page, Body::wrap_reader(body)),
        (Some(_), body) => match body.into_bytes() {
            Ok(bytes) => Response::from_parts(page, Body::new(bytes)),
            Err(_) => empty(StatusCode::INTERNAL_SERVER_ERROR),
        },
    }
}
// end

/// Starts the server at this address with at most so many threads, and returns the address that it has got.
///
/// # Errors
///
/// If the address of the server cannot be found out, or no thread starts.
///
/// # Panics
///
/// If the server cannot listen on the address.
pub fn spawn(address: SocketAddr, threads: usize, site: Site<Body>) -> io::Result<SocketAddr> {
    let server = Server::bind(address).max_workers(threads);
    let address = server.local_addr()?;
    let answer = move |request, client| respond(&site, request, client);
    let serve = move || server.serve(answer);
    thread::Builder::new().name("astra".into()).spawn(serve).map(|_| address)
}
