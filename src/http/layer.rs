//! [`CoalesceLayer`]: the settings of a layer round a handler.

use std::convert::Infallible;
use std::fmt;
use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER};
use http::uri::Scheme;
use http::{Request, Response, StatusCode, request};

use crate::builder::ForGroup;
use crate::http::body::Body;
use crate::http::coalesced::Coalesced;
use crate::http::gates::Gates;
use crate::http::key::Key;
use crate::http::page::Page;
use crate::wait::clock::Clock;
use crate::{Builder, DEFAULT_WINDOW, Error, Group, ManualClock, OnDeadlock};

/// How many responses are kept at most unless the settings say otherwise: 256.
///
/// # Examples
///
/// ```
/// assert_eq!(coalescer::http::DEFAULT_MAX_RETAINED, 256);
/// ```
pub const DEFAULT_MAX_RETAINED: usize = 256;

/// Makes the response of a call that the library could not answer.
pub(super) type ErrorResponse =
    Arc<dyn Fn(&Error<Infallible>, &Key) -> Response<Body> + Send + Sync>;

/// Settings for a layer that coalesces requests; [`layer`](Self::layer) puts it round a handler.
///
/// The settings are those of a [`Builder`], with defaults for keys that strangers choose, and
/// those of the [`Gates`]. How keys are hashed is not one of them: it is std's SipHash with a random
/// seed, since whoever could make keys collide could make every request slow.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
/// use std::time::Duration;
/// use coalescer::http::CoalesceLayer;
/// use http::{Request, Response};
///
/// fn report(request: Request<()>) -> Result<Response<String>, Infallible> {
///     Ok(Response::new(format!("a report on {}", request.uri())))
/// }
///
/// let reports = CoalesceLayer::new()
///     .window(Duration::from_millis(250))
///     .key_header("x-tenant")
///     .max_wait(Duration::from_secs(20))
///     .layer(report);
/// let request = Request::get("/cars").header("x-tenant", "acme").body(()).unwrap();
/// let response = reports.call(request).unwrap();
/// assert_eq!(response.into_body().into_bytes().unwrap(), "a report on /cars");
/// ```
#[must_use = "a layer does nothing until it is put round a handler"]
pub struct CoalesceLayer {
    gates: Gates,
    flights: Builder<ForGroup, RandomState>,
    clock: Option<ManualClock>,
    error_response: ErrorResponse,
}

impl CoalesceLayer {
    /// A layer with a window of 100 ms that keeps at most [`DEFAULT_MAX_RETAINED`] responses.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer::http::CoalesceLayer::new();
    /// # let _ = layer;
    /// ```
    pub fn new() -> Self {
        let flights = Group::builder().window(DEFAULT_WINDOW).max_retained(DEFAULT_MAX_RETAINED);
        Self {
            gates: Gates::new(),
            flights: flights.hasher(RandomState::new()),
            clock: None,
            error_response: Arc::new(error_response),
        }
    }

    /// How long after the handler was called its response is served to those who did not wait for
    /// it. See [`Builder::window`] and [`Gates::window`].
    ///
    /// Without it: [`DEFAULT_WINDOW`], 100 ms. Zero keeps nothing: only requests that meet
    /// share.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let layer = coalescer::http::CoalesceLayer::new().window(Duration::ZERO);
    /// # let _ = layer;
    /// ```
    pub fn window(mut self, window: Duration) -> Self {
        self.gates = self.gates.window(window);
        self.flights = self.flights.window(window);
        self
    }

    /// Makes a request field a part of the key. See [`Gates::key_header`].
    ///
    /// # Panics
    ///
    /// If no field can have this name.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer::http::CoalesceLayer::new().key_header("x-tenant");
    /// # let _ = layer;
    /// ```
    #[track_caller]
    pub fn key_header(mut self, name: impl AsRef<str>) -> Self {
        self.gates = self.gates.key_header(name);
        self
    }

