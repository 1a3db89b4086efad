//! [`Coalesced`]: a handler inside a layer.

mod answer;
mod capture;
mod forget;
mod forget_tags;
mod hooks;
mod inner;
mod joining;
mod lead;
mod pass;
mod purge;
mod stale;
mod unshared;
mod window;

use std::fmt;
use std::sync::Arc;

use coalescer::InFlight;
use http::{Request, Response};

use crate::body::Body;
use crate::gates::Gates;
use crate::key::Key;
use crate::route_stats::RouteStats;
use crate::stats::LayerStats;

pub(crate) use answer::Telling;
pub(crate) use capture::Captured;

pub use hooks::{Begun, Hooks, Pages};
pub(crate) use inner::{ErrorResponse, Inner, RouteBy};
#[cfg(feature = "tower")]
pub(crate) use joining::{Step, Waiting};
#[cfg(feature = "tower")]
pub(crate) use lead::Ended;
pub use lead::Lead;
pub use pass::Pass;

/// A handler whose requests are coalesced; from [`CoalesceLayer::layer`](crate::CoalesceLayer::layer).
///
/// It is a handle: clones share the handler, the flights and the counters.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
/// use coalescer_http::CoalesceLayer;
/// use http::{Request, Response};
///
/// let pages = CoalesceLayer::new()
///     .layer(|request: Request<()>| Ok::<_, Infallible>(Response::new(request.uri().to_string())));
///
/// let response = pages.call(Request::get("/a").body(()).unwrap()).unwrap();
/// assert_eq!(response.into_body().into_bytes().unwrap(), "/a");
/// ```
pub struct Coalesced<H, E> {
    inner: Arc<Inner<H, E>>,
}

impl<H, E> Coalesced<H, E> {
    pub(crate) fn new(inner: Inner<H, E>) -> Self {
        Self { inner: Arc::new(inner) }
    }

    fn inner(&self) -> &Inner<H, E> {
        &self.inner
    }

