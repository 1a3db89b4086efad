//! The page: a delay in place of a query, and a kilobyte of text.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use coalescer_http::Body;
use http::header::{CACHE_CONTROL, HeaderValue};
use http::{Request, Response};

/// The time of a run.
pub(super) const RUN: Duration = Duration::from_millis(50);

/// Good for the window of the other lanes, and stale until the end of any run.
const STALE: &str = "max-age=1, stale-while-revalidate=60";

/// The body of the page.
pub(super) const TEXT: &str = match std::str::from_utf8(&[b'x'; 1024]) {
    Ok(text) => text,
    Err(_) => "",
};

/// The page's handler, which counts its runs.
#[derive(Clone, Debug)]
pub(super) struct Backend(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    runs: AtomicU64,
    /// The free connections to what the page is made from; none if there is no bound.
    free: Option<Mutex<usize>>,
    given_back: Condvar,
    /// The page says that it may be served stale.
    may_be_stale: bool,
}

impl Backend {
    pub(super) fn new(connections: Option<usize>, may_be_stale: bool) -> Self {
        let free = connections.map(Mutex::new);
        let (runs, given_back) = (AtomicU64::new(0), Condvar::new());
        Self(Arc::new(Inner { runs, free, given_back, may_be_stale }))
    }

    pub(super) fn runs(&self) -> u64 {
        self.0.runs.load(Ordering::Relaxed)
    }

    /// Answers a request. It takes its connection inside, so that a request that waits for another one holds none.
    pub(super) fn answer(&self, _: &Request<Vec<u8>>) -> Response<Body> {
        self.0.runs.fetch_add(1, Ordering::Relaxed);
        self.take();
        thread::sleep(RUN);
        self.give_back();
        let mut page = Response::new(Body::from(TEXT));
        if self.0.may_be_stale {
            page.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(STALE));
        }
        page
    }

    fn take(&self) {
        let Some(free) = &self.0.free else { return };
        let free = free.lock().expect("no run panics");
        let waits = self.0.given_back.wait_while(free, |free| *free == 0);
        *waits.expect("no run panics") -= 1;
    }

    fn give_back(&self) {
        let Some(free) = &self.0.free else { return };
        *free.lock().expect("no run panics") += 1;
        self.0.given_back.notify_one();
    }
}
