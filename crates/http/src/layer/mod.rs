//! [`CoalesceLayer`]: the settings of a layer, before a handler is inside it.

mod errors;
mod hooks;
mod keys;
mod requests;
#[cfg(feature = "cluster")]
mod shared;
mod telling;
mod upkeep;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use coalescer::shared::Alone;
use http::{Request, Response, request, response};

use crate::Settings;
use crate::after_wait::AfterWaits;
use crate::body::Body;
use crate::clock::Clock;
use crate::coalesced::{Coalesced, ErrorResponse, Inner, RouteBy, Telling};
use crate::flights::{ErrorRule, Flights};
use crate::gates::Gates;
use crate::key::Key;
use crate::of_group::{OfGroup, SlowHook};
use crate::room::Budget;
use crate::routes::Routes;
use crate::sharing::SharesPages;
use crate::stats::Counters;

pub use upkeep::DEFAULT_REMEMBER_UNSHARED;
pub(crate) use upkeep::Upkeep;

/// The number of responses that a layer retains at most if its [`Settings`] do not set
/// `max_retained`: 256.
///
/// # Examples
///
/// ```
/// assert_eq!(coalescer_http::DEFAULT_MAX_RETAINED, 256);
/// ```
pub const DEFAULT_MAX_RETAINED: usize = 256;

/// How long a request waits at most for the run of another one if the [`Settings`] of a layer do not set
/// `max_wait`: 10 s.
///
/// # Examples
///
/// ```
/// assert_eq!(coalescer_http::DEFAULT_MAX_WAIT.as_secs(), 10);
/// ```
pub const DEFAULT_MAX_WAIT: Duration = Duration::from_secs(10);

/// Settings for a layer that coalesces requests. [`layer`](Self::layer) puts a handler inside it.
///
/// | method | setting | default |
/// |---|---|---|
/// | [`settings`](Self::settings) | the window, timeouts and limits of the flights | a window of 100 ms, waits of 10 s, 256 retained responses |
/// | [`key_header`](Self::key_header), [`key_part`](Self::key_part), [`key_extension`](Self::key_extension) | more parts of the key | none |
/// | [`key_cookie`](Self::key_cookie), [`ignore_cookies`](Self::ignore_cookies) | the cookies with which a request shares | none |
/// | [`accept_encodings`](Self::accept_encodings), [`accept_languages`](Self::accept_languages) | the codings and languages of the site | each field as it is |
/// | [`has_body`](Self::has_body), [`key_principal`](Self::key_principal) | if a request has a body, the person for whom it is | its type and fields tell, nobody |
/// | [`strict`](Self::strict), [`ignore_header`](Self::ignore_header) | which other fields are in the key | those of the table |
/// | [`should_coalesce`](Self::should_coalesce) | a function that excludes requests | none |
/// | [`should_share`](Self::should_share) | a function that excludes responses | none |
/// | [`ignore_request_directives`](Self::ignore_request_directives) | that `no-cache` of a request is ignored | it is heard |
/// | [`own_server_errors`](Self::own_server_errors) | that a 5xx goes to its own request only | those who wait get it |
/// | [`wait_without_limit`](Self::wait_without_limit) | that a request waits as long as the run takes | 10 s |
/// | [`on_timeout`](Self::on_timeout), [`on_panic`](Self::on_panic), [`on_error`](Self::on_error) | what a request does after a wait in vain | 503 after a wait that was too long; otherwise it runs the handler |
/// | [`keep_after_writes`](Self::keep_after_writes) | that a write forgets no page | it forgets those of its path |
/// | [`purge_if`](Self::purge_if) | who may forget pages by PURGE requests | nobody |
/// | [`hide_tags`](Self::hide_tags) | that clients do not see the tags of responses | they go out |
/// | [`remember_unshared`](Self::remember_unshared) | for how long requests of a page that is never shared are passed through | 10 s |
/// | [`scheme`](Self::scheme) | the scheme of a request that states none | `http` |
/// | [`max_body`](Self::max_body) | the longest body that is shared | 1 MiB |
/// | [`window_for`](Self::window_for), [`max_retained_bytes`](Self::max_retained_bytes) | the window of some pages, the bytes of all | the window of the settings, no bound |
/// | [`error_response`](Self::error_response) | the response for a timeout or a deadlock | 503 or 500 |
/// | [`layer_sharing_errors`](Self::layer_sharing_errors) | which errors of the handler are shared | none |
/// | [`cache_status`](Self::cache_status), [`server_timing`](Self::server_timing) | that responses tell how they were served | they do not |
/// | [`route_by`](Self::route_by) | the route of a request, for counters by route | none |
/// | [`on_slow`](Self::on_slow) | a hook for runs that take too long | none |
/// | [`name`](Self::name) | the name in logs and metrics | none |
/// | `shared` (feature `cluster`) | the other processes that share the pages | none |
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
pub struct CoalesceLayer<P = Alone> {
    gates: Gates,
    settings: Settings,
    name: Option<String>,
    on_slow: Option<(Duration, SlowHook)>,
    error_response: ErrorResponse,
    waits_without_limit: bool,
    after_waits: AfterWaits,
    keeps_after_writes: bool,
    telling: Telling,
    route_by: Option<RouteBy>,
    upkeep: Upkeep,
    /// The other processes.
    sharing: P,
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
            on_slow: None,
            error_response: Arc::new(errors::error_response),
            waits_without_limit: false,
            after_waits: AfterWaits::default(),
            keeps_after_writes: false,
            telling: Telling::default(),
            route_by: None,
            upkeep: Upkeep::default(),
            sharing: Alone,
        }
    }
}

