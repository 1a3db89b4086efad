//! The site: what goes on outside of the layer, and the layer round the handler.

use std::sync::Arc;
use std::time::Duration;

use coalescer_http::{Body, CoalesceLayer, Coalesced, LayerStats, Settings};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Request, Response};

use crate::pages::{Fault, Pages};

type Handler = Box<dyn Fn(Request<Vec<u8>>) -> Result<Response<Body>, Fault> + Send + Sync>;

/// The pages with the layer round them.
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
            // Always sets a cookie, so nobody could share it: no use in waiting for it.
            .should_coalesce(|request| !request.uri.path().starts_with("/login"));
        Self { pages: layer.layer(handler) }
    }

    /// Answers a request.
    ///
    /// What depends on who asks belongs here, before the layer: access control, and pages about
    /// the layer itself.
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
            // The write is done, so no page from before it may be served from now on.
            self.pages.forget_all();
        }
        Ok(response)
    }

    /// The layer's counters.
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
