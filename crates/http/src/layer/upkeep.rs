//! The settings of a layer about forgetting, and about pages that are not shared.

use std::sync::Arc;
use std::time::Duration;

use http::{Response, request};

use crate::layer::CoalesceLayer;
use crate::tags;

/// For how long a layer passes the requests of a page through that is never shared, unless
/// [`remember_unshared`](CoalesceLayer::remember_unshared) is set: 10 s.
///
/// # Examples
///
/// ```
/// assert_eq!(coalescer_http::DEFAULT_REMEMBER_UNSHARED.as_secs(), 10);
/// ```
pub const DEFAULT_REMEMBER_UNSHARED: Duration = Duration::from_secs(10);

/// The settings that the other files of this folder know nothing of.
#[derive(Clone)]
pub(crate) struct Upkeep {
    pub(crate) purge_if: Option<PurgeIf>,
    pub(crate) remember_unshared: Duration,
    hides_tags: bool,
}

pub(crate) type PurgeIf = Arc<dyn Fn(&request::Parts) -> bool + Send + Sync>;

impl Default for Upkeep {
    fn default() -> Self {
        Self { purge_if: None, remember_unshared: DEFAULT_REMEMBER_UNSHARED, hides_tags: false }
    }
}

impl Upkeep {
    /// The response as it leaves the layer.
    pub(crate) fn outgoing<R>(&self, mut response: Response<R>) -> Response<R> {
        if self.hides_tags {
            for name in tags::FIELDS {
                response.headers_mut().remove(name);
            }
        }
        response
    }
}

impl<P> CoalesceLayer<P> {
    /// Lets writes forget nothing. See the section Writes of [`Coalesced::call`](crate::Coalesced::call).
    ///
    /// Use it if writes go to other pages than those that read, and you forget these yourself, for instance
    /// by [`Coalesced::forget_path`](crate::Coalesced::forget_path).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer_http::CoalesceLayer;
    /// # use http::{Request, Response};
    /// let pages = |layer: CoalesceLayer| {
    ///     let pages = layer.layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    ///     pages.call(Request::get("/cart").body(()).unwrap()).unwrap();
    ///     pages.call(Request::post("/cart").body(()).unwrap()).unwrap();
    ///     pages.forget_all()
    /// };
    /// assert_eq!(pages(CoalesceLayer::new()), 0);
    /// assert_eq!(pages(CoalesceLayer::new().keep_after_writes()), 1);
    /// ```
    pub fn keep_after_writes(mut self) -> Self {
        self.keeps_after_writes = true;
        self
    }