impl<P> CoalesceLayer<P> {
    /// Sets the window, the timeouts and the limits of the layer's flights.
    ///
    /// The new settings replace all settings of an earlier call of this method. All of them hold for the flights, also
    /// `shards` and `precise_clock`. `error_window` needs a rule of [`layer_sharing_errors`](Self::layer_sharing_errors).
    ///
    /// **`max_retained`** differs from coalescer's default. Settings that do not set it get
    /// [`DEFAULT_MAX_RETAINED`], because clients choose the keys and a page can be as long as
    /// [`max_body`](Self::max_body). Settings that set it are used as they are, so
    /// `max_retained(usize::MAX)` removes the limit.
    ///
    /// **`max_wait`** too: settings that do not set it get [`DEFAULT_MAX_WAIT`], because a stranger's
    /// request can be slow. [`wait_without_limit`](Self::wait_without_limit) removes the limit.
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

    /// Gives a response to its own request only, if a function returns `false` for it. See
    /// [`Gates::should_share`].
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer_http::CoalesceLayer::new()
    ///     .should_share(|_, response| !response.headers.contains_key("x-has-token"));
    /// # let _ = layer;
    /// ```
    pub fn should_share(
        mut self,
        should: impl Fn(&Key, &response::Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.gates = self.gates.should_share(should);
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

    /// Puts a handler inside the layer.
    ///
    /// The handler is a blocking function of a request. The body of its response can be any type
    /// that converts to a [`Body`]. A handler that cannot fail has [`Infallible`](std::convert::Infallible) as its error.
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
        B: 'static,
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
        P: SharesPages<E>,
    {
        self.gates.has_body.check::<B>();
        let (layer, sharing) = self.exchange(Alone);
        let flights = Flights::new(layer.of_group(), sharing, &layer.gates);
        layer.around(handler, flights, None)
    }

    /// Puts another sharing in the place of the layer's, and returns that one.
    fn exchange<P2>(self, sharing: P2) -> (CoalesceLayer<P2>, P) {
        let layer = CoalesceLayer {
            gates: self.gates,
            settings: self.settings,
            name: self.name,
            on_slow: self.on_slow,
            error_response: self.error_response,
            waits_without_limit: self.waits_without_limit,
            after_waits: self.after_waits,
            keeps_after_writes: self.keeps_after_writes,
            telling: self.telling,
            route_by: self.route_by,
            upkeep: self.upkeep,
            sharing,
        };
        (layer, self.sharing)
    }

    /// The settings of the group, with the layer's own defaults.
    fn of_group(&self) -> OfGroup {
        let mut settings = self.settings.clone();
        if settings.get_max_retained().is_none() {
            settings = settings.max_retained(DEFAULT_MAX_RETAINED);
        }
        if settings.get_max_wait().is_none() && !self.waits_without_limit {
            settings = settings.max_wait(DEFAULT_MAX_WAIT);
        }
        OfGroup { settings, name: self.name.clone(), on_slow: self.on_slow.clone() }
    }

    fn around<H, E>(
        self,
        handler: H,
        flights: Flights<E>,
        error_rule: Option<ErrorRule<E>>,
    ) -> Coalesced<H, E> {
        let OfGroup { settings, .. } = self.of_group();
        Coalesced::new(Inner {
            handler,
            budget: self.gates.max_retained_bytes.map(Budget::new),
            gates: self.gates,
            flights: flights.remembering(self.upkeep.remember_unshared),
            counters: Counters::new(),
            error_response: self.error_response,
            error_rule,
            after_waits: self.after_waits,
            keeps_after_writes: self.keeps_after_writes,
            max_wait: settings.get_max_wait(),
            window: settings.get_window(),
            clock: Clock::of(&settings),
            telling: self.telling,
            routes: self.route_by.map(|by| (by, Routes::new())),
            #[cfg(feature = "metrics")]
            published: crate::metrics::Published::default(),
            upkeep: self.upkeep,
        })
    }
}

impl Default for CoalesceLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<P> fmt::Debug for CoalesceLayer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoalesceLayer")
            .field("name", &self.name)
            .field("gates", &self.gates)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
