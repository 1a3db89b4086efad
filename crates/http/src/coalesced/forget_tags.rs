//! How pages are forgotten by the tags of their responses.

use coalescer::shared::Unreached;

use crate::coalesced::Coalesced;
use crate::tags;

impl<H, E> Coalesced<H, E> {
    /// Forgets the pages whose response had a tag. Returns the number of pages that this process retained.
    ///
    /// The tags of a response are the words of its `Surrogate-Key` fields and the elements of its `Cache-Tag` fields:
    ///
    /// ```text
    /// Surrogate-Key: product-7 shop
    /// Cache-Tag: product-7, shop
    /// ```
    ///
    /// Use it after a write that changes pages which the writer does not know by path. Commit the write first, then call
    /// this method. No later request gets a page with the tag whose handler began before. A handler that runs now runs
    /// on, as nobody knows the tags of its response yet, and it is not counted. If the response turns out to
    /// have the tag, requests that came before this call get it. It is not retained, and one of those that came later runs
    /// the handler for all of them.
    ///
    /// Letter case does not count. A response with more than 16 KiB of tags has every tag. An empty tag is none.
    /// An error that a rule retains has no tags.
    ///
    /// If other processes share the pages, they forget all pages of the layer, as after
    /// [`forget_path`](Self::forget_path). With `CoalesceLayer::forget_known_pages` they forget those that this process
    /// knows with the tag, and those that it makes or waits for now. Then it blocks as
    /// [`forget_everywhere`](Self::forget_everywhere). Otherwise it does not block. It looks at the fields of each
    /// retained page.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// use coalescer_http::CoalesceLayer;
    /// use http::{Request, Response};
    ///
    /// let pages = CoalesceLayer::new().layer(|request: Request<()>| {
    ///     let tags = if request.uri().path() == "/news" { "news" } else { "product-7 shop" };
    ///     let page = Response::builder().header("surrogate-key", tags).body("hello");
    ///     Ok::<_, Infallible>(page.unwrap())
    /// });
    /// for path in ["/p/7", "/offers", "/news"] {
    ///     pages.call(Request::get(path).body(()).unwrap()).unwrap();
    /// }
    /// assert_eq!(pages.forget_tag("product-7"), 2);
    /// assert_eq!(pages.forget_tag("product-7"), 0);
    /// ```
    pub fn forget_tag(&self, tag: &str) -> usize {
        self.forget_tags([tag])
    }

    /// Forgets the pages whose response had one of some tags, as [`forget_tag`](Self::forget_tag) does.
    ///
    /// It is one look at the pages, and one message to each other process.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer_http::CoalesceLayer;
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new().layer(|request: Request<()>| {
    ///     let page = Response::builder().header("cache-tag", request.uri().path()).body("hello");
    ///     Ok::<_, Infallible>(page.unwrap())
    /// });
    /// for path in ["/a", "/b", "/c"] {
    ///     pages.call(Request::get(path).body(()).unwrap()).unwrap();
    /// }
    /// assert_eq!(pages.forget_tags(["/a", "/b"]), 2);
    /// ```
    pub fn forget_tags(&self, tags: impl IntoIterator<Item = impl AsRef<str>>) -> usize {
        self.inner.flights.forget_tags(&tags::of_user(tags)).here
    }

    /// Forgets pages as [`forget_tag`](Self::forget_tag) does, and says if a process was not reached. Blocks as
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
    /// assert_eq!(pages.forget_tag_everywhere("product-7"), Ok(0));
    /// ```
    pub fn forget_tag_everywhere(&self, tag: &str) -> Result<usize, Unreached> {
        self.forget_tags_everywhere([tag])
    }

    /// Forgets pages as [`forget_tags`](Self::forget_tags) does, and says if a process was not reached. Blocks as
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
    /// assert_eq!(pages.forget_tags_everywhere(["product-7", "shop"]), Ok(0));
    /// ```
    pub fn forget_tags_everywhere(
        &self,
        tags: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<usize, Unreached> {
        self.inner.flights.forget_tags(&tags::of_user(tags)).everywhere()
    }
}