    /// Answers a request, by running the handler or with the response of another request.
    ///
    /// - A request that is **passed through** runs the handler on this thread.
    /// - A **leader** runs the handler on this thread and returns the handler's response unchanged.
    /// - A **follower** blocks until the leader has a response. The request is dropped. The follower
    ///   returns a response with the same status, fields and body, but without the version, the
    ///   hop-by-hop fields and the extensions. If the response may not be shared, the follower runs
    ///   the handler for its own request.
    /// - A **hit** returns a response from the window at once, with an `Age` field. If the response is past its
    ///   lifetime and says `stale-while-revalidate`, one such request runs the handler instead, on this thread:
    ///   see [Stale pages](crate#stale-pages).
    ///
    /// The extensions of the response have a [`Served`](crate::Served), which says which of these it was.
    ///
    /// A request with a body is passed through. The body tells if its type is `()`, [`Bytes`](bytes::Bytes), [`Body`],
    /// `Vec<u8>`, `String` or one of their like. For another type there is
    /// [`has_body`](crate::CoalesceLayer::has_body), and for a body that borrows [`call_with`](Self::call_with). A request
    /// with `only-if-cached` gets a page of the window, or status 504.
    ///
    /// # Writes
    ///
    /// A request with an unsafe method, such as POST, is passed through. If its response has status 2xx or
    /// 3xx, the pages of its path are forgotten before this method returns: with every query, in all
    /// variants, retained or under way. So are the pages that `Location` and `Content-Location` name, if
    /// they are of the same site (RFC 9111, 4.4). A client that reads after its write sees the write. A
    /// failed write forgets nothing. Pages of other paths that the write changes need
    /// [`forget_path`](Self::forget_path).
    ///
    /// If other processes share the pages, a write makes them forget all pages of the layer, since they may have
    /// variants that this process does not know. The request returns when they have said that they have forgotten, or
    /// after the cluster's `op_timeout`. `CoalesceLayer::forget_known_pages` is the lesser choice, with one such wait
    /// for each page that it forgets.
    ///
    /// With [`purge_if`](crate::CoalesceLayer::purge_if), a PURGE request of a client that may purge is answered without
    /// the handler.
    ///
    /// # Blocking
    ///
    /// A call that runs the handler takes as long as the handler takes, plus the time to read a
    /// [`Body`] of known length that is shared. A follower waits for at most the setting `max_wait`, by
    /// default [`DEFAULT_MAX_WAIT`](crate::DEFAULT_MAX_WAIT).
    ///
    /// # Errors
    ///
    /// Returns the error of this request's own handler. Requests that waited for it run the handler
    /// themselves, all at once. With
    /// [`layer_sharing_errors`](crate::CoalesceLayer::layer_sharing_errors), they can get the same `Arc`.
    /// Errors of coalescing itself, such as a timeout, become a response: see
    /// [`error_response`](crate::CoalesceLayer::error_response).
    ///
    /// # Panics
    ///
    /// If the handler panics in this call, the panic unwinds through this call. Its followers run the
    /// handler themselves, all at once.
    ///
    /// A panic of a function given to `key_part`, `key_principal`, `should_coalesce` or `purge_if` unwinds through this
    /// call too. It affects no other request.
    ///
    /// # Deadlocks
    ///
    /// A handler may call its own layer. A call that would wait for its own thread, directly or over
    /// other threads, does not wait: it gets a response with status 500. See
    /// [`Group::execute`](coalescer::Group::execute) and the setting `on_deadlock`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use coalescer_http::CoalesceLayer;
    /// use http::{Request, Response};
    ///
    /// let pages = CoalesceLayer::new()
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// for age in [None, Some("0")] {
    ///     let response = pages.call(Request::get("/").body(()).unwrap()).unwrap();
    ///     let stated = response.headers().get("age").map(|age| age.to_str().unwrap());
    ///     assert_eq!(stated, age); // the second response comes from the window
    /// }
    /// assert_eq!(pages.stats().flights.executed_requests, 1);
    /// ```
    pub fn call<B, R>(&self, request: Request<B>) -> Result<Response<Body>, Arc<E>>
    where
        B: 'static,
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        let has_body = self.inner.gates.has_body.ask(request.body());
        self.inner.call(request, has_body)
    }

    /// Does the same as [`call`](Self::call), for a request of which the server knows if it has a body.
    ///
    /// Use it for a body that borrows, or where the server knows more than the body's type. `has_body` is `true` if there is
    /// a body or may be one: the request is then passed through. A request whose fields announce a body is passed through in
    /// any case. A function given to [`has_body`](crate::CoalesceLayer::has_body) is not asked.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    ///
    /// # Panics
    ///
    /// As [`call`](Self::call).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use std::io::Read;
    /// use coalescer_http::CoalesceLayer;
    /// use http::{Request, Response, Version};
    ///
    /// fn handler(_: Request<&mut dyn Read>) -> Result<Response<&'static str>, Infallible> {
    ///     Ok(Response::new("hello"))
    /// }
    ///
    /// let pages = CoalesceLayer::new().layer(handler);
    /// let mut connection: &[u8] = b"";
    /// for _ in 0..2 {
    ///     let request = Request::get("https://example.com/").version(Version::HTTP_2);
    ///     let body: &mut dyn Read = &mut connection;
    ///     pages.call_with(request.body(body).unwrap(), false).unwrap();
    /// }
    /// assert_eq!(pages.stats().passed_through, 0);
    /// ```
    pub fn call_with<B, R>(
        &self,
        request: Request<B>,
        has_body: bool,
    ) -> Result<Response<Body>, Arc<E>>
    where
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        self.inner.call(request, Some(has_body))
    }

    /// The response as it leaves the layer.
    pub(crate) fn outgoing<R>(&self, response: Response<R>) -> Response<R> {
        self.inner.upkeep.outgoing(response)
    }

    /// Returns the handler. A call of it is not coalesced and not counted.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer_http::CoalesceLayer;
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// let response = (pages.handler())(Request::post("/").body(()).unwrap());
    /// assert_eq!(*response.unwrap().body(), "hello");
    /// ```
    #[must_use]
    pub fn handler(&self) -> &H {
        &self.inner.handler
    }

    /// Returns the gates, for instance to make the key for [`forget`](Self::forget).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer_http::{CoalesceLayer, RequestVerdict};
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// let request = || Request::get("/a").body(()).unwrap();
    /// pages.call(request()).unwrap();
    ///
    /// let RequestVerdict::Shared(key) = pages.gates().request(&request().into_parts().0) else {
    ///     unreachable!("an ordinary request")
    /// };
    /// assert!(pages.forget(&key));
    /// ```
    pub fn gates(&self) -> &Gates {
        &self.inner.gates
    }

    /// Returns a snapshot of the counters.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer_http::CoalesceLayer;
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// pages.call(Request::get("/").body(()).unwrap()).unwrap();
    /// assert_eq!(pages.stats().flights.executed_requests, 1);
    /// ```
    #[must_use]
    pub fn stats(&self) -> LayerStats {
        self.inner.counters.snapshot(self.inner.flights.stats())
    }

    /// Publishes the counters of the layer and of its flights to the installed recorder: see [`metrics`](crate::metrics).
    ///
    /// It adds the increase since the last call. The recorder runs on this thread, under no lock, and its panics end here.
    ///
    /// # Examples
    ///
    /// See [`metrics`](crate::metrics).
    #[cfg(feature = "metrics")]
    #[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
    pub fn publish_metrics(&self) {
        self.inner.flights.publish_metrics();
        self.inner.published.publish(self.name(), || (self.stats(), self.stats_by_route()));
    }

    /// Returns the counters of each route that has had requests: sorted by name, and `other` at the end. Empty without
    /// [`route_by`](crate::CoalesceLayer::route_by).
    ///
    /// # Examples
    ///
    /// See [`route_by`](crate::CoalesceLayer::route_by).
    #[must_use]
    pub fn stats_by_route(&self) -> Vec<RouteStats> {
        self.inner.routes.as_ref().map_or_else(Vec::new, |(_, routes)| routes.stats())
    }

    /// Returns every flight under way, the oldest first. A [`Key`] shows no value of a field.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer_http::CoalesceLayer;
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// pages.call(Request::get("/").body(()).unwrap()).unwrap();
    /// assert!(pages.in_flight().is_empty());
    /// ```
    #[must_use]
    pub fn in_flight(&self) -> Vec<InFlight<Key>> {
        self.inner.flights.in_flight()
    }

    /// Returns the name given to [`CoalesceLayer::name`](crate::CoalesceLayer::name).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer_http::CoalesceLayer;
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .name("pages")
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// assert_eq!(pages.name(), Some("pages"));
    /// ```
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.inner.flights.name()
    }
}

impl<H, E> Clone for Coalesced<H, E> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<H, E> fmt::Debug for Coalesced<H, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coalesced")
            .field("name", &self.name())
            .field("gates", &self.inner.gates)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
