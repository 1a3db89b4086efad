//! The rows of the table: a figure of a scenario, and the target that it is held to.

use crate::contender::{Contender, FLOOR, GO, NAMES};
use crate::contenders::{Coalescer, DashMap, QuickCache};
use crate::raw::Raw;

/// One row. Of every figure, less is better.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub scenario: &'static str,
    pub figure: &'static str,
    /// The title, with the unit.
    pub title: &'static str,
    pub targets: &'static [Target],
}

/// The target of coalescer's figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// At most so many times the floor's.
    Floor(f64),
    /// Less than this contender's.
    Below(&'static str),
    /// At most so much.
    AtMost(f64),
    /// At most so many times that of the best peer.
    BestPeer(f64),
}

use Target::{AtMost, Below, BestPeer, Floor};

const HIT: &[Target] = &[Floor(1.35)];
const LAST: &[Target] = &[Floor(1.2)];

/// All rows, in the table's order.
#[rustfmt::skip]
pub const ALL: [Row; 28] = [
    row("lead-1t", "ns", "runs the function, 1 thread, ns", &[Floor(1.8), Below(DashMap::NAME), Below(GO)]),
    row("lead-2t", "ns", "runs the function, 2 threads, ns", &[Floor(3.0)]),
    row("lead-window-1t", "ns", "runs the function, result kept for 100 ms, 1 thread, ns", &[Below(QuickCache::NAME)]),
    row("lead-window-2t", "ns", "runs the function, result kept for 100 ms, 2 threads, ns", &[]),
    row("hit-1t-1key", "ns", "finds a result, 1 thread, 1 key, ns", HIT),
    row("hit-1t-1024keys", "ns", "finds a result, 1 thread, 1024 keys, ns", HIT),
    row("hit-2t-1key", "ns", "finds a result, 2 threads, 1 key, ns", HIT),
    row("hit-2t-1024keys", "ns", "finds a result, 2 threads, 1024 keys, ns", HIT),
    row("hit-window-1t-1024keys", "ns", "finds a result that is kept for 100 ms, 1 thread, ns", &[]),
    row("herd-64", "last_us", "64 threads wake up: the last is back, µs", LAST),
    row("herd-256", "last_us", "256 threads wake up: the last is back, µs", LAST),
    row("herd-1024", "last_us", "1024 threads wake up: the last is back, µs", LAST),
    row("herd-64", "leader_us", "64 threads wake up: the leader is back, µs", &[]),
    row("herd-1024", "leader_us", "1024 threads wake up: the leader is back, µs", &[AtMost(200.0)]),
    row("herd-1024", "cpu_us", "1024 threads wake up: processor time, µs", &[]),
    row("herd-1024", "switches", "1024 threads wake up: context switches of each", &[AtMost(1.1)]),
    row("herd-1024", "executions", "1024 threads wake up: executions", &[AtMost(1.0)]),
    row("memory", "in_flight", "memory of a running key, bytes", &[AtMost(96.0)]),
    row("memory", "retained", "memory of a kept key, bytes", &[AtMost(128.0)]),
    row("tail", "p999_us", "finds a result while another thread runs functions: p99.9, µs", &[AtMost(0.6)]),
    row("tail", "p9999_us", "the same: p99.99, µs", &[AtMost(1.5)]),
    row("tail", "max_us", "the same: slowest, µs", &[]),
    row("zipf-window-2t", "ns", "popular keys, kept for 100 ms, 2 threads, ns", &[BestPeer(0.67)]),
    row("zipf-window-2t", "executions", "the same: executions of 1000 calls", &[]),
    row("zipf-window-64t", "ns", "popular keys, kept for 100 ms, 64 threads, ns", &[BestPeer(0.67)]),
    row("zipf-window-64t", "executions", "the same: executions of 1000 calls", &[]),
    row("zipf-2t", "ns", "popular keys, nothing kept, 2 threads, ns", &[Floor(1.03)]),
    row("zipf-64t", "ns", "popular keys, nothing kept, 64 threads, ns", &[Floor(1.03)]),
];

const fn row(
    scenario: &'static str,
    figure: &'static str,
    title: &'static str,
    targets: &'static [Target],
) -> Row {
    Row { scenario, figure, title, targets }
}

/// The contenders of the table, this library first.
pub fn columns() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().chain([GO])
}

/// True of contenders that are not this library.
pub fn is_peer(name: &str) -> bool {
    name != FLOOR && !name.starts_with(Coalescer::NAME)
}

