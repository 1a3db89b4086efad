//! Coalescing of HTTP requests, for servers whose handlers block.
//!
//! A page is hot, and every thread of the server makes it at once. Put a [`CoalesceLayer`] round the
//! handler: the first request runs it, and those that come meanwhile get the same response. The
//! types are those of the [`http`](https://docs.rs/http) crate, so any server that has them, or that
//! can be made to speak them, will do.
//!
//! ```
//! use std::convert::Infallible;
//! use coalescer_http::CoalesceLayer;
//! use http::{Request, Response};
//!
//! // Once: the handler, and the layer round it.
//! let pages = CoalesceLayer::new().layer(|request: Request<()>| {
//!     Ok::<_, Infallible>(Response::new(format!("a page that takes its time: {}", request.uri())))
//! });
//!
//! // On each of the server's threads, for each request:
//! let response = pages.call(Request::get("/news").body(()).unwrap()).unwrap();
//! assert_eq!(response.status(), 200);
//! ```
//!
//! `examples/web` in the repository is a whole server.
//!
//! # Who gets what
//!
//! | request | what it gets |
//! |---|---|
//! | passed through | what the handler makes of it, as if there were no layer |
//! | leader | the handler's response as it is, with its version, hop-by-hop fields and extensions |
//! | follower | a response of its own with the leader's status, fields and body, without those |
//! | late, within the window | the same, and an `Age` |
//! | follower of a response that may not be shared | what the handler makes of its own request |
//!
//! A client that goes away harms nobody: a leader's handler runs to its end on its own thread, and
//! a follower that nobody listens to any more is one that waits in vain.
//!
//! # Which requests share
//!
//! Deny by default. The first row that matches decides.
//!
//! | request | what happens |
//! |---|---|
//! | not GET or HEAD; has a body; `Upgrade`, `Expect`, `Accept: text/event-stream`, `Cache-Control: no-store`; a field that the gate cannot read | passed through |
//! | `Authorization`, `Proxy-Authorization`, `Cookie` | passed through, unless [`key_header`](CoalesceLayer::key_header) names what it has of them |
//! | two `Host` fields, or one that differs from the target's authority | passed through |
//! | [`should_coalesce`](CoalesceLayer::should_coalesce) says no | passed through |
//! | `no-cache`, `max-age=0` or one shorter than the window, `Pragma: no-cache` | shares only with requests that came before the handler was called for it |
//! | any other | shares with requests of an equal [`Key`] |
//!
//! The key is the method, scheme, authority (in lower case, without the default port), path and query
//! as they are, and `Accept`, `Accept-Encoding`, `Accept-Language`, `Origin`, `Range`, `If-*`,
//! `X-Forwarded-Host` and `X-Forwarded-Proto` as they are, and what
//! [`key_header`](CoalesceLayer::key_header) and [`key_part`](CoalesceLayer::key_part) add.
//!
//! # Which responses are shared
//!
//! | response | those who waited | the window |
//! |---|---|---|
//! | `no-store`, `Set-Cookie`, `Vary: *`, 1xx, a body longer than [`max_body`](CoalesceLayer::max_body) or of unknown end, a field that the gate cannot read | run the handler themselves, all at once | keeps nothing |
//! | `private`, 401, 403, 407, 429, unless credentials are in the key | likewise | nothing |
//! | `Vary` with a field outside the key | likewise | nothing |
//! | `no-cache`, `max-age=0` or one shorter than the window, `Expires` without `max-age` | get it | nothing |
//! | 5xx, an error of the handler | get it | nothing |
//! | any other | get it | keeps it |
//!
//! `Set-Cookie` never reaches a second client, and neither does a page for somebody's credentials,
//! even if the handler forgets to say `private`: such requests are not in one flight.
//!
//! # What you must see to
//!
//! **Access control runs before the layer, for each request.** Whoever gets as far as the layer may
//! be served any page that shares its key. So check who may see what outside; the layer goes between
//! that and the handler:
//!
//! ```
//! # use std::convert::Infallible;
//! # use coalescer_http::{Body, CoalesceLayer};
//! # use http::{Request, Response, StatusCode};
//! # fn is_allowed(request: &Request<()>) -> bool { request.uri().path() != "/secret" }
//! # fn handler(_: Request<()>) -> Result<Response<&'static str>, Infallible> { Ok(Response::new("page")) }
//! let pages = CoalesceLayer::new().layer(handler);
//! let serve = |request: Request<()>| {
//!     if !is_allowed(&request) {
//!         let mut refusal = Response::new(Body::empty());
//!         *refusal.status_mut() = StatusCode::FORBIDDEN;
//!         return Ok(refusal);
//!     }
//!     pages.call(request)
//! };
//! # assert_eq!(serve(Request::get("/secret").body(()).unwrap()).unwrap().status(), 403);
//! # assert_eq!(serve(Request::get("/").body(()).unwrap()).unwrap().status(), 200);
//! ```
//!
//! **Name what else the handler goes by.** A handler that reads another field, the client's address
//! or an extension makes pages that differ where keys do not. Name such a field with
//! [`key_header`](CoalesceLayer::key_header) (an API key is the first to think of), add other
//! things with [`key_part`](CoalesceLayer::key_part), or let the response say `Vary` or `no-store`.
//!
//! **Browsers send cookies with everything.** Requests with `Cookie` are passed through. For pages
//! that no cookie changes, take the field out before the layer, so that the handler cannot see it:
//!
//! ```
//! # use std::convert::Infallible;
//! # use coalescer_http::CoalesceLayer;
//! # use http::{Request, Response, header::COOKIE};
//! # let pages = CoalesceLayer::new().layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("news")));
//! let serve = |mut request: Request<()>| {
//!     if request.uri().path().starts_with("/news") {
//!         request.headers_mut().remove(COOKIE);
//!     }
//!     pages.call(request)
//! };
//! # for user in ["ada", "bob"] {
//! #     serve(Request::get("/news").header(COOKIE, user).body(()).unwrap()).unwrap();
//! # }
//! # assert_eq!(pages.stats().flights.executed_requests, 1);
//! ```
//!
//! **Pages that are never shared wait for nothing.** If a page always sets a cookie, its followers
//! wait for the leader's only to find that they must make their own. Take such paths out with
//! [`should_coalesce`](CoalesceLayer::should_coalesce).
//!
//! # Memory
//!
//! | what | bound |
//! |---|---|
//! | responses that are kept | [`max_retained`](CoalesceLayer::max_retained), 256 unless set |
//! | the body of each | [`max_body`](CoalesceLayer::max_body), 1 MiB unless set |
//! | its fields, and its key | the handler's, and what the server lets a request have |
//! | flights under way | the server's threads |
//!
//! Bodies in memory are shared, not copied: as [`Bytes`](bytes::Bytes), which the `http` crate brings
//! along in any case. A `Bytes` that is a small part of a large buffer keeps the whole of it.
//!
//! # Panics and errors
//!
//! An error of the handler goes to everyone who waited, as the same `Arc`. A panic goes on through
//! the leader's call, to the server; those who waited get a 500, and a 503 if their
//! [`max_wait`](CoalesceLayer::max_wait) is over. [`error_response`](CoalesceLayer::error_response)
//! makes other pages of these.
//!
//! # Servers without nested handlers
//!
//! The two tables are functions over the parts of a message: see [`Gates`].

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod clock;
mod coalesced;
mod flights;
mod gates;
mod key;
mod layer;
mod page;
mod settings;
mod stats;
mod verdict;

pub use body::Body;
pub use coalesced::Coalesced;
pub use gates::{DEFAULT_MAX_BODY, Gates};
pub use key::Key;
pub use layer::{CoalesceLayer, DEFAULT_MAX_RETAINED};
pub use settings::Settings;
pub use stats::LayerStats;
pub use verdict::{PassThrough, RequestVerdict, ResponseVerdict, Unkept, Unshared};
