//! [`Coalesced`]: a handler with a layer round it.

use std::convert::Infallible;
use std::fmt;
use std::hash::RandomState;
use std::sync::Arc as StdArc;

use http::{Request, Response};

use crate::http::body::Body;
use crate::http::gates::Gates;
use crate::http::key::Key;
use crate::http::layer::ErrorResponse;
use crate::http::page::Page;
use crate::http::stats::{Counters, LayerStats};
use crate::http::verdict::RequestVerdict;
use crate::sync::Arc;
use crate::wait::clock::Clock;
use crate::{Error, Group, InFlight, Role};

/// A handler whose requests are coalesced; from [`CoalesceLayer::layer`](super::CoalesceLayer::layer).
///
/// It is a handle: clones share the handler, the flights and the counters.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
/// use coalescer::http::CoalesceLayer;
/// use http::{Request, Response};
///
/// let pages = CoalesceLayer::new()
///     .layer(|request: Request<()>| Ok::<_, Infallible>(Response::new(request.uri().to_string())));
///
/// let response = pages.call(Request::get("/a").body(()).unwrap()).unwrap();
/// assert_eq!(response.into_body().into_bytes().unwrap(), "/a");
/// ```
pub struct Coalesced<H, E> {
    inner: StdArc<Inner<H, E>>,
}

struct Inner<H, E> {
    handler: H,
    gates: Gates,
    flights: Flights<E>,
    clock: Clock,
    counters: Counters,
    error_response: ErrorResponse,
}

/// The hasher is keyed, as keys come from strangers.
type Flights<E> = Group<Key, Page, E, RandomState>;

/// How a request wants to share.
#[derive(Clone, Copy)]
enum Wish {
    Shared,
    Fresh,
}

impl<H, E> Coalesced<H, E> {
    pub(super) fn new(
        handler: H,
        gates: Gates,
        flights: Flights<E>,
        clock: Clock,
        error_response: ErrorResponse,
    ) -> Self {
        let counters = Counters::new();
        let inner = Inner { handler, gates, flights, clock, counters, error_response };
        Self { inner: StdArc::new(inner) }
    }

    /// Answers a request: with a response that is shared, or by running the handler.
    ///
    /// A request that is passed through runs the handler on this thread. So does a **leader**, and it
    /// gets the handler's response as it is. A **follower** blocks until the leader's response is
    /// there, at most for [`max_wait`](super::CoalesceLayer::max_wait). Its request is dropped, and it
    /// gets a response of its own with the same status, fields and body, without the version, the
    /// hop-by-hop fields and the extensions, which are one connection's or one request's. If the
    /// response may not be shared, the follower runs the handler itself, with its own request. A
    /// **late** request gets one from the window at once, with an `Age`.
    ///
    /// # Errors
    ///
    /// The handler's own error, the same for everyone who waited for it. What the library itself
    /// has to say becomes a response: see
    /// [`error_response`](super::CoalesceLayer::error_response).
    ///
    /// # Panics
    ///
    /// If this call runs the handler and that panics, the panic goes on through this call, and the
    /// server does with it what it does. Those who waited get a 500.
    ///
    /// # Deadlocks
    ///
    /// As [`Group::execute`]: a handler may call this layer, and a call that would wait for its own
    /// thread is answered with a 500 at once.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use coalescer::http::CoalesceLayer;
    /// use http::{Request, Response};
    ///
    /// let pages = CoalesceLayer::new()
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// for age in [None, Some("0")] {
    ///     let response = pages.call(Request::get("/").body(()).unwrap()).unwrap();
    ///     let stated = response.headers().get("age").map(|age| age.to_str().unwrap());
    ///     assert_eq!(stated, age); // the second comes from the window
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
            RequestVerdict::Shared(key) => self.inner.share(&key, Wish::Shared, request),
            RequestVerdict::Fresh(key) => self.inner.share(&key, Wish::Fresh, request),
        }
    }

    /// The handler.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer::http::CoalesceLayer;
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// let alone = (pages.handler())(Request::post("/").body(()).unwrap());
    /// assert_eq!(*alone.unwrap().body(), "hello");
    /// ```
    #[must_use]
    pub fn handler(&self) -> &H {
        &self.inner.handler
    }

    /// The gates, for instance to make the key to [`forget`](Self::forget).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer::http::{CoalesceLayer, RequestVerdict};
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

    /// The counters so far.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer::http::CoalesceLayer;
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

    /// Every flight under way, the oldest first. Keys show no value of a field.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer::http::CoalesceLayer;
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

    /// Detaches the flight or the response of this key, and says whether there was one. See
    /// [`Group::forget`].
    ///
    /// # Examples
    ///
    /// See [`gates`](Self::gates).
    pub fn forget(&self, key: &Key) -> bool {
        self.inner.flights.forget(key)
    }

    /// Forgets every key, and says how many flights and responses there were.
    ///
    /// After a write of which nobody knows what pages it changes: commit it first, and forget then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer::http::CoalesceLayer;
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

    /// The name that the settings gave it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer::http::CoalesceLayer;
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
        wish: Wish,
        request: Request<B>,
    ) -> Result<Response<Body>, Arc<E>>
    where
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        // The response of a call that runs the handler is its own, whatever others may have of it.
        let mut own = None;
        let lead = || {
            let started = self.clock.now();
            let response = self.run(request)?;
            let (page, response, verdict) = Page::of(&self.gates, key, response, started);
            self.counters.count_response(verdict);
            own = Some(response);
            Ok(page)
        };
        let shared = match wish {
            Wish::Shared => {
                let outcome = self.flights.execute_outcome(key, lead);
                outcome.map(|outcome| (outcome.value, outcome.role))
            }
            Wish::Fresh => {
                let value = self.flights.execute_fresh(key, lead);
                value.map(|value| (value, Role::Follower))
            }
        };
        match own {
            Some(response) => Ok(response),
            None => self.response_of(key, shared),
        }
    }

    /// The response of a call that did not run the handler, or whose handler failed.
    fn response_of(
        &self,
        key: &Key,
        shared: Result<(Arc<Page>, Role), Error<E>>,
    ) -> Result<Response<Body>, Arc<E>> {
        let (page, role) = match shared {
            Ok(shared) => shared,
            Err(Error::Failed(error)) => return Err(error),
            Err(other) => return Ok((self.error_response)(&without_failed(other), key)),
        };
        let Page::Shared(page) = &*page else {
            unreachable!("a page that is its leader's own is shared with nobody")
        };
        Ok(match role {
            Role::Late => page.late_response(self.clock.now()),
            Role::Leader | Role::Follower => page.response(),
        })
    }
}

/// The library's own errors, which do not depend on the handler's.
fn without_failed<E>(error: Error<E>) -> Error<Infallible> {
    match error {
        Error::LeaderPanicked { message } => Error::LeaderPanicked { message },
        Error::TimedOut => Error::TimedOut,
        Error::WouldBlock => Error::WouldBlock,
        Error::WouldDeadlock => Error::WouldDeadlock,
        Error::Rejected => Error::Rejected,
        Error::Failed(_) | Error::Abandoned => Error::Abandoned,
    }
}

impl<H, E> Clone for Coalesced<H, E> {
    fn clone(&self) -> Self {
        Self { inner: StdArc::clone(&self.inner) }
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