    /// Answers requests with the method PURGE for which a function returns `true`: they forget pages, and run no
    /// handler.
    ///
    /// **The function decides who may forget.** Let it check a secret or an address that a stranger cannot state.
    ///
    /// | request | forgets |
    /// |---|---|
    /// | `PURGE /cart` | the pages of the path, with every query, in all variants, of every host: as [`forget_path`](crate::Coalesced::forget_path) |
    /// | `PURGE /shop/*` | all pages below `/shop/`: as [`forget_prefix`](crate::Coalesced::forget_prefix) |
    /// | `PURGE` with a field `Surrogate-Key: a b` or `Cache-Tag: a, b` | the pages with one of these tags, and no others: as [`forget_tags`](crate::Coalesced::forget_tags) |
    ///
    /// | status | body, JSON | |
    /// |---|---|---|
    /// | 200 | `{"forgotten":3}` | the number of flights and pages that this process had |
    /// | 503 | `{"forgotten":3,"engine_reached":true,"processes_silent":1,"old_for_at_most_ms":5000}` | another process may serve an old page for so long. This one has forgotten. Purge again |
    /// | 400 | `{"error":".."}` | the request names nothing that can be forgotten |
    ///
    /// If the function returns `false`, and without this setting, a PURGE is an ordinary request with an unsafe method: the
    /// handler gets it. If that answers with status 2xx or 3xx, the request counts as a write, as a POST of the same
    /// client would, and its path is forgotten. So let the handler refuse methods that it does not know.
    ///
    /// If other processes share the pages, the request returns when they have forgotten, or after the cluster's
    /// `op_timeout`. A second call of this method replaces the function. A panic of the function unwinds through
    /// [`call`](crate::Coalesced::call). `LayerStats::purges` counts the requests that were answered.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use coalescer_http::CoalesceLayer;
    /// use http::{Request, Response};
    ///
    /// let secret = "of the configuration";
    /// let pages = CoalesceLayer::new()
    ///     .purge_if(move |request| request.headers.get("x-purge-secret").is_some_and(|it| it == secret))
    ///     .layer(|_: Request<()>| Ok::<_, Infallible>(Response::new("hello")));
    /// pages.call(Request::get("/cart?page=2").body(()).unwrap()).unwrap();
    ///
    /// let purge = Request::builder().method("PURGE").uri("/cart").header("x-purge-secret", secret);
    /// let answer = pages.call(purge.body(()).unwrap()).unwrap();
    /// assert_eq!(answer.into_body().into_bytes().unwrap(), r#"{"forgotten":1}"#);
    /// ```
    pub fn purge_if(
        mut self,
        may_purge: impl Fn(&request::Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.upkeep.purge_if = Some(Arc::new(may_purge));
        self
    }

    /// Takes `Surrogate-Key` and `Cache-Tag` out of every response that leaves the layer, also of one that is passed
    /// through.
    ///
    /// Without this setting they go out, because a gateway in front of the server may forget by them too. With it, clients do
    /// not learn the tags. [`forget_tag`](crate::Coalesced::forget_tag) knows them in any case.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use coalescer_http::CoalesceLayer;
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new().hide_tags().layer(|_: Request<()>| {
    ///     let page = Response::builder().header("surrogate-key", "product-7").body("a product");
    ///     Ok::<_, Infallible>(page.unwrap())
    /// });
    /// let response = pages.call(Request::get("/p/7").body(()).unwrap()).unwrap();
    /// assert!(!response.headers().contains_key("surrogate-key"));
    /// assert_eq!(pages.forget_tag("product-7"), 1);
    /// ```
    pub fn hide_tags(mut self) -> Self {
        self.upkeep.hides_tags = true;
        self
    }

    /// Sets for how long requests of a page are passed through after a response of it that may not be shared. Zero
    /// switches this off. The default is [`DEFAULT_REMEMBER_UNSHARED`], 10 s.
    ///
    /// Without it, requests for a page that always sets a cookie wait for one run of the handler and then run it
    /// themselves, so they take twice as long. With it, only the first ones do. Each response to a request that was
    /// passed through in this way is judged too: the first one that may be shared ends this, and one that may not
    /// begins the time anew.
    ///
    /// A response is remembered for a reason of the page alone: `no-store`, `Set-Cookie`, a field for one client, `private`,
    /// `Vary` with `*` or a field outside the key, a body that is too long or of unknown length, a transfer coding, and
    /// [`should_share`](Self::should_share). Not remembered are errors, panics, and all statuses that one bad
    /// request can cause, such as 400, 403 and 503, whatever their fields say. 1024 keys are remembered at most.
    /// [`PassThrough::Remembered`](crate::PassThrough::Remembered) counts the requests.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// use coalescer_http::{CoalesceLayer, PassThrough};
    /// # use http::{Request, Response};
    /// let pages = CoalesceLayer::new()
    ///     .remember_unshared(std::time::Duration::from_secs(60))
    ///     .layer(|_: Request<()>| {
    ///         let page = Response::builder().header("set-cookie", "visit=1").body("hello");
    ///         Ok::<_, Infallible>(page.unwrap())
    ///     });
    /// for _ in 0..3 {
    ///     pages.call(Request::get("/").body(()).unwrap()).unwrap();
    /// }
    /// assert_eq!(pages.stats().passed_through_for(PassThrough::Remembered), 2);
    /// ```
    pub fn remember_unshared(mut self, time: Duration) -> Self {
        self.upkeep.remember_unshared = time;
        self
    }
}
