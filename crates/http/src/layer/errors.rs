//! The settings of a layer about what goes wrong.

use std::convert::Infallible;
use std::sync::Arc;

use coalescer::shared::Alone;
use coalescer::{Error, ShareWith};
use http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER};
use http::{Request, Response, StatusCode};

use crate::after_wait::AfterWait;
use crate::body::Body;
use crate::coalesced::Coalesced;
use crate::flights::{ErrorRule, Flights};
use crate::key::Key;
use crate::layer::CoalesceLayer;
use crate::sharing::SharesPages;

impl<P> CoalesceLayer<P> {
    /// Sets the function that makes the response for an error of coalescing.
    ///
    /// The default is a response without a body, with `Cache-Control: no-store` and this status:
    ///
    /// | error | status |
    /// |---|---|
    /// | [`TimedOut`](Error::TimedOut): the request waited for `max_wait` | 503, with `Retry-After: 1` |
    /// | [`Overloaded`](Error::Overloaded): too many requests wait for the page | 503, with `Retry-After: 1` |
    /// | [`WouldDeadlock`](Error::WouldDeadlock): the wait would never end | 500 |
    /// | [`LeaderPanicked`](Error::LeaderPanicked): the handler panicked, with [`on_panic`](Self::on_panic) | 500 |
    /// | [`Abandoned`](Error::Abandoned): the handler returned an error to another request, with [`on_error`](Self::on_error) | 500 |
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

    /// Lets a request wait as long as the run of another one takes, if the settings have no `max_wait`.
    ///
    /// Without this setting it waits for [`DEFAULT_MAX_WAIT`](crate::DEFAULT_MAX_WAIT). With it, a handler
    /// that never returns holds the thread of every request for its page.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer_http::CoalesceLayer::new().wait_without_limit();
    /// # let _ = layer;
    /// ```
    pub fn wait_without_limit(mut self) -> Self {
        self.waits_without_limit = true;
        self
    }

    /// Sets what a request does that has waited for `max_wait`. The default is [`AfterWait::Respond`]: a 503.
    ///
    /// With `Respond`, a handler that is slow for one request fails the others, and one that is slow for all gets no
    /// more load. With [`AfterWait::RunOwn`], all requests that wait for a slow run may run the handler at once, each
    /// on its own thread. Their responses are shared with nobody.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer_http::{AfterWait, CoalesceLayer, Settings};
    ///
    /// let layer = CoalesceLayer::new()
    ///     .settings(Settings::new().max_wait(Duration::from_secs(2)))
    ///     .on_timeout(AfterWait::RunOwn);
    /// # let _ = layer;
    /// ```
    pub fn on_timeout(mut self, then: AfterWait) -> Self {
        self.after_waits.on_timeout = then;
        self
    }

    /// Sets what a request does that has waited for a run in which the handler panicked. The default is
    /// [`AfterWait::RunOwn`].
    ///
    /// With [`AfterWait::Respond`] it gets a 500. One request on which the handler panics then fails all that wait
    /// with it. If other processes share the pages, those that wait there run the handler all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{AfterWait, CoalesceLayer};
    ///
    /// let layer = CoalesceLayer::new().on_panic(AfterWait::Respond);
    /// # let _ = layer;
    /// ```
    pub fn on_panic(mut self, then: AfterWait) -> Self {
        self.after_waits.on_panic = then;
        self
    }

    /// Sets what a request does that has waited for a run in which the handler returned an error that no rule shares.
    /// The default is [`AfterWait::RunOwn`].
    ///
    /// With [`AfterWait::Respond`] it gets a 500: the error itself goes to its own request only, and the function of
    /// [`error_response`](Self::error_response) gets [`Error::Abandoned`]. One request that the handler refuses by an
    /// error then fails all that wait with it. No later request gets the 500. If other processes share the pages, those
    /// that wait there run the handler all the same. With a rule of [`layer_sharing_errors`](Self::layer_sharing_errors),
    /// each request that waited asks the rule too.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{AfterWait, CoalesceLayer};
    ///
    /// let layer = CoalesceLayer::new().on_error(AfterWait::Respond);
    /// # let _ = layer;
    /// ```
    pub fn on_error(mut self, then: AfterWait) -> Self {
        self.after_waits.on_error = then;
        self
    }

