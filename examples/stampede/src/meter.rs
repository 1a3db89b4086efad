//! Latencies and failures of a phase, recorded by its threads.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::Error;
use hdrhistogram::Histogram;

/// In microseconds, with a precision of one percent.
pub(crate) type Latencies = Histogram<u64>;

pub(crate) fn latencies() -> Latencies {
    Histogram::new(2).expect("two digits are a valid precision")
}

/// The latency in milliseconds that this share of the answers did not exceed.
pub(crate) fn quantile(latencies: &Latencies, share: f64) -> Option<f64> {
    (!latencies.is_empty()).then(|| latencies.value_at_quantile(share) as f64 / 1e3)
}

/// Shared by all threads of a phase.
pub(crate) struct Meter {
    /// Requests whose handling has started.
    pub(crate) begun: AtomicUsize,
    pub(crate) wrong: AtomicU64,
    /// The first failure, which ends the phase.
    pub(crate) failure: OnceLock<Error>,
    /// Latencies since the last sample, and of the whole phase.
    recent_and_all: Mutex<[Latencies; 2]>,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self {
            begun: AtomicUsize::new(0),
            wrong: AtomicU64::new(0),
            failure: OnceLock::new(),
            recent_and_all: Mutex::new([latencies(), latencies()]),
        }
    }

    pub(crate) fn answered(&self, latency: Duration, is_right: bool) {
        for latencies in self.lock().iter_mut() {
            latencies.record(latency.as_micros() as u64).expect("the histogram grows as needed");
        }
        self.wrong.fetch_add(u64::from(!is_right), Ordering::Relaxed);
    }

    /// The latencies since the last call of this.
    pub(crate) fn take_recent(&self) -> Latencies {
        std::mem::replace(&mut self.lock()[0], latencies())
    }

    /// The latencies of the whole phase.
    pub(crate) fn all(&self) -> Latencies {
        self.lock()[1].clone()
    }

    /// Poisoning does not matter: a thread that panics ends the run.
    fn lock(&self) -> MutexGuard<'_, [Latencies; 2]> {
        self.recent_and_all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