    /// Makes what a function says of a request a part of the key. See [`Gates::key_part`].
    ///
    /// # Examples
    ///
    /// ```
    /// #[derive(Clone)]
    /// struct Tenant(String);
    ///
    /// let layer = coalescer::http::CoalesceLayer::new()
    ///     .key_part(|request| request.extensions.get::<Tenant>().map(|tenant| tenant.0.clone()));
    /// # let _ = layer;
    /// ```
    pub fn key_part(
        mut self,
        part: impl Fn(&request::Parts) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.gates = self.gates.key_part(part);
        self
    }

    /// Asks a function about every request that would be coalesced. See
    /// [`Gates::should_coalesce`].
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer::http::CoalesceLayer::new()
    ///     .should_coalesce(|request| request.uri.path().starts_with("/reports/"));
    /// # let _ = layer;
    /// ```
    pub fn should_coalesce(
        mut self,
        should: impl Fn(&request::Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.gates = self.gates.should_coalesce(should);
        self
    }

    /// The scheme of requests that do not name theirs. See [`Gates::scheme`].
    ///
    /// # Examples
    ///
    /// ```
    /// use http::uri::Scheme;
    ///
    /// let layer = coalescer::http::CoalesceLayer::new().scheme(Scheme::HTTPS);
    /// # let _ = layer;
    /// ```
    pub fn scheme(mut self, scheme: Scheme) -> Self {
        self.gates = self.gates.scheme(scheme);
        self
    }

    /// The longest body, in bytes, that is shared. See [`Gates::max_body`].
    ///
    /// Without it: [`DEFAULT_MAX_BODY`](super::DEFAULT_MAX_BODY), 1 MiB.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer::http::CoalesceLayer::new().max_body(64 * 1024);
    /// # let _ = layer;
    /// ```
    pub fn max_body(mut self, bytes: u64) -> Self {
        self.gates = self.gates.max_body(bytes);
        self
    }

    /// How many responses are kept at most. See [`Builder::max_retained`].
    ///
    /// Without it: [`DEFAULT_MAX_RETAINED`]. What is kept takes at most so many times the sum of
    /// `max_body`, the response's fields and the key.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer::http::CoalesceLayer::new().max_retained(1000);
    /// # let _ = layer;
    /// ```
    pub fn max_retained(mut self, max: usize) -> Self {
        self.flights = self.flights.max_retained(max);
        self
    }

    /// How many requests one run of the handler serves at most. See [`Builder::max_requests`].
    ///
    /// # Panics
    ///
    /// If it is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer::http::CoalesceLayer::new().max_requests(1000);
    /// # let _ = layer;
    /// ```
    #[track_caller]
    pub fn max_requests(mut self, max: usize) -> Self {
        self.flights = self.flights.max_requests(max);
        self
    }

    /// The age from which on a running handler takes no more requests on. See
    /// [`Builder::max_join_age`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let layer = coalescer::http::CoalesceLayer::new().max_join_age(Duration::from_secs(2));
    /// # let _ = layer;
    /// ```
    pub fn max_join_age(mut self, age: Duration) -> Self {
        self.flights = self.flights.max_join_age(age);
        self
    }

    /// How long a request waits at most for another's response; then it gets a 503. See
    /// [`Builder::max_wait`] and [`error_response`](Self::error_response).
    ///
    /// Without it: as long as the handler runs.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let layer = coalescer::http::CoalesceLayer::new().max_wait(Duration::from_secs(10));
    /// # let _ = layer;
    /// ```
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.flights = self.flights.max_wait(wait);
        self
    }

    /// The age of a running handler from which on one other request runs it as well. See
    /// [`Builder::leader_timeout`].
    ///
    /// # Panics
    ///
    /// If it is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let layer = coalescer::http::CoalesceLayer::new().leader_timeout(Duration::from_secs(2));
    /// # let _ = layer;
    /// ```
    #[track_caller]
    pub fn leader_timeout(mut self, timeout: Duration) -> Self {
        self.flights = self.flights.leader_timeout(timeout);
        self
    }

    /// How many runs of the handler one flight may have. See [`Builder::max_leaders`].
    ///
    /// # Panics
    ///
    /// If it is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let layer = coalescer::http::CoalesceLayer::new()
    ///     .leader_timeout(Duration::from_secs(2))
    ///     .max_leaders(3);
    /// # let _ = layer;
    /// ```
    #[track_caller]
    pub fn max_leaders(mut self, max: usize) -> Self {
        self.flights = self.flights.max_leaders(max);
        self
    }

