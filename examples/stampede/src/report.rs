//! The result: what each phase came to, as JSON and as a table.

use std::fmt;
use std::path::PathBuf;

use coalescer::Stats;
use serde::Serialize;

use crate::calibrate::Calibration;
use crate::phase::{Ended, Sample};
use crate::units::{plural, rate, time, time_or_dash};

/// All there is to say about a run.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) settings: Settings,
    pub(crate) calibration: Calibration,
    pub(crate) phases: Vec<Phase>,
    /// Answers that cost no query.
    pub(crate) queries_saved: u64,
    /// Answers that were not what they must be.
    pub(crate) wrong: u64,
    pub(crate) svg: PathBuf,
}

/// What was asked for, with the defaults filled in.
#[derive(Serialize)]
pub(crate) struct Settings {
    pub(crate) database: &'static str,
    pub(crate) threads: usize,
    pub(crate) connections: u32,
    pub(crate) keys: u64,
    pub(crate) zipf: f64,
    pub(crate) hot_key: bool,
    pub(crate) window_ms: f64,
    pub(crate) phase_seconds: f64,
    pub(crate) offered_per_s: f64,
    pub(crate) seed: u64,
}

/// One phase. `arrivals = answered + still_queued`.
#[derive(Serialize)]
pub(crate) struct Phase {
    pub(crate) coalescing: bool,
    /// Until the last answer.
    pub(crate) seconds: f64,
    pub(crate) arrivals: u64,
    pub(crate) answered: u64,
    /// Not taken up by the end, discarded, and in no latency.
    pub(crate) still_queued: u64,
    /// How long the oldest of these had waited.
    pub(crate) oldest_queued_ms: Option<f64>,
    pub(crate) wrong: u64,
    pub(crate) queries: u64,
    pub(crate) requests_per_s: f64,
    pub(crate) queries_per_s: f64,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) max_ms: Option<f64>,
    /// The most threads that a sample saw waiting for a connection.
    pub(crate) most_waiting: usize,
    pub(crate) coalescer: Option<Stats>,
    pub(crate) series: Vec<Point>,
}

/// A sample of a phase.
#[derive(Clone, Serialize)]
pub(crate) struct Point {
    /// The sample's end, in seconds since the phase's start.
    pub(crate) at: f64,
    pub(crate) requests_per_s: f64,
    pub(crate) queries_per_s: f64,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) waiting: usize,
    pub(crate) queued: u64,
}

impl Phase {
    /// Of a phase with coalescing if it has the coalescer's counters.
    pub(crate) fn new(ended: &Ended, coalescer: Option<Stats>) -> Self {
        let total = &ended.total;
        let queries: u64 = ended.samples.iter().map(|sample| sample.queries).sum();
        Self {
            coalescing: coalescer.is_some(),
            seconds: ended.seconds,
            arrivals: total.answered + ended.queued,
            answered: total.answered,
            still_queued: ended.queued,
            oldest_queued_ms: ended.oldest_queued.map(|oldest| oldest.as_secs_f64() * 1e3),
            wrong: total.wrong,
            queries,
            requests_per_s: total.answered as f64 / ended.seconds,
            queries_per_s: queries as f64 / ended.seconds,
            p50_ms: total.quantile(0.5),
            p99_ms: total.quantile(0.99),
            max_ms: total.quantile(1.0),
            most_waiting: ended.samples.iter().map(|sample| sample.waiting).max().unwrap_or(0),
            coalescer,
            series: ended.samples.iter().map(Point::new).collect(),
        }
    }

    /// Answers that cost no query.
    pub(crate) fn saved(&self) -> u64 {
        self.answered.saturating_sub(self.queries)
    }

    pub(crate) fn mode(&self) -> &'static str {
        mode(self.coalescing)
    }
}

/// The name of a phase.
pub(crate) fn mode(coalescing: bool) -> &'static str {
    if coalescing { "on" } else { "off" }
}

impl Point {
    fn new(sample: &Sample) -> Self {
        Self {
            at: sample.at,
            requests_per_s: sample.tally.answered as f64 / sample.seconds,
            queries_per_s: sample.queries as f64 / sample.seconds,
            p50_ms: sample.tally.quantile(0.5),
            p99_ms: sample.tally.quantile(0.99),
            waiting: sample.waiting,
            queued: sample.queued,
        }
    }
}

/// Of the table, which fits a terminal of 80 columns.
const HEADINGS: [&str; 2] = [
    "      arrivals answered  queued queries requests queries     p50     p99    most",
    "phase                   at end*            per s   per s                 waiting",
];

/// The table, and what must be said with it.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = HEADINGS;
        writeln!(f, "{first}\n{second}")?;
        for phase in &self.phases {
            phase.fmt_row(f)?;
        }
        writeln!(f)?;
        self.fmt_queue(f)?;
        self.fmt_savings(f)?;
        self.fmt_check(f)
    }
}

impl Phase {
    fn fmt_row(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<5} {:>8} {:>8} {:>7} {:>7} {:>8} {:>7} {:>7} {:>7} {:>7}",
            self.mode(),
            self.arrivals,
            self.answered,
            self.still_queued,
            self.queries,
            rate(self.requests_per_s),
            rate(self.queries_per_s),
            time_or_dash(self.p50_ms),
            time_or_dash(self.p99_ms),
            self.most_waiting
        )
    }
}

impl Report {
    fn fmt_queue(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let oldest = self.phases.iter().filter_map(|phase| phase.oldest_queued_ms);
        let Some(oldest) = oldest.reduce(f64::max) else {
            return writeln!(f, "* Nothing was left in the queue when a phase ended.");
        };
        writeln!(
            f,
            "* Arrivals that no thread had taken up when the phase ended. They were discarded.\n  \
             They are in no p50 or p99, which look the better for it: the oldest had waited\n  {}.",
            time(oldest)
        )
    }

    fn fmt_savings(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for phase in self.phases.iter().filter(|phase| phase.coalescing && phase.answered > 0) {
            writeln!(
                f,
                "queries saved: {} of {} ({:.0} %)",
                phase.saved(),
                phase.answered,
                100.0 * phase.saved() as f64 / phase.answered as f64
            )?;
        }
        Ok(())
    }

    fn fmt_check(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answered = self.phases.iter().map(|phase| phase.answered).sum();
        let checked = plural(answered, "answer", "answers");
        match self.wrong {
            0 => writeln!(f, "checked: {checked}, all right"),
            wrong => writeln!(f, "checked: {checked}, {wrong} WRONG"),
        }
    }
}
