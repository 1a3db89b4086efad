//! The settings of a layer about what it tells clients and operators.

use std::sync::Arc;
use std::time::Duration;

use coalescer::SlowFlight;
use http::request;

use crate::cache_status::CacheName;
use crate::key::Key;
use crate::layer::CoalesceLayer;

impl<P> CoalesceLayer<P> {
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

    /// Calls a function once for each flight that has run for this time or longer.
    ///
    /// A request that waits calls it at that time; if none does, the leader when its handler has returned. It delays that
    /// request and no other. A panic of the function ends there. See [`Builder::on_slow`](coalescer::Builder::on_slow). Requests
    /// that are passed through are no flights.
    ///
    /// # Panics
    ///
    /// Panics if `after` is zero: every flight would be slow.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// use std::sync::mpsc::channel;
    /// use std::time::Duration;
    /// use coalescer::ManualClock;
    /// use coalescer_http::{CoalesceLayer, Settings};
    /// # use http::{Request, Response};
    /// let (clock, (reports, slow)) = (ManualClock::new(), channel()); // a server has no such clock
    /// let passes = clock.clone();
    /// let pages = CoalesceLayer::new()
    ///     .settings(Settings::new().clock(clock))
    ///     .on_slow(Duration::from_secs(5), move |slow| {
    ///         // A key shows no query, which may be a secret.
    ///         reports.send(format!("{} takes {:?}", slow.key, slow.age)).ok();
    ///     })
    ///     .layer(move |_: Request<()>| {
    ///         passes.advance(Duration::from_secs(6));
    ///         Ok::<_, Infallible>(Response::new("hello"))
    ///     });
    /// pages.call(Request::get("http://shop.example/a?token=1").header("host", "shop.example").body(()).unwrap()).unwrap();
    /// assert_eq!(slow.recv().unwrap(), "GET http://shop.example/a takes 6s");
    /// ```
    #[track_caller]
    pub fn on_slow(
        mut self,
        after: Duration,
        hook: impl Fn(&SlowFlight<'_, Key>) + Send + Sync + 'static,
    ) -> Self {
        assert!(
            !after.is_zero(),
            "on_slow(0): every flight would be slow; \
             use a time that no flight should take, or leave on_slow unset for no hook"
        );
        self.on_slow = Some((after, Arc::new(hook)));
        self
    }

    /// Counts the requests by route: see [`Coalesced::stats_by_route`](crate::Coalesced::stats_by_route).
    ///
    /// The function returns the name of the route that a request takes, such as the pattern that a router has put into the
    /// extensions. The layer calls it once for each request, on its thread. At most 1000 routes have counters of their own: the
    /// first ones that had requests. All others are counted as `other`, and so are requests without a route and names of more than
    /// 256 bytes. So return a pattern, and not a path, which clients choose.
    ///
    /// Counting takes no lock. A panic of the function unwinds through [`call`](crate::Coalesced::call). It affects no other request.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// use coalescer_http::CoalesceLayer;
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .route_by(|request| match request.uri.path().split('/').nth(1) {
    ///         Some("news") => Some("/news/{id}"),
    ///         Some("shop") => Some("/shop/{product}"),
    ///         _ => None,
    ///     })
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// for path in ["/shop/1", "/news/1", "/news/1", "/news/2", "/else"] {
    ///     pages.call(Request::get(path).body(()).unwrap()).unwrap();
    /// }
    /// let stats = pages.stats_by_route();
    /// assert_eq!(stats.iter().map(|route| &*route.route).collect::<Vec<_>>(), ["/news/{id}", "/shop/{product}", "other"]);
    /// assert_eq!((stats[0].requests, stats[0].leaders, stats[0].hits), (3, 2, 1));
    /// ```
    pub fn route_by<R: AsRef<str>>(
        mut self,
        route: impl Fn(&request::Parts) -> Option<R> + Send + Sync + 'static,
    ) -> Self {
        self.route_by = Some(Arc::new(move |request, routes| {
            let route = route(request);
            routes.begin(route.as_ref().map(AsRef::as_ref))
        }));
        self
    }

    /// Adds a member of `Cache-Status` (RFC 9211) with this name to each response.
    ///
    /// | request | member |
    /// |---|---|
    /// | hit | `pages; hit; ttl=3`. `ttl` is the rest of the lifetime in seconds, for which the window counts too |
    /// | stale page | `pages; hit; ttl=-2` |
    /// | leader | `pages; fwd=miss; stored`, or without `stored` if the window does not have the page, and `detail=set-cookie` for the reason |
    /// | follower | `pages; fwd=miss; collapsed` |
    /// | one that waited, and had to run the handler | `pages; fwd=miss; collapsed=?0` |
    /// | for a fresh answer, such as `no-cache` | `fwd=request` in the place of `fwd=miss` |
    /// | revalidation, or one that accepts no stale page | `fwd=stale` in the place of `fwd=miss` |
    /// | revalidation that has failed | `pages; fwd=stale; fwd-status=503; detail=status-5xx` |
    /// | passed through | `pages; fwd=bypass; detail=credentials`, and `pages; fwd=method; detail=method` |
    /// | refused: it waited too long, or would have waited for ever | `pages; detail=timed-out` |
    ///
    /// A detail is a [`ServedReason`](crate::ServedReason), with `-` for what a token cannot have. The member stands behind
    /// those of caches that are nearer to the handler. It is about one request, so it is in no page that is shared. A page that
    /// another process had kept has a `ttl` only if it says `stale-while-revalidate`.
    ///
    /// The field tells each client, a stranger too, whether somebody has asked for the page, as `Age` does.
    ///
    /// # Panics
    ///
    /// Panics if the name is empty, or has other letters than visible ASCII and blanks.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use std::time::Duration;
    /// use coalescer_http::{CoalesceLayer, Settings};
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .settings(Settings::new().window(Duration::from_secs(3600)))
    ///     .cache_status("pages")
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// let status = |request: Request<()>| pages.call(request).unwrap().headers()["cache-status"].clone();
    ///
    /// assert_eq!(status(Request::get("/").body(()).unwrap()), "pages; fwd=miss; stored");
    /// let hit = status(Request::get("/").body(()).unwrap());
    /// assert!(hit.to_str().unwrap().starts_with("pages; hit; ttl=3"));
    /// let ada = Request::get("/").header("cookie", "session=ada").body(()).unwrap();
    /// assert_eq!(status(ada), "pages; fwd=bypass; detail=credentials");
    /// ```
    #[track_caller]
    pub fn cache_status(mut self, name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        let Some(parsed) = CacheName::new(name) else {
            panic!(
                "cache_status({name:?}): a name has at least one letter, and visible ASCII and blanks only; \
                 use one such as \"pages\" or \"shop.example\""
            );
        };
        self.telling.cache_status = Some(parsed);
        self
    }

    /// Adds a metric of `Server-Timing` to each response: `coalescer;desc="follower";dur=12.3`.
    ///
    /// Browsers show it in their tools. `desc` is the [role](crate::ServedRole) of the request, and `dur` the milliseconds that it waited
    /// for the runs of others. The handler's own metrics go to its own request, as without this setting.
    ///
    /// The layer then reads the clock for each request that is not passed through.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// use coalescer_http::CoalesceLayer;
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .server_timing()
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// let response = pages.call(Request::get("/").body(()).unwrap()).unwrap();
    /// assert_eq!(response.headers()["server-timing"], r#"coalescer;desc="leader";dur=0.0"#);
    /// ```
    pub fn server_timing(mut self) -> Self {
        self.telling.has_timing = true;
        self
    }
}
