//! How the HTTP layer plugs into servers of blocking threads: an adapter for each, in under 20 lines.
//!
//! Each module has the adapter, from the server's types to those of [`http`] and back, and a function that starts the
//! server. The guide, `docs/http-servers.md`, shows the adapters, and a test compares the two. The tests ask each server
//! over a socket.
//!
//! | module | server | threads | note |
//! |---|---|---|---|
//! | [`oxhttp`] | oxhttp 0.3 | one for each connection | has the types of [`http`]; maintained, as the server of Oxigraph |
//! | [`astra`] | astra 0.4 | a pool, one for each connection | has the types of [`http`], by way of hyper |
//! | [`tiny_http`] | tiny_http 0.12 | yours, which take requests from a queue | no release since 2022 |
//! | [`rouille`] | rouille 3.6 | one for each request | built on tiny_http, so as old |
//!
//! None of them needs an async runtime.

#![forbid(unsafe_code)]

use std::convert::Infallible;

use coalescer_http::{Body, Coalesced};
use http::{Request, Response};

pub mod astra;
mod body;
pub mod oxhttp;
pub mod rouille;
pub mod tiny_http;

pub use body::{LONGEST_BODY, answer, empty, read_body};

// guide: types
/// The site's function: a request with a body of this type in, a page out.
pub type Handler<B> = dyn Fn(Request<B>) -> Result<Response<Body>, Infallible> + Send + Sync;

/// The function within the layer, from `CoalesceLayer::layer`. Clones share the pages.
pub type Site<B> = Coalesced<Box<Handler<B>>, Infallible>;
// end
