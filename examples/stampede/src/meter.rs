//! What the workers count, taken away by whoever shows it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::Error;
use hdrhistogram::Histogram;

/// Answers of a stretch of time.
#[derive(Clone)]
pub(crate) struct Tally {
    pub(crate) answered: u64,
    /// Of those that were answered.
    pub(crate) wrong: u64,
    pub(crate) failed: u64,
    /// In microseconds, to one percent.
    latency: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        let latency = Histogram::new(2).expect("two digits are a valid precision");
        Self { answered: 0, wrong: 0, failed: 0, latency }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.answered += other.answered;
        self.wrong += other.wrong;
        self.failed += other.failed;
        self.latency.add(&other.latency).expect("histograms of a kind grow as they must");
    }

    /// The latency in milliseconds that this share of the answers did not exceed.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        if self.latency.is_empty() {
            return None;
        }
        Some(self.latency.value_at_quantile(share) as f64 / 1e3)
    }
}

/// Shared by all workers of a phase.
pub(crate) struct Meter {
    begun: AtomicU64,
    tally: Mutex<Tally>,
    failure: OnceLock<Error>,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self { begun: AtomicU64::new(0), tally: Mutex::new(Tally::new()), failure: OnceLock::new() }
    }

    /// A worker takes up a request.
    pub(crate) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests that a worker has taken up so far.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    pub(crate) fn answered(&self, latency: Duration, is_right: bool) {
        let mut tally = self.tally();
        tally.answered += 1;
        tally.wrong += u64::from(!is_right);
        tally.latency.record(latency.as_micros() as u64).expect("the histogram grows as it must");
    }

    /// The first failure is kept, and ends the phase: with a broken database there is nothing to see.
    pub(crate) fn failed(&self, error: Error) {
        self.tally().failed += 1;
        let _ = self.failure.set(error);
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.failure.get().is_some()
    }

    pub(crate) fn failure(&self) -> Option<&Error> {
        self.failure.get()
    }

    /// What has been counted since the last time.
    pub(crate) fn take(&self) -> Tally {
        std::mem::replace(&mut *self.tally(), Tally::new())
    }

    /// A worker that panicked ends the run anyway.
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
