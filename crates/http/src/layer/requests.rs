//! The settings of a layer by which more requests share, and the bounds on its window.

use std::time::Duration;

use crate::has_body::BodyRule;
use crate::key::Key;
use crate::layer::CoalesceLayer;

impl<P> CoalesceLayer<P> {
    /// Sets a function that tells if a request has a body. It returns `true` if there is one or may be one.
    ///
    /// A request with a body is passed through, because a follower's request is dropped. With HTTP/1 the fields tell, with
    /// HTTP/2 and HTTP/3 they seldom do: there, each request is passed through if nobody knows. A body of type
    /// `()`, [`Bytes`](bytes::Bytes), [`Body`](crate::Body), `Vec<u8>`, `String` or one of their like tells by itself: it is
    /// one if it is not empty. Set the function for another type, such as that of hyper:
    /// `has_body(|body: &hyper::body::Incoming| !body.is_end_stream())`.
    ///
    /// A request whose fields announce a body is passed through in any case. The layer calls the function on the request's own
    /// thread, and a panic of it unwinds through [`call`](crate::Coalesced::call). A second call of this method
    /// replaces the function. For a body that borrows there is [`call_with`](crate::Coalesced::call_with).
    ///
    /// # Panics
    ///
    /// [`layer`](Self::layer) panics if its handler takes a request with a body of another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use coalescer_http::CoalesceLayer;
    /// use http::{Request, Response, Version};
    ///
    /// struct Incoming { is_end_stream: bool }
    ///
    /// let pages = CoalesceLayer::new()
    ///     .has_body(|body: &Incoming| !body.is_end_stream)
    ///     .layer(|_: Request<Incoming>| Ok::<_, Infallible>(Response::new("hello")));
    /// for is_end_stream in [true, true, false] {
    ///     let request = Request::get("https://example.com/").version(Version::HTTP_2);
    ///     pages.call(request.body(Incoming { is_end_stream }).unwrap()).unwrap();
    /// }
    /// assert_eq!(pages.stats().passed_through, 1);
    /// ```
    pub fn has_body<B: 'static>(
        mut self,
        has_body: impl Fn(&B) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.gates.has_body = BodyRule::new(has_body);
        self
    }

    /// Adds a cookie to the key, so that a request with it can share. See [`Gates::key_cookie`](crate::Gates::key_cookie).
    ///
    /// # Panics
    ///
    /// Panics if `name` is no name of a cookie, or has a `*`.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer_http::CoalesceLayer::new()
    ///     .key_cookie("session")
    ///     .ignore_cookies(["_ga*", "theme"]);
    /// # let _ = layer;
    /// ```
    #[track_caller]
    pub fn key_cookie(mut self, name: impl AsRef<str>) -> Self {
        self.gates = self.gates.key_cookie(name);
        self
    }

    /// Takes cookies out of a request that shares. The handler does not see them. See
    /// [`Gates::ignore_cookies`](crate::Gates::ignore_cookies).
    ///
    /// # Panics
    ///
    /// Panics if a pattern is no name of a cookie, or has a `*` before its end.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer_http::CoalesceLayer;
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new().ignore_cookies(["_ga*"]).layer(|request: Request<()>| {
    ///     assert!(!request.headers().contains_key("cookie"));
    ///     Ok::<_, Infallible>(Response::new("hello"))
    /// });
    /// for visit in 0..10 {
    ///     let request = Request::get("/").header("cookie", format!("_ga={visit}"));
    ///     pages.call(request.body(()).unwrap()).unwrap();
    /// }
    /// # // The machine may have been slow.
    /// assert!(pages.stats().flights.executed_requests < 10);
    /// ```
    #[track_caller]
    pub fn ignore_cookies<T: AsRef<str>>(mut self, patterns: impl IntoIterator<Item = T>) -> Self {
        self.gates = self.gates.ignore_cookies(patterns);
        self
    }

    /// States the content codings that the site has. The handler sees `Accept-Encoding` with one of them, or with
    /// `identity`. See [`Gates::accept_encodings`](crate::Gates::accept_encodings).
    ///
    /// # Panics
    ///
    /// Panics if the list is empty, or if one of it is no coding, `identity` or `*`.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer_http::CoalesceLayer::new().accept_encodings(["br", "gzip"]);
    /// # let _ = layer;
    /// ```
    #[track_caller]
    pub fn accept_encodings<T: AsRef<str>>(mut self, codings: impl IntoIterator<Item = T>) -> Self {
        self.gates = self.gates.accept_encodings(codings);
        self
    }

    /// States the languages that the site has. The handler sees `Accept-Language` with one of them, or no such field. See
    /// [`Gates::accept_languages`](crate::Gates::accept_languages).
    ///
    /// # Panics
    ///
    /// Panics if the list is empty, or if one of it is no language tag such as `en` or `pt-BR`.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer_http::CoalesceLayer::new().accept_languages(["en", "de"]);
    /// # let _ = layer;
    /// ```
    #[track_caller]
    pub fn accept_languages<T: AsRef<str>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.gates = self.gates.accept_languages(tags);
        self
    }

    /// Ignores the cache directives of requests. See [`Gates::ignore_request_directives`](crate::Gates::ignore_request_directives).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer_http::CoalesceLayer;
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .ignore_request_directives()
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// for _ in 0..10 {
    ///     let request = Request::get("/").header("cache-control", "no-cache");
    ///     pages.call(request.body(()).unwrap()).unwrap();
    /// }
    /// # // The machine may have been slow.
    /// assert!(pages.stats().flights.executed_requests < 10);
    /// ```
    pub fn ignore_request_directives(mut self) -> Self {
        self.gates = self.gates.ignore_request_directives();
        self
    }

    /// Gives the pages of some keys a window of their own, never longer than that of the settings. See
    /// [`Gates::window_for`](crate::Gates::window_for).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer_http::{CoalesceLayer, Settings};
    ///
    /// let layer = CoalesceLayer::new()
    ///     .settings(Settings::new().window(Duration::from_secs(60)))
    ///     .window_for(|key| key.path().starts_with("/stock/").then_some(Duration::from_secs(1)));
    /// # let _ = layer;
    /// ```
    pub fn window_for(
        mut self,
        window_for: impl Fn(&Key) -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        self.gates = self.gates.window_for(window_for);
        self
    }

    /// Bounds the bytes of the pages that the layer retains: their bodies, and the names and values of their fields.
    ///
    /// The bound holds at any time, also while many pages are made at once. A page for which there is no room is shared with
    /// the requests that wait, and is not retained: [`Unkept::NoRoom`](crate::Unkept::NoRoom) counts it. Before that, the layer
    /// drops pages whose time is over. It drops no page that is served: until the old page of a key is replaced, the
    /// new one needs room beside it. [`retained_bytes`](crate::Coalesced::retained_bytes) tells how many bytes
    /// there are.
    ///
    /// Without this setting, [`max_body`](Self::max_body) and `max_retained` of the settings bound the bodies: 256 MiB by
    /// default. Not counted are bodies that clients still receive, keys, and the copies of pages that other processes
    /// have made.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use std::time::Duration;
    /// # use coalescer_http::{CoalesceLayer, Settings, Unkept};
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .settings(Settings::new().window(Duration::MAX))
    ///     .max_retained_bytes(10_000)
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new(vec![0; 3000])));
    /// for number in 0..5 {
    ///     pages.call(Request::get(format!("/{number}")).body(()).unwrap()).unwrap();
    /// }
    /// assert_eq!(pages.retained_bytes(), 9000);
    /// assert_eq!(pages.stats().unkept_for(Unkept::NoRoom), 2);
    /// ```
    pub fn max_retained_bytes(mut self, bytes: u64) -> Self {
        self.gates.max_retained_bytes = Some(bytes);
        self
    }
}
