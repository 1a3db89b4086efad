//! The rows of the table, and the targets among them.

use super::arrivals::BACKEND;
use super::{ASYNC_GRAPHQL, BY_EXECUTOR, COALESCER, SINGLE, ULTRA_BATCH, WINDOW};
use crate::raw::Raw;

/// One figure of a scenario.
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) scenario: &'static str,
    pub(super) figure: &'static str,
    target: Option<Target>,
}

/// The target of a figure of one lane.
enum Target {
    /// At most this share of what another lane takes, or of several.
    Share(&'static [(&'static str, f64)]),
    /// At most so much more than another lane.
    More(&'static str, f64),
    /// At most this.
    Bound(f64),
}

/// A time of hits, on a machine whose threads share two processors: far below the 50 ms of a load.
const HIT_US: f64 = 1000.0;

const fn ms(backends: f64) -> f64 {
    backends * BACKEND.as_millis() as f64 + 1.0
}

pub(super) const ALL: [Row; 12] = [
    Row {
        title: "100 absent keys, ns",
        scenario: "absent",
        figure: "ns",
        target: Some(Target::Share(&[(SINGLE, 0.8), (ASYNC_GRAPHQL, 1.0), (ULTRA_BATCH, 1.0)])),
    },
    Row {
        title: "100 late keys, ns",
        scenario: "late",
        figure: "ns",
        target: Some(Target::Share(&[(SINGLE, 1.1), (ASYNC_GRAPHQL, 1.0), (ULTRA_BATCH, 1.0)])),
    },
    Row {
        title: "one key of an idle batcher that gathers (window alone: one that does not), ns",
        scenario: "idle",
        figure: "ns",
        target: Some(Target::More(WINDOW, 40.0)),
    },
    row("10 keys a second: p50, ms", "arrivals-10", "p50_ms"),
    bound("10 keys a second: p99, ms", "arrivals-10", "p99_ms", ms(1.0)),
    bound("100 keys a second: p99, ms", "arrivals-100", "p99_ms", ms(2.0)),
    row("100 keys a second: runs for each key", "arrivals-100", "runs_per_key"),
    row("1000 keys a second: p50, ms", "arrivals-1000", "p50_ms"),
    bound("1000 keys a second: p99, ms", "arrivals-1000", "p99_ms", ms(2.0)),
    row("1000 keys a second: runs for each key", "arrivals-1000", "runs_per_key"),
    row("a hot key, loads of 50 ms: p50, µs", "refresh", "p50_us"),
    bound("a hot key, loads of 50 ms: p99.9, µs", "refresh", "p999_us", HIT_US),
];

const fn row(title: &'static str, scenario: &'static str, figure: &'static str) -> Row {
    Row { title, scenario, figure, target: None }
}

const fn bound(
    title: &'static str,
    scenario: &'static str,
    figure: &'static str,
    bound: f64,
) -> Row {
    Row { title, scenario, figure, target: Some(Target::Bound(bound)) }
}

impl Row {
    pub(super) fn of(&self, raw: &Raw, lane: &str) -> Option<f64> {
        raw.figure(self.scenario, lane, self.figure)
    }

    /// The lane that the target is about.
    fn own(&self) -> &'static str {
        if self.scenario == "refresh" { BY_EXECUTOR } else { COALESCER }
    }

    pub(super) fn target(&self) -> String {
        match &self.target {
            None => String::new(),
            Some(Target::Bound(most)) => format!("{}: ≤ {most}", self.own()),
            Some(Target::More(lane, more)) => format!("≤ {lane} + {more}"),
            Some(Target::Share(shares)) => {
                let text = |(lane, share): &(&str, f64)| match *share {
                    1.0 => format!("≤ {lane}"),
                    share => format!("≤ {share} of {lane}"),
                };
                shares.iter().map(text).collect::<Vec<_>>().join("; ")
            }
        }
    }

    /// True if the target is met by all that was measured; `None` without a target, or without figures.
    pub(super) fn is_met(&self, raw: &Raw) -> Option<bool> {
        let own = self.of(raw, self.own())?;
        match self.target.as_ref()? {
            Target::Bound(most) => Some(own <= *most),
            Target::More(lane, more) => Some(own <= self.of(raw, lane)? + more),
            Target::Share(shares) => {
                let ratio = |lane: &str| raw.ratio(self.scenario, self.figure, self.own(), lane);
                let mut measured =
                    shares.iter().filter_map(|(lane, most)| Some(ratio(lane)? <= *most));
                measured.next().map(|first| first && measured.all(|met| met))
            }
        }
    }
}
