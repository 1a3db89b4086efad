//! [`TowerLayer`] and [`TowerService`].

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::coalesced::Pages;
use crate::layer::CoalesceLayer;
use crate::tower::TowerBody;
use crate::tower::serve::serve;

/// A future without a name of its own.
pub(super) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Makes a future that ends after a time.
pub(super) type Sleep = Arc<dyn Fn(Duration) -> Boxed<()> + Send + Sync>;

impl CoalesceLayer {
    /// Makes a layer for async servers that use the traits of [tower](https://docs.rs/tower), such as axum and hyper.
    ///
    /// A request that leads calls the service inside. A request that follows waits by a ticket and holds no thread. All
    /// services of the layer and of its clones share their pages.
    ///
    /// `sleep` makes a future that ends after a time, since the library has no timer: `tokio::time::sleep`. It bounds the
    /// wait of a request by the setting `max_wait`.
    ///
    /// Requires the feature `tower`.
    ///
    /// # Examples
    ///
    /// With axum: `Router::new().route("/news", get(news)).layer(CoalesceLayer::new().tower(tokio::time::sleep))`.
    /// The repository has this server in `examples/with-tower`.
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use coalescer_http::CoalesceLayer;
    /// use http::{Request, Response};
    /// use tower::{ServiceBuilder, ServiceExt, service_fn};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let layer = CoalesceLayer::new().tower(tokio::time::sleep);
    /// let news = ServiceBuilder::new().layer(layer.clone()).service(service_fn(
    ///     async |_: Request<String>| Ok::<_, Infallible>(Response::new(String::from("news"))),
    /// ));
    /// let response = news.oneshot(Request::get("/").body(String::new()).unwrap()).await.unwrap();
    /// assert_eq!(response.status(), 200);
    /// assert_eq!(layer.pages().stats().flights.executed_requests, 1);
    /// # });
    /// ```
    pub fn tower<T, F>(self, sleep: T) -> TowerLayer
    where
        T: Fn(Duration) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let sleep: Sleep = Arc::new(move |time| Box::pin(sleep(time)));
        TowerLayer { pages: self.hooks(), sleep }
    }
}

/// A layer for async servers; from [`CoalesceLayer::tower`](CoalesceLayer::tower).
///
/// It is a handle: clones share the pages and the counters.
///
/// # Examples
///
/// See [`CoalesceLayer::tower`].
#[derive(Clone)]
pub struct TowerLayer {
    pub(super) pages: Pages,
    pub(super) sleep: Sleep,
}

impl TowerLayer {
    /// Returns the pages of the layer, to forget some or to read the counters.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = coalescer_http::CoalesceLayer::new().tower(tokio::time::sleep);
    /// assert_eq!(layer.pages().forget_path("/news"), 0);
    /// ```
    #[must_use]
    pub fn pages(&self) -> &Pages {
        &self.pages
    }
}

impl<S> Layer<S> for TowerLayer {
    type Service = TowerService<S>;

    fn layer(&self, inner: S) -> TowerService<S> {
        TowerService { inner, layer: self.clone() }
    }
}

/// A service inside a [`TowerLayer`].
///
/// It is always ready. A request that calls the service inside first waits until that one is ready. So a limit inside,
/// such as tower's `ConcurrencyLimit`, counts the requests that run, and not those that follow.
///
/// # Cancelling
///
/// If the future of a follower is dropped, its place is free at once. If that of a leader is dropped, because its client
/// has gone away, one of the requests that wait leads in its place. So a page is made anew from the start: put the
/// work into a task of its own where that costs too much.
///
/// # Errors
///
/// An error of the service inside goes to its own request. Of the requests that wait, one leads then, and the others wait
/// for that one.
///
/// # Examples
///
/// See [`CoalesceLayer::tower`].
#[derive(Clone)]
pub struct TowerService<S> {
    inner: S,
    layer: TowerLayer,
}

impl<S, B, R> Service<Request<B>> for TowerService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Send,
{
    type Response = Response<TowerBody<R>>;
    type Error = S::Error;
    type Future = TowerFuture<R, S::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        TowerFuture(Box::pin(serve(self.inner.clone(), self.layer.clone(), request)))
    }
}

/// The future of a [`TowerService`].
///
/// # Examples
///
/// See [`CoalesceLayer::tower`].
#[must_use = "a future does nothing unless it is polled"]
pub struct TowerFuture<R: Body, E>(Boxed<Result<Response<TowerBody<R>>, E>>);

impl<R: Body, E> Future for TowerFuture<R, E> {
    type Output = Result<Response<TowerBody<R>>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for TowerLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TowerLayer").field("pages", &self.pages).finish_non_exhaustive()
    }
}

impl<S: fmt::Debug> fmt::Debug for TowerService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inner, layer } = self;
        f.debug_struct("TowerService").field("inner", inner).field("layer", layer).finish()
    }
}

impl<R: Body, E> fmt::Debug for TowerFuture<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TowerFuture")
    }
}
