//! The display during a run: a line for each second.

use std::io::{self, Write};

use crate::phase::Point;
use crate::units::{rate, time_or_dash};

/// Prints on stdout, or on stderr if stdout is for JSON.
pub(crate) struct Live(Box<dyn Write>);

impl Live {
    pub(crate) fn new(json: bool) -> Self {
        Self(if json { Box::new(io::stderr()) } else { Box::new(io::stdout()) })
    }

    /// Prints a line. Ignores errors, because a closed display must not end the run.
    pub(crate) fn say(&mut self, text: &str) {
        let _ = writeln!(self.0, "{text}");
        let _ = self.0.flush();
    }

    /// Prints the headings. The names of the phases stand below `names`.
    pub(crate) fn headings(&mut self, names: &str) {
        self.say(&format!("{names:<16}    time  requests/s  queries/s      p50      p99   queued"));
    }

    /// Shows the last second of a phase, if its newest sample starts another one.
    pub(crate) fn show(&mut self, name: &str, points: &[Point]) {
        let Some((point, before)) = points.split_last() else { return };
        if point.at.floor() <= before.last().map_or(0.0, |point| point.at).floor() {
            return;
        }
        let recent = points.iter().rev().take_while(|other| other.at > point.at - 0.99);
        let (count, requests, queries) = recent.fold((0.0, 0.0, 0.0), |sum, point| {
            (sum.0 + 1.0, sum.1 + point.requests_per_s, sum.2 + point.queries_per_s)
        });
        self.say(&format!(
            "{name:<16} {:>5.1} s {:>11} {:>10} {:>8} {:>8} {:>8}",
            point.at,
            rate(requests / count),
            rate(queries / count),
            time_or_dash(point.p50_ms),
            time_or_dash(point.p99_ms),
            point.queued,
        ));
    }
}
