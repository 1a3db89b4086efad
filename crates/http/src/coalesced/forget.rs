//! How pages are forgotten: by key, by path, by a prefix of it, by a function, all.

use coalescer::shared::Unreached;

use crate::coalesced::Coalesced;
use crate::key::Key;

impl<H, E> Coalesced<H, E> {
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

    /// Forgets the pages of a path, with every query and in all variants, of every host. Returns the number
    /// of flights and responses that there were.
    ///
    /// Use it after a write that did not go through the layer, or that changes other pages than the one it
    /// was sent to. Commit the write first, then call this method. No later request gets a page whose
    /// handler began before. The path is compared in its normal form, so `/a` is also `/./%61`. A query in
    /// `path` is ignored.
    ///
    /// If other processes share the pages, they forget all pages of the layer, since they may have some of the path
    /// that this process does not know; see `CoalesceLayer::forget_known_pages`. Then it blocks as
    /// [`forget_everywhere`](Self::forget_everywhere).
    ///
    /// Calls no user code but `Eq` and `Drop` of keys and pages. Does not block otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer_http::CoalesceLayer;
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// for coding in ["gzip", "br"] {
    ///     let request = Request::get("/a?page=2").header("accept-encoding", coding);
    ///     pages.call(request.body(()).unwrap()).unwrap();
    /// }
    /// assert_eq!(pages.forget_path("/a"), 2);
    /// assert_eq!(pages.forget_path("/a"), 0);
    /// ```
    pub fn forget_path(&self, path: &str) -> usize {
        self.inner.flights.forget_path(path).here
    }

    /// Forgets the pages of a path and of every path below it, as [`forget_path`](Self::forget_path) does. Returns the
    /// number of flights and responses that there were.
    ///
    /// The prefix counts by whole segments. A slash at its end leaves out the path itself:
    ///
    /// | prefix | forgotten | not forgotten |
    /// |---|---|---|
    /// | `/shop` | `/shop`, `/shop/`, `/shop/cart?page=2` | `/shopping` |
    /// | `/shop/` | `/shop/`, `/shop/cart?page=2` | `/shop`, `/shopping` |
    /// | `/` | all | |
    ///
    /// [`forget_if`](Self::forget_if) is for other prefixes.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer_http::CoalesceLayer;
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// for path in ["/shop", "/shop/1", "/shopping"] {
    ///     pages.call(Request::get(path).body(()).unwrap()).unwrap();
    /// }
    /// assert_eq!(pages.forget_prefix("/shop"), 2);
    /// ```
    pub fn forget_prefix(&self, prefix: &str) -> usize {
        self.inner.flights.forget_below(prefix).here
    }

    /// Forgets the pages for whose keys a function returns `true`. Returns the number of flights and
    /// responses that there were.
    ///
    /// The function sees the key of each page that this process retains or makes. It runs on this thread,
    /// without a lock. If other processes share the pages, they forget all pages of the layer, as after
    /// [`forget_path`](Self::forget_path).
    ///
    /// # Panics
    ///
    /// A panic of the function unwinds through this call. Pages that it has chosen before are forgotten.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer_http::CoalesceLayer;
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// for path in ["/shop/1", "/shop/2", "/news"] {
    ///     pages.call(Request::get(path).body(()).unwrap()).unwrap();
    /// }
    /// assert_eq!(pages.forget_if(|key| key.path().starts_with("/shop/")), 2);
    /// ```
    pub fn forget_if(&self, fits: impl Fn(&Key) -> bool) -> usize {
        self.inner.flights.forget_if(fits).here
    }

    /// Forgets a key as [`forget`](Self::forget) does, and says if a process was not reached. It never fails if no
    /// other process [shares](crate::CoalesceLayer) the pages.
    ///
    /// Blocks as long as the other processes take to answer, for the cluster's `op_timeout` at most. In any case
    /// this process has forgotten.
    ///
    /// # Errors
    ///
    /// [`Unreached`] if a process may serve an old page for a while. It says for how long.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer_http::{CoalesceLayer, RequestVerdict};
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// let request = Request::get("/a").body(()).unwrap().into_parts().0;
    /// let RequestVerdict::Shared(key) = pages.gates().request(&request) else { panic!() };
    /// assert_eq!(pages.forget_everywhere(&key), Ok(false));
    /// ```
    pub fn forget_everywhere(&self, key: &Key) -> Result<bool, Unreached> {
        self.inner.flights.forget_everywhere(key)
    }

    /// Forgets every key as [`forget_all`](Self::forget_all) does, and says if a process was not reached. Returns
    /// the number of flights and responses that this process had. Blocks as
    /// [`forget_everywhere`](Self::forget_everywhere).
    ///
    /// # Errors
    ///
    /// [`Unreached`] if a process may serve old pages for a while. It says for how long.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer_http::CoalesceLayer;
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// pages.call(Request::get("/a").body(()).unwrap()).unwrap();
    /// assert_eq!(pages.forget_all_everywhere(), Ok(1));
    /// ```
    pub fn forget_all_everywhere(&self) -> Result<usize, Unreached> {
        self.inner.flights.forget_all_everywhere()
    }

    /// Forgets the pages of a path as [`forget_path`](Self::forget_path) does, and says if a process was not
    /// reached. Returns the number of flights and responses of the path that this process had. Blocks as
    /// [`forget_everywhere`](Self::forget_everywhere).
    ///
    /// # Errors
    ///
    /// [`Unreached`] if a process may serve old pages for a while. It says for how long.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer_http::CoalesceLayer;
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// pages.call(Request::get("/a?page=2").body(()).unwrap()).unwrap();
    /// assert_eq!(pages.forget_path_everywhere("/a"), Ok(1));
    /// ```
    pub fn forget_path_everywhere(&self, path: &str) -> Result<usize, Unreached> {
        self.inner.flights.forget_path(path).everywhere()
    }

    /// Forgets pages as [`forget_prefix`](Self::forget_prefix) does, and says if a process was not reached. Returns the
    /// number of flights and responses below the prefix that this process had. Blocks as
    /// [`forget_everywhere`](Self::forget_everywhere).
    ///
    /// # Errors
    ///
    /// [`Unreached`] if a process may serve an old page for a while. It says for how long.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer_http::CoalesceLayer;
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// pages.call(Request::get("/shop/1").body(()).unwrap()).unwrap();
    /// assert_eq!(pages.forget_prefix_everywhere("/shop"), Ok(1));
    /// ```
    pub fn forget_prefix_everywhere(&self, prefix: &str) -> Result<usize, Unreached> {
        self.inner.flights.forget_below(prefix).everywhere()
    }

    /// Forgets pages as [`forget_if`](Self::forget_if) does, and says if a process was not reached. Returns the
    /// number of flights and responses for whose keys the function returned `true`. Blocks as
    /// [`forget_everywhere`](Self::forget_everywhere).
    ///
    /// # Errors
    ///
    /// [`Unreached`] if a process may serve old pages for a while. It says for how long.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer_http::CoalesceLayer;
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// pages.call(Request::get("/shop/1").body(()).unwrap()).unwrap();
    /// assert_eq!(pages.forget_if_everywhere(|key| key.path().starts_with("/shop/")), Ok(1));
    /// ```
    pub fn forget_if_everywhere(&self, fits: impl Fn(&Key) -> bool) -> Result<usize, Unreached> {
        self.inner.flights.forget_if(fits).everywhere()
    }
}
