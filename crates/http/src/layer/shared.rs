//! The settings of a layer about other processes.

use coalescer::shared::Alone;

use crate::layer::CoalesceLayer;
use crate::shared_pages::{SharedPages, SharesByDefault};
use crate::sharing::Others;

impl CoalesceLayer<Alone> {
    /// Shares the pages with the layers of other processes that have the same name in the cluster.
    ///
    /// One process runs the handler, and the others get its page. What the tables keep from being shared reaches no
    /// other process and no engine. Keys reach it as digests only. Pages lie there in clear.
    ///
    /// | | |
    /// |---|---|
    /// | who shares | processes that agree on namespace, name, schema, window, the settings of the key, the number of functions, and the version of this crate |
    /// | pages of a key with credentials, or that names a person | stay in their process, unless [`share_credentials`](CoalesceLayer::share_credentials) is set. The name of a tenant (`X-Tenant`, `X-Tenant-Id`) is none |
    /// | pages of a key with an extension ([`key_extension`](CoalesceLayer::key_extension)) | stay in their process: an extension has no bytes. Use [`key_part`](CoalesceLayer::key_part) to share them |
    /// | pages that are larger than [`max_value`](coalescer_cluster::Shared::max_value), with their fields | are for those who wait in their process, and are kept nowhere. Unless you set it, there is room for a body of [`max_body`](CoalesceLayer::max_body) and 64 KiB of fields |
    /// | errors and panics of the handler | stay in their process: those who wait elsewhere run the handler, one a process. This holds for [`layer_sharing_errors`](CoalesceLayer::layer_sharing_errors) too |
    /// | after a write | all pages of the name are forgotten, in all processes. See [`forget_known_pages`](CoalesceLayer::forget_known_pages) |
    /// | `Age` | a page that another process had kept has one, as a page of this process's window |
    /// | an engine that is down | each process coalesces by itself. A request is late by two steps at most |
    ///
    /// The `Shared` may have every setting but a codec, keys or errors of its own. Name a
    /// [`schema`](coalescer_cluster::Shared::schema) if several builds are to share, and change it when the handler,
    /// or a function of the layer, changes what it returns.
    ///
    /// # Panics
    ///
    /// [`layer`](CoalesceLayer::layer) panics if the name is none, if the settings have `max_requests(1)`, or a manual
    /// clock that the engine has not.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use coalescer_cluster::{Cluster, Memory};
    /// use coalescer_http::{CoalesceLayer, Settings};
    /// use http::{Request, Response};
    ///
    /// let engine = Memory::new(); // in earnest: a server, or the files of a host
    /// let [here, there] = [(); 2].map(|()| {
    ///     let cluster = Cluster::over(engine.clone()).namespace("shop").open().unwrap();
    ///     CoalesceLayer::new()
    ///         .settings(Settings::new().window(std::time::Duration::from_secs(60)))
    ///         .key_header("x-tenant")
    ///         .shared(cluster.named("pages").schema("1"))
    ///         .layer(|request: Request<()>| Ok::<_, Infallible>(Response::new(request.uri().to_string())))
    /// });
    /// let request = || Request::get("/news").body(()).unwrap();
    /// assert!(!here.call(request()).unwrap().headers().contains_key("age"));
    /// assert_eq!(there.call(request()).unwrap().headers()["age"], "0");
    /// assert_eq!((there.stats().flights.executed_requests, there.stats().flights.shared), (0, 1));
    /// ```
    ///
    /// The errors of the handler are `Send + Sync + 'static`:
    ///
    /// ```compile_fail,E0277
    /// # use coalescer_cluster::{Cluster, Memory};
    /// # use coalescer_http::{Body, CoalesceLayer};
    /// # use http::{Request, Response};
    /// # let cluster = Cluster::over(Memory::new()).open().unwrap();
    /// CoalesceLayer::new()
    ///     .shared(cluster.named("pages"))
    ///     .layer(|_: Request<()>| Err::<Response<Body>, _>(std::rc::Rc::new("an error of one thread")));
    /// ```
    pub fn shared(self, shared: impl SharesByDefault) -> CoalesceLayer<SharedPages> {
        self.exchange(SharedPages::new(shared)).0
    }
}

impl CoalesceLayer<SharedPages> {
    /// Shares also the pages whose key has credentials or names a person: who may read the engine can then read them.
    ///
    /// Two requests share only if their credentials are equal, and a `private` page only if both name the same person,
    /// as within a process. An engine sees a key as a digest alone, but who reads it can guess a credential of few
    /// possible values.
    ///
    /// # Examples
    ///
    /// ```
    /// # let cluster = coalescer_cluster::Cluster::over(coalescer_cluster::Memory::new()).open().unwrap();
    /// let layer = coalescer_http::CoalesceLayer::new()
    ///     .key_header("x-api-key")
    ///     .shared(cluster.named("pages"))
    ///     .share_credentials();
    /// # let _ = layer;
    /// ```
    pub fn share_credentials(mut self) -> Self {
        self.sharing.shares_credentials = true;
        self
    }

    /// Lets a write forget in other processes the pages that this process knows, and no others.
    ///
    /// Without this setting a write forgets all pages of the name, in all processes, because others may have pages of
    /// its path with a query or with fields that this process has never seen. That costs one step of the engine and
    /// one message a process, and every page is made anew. With this setting it forgets the pages of its path that
    /// this process has or makes, one after the other: at one step for each of them, and a wait of `op_timeout` at most
    /// for the processes that may have it. **A page of the path that only other processes know is served until its
    /// window ends**, also by this process.
    ///
    /// The same holds for [`forget_path`](crate::Coalesced::forget_path), [`forget_if`](crate::Coalesced::forget_if) and
    /// their counterparts for everywhere.
    ///
    /// # Examples
    ///
    /// ```
    /// # let cluster = coalescer_cluster::Cluster::over(coalescer_cluster::Memory::new()).open().unwrap();
    /// let layer = coalescer_http::CoalesceLayer::new()
    ///     .shared(cluster.named("pages"))
    ///     .forget_known_pages();
    /// # let _ = layer;
    /// ```
    pub fn forget_known_pages(mut self) -> Self {
        self.sharing.others = Others::Known;
        self
    }
}
