//! The pages of the site, and its router.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use coalescer_http::TowerLayer;
use tokio::task::spawn_blocking;

/// Pages that take a while to read. Clones are handles to the same pages.
#[derive(Clone)]
pub struct Site {
    pages: Arc<Mutex<HashMap<String, String>>>,
    /// Blocks as long as a read takes.
    wait: Arc<dyn Fn() + Send + Sync>,
}

impl Site {
    /// Makes a site without pages. Each read of a page calls `wait` first, which blocks.
    pub fn new(wait: impl Fn() + Send + Sync + 'static) -> Self {
        Self { pages: Arc::default(), wait: Arc::new(wait) }
    }

    /// Returns a page, if there is one of this name. Blocks.
    #[must_use]
    pub fn read(&self, name: &str) -> Option<String> {
        (self.wait)();
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Writes a page.
    pub fn write(&self, name: String, text: String) {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).insert(name, text);
    }
}

// guide: axum
/// The router of the site, within the layer: `CoalesceLayer::new().tower(tokio::time::sleep)`.
pub fn router(site: Site, layer: TowerLayer) -> Router {
    Router::new().route("/pages/{name}", get(read).post(write)).layer(layer).with_state(site)
}

async fn read(State(site): State<Site>, Path(name): Path<String>) -> Result<String, StatusCode> {
    let page = spawn_blocking(move || site.read(&name)).await;
    page.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?.ok_or(StatusCode::NOT_FOUND)
}

async fn write(State(site): State<Site>, Path(name): Path<String>, text: String) -> StatusCode {
    site.write(name, text);
    StatusCode::CREATED
}
// end

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("pages", &self.pages).finish_non_exhaustive()
    }
}
