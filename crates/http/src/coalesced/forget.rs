//! How pages are forgotten: by key, by path, by a function, all.

use crate::coalesced::Coalesced;
use crate::key::Key;
use crate::location::normal_path;

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
    /// Calls no user code but `Eq` and `Drop` of keys and pages. Does not block.
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
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        self.inner.flights.forget_at(&normal_path(path), |_| true)
    }

    /// Forgets the pages for whose keys a function returns `true`. Returns the number of flights and
    /// responses that there were.
    ///
    /// The function sees the key of each page that is retained or under way. It runs on this thread,
    /// without a lock.
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
        self.inner.flights.forget_if(fits)
    }
}
