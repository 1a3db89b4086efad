//! The rows of the table, and the targets among them.

use super::arrivals::BACKEND;
use super::{ASYNC_GRAPHQL, BY_EXECUTOR, COALESCER, HAND_OVERS, HITS, SINGLE, ULTRA_BATCH, WINDOW};
use crate::raw::Raw;

/// One figure of a scenario.
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) scenario: &'static str,
    pub(super) figure: &'static str,
    targets: &'static [Target],
}

/// A target of the figure of one lane.
enum Target {
    /// At most so many times what another lane takes.
    Times(&'static str, f64),
    /// At most so much more than another lane.
    More(&'static str, f64),
    /// At most this.
    Bound(f64),
}

use Target::{Bound, More, Times};

/// The most that gathering may add to a lead, in nanoseconds.
const GATHERING: f64 = 40.0;

/// Two runs of one lane can differ by so much in the time that 99.9 % of its calls do not exceed.
const TAIL: f64 = 2.0;

const fn ms(backends: f64) -> Target {
    Bound(backends * BACKEND.as_millis() as f64 + 1.0)
}

#[rustfmt::skip]
pub(super) const ALL: [Row; 13] = [
    row("100 absent keys, ns", "absent", "ns", &[Times(SINGLE, 0.8), Times(ASYNC_GRAPHQL, 1.0), Times(ULTRA_BATCH, 1.0)]),
    row("100 late keys, ns", "late", "ns", &[Times(SINGLE, 1.1), Times(ASYNC_GRAPHQL, 1.0), Times(ULTRA_BATCH, 1.0)]),
    row("one key of an idle batcher, ns", "idle", "ns", &[More(SINGLE, GATHERING), More(WINDOW, GATHERING)]),
    row("10 keys a second: p50, ms", "arrivals-10", "p50_ms", &[]),
    row("10 keys a second: p99, ms", "arrivals-10", "p99_ms", &[ms(1.0)]),
    row("100 keys a second: p99, ms", "arrivals-100", "p99_ms", &[ms(2.0)]),
    row("100 keys a second: runs for each key", "arrivals-100", "runs_per_key", &[]),
    row("1000 keys a second: p50, ms", "arrivals-1000", "p50_ms", &[]),
    row("1000 keys a second: p99, ms", "arrivals-1000", "p99_ms", &[ms(2.0)]),
    row("1000 keys a second: runs for each key", "arrivals-1000", "runs_per_key", &[]),
    row("a hot key, loads of 50 ms: p50, µs", "refresh", "p50_us", &[]),
    row("a hot key, loads of 50 ms: p99, µs", "refresh", "p99_us", &[]),
    row("a hot key, loads of 50 ms: p99.9, µs", "refresh", "p999_us", &[Times(HITS, TAIL), Times(HAND_OVERS, TAIL)]),
];

const fn row(
    title: &'static str,
    scenario: &'static str,
    figure: &'static str,
    targets: &'static [Target],
) -> Row {
    Row { title, scenario, figure, targets }
}

impl Row {
    pub(super) fn of(&self, raw: &Raw, lane: &str) -> Option<f64> {
        raw.figure(self.scenario, lane, self.figure)
    }

    /// The lane that the targets are about.
    fn own(&self) -> &'static str {
        if self.scenario == "refresh" { BY_EXECUTOR } else { COALESCER }
    }

    /// The targets in words.
    pub(super) fn targets(&self) -> Vec<String> {
        let text = |target: &Target| match *target {
            Bound(most) => format!("{}: ≤ {most}", self.own()),
            More(lane, more) => format!("≤ {lane} + {more}"),
            Times(lane, 1.0) => format!("≤ {lane}"),
            Times(lane, times) => format!("≤ {times} of {lane}"),
        };
        self.targets.iter().map(text).collect()
    }

    /// True for each target that is met by what was measured; `None` without figures for it.
    pub(super) fn met(&self, raw: &Raw) -> Vec<Option<bool>> {
        let own = self.own();
        let met = |target: &Target| {
            Some(match *target {
                Bound(most) => self.of(raw, own)? <= most,
                More(lane, more) => self.of(raw, own)? <= self.of(raw, lane)? + more,
                Times(lane, times) => raw.ratio(self.scenario, self.figure, own, lane)? <= times,
            })
        };
        self.targets.iter().map(met).collect()
    }
}
