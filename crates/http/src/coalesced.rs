//! [`Coalesced`]: a handler inside a layer.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use coalescer::{Error, InFlight};
use http::{Request, Response};

use crate::body::Body;
use crate::flights::{Flights, Freshness};
use crate::gates::Gates;
use crate::key::Key;
use crate::layer::ErrorResponse;
use crate::page::Page;
use crate::stats::{Counters, LayerStats};
use crate::verdict::RequestVerdict;

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

struct Inner<H, E> {
    handler: H,
    gates: Gates,
    flights: Flights<E>,
    counters: Counters,
    error_response: ErrorResponse,
}

impl<H, E> Coalesced<H, E> {
    pub(crate) fn new(
        handler: H,
        gates: Gates,
        flights: Flights<E>,
        error_response: ErrorResponse,
    ) -> Self {
        let counters = Counters::new();
        Self { inner: Arc::new(Inner { handler, gates, flights, counters, error_response }) }
    }

    /// Answers a request, by running the handler or with the response of another request.
    ///
    /// - A request that is **passed through** runs the handler on this thread.
    /// - A **leader** runs the handler on this thread and returns the handler's response unchanged.
    /// - A **follower** blocks until the leader has a response. The request is dropped. The follower
    ///   returns a response with the same status, fields and body, but without the version, the
    ///   hop-by-hop fields and the extensions. If the response may not be shared, the follower runs
    ///   the handler for its own request.
    /// - A **hit** returns a response from the window at once, with an `Age` field.
    ///
    /// # Blocking
    ///
    /// A call that runs the handler takes as long as the handler takes, plus the time to read a
    /// [`Body`] of known length that is shared. A follower waits for at most the setting `max_wait`,
    /// or without one until the leader has a response.
    ///
    /// # Errors
    ///
    /// Returns the handler's error. All requests that waited for it get the same `Arc`. Errors of
    /// coalescing itself, such as a timeout, become a response: see
    /// [`error_response`](crate::CoalesceLayer::error_response).
    ///
    /// # Panics
    ///
    /// If the handler panics in this call, the panic unwinds through this call. Its followers get a
    /// response with status 500.
    ///
    /// A panic of a function given to `key_part` or `should_coalesce` unwinds through this call too.
    /// It affects no other request.
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
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        let (parts, body) = request.into_parts();
        let verdict = self.inner.gates.request(&parts);
        let request = Request::from_parts(parts, body);
        match verdict {
            RequestVerdict::PassThrough(reason) => {
                self.inner.counters.count_passed_through(reason);
                self.inner.run(request).map_err(Arc::new)
            }
            RequestVerdict::Shared(key) => self.inner.share(&key, Freshness::Any, request),
            RequestVerdict::Fresh(key) => self.inner.share(&key, Freshness::Fresh, request),
        }
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

    /// Detaches the flight or removes the response of a key. Returns `true` if there was one.
    ///
    /// Requests that wait already still get that flight's response. No later request does. See
    /// [`Group::forget`](coalescer::Group::forget).
    ///
    /// # Examples
    ///
    /// See [`gates`](Self::gates).
    pub fn forget(&self, key: &Key) -> bool {
        self.inner.flights.forget(key)
    }

    /// Forgets every key. Returns the number of flights and responses that there were.
    ///
    /// Use it after a write that may change any page. Commit the write first, then call this method.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer_http::CoalesceLayer;
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// for path in ["/a", "/b"] {
    ///     pages.call(Request::get(path).body(()).unwrap()).unwrap();
    /// }
    /// assert_eq!(pages.forget_all(), 2);
    /// ```
    pub fn forget_all(&self) -> usize {
        self.inner.flights.forget_all()
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

impl<H, E> Inner<H, E> {
    fn run<B, R>(&self, request: Request<B>) -> Result<Response<Body>, E>
    where
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        (self.handler)(request).map(|response| response.map(Into::into))
    }

    fn share<B, R>(
        &self,
        key: &Key,
        freshness: Freshness,
        request: Request<B>,
    ) -> Result<Response<Body>, Arc<E>>
    where
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        match self.flights.call(key, freshness, || self.lead(key, request)) {
            Ok(response) => Ok(response),
            Err(Error::Failed(error)) => Err(error),
            Err(other) => Ok((self.error_response)(&without_failed(other), key)),
        }
    }

    /// Runs the handler. Returns the page for other requests, and the response for this one.
    fn lead<B, R>(&self, key: &Key, request: Request<B>) -> Result<(Page, Response<Body>), E>
    where
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        let response = self.run(request)?;
        let (verdict, page, response) = Page::split(&self.gates, key, response);
        self.counters.count_response(verdict);
        Ok((page, response))
    }
}

/// Converts an error that is not the handler's to a type that does not depend on the handler.
fn without_failed<E>(error: Error<E>) -> Error<Infallible> {
    match error {
        Error::LeaderPanicked { message } => Error::LeaderPanicked { message },
        Error::TimedOut => Error::TimedOut,
        Error::WouldBlock => Error::WouldBlock,
        Error::WouldDeadlock => Error::WouldDeadlock,
        Error::Rejected => Error::Rejected,
        // The caller has handled `Failed`. A variant of a later version answers like `Abandoned`.
        _ => Error::Abandoned,
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
