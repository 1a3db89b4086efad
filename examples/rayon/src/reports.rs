//! Reports that are made by two jobs in parallel. This is the file to copy.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use coalescer::{Builder, Coalescer, Error, ForCoalescer, OnDeadlock, Stats};
use rayon::ThreadPool;

/// A request that waited for so long is told that it timed out. Far longer than a report takes.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(2);

/// What a year came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) total: u64,
}

/// Why there is no report.
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

/// What a request gets: the report, or why there is none, shared with all who asked meanwhile.
pub(crate) type Answer = Result<Arc<Report>, Error<NoRecords>>;

/// The reports by their years.
#[derive(Clone)]
pub(crate) struct Reports(Coalescer<u32, Report, NoRecords>);

/// What is set for a pool that steals.
pub(crate) fn settings() -> Builder<ForCoalescer, u32, Report> {
    Coalescer::builder()
        .name("reports")
        // A job that was stolen by the thread that leads cannot wait for it: it runs on its own.
        .on_deadlock(OnDeadlock::Bypass)
        // And nobody waits for ever for what cannot be seen.
        .max_wait(MAX_WAIT)
}

impl Reports {
    /// Reports over these records: what a half of a year came to.
    pub(crate) fn new(
        settings: Builder<ForCoalescer, u32, Report>,
        pool: Arc<ThreadPool>,
        records: impl Fn(u32, Half) -> Result<u64, NoRecords> + Send + Sync + 'static,
    ) -> Self {
        Self(settings.build(move |year| {
            let (first, second) =
                pool.join(|| records(*year, Half::First), || records(*year, Half::Second));
            Ok(Report { total: first? + second? })
        }))
    }

    /// The report of a year: made for this request, or for another one at the same time, or less
    /// than the window old.
    pub(crate) fn get(&self, year: u32) -> Answer {
        self.0.execute(&year)
    }

    /// How many requests there were, and what became of them.
    pub(crate) fn stats(&self) -> Stats {
        self.0.stats()
    }

    /// How many reports are being made, and how many requests wait for them.
    pub(crate) fn under_way(&self) -> (usize, usize) {
        let flights = self.0.in_flight();
        (flights.len(), flights.iter().map(|flight| flight.followers).sum())
    }
}

/// Of a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    First,
    Second,
}