    /// What happens when a handler asks its own layer for the page that it makes. See
    /// [`Builder::on_deadlock`].
    ///
    /// Without it: the inner call gets a 500.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::OnDeadlock;
    ///
    /// let layer = coalescer::http::CoalesceLayer::new().on_deadlock(OnDeadlock::Bypass);
    /// # let _ = layer;
    /// ```
    pub fn on_deadlock(mut self, on_deadlock: OnDeadlock) -> Self {
        self.flights = self.flights.on_deadlock(on_deadlock);
        self
    }

    /// A name, for people who read logs and status pages.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer::http::CoalesceLayer::new().name("pages");
    /// # let _ = layer;
    /// ```
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.flights = self.flights.name(name);
        self
    }

    /// Measures all time on a clock that a test moves. See [`Builder::clock`].
    ///
    /// # Examples
    ///
    /// ```
    /// let clock = coalescer::ManualClock::new();
    /// let layer = coalescer::http::CoalesceLayer::new().clock(clock.clone());
    /// # let _ = layer;
    /// ```
    pub fn clock(mut self, clock: ManualClock) -> Self {
        self.clock = Some(clock.clone());
        self.flights = self.flights.clock(clock);
        self
    }

    /// What a client gets whose request waited and got no response.
    ///
    /// Without it, an empty page with `Cache-Control: no-store` and this status:
    ///
    /// | error | status |
    /// |---|---|
    /// | [`TimedOut`](Error::TimedOut): `max_wait` is over | 503, with `Retry-After: 1` |
    /// | [`LeaderPanicked`](Error::LeaderPanicked): the handler panicked for another request | 500 |
    /// | [`WouldDeadlock`](Error::WouldDeadlock): the wait would never end | 500 |
    /// | any other | 500 |
    ///
    /// The function is called on the client's own thread. Errors that the handler returns do not
    /// come here: [`call`](Coalesced::call) returns them.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::http::{Body, CoalesceLayer};
    /// use http::{Response, StatusCode};
    ///
    /// let layer = CoalesceLayer::new().error_response(|error, key| {
    ///     let mut response = Response::new(Body::from(format!("{}: {error}", key.path_and_query())));
    ///     *response.status_mut() = match error.is_timeout() {
    ///         true => StatusCode::GATEWAY_TIMEOUT,
    ///         false => StatusCode::INTERNAL_SERVER_ERROR,
    ///     };
    ///     response
    /// });
    /// # let _ = layer;
    /// ```
    pub fn error_response(
        mut self,
        response: impl Fn(&Error<Infallible>, &Key) -> Response<Body> + Send + Sync + 'static,
    ) -> Self {
        self.error_response = Arc::new(response);
        self
    }

    /// Puts the layer round a handler.
    ///
    /// The handler is a blocking function of a request. Its response's body is anything that a
    /// [`Body`] can be made of. For a handler that cannot fail, take
    /// [`Infallible`] as the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use coalescer::http::CoalesceLayer;
    /// use http::{Request, Response};
    ///
    /// let files = CoalesceLayer::new().layer(|request: Request<()>| match request.uri().path() {
    ///     "/a" => Ok(Response::new("a file")),
    ///     _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    /// });
    /// assert!(files.call(Request::get("/a").body(()).unwrap()).is_ok());
    /// assert!(files.call(Request::get("/b").body(()).unwrap()).is_err());
    /// ```
    pub fn layer<H, B, R, E>(self, handler: H) -> Coalesced<H, E>
    where
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
    {
        let flights = self.flights.share_with(Page::share_with).build();
        let clock = self.clock.map_or_else(Clock::system, Clock::Manual);
        Coalesced::new(handler, self.gates, flights, clock, self.error_response)
    }
}

/// The default of [`CoalesceLayer::error_response`].
fn error_response(error: &Error<Infallible>, _: &Key) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if error.is_timeout() {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    } else {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    response
}

impl Default for CoalesceLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CoalesceLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoalesceLayer")
            .field("gates", &self.gates)
            .field("flights", &self.flights)
            .finish_non_exhaustive()
    }
}
