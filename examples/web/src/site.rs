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
    /// Access control belongs here, before the layer, and pages about the layer itself. (A site whose paths
    /// are secrets serves them on a port of its own.) A handler takes its database connection inside the
    /// layer, so requests that wait hold none.
    ///
    /// # Errors
    ///
    /// If the handler fails.
    pub fn answer(&self, request: Request<Vec<u8>>) -> Result<Response<Body>, Arc<Fault>> {
        match request.uri().path() {
            "/stats" => Ok(json(serde_json::to_vec_pretty(&self.stats()))),
            "/in-flight" => Ok(json(serde_json::to_vec_pretty(&self.in_flight()))),
            // After a write that succeeded, the layer forgets the pages of its path. If a write changes
            // pages of other paths too, call `forget_path` here.
            _ => self.pages.call(request),
        }
    }

    /// The pages that are made now. Everybody can read them here, so no query is shown, in which a secret
    /// may be, and no `leader`, whose name is the address of a client.
    fn in_flight(&self) -> Vec<serde_json::Value> {
        let flights = self.pages.in_flight();
        let shown = flights.iter().map(|flight| {
            let milliseconds = flight.age.as_millis();
            serde_json::json!({
                "page": flight.key.to_string(),
                "followers": flight.followers,
                "age_ms": u64::try_from(milliseconds).unwrap_or(u64::MAX),
            })
        });
        shown.collect()
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