    /// Gives each response with a status 5xx to its own request only. See
    /// [`Gates::own_server_errors`](crate::Gates::own_server_errors).
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer_http::CoalesceLayer::new().own_server_errors();
    /// # let _ = layer;
    /// ```
    pub fn own_server_errors(mut self) -> Self {
        self.gates = self.gates.own_server_errors();
        self
    }

    /// Puts a handler inside the layer, as [`layer`](Self::layer) does, and shares those of its errors that a
    /// function chooses.
    ///
    /// The function returns `true` or `false`, or a [`ShareWith`]. Requests that wait for a run with an error
    /// that is shared get the same `Arc`. With `true`, settings with an `error_window` retain it; with
    /// [`ShareWith::For`] for a time of its own within that window, and with [`ShareWith::Followers`] not at
    /// all. Any other error goes to the request whose handler returned it, and those that waited run the
    /// handler themselves, all at once. No gate sees an error, so share only what is about the page or the
    /// backend, and never what names a person. A handler whose errors are responses should rather turn them
    /// into responses itself, as the second example shows: then they go through the response gate.
    ///
    /// The layer calls the function on the thread of the run, and a second time for an error that is shared.
    /// If it panics, the panic counts as the handler's.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::ShareWith;
    /// use coalescer_http::{Body, CoalesceLayer};
    /// use http::{Request, Response};
    ///
    /// enum Fault { Unreachable, NotAllowed }
    ///
    /// let pages = CoalesceLayer::new().layer_sharing_errors(
    ///     |request: Request<()>| match request.uri().path() {
    ///         "/down" => Err(Fault::Unreachable),
    ///         "/secret" => Err(Fault::NotAllowed),
    ///         _ => Ok(Response::new("hello")),
    ///     },
    ///     |fault| match fault {
    ///         Fault::Unreachable => ShareWith::Followers, // and the next request tries again
    ///         Fault::NotAllowed => ShareWith::Nobody,
    ///     },
    /// );
    /// assert!(pages.call(Request::get("/down").body(()).unwrap()).is_err());
    /// ```
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer_http::{Body, CoalesceLayer};
    /// # use http::{Request, Response};
    /// fn handler(request: Request<()>) -> Result<Response<Body>, Response<Body>> {
    ///     let refusal = Response::builder().status(403).body(Body::empty()).unwrap();
    ///     if request.uri().path() == "/secret" { Err(refusal) } else { Ok(Response::new("hello".into())) }
    /// }
    ///
    /// let pages = CoalesceLayer::new()
    ///     .layer(|request| Ok::<_, Infallible>(handler(request).unwrap_or_else(|refusal| refusal)));
    /// let refused = pages.call(Request::get("/secret").body(()).unwrap()).unwrap();
    /// assert_eq!(refused.status(), 403);
    /// ```
    pub fn layer_sharing_errors<H, B, R, E, S>(
        self,
        handler: H,
        shares: impl Fn(&E) -> S + Send + Sync + 'static,
    ) -> Coalesced<H, E>
    where
        B: 'static,
        H: Fn(Request<B>) -> Result<Response<R>, E>,
        R: Into<Body>,
        E: 'static,
        S: Into<ShareWith>,
        P: SharesPages<E>,
    {
        self.gates.has_body.check::<B>();
        let rule: ErrorRule<E> = Arc::new(move |error| shares(error).into());
        let (layer, sharing) = self.exchange(Alone);
        let group = layer.of_group();
        let flights = Flights::with_error_rule(group, sharing, &layer.gates, &rule);
        layer.around(handler, flights, Some(rule))
    }
}

/// The default of [`CoalesceLayer::error_response`].
pub(super) fn error_response(error: &Error<Infallible>, _: &Key) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if error.is_timeout() || error.is_overloaded() {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    } else {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    response
}
