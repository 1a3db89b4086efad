//! The site: the handler in its layer, and everything that must happen outside of the layer.

use std::sync::Arc;
use std::time::Duration;

use coalescer_http::{Body, CoalesceLayer, Coalesced, LayerStats, Settings};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Request, Response};

use crate::pages::{Fault, Pages};

type Handler = Box<dyn Fn(Request<Vec<u8>>) -> Result<Response<Body>, Fault> + Send + Sync>;

/// The pages, in their layer.
#[derive(Debug)]
pub struct Site {
    pages: Coalesced<Handler, Fault>,
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

impl Site {
    /// A site with no orders yet.
    #[must_use]
    pub fn new() -> Self {
        let pages = Pages::default();
        let handler: Handler = Box::new(move |request| pages.answer(request));
        let layer = CoalesceLayer::new()
            .name("pages")
            .settings(
                Settings::new()
                    .window(Duration::from_millis(250))
                    .max_wait(Duration::from_secs(20)),
            )
            // A login always sets a cookie, so its response is never shared, and waiting would be useless.
            .should_coalesce(|request| !request.uri.path().starts_with("/login"));
        Self { pages: layer.layer(handler) }
    }

    /// Answers a request.
    ///
    /// Access control belongs here, before the layer, and pages about the layer itself. A handler takes
    /// its database connection inside the layer, so requests that wait hold none.
    ///
    /// # Errors
    ///
    /// If the handler fails.
    pub fn answer(&self, request: Request<Vec<u8>>) -> Result<Response<Body>, Arc<Fault>> {
        match request.uri().path() {
            "/stats" => return Ok(json(serde_json::to_vec_pretty(&self.stats()))),
            "/in-flight" => return Ok(json(serde_json::to_vec_pretty(&self.pages.in_flight()))),
            _ => {}
        }
        let is_write = !request.method().is_safe();
        let response = self.pages.call(request)?;
        if is_write {
            // After the write: no later request may get a page from before it.
            self.pages.forget_all();
        }
        Ok(response)
    }

    /// The counters of the layer.
    #[must_use]
    pub fn stats(&self) -> LayerStats {
        self.pages.stats()
    }
}

fn json(text: serde_json::Result<Vec<u8>>) -> Response<Body> {
    let text = text.expect("counters and names can be written as JSON");
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
