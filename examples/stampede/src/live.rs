//! The display while it runs: one line, rewritten in place on a terminal, or printed each second
//! where there is none.

use std::io::{self, IsTerminal, Write};

use crate::meter::Tally;
use crate::phase::Sample;
use crate::units::{rate, time_or_dash};

const HEADINGS: &str =
    "phase     time  requests/s  queries/s      p50      p99  pool waits   queued";

/// A line shows the samples of so many seconds.
const SPAN: f64 = 1.0;

/// Where the display goes, and how.
pub(crate) struct Live {
    out: Box<dyn Write>,
    is_terminal: bool,
}

impl Live {
    /// On stdout, or on stderr where stdout is for the result.
    pub(crate) fn new(json: bool) -> Self {
        if json {
            Self { is_terminal: io::stderr().is_terminal(), out: Box::new(io::stderr()) }
        } else {
            Self { is_terminal: io::stdout().is_terminal(), out: Box::new(io::stdout()) }
        }
    }

    /// Prints a line of text.
    pub(crate) fn say(&mut self, text: &str) {
        self.write(&format!("{text}\n"));
    }

    /// Says what the columns are; a phase is one of coalescing off or on.
    pub(crate) fn headings(&mut self) {
        let headings = if self.is_terminal { bold(HEADINGS) } else { HEADINGS.to_string() };
        self.say(&headings);
    }

    /// Shows what the last second was like.
    pub(crate) fn show(&mut self, mode: &str, samples: &[Sample]) {
        let Some((last, before)) = samples.split_last() else { return };
        if self.is_terminal {
            self.replace(&line(mode, samples));
        } else if last.at.floor() > before.last().map_or(0.0, |sample| sample.at).floor() {
            self.say(&line(mode, samples));
        }
    }

    /// The next phase gets a line of its own.
    pub(crate) fn end_phase(&mut self) {
        if self.is_terminal {
            self.say("");
        }
    }

    /// Without wrapping, since a wrapped line cannot be rewritten.
    fn replace(&mut self, line: &str) {
        self.write(&format!("\r\x1b[?7l{line}\x1b[K\x1b[?7h"));
    }

    /// Whoever does not read the display may still want the run.
    fn write(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes());
        let _ = self.out.flush();
    }
}

fn bold(text: &str) -> String {
    format!("\x1b[1m{text}\x1b[0m")
}

fn line(mode: &str, samples: &[Sample]) -> String {
    let now = samples.last().map_or(0.0, |sample| sample.at);
    let mut tally = Tally::new();
    let (mut queries, mut seconds) = (0, 0.0);
    for sample in samples.iter().rev().take_while(|sample| sample.at > now - SPAN) {
        tally.add(&sample.tally);
        queries += sample.queries;
        seconds += sample.seconds;
    }
    let (waiting, queued) = samples.last().map_or((0, 0), |sample| (sample.waiting, sample.queued));
    format!(
        "{mode:<5} {:>6.1} s {:>11} {:>10} {:>8} {:>8} {waiting:>11} {queued:>8}",
        now,
        rate(tally.answered as f64 / seconds),
        rate(queries as f64 / seconds),
        time_or_dash(tally.quantile(0.5)),
        time_or_dash(tally.quantile(0.99)),
    )
}
