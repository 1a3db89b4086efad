//! The result of a run, as JSON and as a table.

use std::fmt;

use serde::Serialize;

use super::picture;
use super::record::Phase;
use crate::process_options::Settings;
use crate::report::fmt_table;
use crate::units::{in_ms, rate, time, time_or_dash};

/// The result of a run.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) engine: &'static str,
    pub(super) processes: usize,
    pub(super) threads: usize,
    pub(super) keys: u64,
    pub(super) window_ms: f64,
    pub(super) pause_ms: f64,
    pub(super) rows: u64,
    /// Time of one query that runs alone.
    pub(super) query_ms: f64,
    pub(super) phases: Vec<Phase>,
    /// Answers that differ from the rows, in all phases.
    pub(super) wrong: u64,
    /// Answers that were too old.
    pub(super) over_age: u64,
    /// Calls that got an error.
    pub(super) failed: u64,
}

impl Report {
    /// A report without its phases.
    pub(super) fn new(settings: &Settings, engine: &'static str, rows: u64, query_ms: f64) -> Self {
        Self {
            engine,
            processes: settings.processes,
            threads: settings.threads,
            keys: settings.keys,
            window_ms: in_ms(settings.window),
            pause_ms: in_ms(settings.pause),
            rows,
            query_ms,
            phases: Vec::new(),
            wrong: 0,
            over_age: 0,
            failed: 0,
        }
    }

    pub(super) fn add(&mut self, phase: Phase) {
        self.wrong += phase.wrong;
        self.over_age += phase.over_age;
        self.failed += phase.failed;
        self.phases.push(phase);
    }

    /// Says what is about to run.
    pub(super) fn introduction(&self) -> String {
        let keys = match self.keys {
            1 => "one key".to_string(),
            keys => format!("{keys} keys"),
        };
        format!(
            "{} processes of {} threads ask for {keys}, each {} after its last answer. They meet in: {}.\n\
             A query takes {} alone. An answer may be {} old, counted from the start of its query.\n",
            self.processes,
            self.threads,
            time(self.pause_ms),
            self.engine,
            time(self.query_ms),
            time(self.window_ms),
        )
    }

    /// The result in one sentence.
    pub(super) fn finding(&self) -> String {
        let of = |name| {
            let phase = self.phases.iter().find(|phase| phase.phase == name);
            phase.map_or_else(|| "-".to_string(), |phase| per_window(phase.executions_per_window))
        };
        format!(
            "{} executions a window without coalescing, {} with each process by itself, {} together",
            of("off"),
            of("alone"),
            of("shared")
        )
    }
}

/// Executions a window, as a figure.
pub(super) fn per_window(value: f64) -> String {
    if value < 9.95 { format!("{value:.2}") } else { rate(value) }
}

/// Headings of the table, which fits a terminal of 80 columns.
const HEADINGS: [&str; 2] = [
    "               executions  over-     calls                     trips        over-",
    "phase          per window   laps     per s      p50      p99  a call  wrong  age",
];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_table(f, HEADINGS, &self.phases, Phase::fmt_row, &self.finding())?;
        for phase in &self.phases {
            phase.fmt_faults(f)?;
        }
        writeln!(f, "\n{}", picture::draw(&self.phases))?;
        let calls: u64 = self.phases.iter().map(|phase| phase.calls).sum();
        match (self.wrong, self.over_age, self.failed) {
            (0, 0, 0) => {
                writeln!(f, "All {calls} answers are those of the rows, and none is over age.")
            }
            (wrong, over_age, failed) => writeln!(
                f,
                "Of {calls} calls, {wrong} got a WRONG answer, {over_age} one over AGE, {failed} an ERROR."
            ),
        }
    }
}

impl Phase {
    fn fmt_row(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<14} {:>10} {:>6} {:>9} {:>8} {:>8} {:>7} {:>6} {:>4}",
            self.phase,
            per_window(self.executions_per_window),
            self.overlaps,
            rate(self.calls_per_s),
            time_or_dash(self.p50_ms),
            time_or_dash(self.p99_ms),
            format!("{:.3}", self.round_trips_per_call),
            self.wrong,
            self.over_age,
        )
    }

    fn fmt_faults(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(longest) = self.takeover_ms {
            writeln!(
                f,
                "  {} leaders were killed in their query. The next one began {} after the kill at the latest.",
                self.kills,
                time(longest)
            )?;
        }
        if let Some(gone) = self.engine_gone_ms {
            writeln!(
                f,
                "  The engine was gone for {}, and {} calls failed. The processes met again {} after its return.",
                time(gone),
                self.failed,
                time(self.meets_again_ms.unwrap_or(0.0))
            )?;
        }
        match &self.failure {
            Some(failure) => {
                writeln!(f, "  {} calls FAILED, the first one so: {failure}", self.failed)
            }
            None => Ok(()),
        }
    }
}
