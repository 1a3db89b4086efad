//! Reports that two parallel jobs compute. Copy this file.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use coalescer::{Builder, Coalescer, Error, ForCoalescer, OnDeadlock, Stats};
use rayon::ThreadPool;

/// Longest wait of a request for another one. Far longer than a report takes.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(2);

/// The total of a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) total: u64,
}

/// There is no report of this year.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoRecords {
    pub(crate) year: u32,
}

impl fmt::Display for NoRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there are no records of {}", self.year)
    }
}

impl std::error::Error for NoRecords {}

/// The result of a request, which all concurrent requests for the same year share.
pub(crate) type Answer = Result<Arc<Report>, Error<NoRecords>>;

/// The reports, by year.
#[derive(Clone)]
pub(crate) struct Reports(Coalescer<u32, Report, NoRecords>);

/// Settings for a pool that steals jobs.
pub(crate) fn settings() -> Builder<ForCoalescer, u32, Report> {
    Coalescer::builder()
        .name("reports")
        // A job on the thread of its own leader cannot wait for it: it runs the function unshared.
        .on_deadlock(OnDeadlock::Bypass)
        // A coalescer does not see waits for a job, so each wait needs a limit.
        .max_wait(MAX_WAIT)
}

impl Reports {
    /// Reports over `records`, a function that adds up half of a year.
    pub(crate) fn new(
        settings: Builder<ForCoalescer, u32, Report>,
        pool: Arc<ThreadPool>,
        records: impl Fn(u32, Half) -> Result<u64, NoRecords> + Send + Sync + 'static,
    ) -> Self {
        Self(settings.build(move |year| {
            // A half can run on another thread of the pool. There it works for this report, so a call for
            // the same year is not mistaken for one that can wait.
            let lead = coalescer::leading();
            let half = |half| lead.enter(|| records(*year, half));
            let (first, second) = pool.join(|| half(Half::First), || half(Half::Second));
            Ok(Report { total: first? + second? })
        }))
    }

    /// The report of a year: computed by this request or by another one, and not older than the window.
    pub(crate) fn get(&self, year: u32) -> Answer {
        self.0.execute(&year)
    }

    /// Counts of requests by their results.
    pub(crate) fn stats(&self) -> Stats {
        self.0.stats()
    }

    /// Number of reports that are being computed, and of requests that wait for them.
    pub(crate) fn under_way(&self) -> (usize, usize) {
        let flights = self.0.in_flight();
        (flights.len(), flights.iter().map(|flight| flight.followers).sum())
    }
}

/// A half of a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    First,
    Second,
}
