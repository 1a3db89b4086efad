//! The settings of the gates about requests, responses and the window.

use std::sync::Arc;
use std::time::Duration;

use http::uri::Scheme;
use http::{request, response};

use crate::gates::Gates;
use crate::key::Key;

impl Gates {
    /// Passes through every request for which a function returns `false`.
    ///
    /// The gate calls the function only for requests that the table would coalesce. So the function
    /// can exclude requests but not include more. A second call of this method adds a function: a
    /// request is coalesced only if all functions return `true`.
    ///
    /// A panic of the function unwinds through the call that asks the gate.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{Gates, PassThrough, RequestVerdict};
    ///
    /// let gates = Gates::new().should_coalesce(|request| !request.uri.path().starts_with("/live"));
    /// let verdict = |path: &str| {
    ///     gates.request(&http::Request::get(path).body(()).unwrap().into_parts().0)
    /// };
    /// assert!(matches!(verdict("/news"), RequestVerdict::Shared(_)));
    /// assert_eq!(verdict("/live/7"), RequestVerdict::PassThrough(PassThrough::Declined));
    /// ```
    pub fn should_coalesce(
        mut self,
        should: impl Fn(&request::Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.should_coalesce = Some(match self.should_coalesce {
            Some(before) => Arc::new(move |request| before(request) && should(request)),
            None => Arc::new(should),
        });
        self
    }

    /// Gives a response to its own request only, if a function returns `false` for it.
    ///
    /// Use it for pages that are for one client and do not say so, such as a form with a CSRF token. The
    /// gate calls the function only for responses that the table would share. So the function can exclude
    /// responses but not include more. A second call of this method adds a function: a response is shared
    /// only if all functions return `true`.
    ///
    /// A panic of the function unwinds through the call that asks the gate. In a layer it counts as a panic
    /// of the handler.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{Gates, RequestVerdict, ResponseVerdict, Unshared};
    ///
    /// let gates = Gates::new().should_share(|key, _| !key.path().starts_with("/form"));
    /// # let request = http::Request::get("/form/1").body(()).unwrap();
    /// # let RequestVerdict::Shared(key) = gates.request(&request.into_parts().0) else { panic!() };
    /// let (page, body) = http::Response::new("a form").into_parts();
    /// let verdict = gates.response(&key, &page, Some(body.len() as u64));
    /// assert_eq!(verdict, ResponseVerdict::Unshared(Unshared::Declined));
    /// ```
    pub fn should_share(
        mut self,
        should: impl Fn(&Key, &response::Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.should_share.push(Arc::new(should));
        self
    }

    /// Sets the scheme of requests that state none. Most requests of HTTP/1.1 state none.
    ///
    /// The default is `http`. The scheme is in the key. It also decides which port is the default port:
    /// a request that states it is passed through.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{Gates, PassThrough, RequestVerdict};
    /// use http::uri::Scheme;
    ///
    /// let gates = Gates::new().scheme(Scheme::HTTPS);
    /// let verdict = |host: &str| {
    ///     let request = http::Request::get("/").header("host", host);
    ///     gates.request(&request.body(()).unwrap().into_parts().0)
    /// };
    /// assert!(matches!(verdict("example.com:80"), RequestVerdict::Shared(_)));
    /// let default_port = RequestVerdict::PassThrough(PassThrough::Authority);
    /// assert_eq!(verdict("example.com:443"), default_port);
    /// ```
    pub fn scheme(mut self, scheme: Scheme) -> Self {
        self.scheme = scheme;
        self
    }

    /// Sets the length in bytes of the longest body that is shared.
    ///
    /// The default is [`DEFAULT_MAX_BODY`](crate::DEFAULT_MAX_BODY), 1 MiB.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{Gates, RequestVerdict, ResponseVerdict, Unshared};
    ///
    /// let gates = Gates::new().max_body(4);
    /// # let request = http::Request::get("/").body(()).unwrap();
    /// # let RequestVerdict::Shared(key) = gates.request(&request.into_parts().0) else { panic!() };
    /// let (parts, body) = http::Response::new("hello").into_parts();
    /// let verdict = gates.response(&key, &parts, Some(body.len() as u64));
    /// assert_eq!(verdict, ResponseVerdict::Unshared(Unshared::TooLong));
    /// ```
    pub fn max_body(mut self, bytes: u64) -> Self {
        self.max_body = bytes;
        self
    }

    /// States the window of the group behind the gates.
    ///
    /// The default is [`DEFAULT_WINDOW`](coalescer::DEFAULT_WINDOW), 100 ms. The gates compare
    /// `max-age` with the window. A request with a shorter `max-age` asks for a younger response. A
    /// response with a shorter `max-age` is retained for that time. [`window_for`](Self::window_for) shortens the window
    /// of some pages.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer_http::{Gates, RequestVerdict, ResponseVerdict};
    ///
    /// let gates = Gates::new().window(Duration::from_secs(5));
    /// # let request = http::Request::get("/").body(()).unwrap();
    /// # let RequestVerdict::Shared(key) = gates.request(&request.into_parts().0) else { panic!() };
    /// let page = http::Response::builder().header("cache-control", "max-age=3").body(()).unwrap();
    /// let verdict = gates.response(&key, &page.into_parts().0, Some(0));
    /// assert_eq!(verdict, ResponseVerdict::KeptFor(Duration::from_secs(3)));
    /// ```
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Gives the pages of some keys a window of their own, for instance by their path.
    ///
    /// The function returns how long a page of this key is retained at most, from the start of its run; `None` is for the
    /// window of the settings. That one bounds every time, so set it to the longest. With zero, the page is shared with the
    /// requests that wait, and is not retained. A `max-age` of a request is compared with the window of its key, and
    /// `stale-while-revalidate` ends with it. A second call of this method replaces the function.
    ///
    /// The gate calls the function for each response that may be retained, and for requests with `max-age`, up to
    /// three times for one request. A panic of it unwinds through the call that asks the gate. In a layer, a panic about a
    /// response counts as a panic of the handler.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer_http::{Gates, RequestVerdict, ResponseVerdict, Unkept};
    ///
    /// let gates = Gates::new().window(Duration::from_secs(60)).window_for(|key| match key.path() {
    ///     "/stock" => Some(Duration::from_secs(1)),
    ///     "/live" => Some(Duration::ZERO),
    ///     _ => None,
    /// });
    /// let verdict = |path: &str| {
    ///     let (request, ()) = http::Request::get(path).body(()).unwrap().into_parts();
    ///     let RequestVerdict::Shared(key) = gates.request(&request) else { panic!() };
    ///     gates.response(&key, &http::Response::new(()).into_parts().0, Some(0))
    /// };
    /// assert_eq!(verdict("/stock"), ResponseVerdict::KeptFor(Duration::from_secs(1)));
    /// assert_eq!(verdict("/live"), ResponseVerdict::Unkept(Unkept::Window));
    /// assert_eq!(verdict("/news"), ResponseVerdict::Kept);
    /// ```
    pub fn window_for(
        mut self,
        window_for: impl Fn(&Key) -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        self.window_for = Some(Arc::new(window_for));
        self
    }

    /// Ignores the cache directives of requests: `Cache-Control` and `Pragma`.
    ///
    /// Without this setting, each client can ask for a run of its own by `no-cache`, `max-age=0` or
    /// `no-store`, and for none by `only-if-cached`. With it, every request may get what the window has, also one that asks for a fresh
    /// response. Use it for a hot page whose clients are strangers.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{Gates, RequestVerdict};
    ///
    /// let request = || {
    ///     let request = http::Request::get("/").header("cache-control", "no-cache");
    ///     request.body(()).unwrap().into_parts().0
    /// };
    /// assert!(matches!(Gates::new().request(&request()), RequestVerdict::Fresh(_)));
    ///
    /// let gates = Gates::new().ignore_request_directives();
    /// assert!(matches!(gates.request(&request()), RequestVerdict::Shared(_)));
    /// ```
    pub fn ignore_request_directives(mut self) -> Self {
        self.ignores_directives = true;
        self
    }

    /// Gives each response with a status 5xx to its own request only.
    ///
    /// Without this setting, the requests that wait for such a response get it, so that a backend in
    /// trouble gets no more load from them. With it, they run the handler, all at once. Use it if a client
    /// can make the handler fail by what is not in the key.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{Gates, RequestVerdict, ResponseVerdict, Unshared};
    ///
    /// let gates = Gates::new().own_server_errors();
    /// # let request = http::Request::get("/").body(()).unwrap();
    /// # let RequestVerdict::Shared(key) = gates.request(&request.into_parts().0) else { panic!() };
    /// let page = http::Response::builder().status(500).body(()).unwrap();
    /// let verdict = gates.response(&key, &page.into_parts().0, Some(0));
    /// assert_eq!(verdict, ResponseVerdict::Unshared(Unshared::ServerError));
    /// ```
    pub fn own_server_errors(mut self) -> Self {
        self.has_own_server_errors = true;
        self
    }
}
