//! The site: the handler in its layer, and everything that must happen outside of the layer.

use std::sync::Arc;
use std::time::Duration;

use coalescer_http::{Body, CoalesceLayer, Coalesced, LayerStats, Settings};
use http::{Request, Response};

use crate::monitor::Monitor;
use crate::pages::{Fault, Pages};

type Handler = Box<dyn Fn(Request<Vec<u8>>) -> Result<Response<Body>, Fault> + Send + Sync>;

/// The pages, in their layer, which a monitor watches.
#[derive(Debug)]
pub struct Site {
    pages: Coalesced<Handler, Fault>,
    monitor: Arc<Monitor>,
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
        let pages = layer.layer(handler);
        // A clone is a handle to the same layer.
        Self { monitor: Arc::new(Monitor::new(pages.clone())), pages }
    }

    /// Answers a request.
    ///
    /// Access control belongs here, before the layer. Pages about the layer itself are on another port: see
    /// [`Status`](crate::Status). A handler takes its database connection inside the layer, so requests that
    /// wait hold none.
    ///
    /// # Errors
    ///
    /// If the handler fails.
    pub fn answer(&self, request: Request<Vec<u8>>) -> Result<Response<Body>, Arc<Fault>> {
        // After a write that succeeded, the layer forgets the pages of its path. If a write changes pages of
        // other paths too, call `forget_path` here.
        self.monitor.measure(|| self.pages.call(request))
    }

    /// The monitor, for the status pages.
    #[must_use]
    pub fn monitor(&self) -> Arc<Monitor> {
        Arc::clone(&self.monitor)
    }

    /// The counters of the layer.
    #[must_use]
    pub fn stats(&self) -> LayerStats {
        self.pages.stats()
    }
}
