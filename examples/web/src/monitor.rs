//! [`Monitor`]: what a layer does now, and what it did in the last two minutes.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use coalescer_http::{Coalesced, LayerStats};
use serde_json::{Value, json};

use crate::histogram::Histogram;
use crate::history::History;

/// Length of a window.
const WINDOW: Duration = Duration::from_secs(1);

/// Pages in flight that are listed, the oldest first. The others are counted.
const LISTED: usize = 50;

/// Characters of a page's name that are shown. A client chooses the path.
const LONGEST_NAME: usize = 200;

/// A layer, as its status pages see it.
pub trait Layer: Send + Sync {
    /// The counters.
    fn stats(&self) -> LayerStats;

    /// The pages that are made now.
    fn flights(&self) -> Vec<Flight>;
}

/// A page that is made now. All who reach the status pages can read it, so it has no query, in which a secret
/// may be, and no name of the leading thread, which is the address of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flight {
    /// The method and the target without its query.
    pub page: String,
    /// Requests that wait for the page.
    pub followers: usize,
    /// The time since its handler was called.
    pub age: Duration,
}

impl<H: Send + Sync, E: Send + Sync> Layer for Coalesced<H, E> {
    fn stats(&self) -> LayerStats {
        Coalesced::stats(self)
    }

    fn flights(&self) -> Vec<Flight> {
        let flights = self.in_flight().into_iter();
        let flights = flights.map(|flight| Flight {
            page: flight.key.to_string(),
            followers: flight.followers,
            age: flight.age,
        });
        flights.collect()
    }
}

/// Looks at a layer, and measures the requests to it.
pub struct Monitor {
    layer: Box<dyn Layer>,
    latencies: Histogram,
    history: Mutex<History>,
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("history", &self.history).finish_non_exhaustive()
    }
}

impl Monitor {
    /// Begins the first window.
    #[must_use]
    pub fn new(layer: impl Layer + 'static) -> Self {
        let history = Mutex::new(History::new(layer.stats()));
        Self { layer: Box::new(layer), latencies: Histogram::new(), history }
    }

    /// Calls the layer, and records how long that took, also if it panics. The time until a client has read
    /// its answer is not in it.
    pub fn measure<T>(&self, call: impl FnOnce() -> T) -> T {
        let _stopwatch = Stopwatch { monitor: self, start: Instant::now() };
        call()
    }

    /// Records how long a request took that was measured elsewhere.
    pub fn record(&self, duration: Duration) {
        self.latencies.record(duration);
    }

    /// Ends a window.
    pub fn end_window(&self) {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.end_window(self.layer.stats(), self.latencies.take());
    }

    /// Starts a thread that ends a window every second, until nobody else has the monitor.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn end_windows(monitor: &Arc<Self>) -> io::Result<()> {
        let monitor = Arc::downgrade(monitor);
        let end_windows = move || {
            let mut end = Instant::now() + WINDOW;
            loop {
                let now = Instant::now();
                thread::sleep(end.saturating_duration_since(now));
                let Some(monitor) = monitor.upgrade() else { return };
                monitor.end_window();
                // After a pause of the process, the windows that it missed are not made up for.
                end = (end + WINDOW).max(now);
            }
        };
        thread::Builder::new().name("windows".to_owned()).spawn(end_windows).map(drop)
    }

    /// The counters of the layer.
    #[must_use]
    pub fn stats(&self) -> LayerStats {
        self.layer.stats()
    }

    /// The pages that are made now, the oldest first, and how many more there are.
    #[must_use]
    pub fn in_flight(&self) -> Value {
        in_flight(self.layer.flights())
    }

    /// All that the page shows.
    #[must_use]
    pub fn live(&self) -> Value {
        let mut live = self.history.lock().unwrap_or_else(PoisonError::into_inner).to_json();
        live["in_flight"] = self.in_flight();
        live
    }
}

fn in_flight(mut flights: Vec<Flight>) -> Value {
    flights.sort_by(|one, other| other.age.cmp(&one.age).then_with(|| one.page.cmp(&other.page)));
    let pages = flights.iter().take(LISTED).map(|flight| {
        let age = u64::try_from(flight.age.as_millis()).unwrap_or(u64::MAX);
        json!({ "page": shortened(&flight.page), "followers": flight.followers, "age_ms": age })
    });
    json!({
        "pages": pages.collect::<Vec<_>>(),
        "more": flights.len().saturating_sub(LISTED),
        "waiting": flights.iter().map(|flight| flight.followers).sum::<usize>(),
    })
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

struct Stopwatch<'m> {
    monitor: &'m Monitor,
    start: Instant,
}

impl Drop for Stopwatch<'_> {
    fn drop(&mut self) {
        self.monitor.record(self.start.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_long_names_are_cut_and_counted() {
        let flight = |number: u64| Flight {
            page: format!("GET /{number}/{}", "é".repeat(300)),
            followers: 1,
            age: Duration::from_millis(number),
        };
        let shown = in_flight((0..LISTED as u64 + 7).map(flight).collect());
        let pages = shown["pages"].as_array().expect("a list");
        assert_eq!(
            (pages.len(), &shown["more"], &shown["waiting"]),
            (LISTED, &7.into(), &57.into())
        );
        assert_eq!(pages[0]["age_ms"], 56, "the oldest is the first");
        let name = pages[0]["page"].as_str().expect("a text");
        assert!(name.chars().count() == LONGEST_NAME + 1 && name.ends_with("é…"), "{name}");
    }
}
