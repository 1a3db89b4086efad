//! tiny_http: a queue of requests for threads of your own, and types of its own.
//!
//! The last release, 0.12, is of 2022. Its fields are ASCII, so the adapter leaves a field of a response out that is not. A
//! body of 32 KiB or more is sent in chunks. If several clients connect at the same moment, the server may keep one waiting
//! until another connection is closed, because its pool takes a thread for free that it has just woken.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::{io, thread};

use http::{Request, Version};
use tiny_http::{HTTPVersion, Header, Response, Server};

use crate::{Site, answer};

// guide: tiny_http
/// Answers a request of tiny_http.
pub fn respond(site: &Site<Vec<u8>>, mut incoming: tiny_http::Request) -> io::Result<()> {
    let mut request = Request::builder().method(incoming.method().as_str()).uri(incoming.url());
    if *incoming.http_version() == HTTPVersion(1, 0) {
        request = request.version(Version::HTTP_10);
    }
    for Header { field, value } in incoming.headers() {
        request = request.header(field.as_str().as_str(), value.as_str());
    }
    let (page, body) = answer(site, request.body(()), incoming.as_reader()).into_parts();
    let fields = page.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let fields = fields.flat_map(|(name, value)| Header::from_bytes(name, value)).collect();
    let length = body.len().and_then(|length| length.try_into().ok());
    incoming.respond(Response::new(page.status.as_u16().into(), fields, body, length, None))
}
// end

/// Starts the server at this address with so many threads, and returns the address that it has got.
///
/// # Errors
///
/// If the server cannot listen on the address, or no thread starts.
pub fn spawn(
    address: SocketAddr,
    threads: usize,
    site: &Site<Vec<u8>>,
) -> Result<SocketAddr, Box<dyn Error + Send + Sync>> {
    let server = Arc::new(Server::http(address)?);
    for number in 0..threads {
        let (server, site) = (Arc::clone(&server), site.clone());
        let serve = move || {
            while let Ok(request) = server.recv() {
                if let Err(error) = respond(&site, request) {
                    eprintln!("a client got no answer: {error}");
                }
            }
        };
        thread::Builder::new().name(format!("tiny_http {number}")).spawn(serve)?;
    }
    server.server_addr().to_ip().ok_or_else(|| "the server has no address".into())
}