impl Row {
    pub fn of(&self, raw: &Raw, contender: &str) -> Option<f64> {
        raw.figure(self.scenario, contender, self.figure)
    }

    pub fn own(&self, raw: &Raw) -> Option<f64> {
        self.of(raw, Coalescer::NAME)
    }

    /// This library's figure as a multiple of another's, round by round.
    pub fn over(&self, raw: &Raw, name: &str) -> Option<f64> {
        raw.ratio(self.scenario, self.figure, Coalescer::NAME, name)
    }

    /// The contenders and their figures as multiples of this library's, the best first.
    pub fn ranked(&self, raw: &Raw) -> Vec<(&'static str, f64)> {
        let times = columns().filter_map(|name| Some((name, self.over(raw, name)?.recip())));
        let mut ranked: Vec<_> = times.collect();
        ranked.sort_by(|(_, a), (_, b)| a.total_cmp(b));
        ranked
    }

    pub fn best_peer(&self, raw: &Raw) -> Option<&'static str> {
        let mut names = self.ranked(raw).into_iter().map(|(name, _)| name);
        names.find(|name| is_peer(name) && self.is_of_threads(name))
    }

    /// True if this contender's callers are threads: a herd of goroutines needs no kernel to wake.
    pub fn is_of_threads(&self, name: &str) -> bool {
        name != GO || !self.scenario.starts_with("herd")
    }

    /// True if one contender can be ahead of another: fewer executions of 1000 calls only say again
    /// that there were more calls.
    pub fn is_contest(&self) -> bool {
        self.figure != "executions"
    }

    /// True if all targets are met; `None` where there are none, or a figure is missing.
    pub fn is_met(&self, raw: &Raw) -> Option<bool> {
        // Go is not found everywhere, so a comparison that cannot be made is left out.
        let met = self.targets.iter().filter_map(|target| {
            Some(match *target {
                Floor(times) => self.over(raw, FLOOR)? <= times,
                Below(contender) => self.over(raw, contender)? < 1.0,
                AtMost(most) => self.own(raw)? <= most,
                BestPeer(times) => self.over(raw, self.best_peer(raw)?)? <= times,
            })
        });
        met.reduce(|all, met| all && met)
    }
}

impl Target {
    pub fn text(self) -> String {
        match self {
            Floor(times) => format!("≤ {times}x floor"),
            Below(contender) => format!("< {contender}"),
            AtMost(most) => format!("≤ {most}"),
            BestPeer(times) => format!("≤ {times}x best peer"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contenders::Moka;
    use crate::raw::Line;

    fn find(scenario: &str) -> &'static Row {
        ALL.iter().find(|row| row.scenario == scenario).expect("it is there")
    }

    fn raw(row: &Row, values: &[(&str, f64)]) -> Raw {
        let line = |(name, value): &(&str, f64)| Line::new(row.scenario, name, row.figure, *value);
        Raw { lines: values.iter().map(line).collect(), ..Raw::default() }
    }

    #[test]
    fn a_lead_is_held_to_the_floor_and_to_both_peers() {
        let row = find("lead-1t");
        let met = |own, dashmap, go: Option<f64>| {
            let mut values = vec![(FLOOR, 50.0), (Coalescer::NAME, own), (DashMap::NAME, dashmap)];
            values.extend(go.map(|go| (GO, go)));
            row.is_met(&raw(row, &values))
        };
        assert_eq!(met(90.0, 100.0, Some(100.0)), Some(true));
        assert_eq!(met(91.0, 100.0, Some(100.0)), Some(false), "above 1.8x");
        assert_eq!(met(90.0, 80.0, Some(100.0)), Some(false), "DashMap is faster");
        assert_eq!(met(90.0, 100.0, Some(80.0)), Some(false), "Go is faster");
        assert_eq!(met(90.0, 100.0, None), Some(true), "Go was not found");
        assert_eq!(row.is_met(&raw(row, &[(FLOOR, 50.0), (DashMap::NAME, 100.0)])), None);
    }

    #[test]
    fn goroutines_are_no_measure_for_a_herd_of_threads() {
        let row = find("herd-64");
        let lines = raw(row, &[(Coalescer::NAME, 400.0), (GO, 30.0), (Moka::NAME, 500.0)]);
        assert_eq!(row.best_peer(&lines), Some(Moka::NAME));
    }
}
