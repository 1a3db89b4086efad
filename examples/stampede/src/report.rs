//! The result of a run, as JSON and as a table.

use std::fmt;

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::calibrate::Calibration;
use crate::options::Options;
use crate::phase::Phase;
use crate::units::{in_ms, rate, time, time_or_dash};

/// The result of a run.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) database: &'static str,
    /// The load in plain words.
    pub(crate) load: String,
    pub(crate) threads: usize,
    pub(crate) connections: u32,
    pub(crate) window_ms: f64,
    pub(crate) phase_ms: f64,
    pub(crate) offered_per_s: f64,
    pub(crate) calibration: Calibration,
    pub(crate) phases: Vec<Phase>,
    /// Answers that needed no query.
    pub(crate) queries_saved: u64,
    /// Answers that differ from the correct one.
    pub(crate) wrong: u64,
}

impl Report {
    /// A report without its phases.
    pub(crate) fn new(options: &Options, calibration: Calibration, offered_per_s: f64) -> Self {
        Self {
            database: options.database(),
            load: options.load_in_words(),
            threads: options.threads(),
            connections: options.connections,
            window_ms: in_ms(options.window()),
            phase_ms: in_ms(options.phase()),
            offered_per_s,
            calibration,
            phases: Vec::new(),
            queries_saved: 0,
            wrong: 0,
        }
    }

    pub(crate) fn add_phases(&mut self, phases: Vec<Phase>) {
        self.queries_saved = phases.iter().filter(|phase| phase.coalescing).map(Phase::saved).sum();
        self.wrong = phases.iter().map(|phase| phase.wrong).sum();
        self.phases = phases;
    }

    /// Says what is about to run.
    pub(crate) fn introduction(&self) -> String {
        let capacity = self.calibration.capacity_per_s;
        format!(
            "{}: a query takes {} alone; the database answers {} queries per second.\n\
             Load: {}; {} requests per second, {:.1} times what the database answers.\n\
             {}. {} threads, {} connections, three phases of {}.\n",
            self.database,
            time(self.calibration.query_ms),
            rate(capacity),
            self.load,
            rate(self.offered_per_s),
            self.offered_per_s / capacity,
            self.sharing(),
            self.threads,
            self.connections,
            time(self.phase_ms),
        )
    }

    /// The window in plain words.
    pub(crate) fn sharing(&self) -> String {
        match self.window_ms {
            0.0 => "Requests share only queries that are running".to_string(),
            window_ms => format!("A shared answer may be up to {} old", time(window_ms)),
        }
    }

    /// The result in one sentence. Of the two phases without coalescing it takes the better one.
    pub(crate) fn finding(&self) -> String {
        let p99 = |coalescing| {
            let phases = self.phases.iter().filter(move |phase| phase.coalescing == coalescing);
            time_or_dash(phases.filter_map(|phase| phase.p99_ms).reduce(f64::min))
        };
        let on = self.phases.iter().filter(|phase| phase.coalescing);
        let (queries, answered) =
            on.fold((0, 0), |sum, phase| (sum.0 + phase.queries, sum.1 + phase.answered));
        format!(
            "p99 {} without coalescing, {} with it; 1 query for {} requests",
            p99(false),
            p99(true),
            rate(answered as f64 / queries.max(1) as f64)
        )
    }
}

/// Headings of the table, which fits a terminal of 80 columns.
const HEADINGS: [&str; 2] = [
    "            requests           still  requests  queries",
    "coalescing      sent answered queued*    per s    per s      p50      p99",
];

/// Writes the table, with a row for each phase, and the finding below it.
pub(crate) fn fmt_table<P>(
    f: &mut fmt::Formatter<'_>,
    headings: [&str; 2],
    phases: &[P],
    fmt_row: fn(&P, &mut fmt::Formatter<'_>) -> fmt::Result,
    finding: &str,
) -> fmt::Result {
    let [first, second] = headings;
    writeln!(f, "{first}\n{second}")?;
    phases.iter().try_for_each(|phase| fmt_row(phase, f))?;
    writeln!(f, "\n{finding}\n")
}

/// Writes whether the answers are correct.
pub(crate) fn fmt_answers(f: &mut fmt::Formatter<'_>, answers: u64, wrong: u64) -> fmt::Result {
    match wrong {
        0 => writeln!(f, "All {answers} answers are correct."),
        wrong => writeln!(f, "{wrong} of {answers} answers are WRONG."),
    }
}

/// Prints a report of so many wrong answers, which are an error.
pub(crate) fn print_result(
    report: &(impl Serialize + fmt::Display),
    json: bool,
    wrong: u64,
) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(report)?);
    } else {
        println!("\n{report}");
    }
    ensure!(wrong == 0, "{wrong} of the answers were wrong");
    Ok(())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_table(f, HEADINGS, &self.phases, Phase::fmt_row, &self.finding())?;
        self.fmt_notes(f)?;
        let answered: u64 = self.phases.iter().map(|phase| phase.answered).sum();
        fmt_answers(f, answered, self.wrong)
    }
}

impl Phase {
    fn fmt_row(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<10} {:>9} {:>8} {:>7} {:>8} {:>8} {:>8} {:>8}",
            self.mode(),
            self.arrivals,
            self.answered,
            self.still_queued,
            rate(self.requests_per_s),
            rate(self.queries_per_s),
            time_or_dash(self.p50_ms),
            time_or_dash(self.p99_ms)
        )
    }
}

impl Report {
    fn fmt_notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let oldest = self.phases.iter().filter_map(|phase| phase.oldest_queued_ms);
        if let Some(oldest) = oldest.reduce(f64::max) {
            writeln!(
                f,
                "* Requests still queued at the end of a phase are not in p50 and p99, so the off\n  \
                 rows look better than they are: the oldest had waited {}.",
                time(oldest)
            )?;
        }
        writeln!(
            f,
            "  The two off rows differ by noise of the machine: the database answered {} queries\n  \
             per second before the phases, and {} after them.",
            rate(self.calibration.capacity_per_s),
            rate(self.calibration.capacity_after_per_s)
        )?;
        for phase in self.phases.iter().filter(|phase| phase.coalescing) {
            // Rounded down: 100 % means all.
            let share = (1000 * phase.saved() / phase.answered.max(1)) as f64 / 10.0;
            let (saved, answered) = (phase.saved(), phase.answered);
            writeln!(f, "  Queries saved: {saved} of {answered} ({share:.1} %).")?;
        }
        Ok(())
    }
}
