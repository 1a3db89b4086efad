//! [`CoalesceLayer`]: the settings of a layer, before a handler is inside it.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use coalescer::Error;
use http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER};
use http::uri::Scheme;
use http::{Request, Response, StatusCode, request};

use crate::Settings;
use crate::body::Body;
use crate::coalesced::Coalesced;
use crate::flights::Flights;
use crate::gates::Gates;
use crate::key::Key;

/// The number of responses that a layer retains at most if its [`Settings`] do not set
/// `max_retained`: 256.
///
/// # Examples
///
/// ```
/// assert_eq!(coalescer_http::DEFAULT_MAX_RETAINED, 256);
/// ```
pub const DEFAULT_MAX_RETAINED: usize = 256;

/// Makes the response for an [`Error`] of coalescing.
pub(crate) type ErrorResponse =
    Arc<dyn Fn(&Error<Infallible>, &Key) -> Response<Body> + Send + Sync>;

/// Settings for a layer that coalesces requests. [`layer`](Self::layer) puts a handler inside it.
///
/// | method | setting | default |
/// |---|---|---|
/// | [`settings`](Self::settings) | the window, timeouts and limits of the flights | a window of 100 ms, 256 retained responses |
/// | [`key_header`](Self::key_header), [`key_part`](Self::key_part) | more parts of the key | none |
/// | [`should_coalesce`](Self::should_coalesce) | a function that excludes requests | none |
/// | [`scheme`](Self::scheme) | the scheme of a request that states none | `http` |
/// | [`max_body`](Self::max_body) | the longest body that is shared | 1 MiB |
/// | [`error_response`](Self::error_response) | the response for a timeout, a panic or a deadlock | 503 or 500 |
/// | [`name`](Self::name) | the name in logs and metrics | none |
///
/// The hasher is no setting. Clients choose the keys, and a client that finds keys with equal hashes
/// can slow down every request. The layer always uses std's
/// [`RandomState`](std::hash::RandomState).
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
/// use std::time::Duration;
/// use coalescer_http::{CoalesceLayer, Settings};
/// use http::{Request, Response};
///
/// fn report(request: Request<()>) -> Result<Response<String>, Infallible> {
///     Ok(Response::new(format!("a report on {}", request.uri())))
/// }
///
/// let reports = CoalesceLayer::new()
///     .settings(
///         Settings::new()
///             .window(Duration::from_millis(250))
///             .max_wait(Duration::from_secs(20)),
///     )
///     .key_header("x-tenant")
///     .layer(report);
/// let request = Request::get("/cars").header("x-tenant", "acme").body(()).unwrap();
/// let response = reports.call(request).unwrap();
/// assert_eq!(response.into_body().into_bytes().unwrap(), "a report on /cars");
/// ```
#[must_use = "a layer does nothing without a handler"]
pub struct CoalesceLayer {
    gates: Gates,
    settings: Settings,
    name: Option<String>,
    error_response: ErrorResponse,
}

impl CoalesceLayer {
    /// Makes a layer with a window of 100 ms that retains at most [`DEFAULT_MAX_RETAINED`] responses.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer_http::CoalesceLayer::new();
    /// # let _ = layer;
    /// ```
    pub fn new() -> Self {
        Self {
            gates: Gates::new(),
            settings: Settings::new(),
            name: None,
            error_response: Arc::new(error_response),
        }
    }

