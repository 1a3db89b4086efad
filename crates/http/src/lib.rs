//! Request coalescing for blocking HTTP servers.
//!
//! When a page is slow and popular, every thread of a server runs the same handler for it at the same
//! time. A [`CoalesceLayer`] around the handler runs it once. The other requests wait and get the same
//! response.
//!
//! The layer uses the types of the [`http`](https://docs.rs/http) crate and blocks the calling thread.
//! It works with every server that has these types or can convert to them, and needs no async
//! runtime. The coalescing itself is done by the crate [`coalescer`].
//!
//! ```
//! use std::convert::Infallible;
//! use coalescer_http::CoalesceLayer;
//! use http::{Request, Response};
//!
//! // Once, when the server starts:
//! let pages = CoalesceLayer::new().layer(|request: Request<()>| {
//!     Ok::<_, Infallible>(Response::new(format!("a slow page: {}", request.uri())))
//! });
//!
//! // For each request, on the server's own threads:
//! let response = pages.call(Request::get("/news").body(()).unwrap()).unwrap();
//! assert_eq!(response.status(), 200);
//! ```
//!
//! The repository has a complete server in `examples/web`.
//!
//! **Run access control before the layer.** A request that reaches the layer can get every response
//! that has an equal key. See [Limitations](#limitations).
//!
//! # Terminology
//!
//! A **flight** is one group of requests with equal keys that share a run of the handler. The
//! **window** is a time after the start of that run, 100 ms by default, during which later requests
//! get the same response.
//!
//! | request | runs the handler | its response |
//! |---|---|---|
//! | **passed through** | yes | the handler's, as without a layer |
//! | **leader** | yes | the handler's, unchanged |
//! | **follower**: arrives while the leader runs | no, it waits | the leader's status, fields and body |
//! | **follower** of a response that may not be shared, an error or a panic | yes, when the leader returns | the handler's, for its own request |
//! | **hit**: arrives within the window ([`Stats::late`](coalescer::Stats::late) counts it) | no | as a follower's, and an `Age` field |
//! | **revalidation**: the hit that finds the page past its lifetime ([stale](#stale-pages)) first | yes, or it waits for a run that is under way | the new page, or the old one if there is trouble |
//!
//! A shared response does not have the leader's version, its hop-by-hop fields (such as `Connection`)
//! and its extensions, because they belong to one connection or one request.
//!
//! The extensions of each response say which of these it was: see [`Served`].
//! [`cache_status`](CoalesceLayer::cache_status) tells it to clients, and
//! [`server_timing`](CoalesceLayer::server_timing) to their browsers.
//!
//! # Coalesced requests
//!
//! The layer passes a request through unless it has a reason to coalesce it. The first row that
//! applies decides.
//!
//! | request | decision |
//! |---|---|
//! | not GET or HEAD, has a [body](#bodies-of-requests), `Upgrade`, `Expect`, `Accept: text/event-stream`, `Cache-Control: no-store`, a field that cannot be parsed | passed through |
//! | a field that is not visible ASCII or longer than 4 KiB, or more than 16 KiB of fields | passed through |
//! | a credential, unless [`key_header`](CoalesceLayer::key_header) names each one that the request has, or [settings](#cookies) name each of its cookies | passed through |
//! | a field in place of the path, such as `X-Original-URL` | passed through |
//! | two `Host` fields, a `Host` that differs from the target's authority, an authority in upper case or with the default port | passed through |
//! | [`should_coalesce`](CoalesceLayer::should_coalesce) returns `false` | passed through |
//! | `only-if-cached` | gets a page that the window has, or status 504 |
//! | the last response of its key was [not shared](#pages-that-are-not-shared), and none is retained | passed through |
//! | `no-cache`, `max-age` of 0, `Pragma: no-cache` | shares only a run that starts after the request |
//! | `max-age` below the window | shares only a run that started less than this time before the request |
//! | any other | shares with requests of an equal [`Key`] |
//!
//! With [`ignore_request_directives`](CoalesceLayer::ignore_request_directives), `Cache-Control` and `Pragma` of requests are
//! not read.
//!
//! The key has the method, the version, the scheme, the authority, the path and query, and the fields in the
//! second row of this table, all compared byte for byte:
//!
//! | request fields | what becomes of them |
//! |---|---|
//! | credentials: `Authorization`, `Cookie`, `X-Api-Key`, tokens, sessions, client certificates, what authenticating proxies add, and names with such a word, as `X-Acme-Token` | passed through |
//! | what may decide the page: `Accept-*`, `If-*`, `Sec-*`, `Range`, `Origin`, `Prefer`, `HX-*`, `X-Requested-With`, `Turbo-*`, `RSC`, `X-Forwarded-*` but `-For`, `Forwarded` without its addresses, and names with a word such as host, language, device or version | in the key |
//! | `User-Agent`, `Referer`, addresses of clients as `X-Forwarded-For`, numbers of one request as `X-Request-Id`, `Via`, and all other names | outside the key |
//!
//! [`key_header`](CoalesceLayer::key_header), [`key_part`](CoalesceLayer::key_part) and
//! [`key_extension`](CoalesceLayer::key_extension) add more parts.
//! [`ignore_header`](CoalesceLayer::ignore_header) takes a field out, and
//! [`strict`](CoalesceLayer::strict) puts all others in.
//!
//! ## Bodies of requests
//!
//! A request of HTTP/1 tells by its fields if it has a body, and one of HTTP/2 or HTTP/3 does not. So the body itself is
//! asked: one of type `()`, [`Bytes`](bytes::Bytes), [`Body`], `Vec<u8>`, `String` or their like is one if it is not empty. For
//! any other type, set a function by [`has_body`](CoalesceLayer::has_body), or use
//! [`call_with`](Coalesced::call_with). Without one of these, every request of HTTP/2 is passed through.
//!
//! ## Cookies
//!
//! [`key_cookie`](CoalesceLayer::key_cookie) and [`ignore_cookies`](CoalesceLayer::ignore_cookies) let requests with cookies
//! share. The handler then sees the cookies of the key alone:
//!
//! ```
//! use std::convert::Infallible;
//! use coalescer_http::CoalesceLayer;
//! use http::{Request, Response};
//!
//! let pages = CoalesceLayer::new()
//!     .key_cookie("session") // a page for each value
//!     .ignore_cookies(["_ga*", "theme"]) // the handler does not see them
//!     .layer(|request: Request<()>| {
//!         let cookies = request.headers().get("cookie").cloned();
//!         Ok::<_, Infallible>(Response::new(cookies.map_or("none".into(), |value| value.to_str().unwrap().to_owned())))
//!     });
//! let get = |cookies: &str| {
//!     let request = Request::get("/").header("cookie", cookies).body(()).unwrap();
//!     pages.call(request).unwrap().into_body().into_bytes().unwrap()
//! };
//! assert_eq!(get("_ga=GA1.1.7; session=ada"), "session=ada");
//! assert_eq!(get("_ga=GA1.1.8; theme=dark"), "none");
//! assert_eq!(get("_ga=GA1.1.9; cart=7"), "_ga=GA1.1.9; cart=7"); // passed through, because of `cart`
//! ```
//!
//! ## Fewer pages
//!
//! Browsers say the same in many words, and each is a key of its own. With
//! [`accept_encodings`](CoalesceLayer::accept_encodings) and [`accept_languages`](CoalesceLayer::accept_languages) the key has
//! the one of the site's values that the request prefers, and the handler sees the field with this value. For
//! `Accept` and other fields that no page depends on there is [`ignore_header`](CoalesceLayer::ignore_header).
//!
//! # Never shared
//!
//! The first row that applies decides who gets a response.
//!
//! | response | followers | the window |
//! |---|---|---|
//! | `no-store`, `Set-Cookie`, `Vary: *`, status 1xx, a body longer than [`max_body`](CoalesceLayer::max_body) or of unknown length, a transfer coding, a field that cannot be parsed | run the handler, all at once | does not retain it |
//! | a field for one client: a token, a challenge, `Clear-Site-Data`, a nonce of `Content-Security-Policy` | run the handler, all at once | does not retain it |
//! | `private`, status 401, 403, 407 or 429, unless [`key_principal`](CoalesceLayer::key_principal) names a person | run the handler, all at once | does not retain it |
//! | a status about one request: 4xx but 404, 405 and 410; 2xx but 200, 203 and 204; 206, 226 or 304 without the request field that they answer; 305, 306, 505, 506, 510, 511 | run the handler, all at once | does not retain it |
//! | `Vary` with a field that is not in the key | run the handler, all at once | does not retain it |
//! | an error or a panic of the handler, unless [`layer_sharing_errors`](CoalesceLayer::layer_sharing_errors) shares the error | run the handler, all at once | does not retain it |
//! | `no-cache`, `max-age` of 0, `Expires` without `max-age` | get it | does not retain it |
//! | `s-maxage` or `max-age` below the window | get it | retains it for that time, and for that of `stale-while-revalidate` |
//! | status 5xx, unless [`own_server_errors`](CoalesceLayer::own_server_errors) is set | get it | does not retain it |
//! | [`window_for`](CoalesceLayer::window_for) returns zero for its key; no room in [`max_retained_bytes`](CoalesceLayer::max_retained_bytes) | get it | does not retain it |
//! | any other | get it | retains it |
//!
//! `CDN-Cache-Control`, `Surrogate-Control` and `X-Accel-Expires` are heard as `Cache-Control` is. So
//! `Set-Cookie` reaches only its own client. A response for one user's credentials reaches no other
//! user, even if the handler forgets `private`, because their requests have different keys.
//!
//! [`SharedResponse`] lists what a follower's response does not have: hop-by-hop fields, numbers of one
//! request, extensions.
//!
#![doc = include_str!("stale_pages.md")]
//!
#![doc = include_str!("forgetting.md")]
//!
//! # Configuration
//!
//! [`CoalesceLayer`] lists the settings of a layer, and [`Settings`] those of its flights:
//!
//! ```
//! # use std::convert::Infallible;
//! use std::time::Duration;
//! use coalescer_http::{CoalesceLayer, Settings};
//! # use http::{Request, Response};
//! # fn handler(_: Request<()>) -> Result<Response<&'static str>, Infallible> { Ok(Response::new("page")) }
//!
//! let pages = CoalesceLayer::new()
//!     .settings(
//!         Settings::new()
//!             .window(Duration::from_millis(250))
//!             .max_wait(Duration::from_secs(20)) // then a follower gets status 503
//!             .max_retained(1000),
//!     )
//!     .key_header("x-tenant")
//!     .layer(handler);
//! # assert_eq!(pages.call(Request::get("/").body(()).unwrap()).unwrap().status(), 200);
//! ```
//!
//! These settings bound the memory of a layer:
//!
//! | memory | bound |
//! |---|---|
//! | number of retained responses | `max_retained`, by default [`DEFAULT_MAX_RETAINED`] |
//! | bodies and fields of all of them | [`max_retained_bytes`](CoalesceLayer::max_retained_bytes), if it is set |
//! | body of each | [`max_body`](CoalesceLayer::max_body), by default [`DEFAULT_MAX_BODY`] |
//! | fields and key of each | the handler, and the server's limit on a request |
//! | flights under way | the number of the server's threads |
//! | keys of pages that are not shared | 1024 hashes |
//! | forgotten tags, for runs that began before | 1024 |
//! | handles to find pages by path | twice the number of pages and flights, and 64 more |
//!
//! A body in memory is shared as [`Bytes`](bytes::Bytes), without a copy. `Bytes` that are a small part
//! of a large buffer keep the whole buffer in memory.
//!
//! An error of the handler goes to its own request. If the handler panics, its own request unwinds. In both
//! cases the requests that waited run the handler themselves. A request waits for
//! [`DEFAULT_MAX_WAIT`] at most if the settings have no `max_wait`. Then it gets a response with status 503,
//! which [`error_response`](CoalesceLayer::error_response) replaces. [`AfterWait`] lists the settings that change
//! what a request does after such a wait.
//!
//! A server that has no handler function can use the two tables on their own: see [`Gates`].
//!
//! # Servers
//!
//! | server | use |
//! |---|---|
//! | a thread for each request, and a handler that is a function of [`http`](https://docs.rs/http)'s types | [`CoalesceLayer::layer`] |
//! | a hook before its handler and one after | [`CoalesceLayer::hooks`] |
//! | axum, hyper, and others with the traits of tower | `CoalesceLayer::tower`, with the feature `tower` |
//!
//! The repository has a [guide](https://github.com/coalescer-rs/coalescer/blob/main/docs/http-servers.md) with an adapter in
//! under 20 lines for each of axum, hyper, oxhttp, astra, tiny_http and rouille, and for hooks. Each is tested with clients
//! over sockets.
//!
//! # Limitations
//!
//! **The layer does no access control.** Check each request before the layer:
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
//! **The layer does not see what a handler reads.** A handler may use a field outside the key, such as
//! `User-Agent`, the client's address or an extension. Add each of them with
//! [`key_header`](CoalesceLayer::key_header), [`key_extension`](CoalesceLayer::key_extension) or
//! [`key_part`](CoalesceLayer::key_part), or send `Vary` or `no-store` with the response. An extension is
//! the usual place for the user that an outer layer has found out.
//!
//! **A page with a secret needs a field that says so.** The layer does not read bodies. A page with a CSRF
//! token in a form must send `no-store` or `private`, or be excluded by
//! [`should_share`](CoalesceLayer::should_share).
//!
//! **A response from the window says so.** Its `Age` tells a stranger that somebody has asked for the page.
//!
//! **One thread, one call.** A server that moves a request between threads, such as one of coroutines, must
//! set `on_deadlock` to [`OnDeadlock::Bypass`](coalescer::OnDeadlock::Bypass), because a wait for its own
//! thread is refused.
//!
//! **Do not take a resource before the layer.** A database connection that a server takes from its pool
//! for each request, before it calls the layer, is held while a follower waits. Take it inside the
//! handler, which runs for the leader only.
//!
//! **Browsers send cookies with every request**, and such requests are passed through unless [settings](#cookies) name
//! their cookies. If only some pages do not depend on cookies, remove the field before the layer for these. The handler
//! then cannot see it:
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
//! **The first requests of a page that is never shared wait in vain.** The layer learns it from the first response, and
//! [remembers](#pages-that-are-not-shared) it. If you know such paths, exclude them with
//! [`should_coalesce`](CoalesceLayer::should_coalesce).
//!
//! **The layer cannot cancel a handler.** If a client disconnects, the leader's handler still runs to
//! its end, and a follower still waits. Without the feature `cluster` the layer works in one process: ten
//! servers may run a handler ten times.
//!
//! # Several processes
//!
//! With the feature `cluster`, layers of several processes share their pages: see `CoalesceLayer::shared`. One
//! process runs the handler, and the others get its page by an engine of the crate `coalescer-cluster`. What the
//! tables above keep from being shared reaches no other process and no engine. Pages whose key has credentials or
//! names a person stay in their process, unless `share_credentials` is set. A write forgets all pages of the
//! layer in all processes, because others may have variants that this process does not know.
//!
//! # Features
//!
//! | feature | effect |
//! |---|---|
//! | `serde` (default) | `Serialize` for [`LayerStats`], [`Served`] and [`Key`], and for the counters and flights of `coalescer` |
//! | `cluster` | `CoalesceLayer::shared`: pages of other processes, by `coalescer-cluster` |
//! | `metrics` | counters of the layer and of its flights for the `metrics` facade: `Coalesced::publish_metrics` |
//! | `tracing` | a span for each run of the handler: of the flights, of requests that are passed through, and after a wait in vain; an event for each response that is not shared or not retained |
//! | `tower` | `CoalesceLayer::tower`: a layer for async servers such as axum and hyper, whose followers hold no thread |
//! | `coarse-clock` (default) | on Linux, a hit reads the kernel's coarse clock, which is faster |
//!
//! [`name`](CoalesceLayer::name) sets the name that metrics and spans show.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod after_wait;
mod body;
mod cache_status;
mod clock;
mod coalesced;
mod expiry;
mod extension_value;
mod flights;
mod forgotten_tags;
mod gates;
mod has_body;
mod key;
mod key_lines;
mod layer;
mod location;
#[cfg(any(feature = "metrics", feature = "tracing"))]
mod observe;
mod of_group;
mod page;
mod remembered;
mod room;
mod route_stats;
mod routes;
mod served;
mod served_role;
#[cfg(feature = "cluster")]
mod shared_pages;
mod shared_response;
mod sharing;
mod stats;
mod tags;
#[cfg(feature = "tower")]
mod tower;
mod verdict;
mod write;

pub use after_wait::AfterWait;
pub use body::Body;
pub use coalesced::{Begun, Coalesced, Hooks, Lead, Pages, Pass};
#[doc(no_inline)]
pub use coalescer::Settings;
pub use gates::{DEFAULT_MAX_BODY, Gates};
pub use key::Key;
pub use layer::{CoalesceLayer, DEFAULT_MAX_RETAINED, DEFAULT_MAX_WAIT, DEFAULT_REMEMBER_UNSHARED};
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub use observe::metrics;
pub use route_stats::RouteStats;
pub use served::Served;
pub use served_role::{ServedReason, ServedRole};
#[cfg(feature = "cluster")]
#[cfg_attr(docsrs, doc(cfg(feature = "cluster")))]
pub use shared_pages::{SharedPages, SharesByDefault};
pub use shared_response::SharedResponse;
pub use sharing::SharesPages;
pub use stats::LayerStats;
#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
pub use tower::{TowerBody, TowerFuture, TowerLayer, TowerService};
pub use verdict::{PassThrough, RequestVerdict, ResponseVerdict, Unkept, Unshared};

/// The README's example, which is compiled and run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
