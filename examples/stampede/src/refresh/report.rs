//! The result of a run, as JSON and as a table.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::ways::{self, Way};
use crate::options::Options;
use crate::phase::Phase;
use crate::report::{fmt_answers, fmt_table};
use crate::units::{in_ms, rate, time, time_or_dash};

/// The result of a run.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) database: &'static str,
    pub(super) threads: usize,
    pub(super) connections: u32,
    pub(super) offered_per_s: f64,
    /// Time of one query that runs alone.
    pub(super) query_ms: f64,
    pub(super) window_ms: f64,
    pub(super) refresh_after_ms: f64,
    pub(super) phase_ms: f64,
    pub(super) phases: Vec<Row>,
    /// Answers that differ from the correct one.
    pub(super) wrong: u64,
}

/// The result of a phase.
#[derive(Serialize)]
pub(super) struct Row {
    way: &'static str,
    /// Calls that ran the query, or waited for a run of it.
    waited: u64,
    #[serde(flatten)]
    phase: Phase,
}

impl Row {
    pub(super) fn new(way: Way, phase: Phase) -> Self {
        let late = phase.coalescer.map_or(0, |stats| stats.late);
        Self { way: way.name(), waited: phase.answered.saturating_sub(late), phase }
    }
}

impl Report {
    /// A report without its phases.
    pub(super) fn new(options: &Options, query: Duration, offered_per_s: f64) -> Self {
        Self {
            database: options.database(),
            threads: options.threads(),
            connections: options.connections,
            offered_per_s,
            query_ms: in_ms(query),
            window_ms: in_ms(options.window()),
            refresh_after_ms: in_ms(ways::refresh_after(options.window())),
            phase_ms: in_ms(options.phase()),
            phases: Vec::new(),
            wrong: 0,
        }
    }

    pub(super) fn add(&mut self, row: Row) {
        self.wrong += row.phase.wrong;
        self.phases.push(row);
    }

    /// Says what is about to run.
    pub(super) fn introduction(&self) -> String {
        format!(
            "{} behind a delay: a query takes {} alone.\n\
             Load: 1 key, {} requests per second. An answer may be up to {} old, and is refreshed after {}.\n\
             {} threads, {} connections, four phases of {}. Each begins with a value.\n",
            self.database,
            time(self.query_ms),
            rate(self.offered_per_s),
            time(self.window_ms),
            time(self.refresh_after_ms),
            self.threads,
            self.connections,
            time(self.phase_ms),
        )
    }

    /// The result in one sentence.
    fn finding(&self) -> String {
        let of = |way: Way| {
            let row = self.phases.iter().find(|row| row.way == way.name());
            time_or_dash(row.and_then(|row| row.phase.p999_ms))
        };
        format!(
            "p99.9: {} with a window alone, {} with refresh_after, {} with build_refreshing",
            of(Way::Window),
            of(Way::RefreshAfter),
            of(Way::BuildRefreshing)
        )
    }
}

/// Headings of the table, which fits a terminal of 80 columns.
const HEADINGS: [&str; 2] = [
    "                     calls           backend",
    "way               answered  waited*     runs      p50      p99    p99.9      max",
];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_table(f, HEADINGS, &self.phases, Row::fmt_row, &self.finding())?;
        writeln!(
            f,
            "* Calls that ran the query, or waited for its run. All others got a value that was there.\n  \
             The times count from a request's arrival, so they have its time in the queue.\n  \
             No call of the endless window waits for a run: its times are the noise of the machine."
        )?;
        let queued: u64 = self.phases.iter().map(|row| row.phase.still_queued).sum();
        if queued > 0 {
            writeln!(f, "  {queued} requests still queued at the end of a phase are in no time.")?;
        }
        let answered: u64 = self.phases.iter().map(|row| row.phase.answered).sum();
        fmt_answers(f, answered, self.wrong)
    }
}

impl Row {
    fn fmt_row(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = &self.phase;
        writeln!(
            f,
            "{:<16} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
            self.way,
            phase.answered,
            self.waited,
            phase.queries,
            time_or_dash(phase.p50_ms),
            time_or_dash(phase.p99_ms),
            time_or_dash(phase.p999_ms),
            time_or_dash(phase.max_ms)
        )
    }
}
