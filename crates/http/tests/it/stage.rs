//! A layer whose requests carry the function that its handler runs.

use std::time::Duration;

use coalescer_http::{Body, CoalesceLayer, Coalesced, Served, Settings, SharesPages};
use http::request::Builder;
use http::{Request, Response};

use crate::support::{Call, Function, start, wait_until};

/// The response of the handler.
pub(crate) type Page = Response<Body>;

/// A request whose body is the function that the handler runs.
pub(crate) type Scripted = Request<Function<Page, String>>;

pub(crate) type Pages = Coalesced<fn(Scripted) -> Result<Page, String>, String>;

/// The result of a call of the layer.
pub(crate) type Answer = Result<Page, std::sync::Arc<String>>;

pub(crate) fn handler(request: Scripted) -> Result<Page, String> {
    (request.into_body())()
}

/// A layer with these settings.
pub(crate) fn with(settings: Settings) -> CoalesceLayer {
    CoalesceLayer::new().settings(settings)
}

/// A layer with this window.
pub(crate) fn with_window(window: Duration) -> CoalesceLayer {
    with(Settings::new().window(window))
}

pub(crate) fn pages<P: SharesPages<String>>(layer: CoalesceLayer<P>) -> Pages {
    layer.layer(handler as fn(Scripted) -> _)
}

/// Starts a call that runs the handler, and returns it when the handler has begun.
#[track_caller]
pub(crate) fn lead(pages: &Pages, request: Builder) -> Call<Page, String, Answer> {
    begin(pages, request).begun()
}

/// Starts a call, which may become a leader, a follower or a hit.
pub(crate) fn begin(pages: &Pages, request: Builder) -> Call<Page, String, Answer> {
    let pages = pages.clone();
    start(move |function| pages.call(request.body(function).unwrap()))
}

/// Starts `count` calls that follow, and returns them when all of them wait.
#[track_caller]
pub(crate) fn follow(
    pages: &Pages,
    request: impl Fn() -> Builder,
    count: usize,
) -> Vec<Call<Page, String, Answer>> {
    let before = followers(pages);
    let calls = (0..count).map(|_| begin(pages, request())).collect();
    wait_until(|| followers(pages) == before + count);
    calls
}

pub(crate) fn followers(pages: &Pages) -> usize {
    pages.in_flight().iter().map(|flight| flight.followers).sum()
}

/// Makes a call whose handler returns `page` at once.
pub(crate) fn call(pages: &Pages, request: Builder, page: Page) -> Page {
    pages.call(scripted(request, || Ok(page))).unwrap()
}

/// A request whose handler runs `function`.
pub(crate) fn scripted(
    request: Builder,
    function: impl FnOnce() -> Result<Page, String> + Send + 'static,
) -> Scripted {
    request.body(Box::new(function) as Function<Page, String>).unwrap()
}

/// A page with this text.
pub(crate) fn page(text: &'static str) -> Page {
    Response::new(Body::from(text))
}

/// A page with this text and field.
pub(crate) fn page_with(text: &'static str, name: &'static str, value: &str) -> Page {
    Response::builder().header(name, value).body(Body::from(text)).unwrap()
}

pub(crate) fn text(page: Page) -> String {
    String::from_utf8(page.into_body().into_bytes().unwrap().to_vec()).unwrap()
}

/// How the layer says that it has answered a request: `leader: set-cookie`.
#[track_caller]
pub(crate) fn how(page: &Page) -> String {
    page.extensions().get::<Served>().unwrap().to_string()
}

pub(crate) fn get(path: &str) -> Builder {
    Request::get(path)
}