    /// Sets the window, the timeouts and the limits of the layer's flights.
    ///
    /// The new settings replace all settings of an earlier call of this method.
    ///
    /// **`max_retained`** differs from coalescer's default. Settings that do not set it get
    /// [`DEFAULT_MAX_RETAINED`], because clients choose the keys and a page can be as long as
    /// [`max_body`](Self::max_body). Settings that set it are used as they are, so
    /// `max_retained(usize::MAX)` removes the limit.
    ///
    /// The window applies to the gates too: see [`Gates::window`]. A window of zero retains nothing,
    /// and only requests that overlap in time share a response.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use std::time::Duration;
    /// use coalescer_http::{CoalesceLayer, DEFAULT_MAX_RETAINED, Settings};
    /// use http::{Request, Response};
    ///
    /// let retained = |settings: Settings| {
    ///     let pages = CoalesceLayer::new()
    ///         .settings(settings)
    ///         .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    ///     for number in 0..1000 {
    ///         pages.call(Request::get(format!("/{number}")).body(()).unwrap()).unwrap();
    ///     }
    ///     pages.forget_all()
    /// };
    /// let settings = Settings::new().window(Duration::MAX);
    /// assert_eq!(retained(settings.clone()), DEFAULT_MAX_RETAINED);
    /// assert_eq!(retained(settings.clone().max_retained(500)), 500);
    /// assert_eq!(retained(settings.max_retained(usize::MAX)), 1000);
    /// ```
    pub fn settings(mut self, settings: Settings) -> Self {
        self.gates = self.gates.window(settings.get_window());
        self.settings = settings;
        self
    }

    /// Adds a request field to the key. See [`Gates::key_header`].
    ///
    /// # Panics
    ///
    /// Panics if `name` is not a valid name of a field.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer_http::CoalesceLayer::new().key_header("x-tenant");
    /// # let _ = layer;
    /// ```
    #[track_caller]
    pub fn key_header(mut self, name: impl AsRef<str>) -> Self {
        self.gates = self.gates.key_header(name);
        self
    }

    /// Adds the result of a function to the key. See [`Gates::key_part`].
    ///
    /// # Examples
    ///
    /// ```
    /// #[derive(Clone)]
    /// struct Tenant(String);
    ///
    /// let layer = coalescer_http::CoalesceLayer::new()
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

    /// Passes through every request for which a function returns `false`. See
    /// [`Gates::should_coalesce`].
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer_http::CoalesceLayer::new()
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

    /// Sets the scheme of requests that state none. See [`Gates::scheme`].
    ///
    /// # Examples
    ///
    /// ```
    /// use http::uri::Scheme;
    ///
    /// let layer = coalescer_http::CoalesceLayer::new().scheme(Scheme::HTTPS);
    /// # let _ = layer;
    /// ```
    pub fn scheme(mut self, scheme: Scheme) -> Self {
        self.gates = self.gates.scheme(scheme);
        self
    }

    /// Sets the length in bytes of the longest body that is shared. See [`Gates::max_body`].
    ///
    /// The default is [`DEFAULT_MAX_BODY`](crate::DEFAULT_MAX_BODY), 1 MiB.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer_http::CoalesceLayer::new().max_body(64 * 1024);
    /// # let _ = layer;
    /// ```
    pub fn max_body(mut self, bytes: u64) -> Self {
        self.gates = self.gates.max_body(bytes);
        self
    }

    /// Sets a name, which logs, spans and metrics show.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer_http::CoalesceLayer::new().name("pages");
    /// # let _ = layer;
    /// ```
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the function that makes the response for an error of coalescing.
    ///
    /// The default is a response without a body, with `Cache-Control: no-store` and this status:
    ///
    /// | error | status |
    /// |---|---|
    /// | [`TimedOut`](Error::TimedOut): the request waited for `max_wait` | 503, with `Retry-After: 1` |
    /// | [`LeaderPanicked`](Error::LeaderPanicked): the handler panicked for another request | 500 |
    /// | [`WouldDeadlock`](Error::WouldDeadlock): the wait would never end | 500 |
    /// | any other | 500 |
    ///
    /// The layer calls the function on the request's own thread. The function is not called for an
    /// error of the handler, which [`call`](Coalesced::call) returns.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{Body, CoalesceLayer};
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

    /// Puts a handler inside the layer.
    ///
    /// The handler is a blocking function of a request. The body of its response can be any type
    /// that converts to a [`Body`]. A handler that cannot fail has [`Infallible`] as its error.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use coalescer_http::CoalesceLayer;
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
        let settings = match self.settings.get_max_retained() {
            Some(_) => self.settings,
            None => self.settings.max_retained(DEFAULT_MAX_RETAINED),
        };
        let flights = Flights::new(settings, self.name);
        Coalesced::new(handler, self.gates, flights, self.error_response)
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
            .field("name", &self.name)
            .field("gates", &self.gates)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
