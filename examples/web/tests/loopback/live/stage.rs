//! A server whose status page a browser looks at.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use coalescer_http::{Body, CoalesceLayer, LayerStats};
use http::{Request, Response};
use web::{Flight, Layer, Monitor, Status, serve};

use super::chromium::Chromium;
use crate::support::{at_a_free_port, watched};

/// A site and its status pages. The test ends the windows.
pub(super) struct Stage {
    pub(super) site: SocketAddr,
    pub(super) monitor: Arc<Monitor>,
    /// The address of the status page.
    pub(super) url: String,
}

impl Stage {
    /// Starts a server for a handler in a layer. The handler can see how many requests wait.
    pub(super) fn new<H>(layer: CoalesceLayer, handler: H) -> Self
    where
        H: Fn(&dyn Fn() -> usize, &Request<Vec<u8>>) -> Response<Body> + Send + Sync + 'static,
    {
        let watched: Arc<OnceLock<Arc<Monitor>>> = Arc::default();
        let inside = Arc::clone(&watched);
        let followers = move || {
            let monitor = inside.get().expect("the layer is built before the first request");
            let waiting = &monitor.in_flight()["waiting"];
            usize::try_from(waiting.as_u64().unwrap()).unwrap()
        };
        let layer = layer.layer(move |request: Request<Vec<u8>>| {
            Ok::<_, Infallible>(handler(&followers, &request))
        });
        let monitor = Arc::new(Monitor::new(layer.clone()));
        watched.set(Arc::clone(&monitor)).unwrap();
        let measured = Arc::clone(&monitor);
        let answer = Arc::new(move |request| measured.measure(|| layer.call(request)));
        let site = at_a_free_port(|address| {
            let answer = Arc::clone(&answer);
            serve(address, move |request| answer(request)).map(drop)
        });
        Self { site, url: status(&monitor), monitor }
    }

    pub(super) fn stats(&self) -> LayerStats {
        self.monitor.stats()
    }
}

/// A layer that has the pages in flight that the test says.
pub(super) struct Made(pub(super) Vec<Flight>);

impl Layer for Made {
    fn stats(&self) -> LayerStats {
        LayerStats::default()
    }

    fn flights(&self) -> Vec<Flight> {
        self.0.clone()
    }
}

/// Serves the status pages of a monitor, and returns the address of the page.
pub(super) fn status(monitor: &Arc<Monitor>) -> String {
    let address = at_a_free_port(|address| {
        let status = Status::new(Arc::clone(monitor));
        serve(address, move |request| status.answer(&request)).map(drop)
    });
    format!("http://{address}/")
}

/// Runs a test with a browser, if there is one. One runs at a time: each of them has many processes.
pub(super) fn with_browser(test: impl FnOnce(&mut Chromium) + Send + 'static) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    watched(|| {
        if let Some(mut browser) = Chromium::start() {
            test(&mut browser);
        }
    });
}
