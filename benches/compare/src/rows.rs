//! The rows of the table: which figure of which scenario, and what it is held to.

use crate::contender::{Contender, FLOOR, GO, NAMES};
use crate::contenders::{Coalescer, DashMap, QuickCache};
use crate::raw::Raw;

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The scenario.
    pub scenario: &'static str,
    /// Which figure of it.
    pub figure: &'static str,
    /// What the reader sees.
    pub title: &'static str,
    /// The figure's unit; a rate is better if it is larger, anything else if it is smaller.
    pub unit: Unit,
    /// What this library's figure is held to.
    pub targets: &'static [Target],
    /// Whether it has a panel in the picture.
    pub is_drawn: bool,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Nanos,
    /// Microseconds.
    Micros,
    /// Bytes.
    Bytes,
    /// How often something happened.
    Count,
    /// Calls in a second.
    Rate,
}

impl Unit {
    /// As it stands behind a title.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nanos => "ns",
            Self::Micros => "us",
            Self::Bytes => "bytes",
            Self::Count => "",
            Self::Rate => "calls/s",
        }
    }
}

/// What a figure is held to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// At most so many times the floor.
    AtMostFloor(f64),
    /// At least so many times the floor.
    AtLeastFloor(f64),
    /// Below this contender's.
    Below(&'static str),
    /// At most so much.
    AtMost(f64),
    /// At least so many times that of the best peer.
    AtLeastBestPeer(f64),
}

/// All rows, in the table's order.
pub const ALL: [Row; 28] = [
    row("lead-1t", "ns", "lead, new key each time, 1 thread", Unit::Nanos, LEAD).drawn(),
    row("lead-2t", "ns", "lead, new key each time, 2 threads", Unit::Nanos, LEAD_2).drawn(),
    row("lead-window-1t", "ns", "lead, 100 ms window, 1 thread", Unit::Nanos, KEEP).drawn(),
    row("lead-window-2t", "ns", "lead, 100 ms window, 2 threads", Unit::Nanos, &[]),
    row("hit-1t-1key", "ns", "late hit, 1 thread, 1 key", Unit::Nanos, HIT),
    row("hit-1t-1024keys", "ns", "late hit, 1 thread, 1024 keys", Unit::Nanos, HIT).drawn(),
    row("hit-2t-1key", "ns", "late hit, 2 threads, 1 key", Unit::Nanos, HIT).drawn(),
    row("hit-2t-1024keys", "ns", "late hit, 2 threads, 1024 keys", Unit::Nanos, HIT).drawn(),
    row("hit-window-1t-1024keys", "ns", "late hit, 100 ms window, 1 thread", Unit::Nanos, &[]),
    row("herd-64", "last_us", "herd of 64, last one back", Unit::Micros, LAST),
    row("herd-256", "last_us", "herd of 256, last one back", Unit::Micros, LAST),
    row("herd-1024", "last_us", "herd of 1024, last one back", Unit::Micros, LAST).drawn(),
    row("herd-64", "leader_us", "herd of 64, leader back", Unit::Micros, &[]),
    row("herd-1024", "leader_us", "herd of 1024, leader back", Unit::Micros, LEADER).drawn(),
    row("herd-1024", "cpu_us", "herd of 1024, processor time", Unit::Micros, &[]),
    row("herd-1024", "switches", "herd of 1024, switches a follower", Unit::Count, SWITCHES),
    row("herd-1024", "executions", "herd of 1024, executions", Unit::Count, ONE),
    row("memory", "in_flight", "memory of a key in flight", Unit::Bytes, IN_FLIGHT),
    row("memory", "retained", "memory of a key retained", Unit::Bytes, RETAINED).drawn(),
    row("tail", "p999_us", "late hits beside leads, p99.9", Unit::Micros, P999),
    row("tail", "p9999_us", "late hits beside leads, p99.99", Unit::Micros, P9999).drawn(),
    row("tail", "max_us", "late hits beside leads, worst", Unit::Micros, &[]),
    row("zipf-window-2t", "rate", "zipf, 100 ms window, 2 threads", Unit::Rate, PEERS),
    row("zipf-window-2t", "executions", "the same, executions of 1000 calls", Unit::Count, &[]),
    row("zipf-window-64t", "rate", "zipf, 100 ms window, 64 threads", Unit::Rate, PEERS).drawn(),
    row("zipf-window-64t", "executions", "the same, executions of 1000 calls", Unit::Count, &[]),
    row("zipf-2t", "rate", "zipf, no window, 2 threads", Unit::Rate, FREE),
    row("zipf-64t", "rate", "zipf, no window, 64 threads", Unit::Rate, FREE).drawn(),
];

const LEAD: &[Target] =
    &[Target::AtMostFloor(1.8), Target::Below(DashMap::NAME), Target::Below(GO)];
const LEAD_2: &[Target] = &[Target::AtMostFloor(3.0)];
const KEEP: &[Target] = &[Target::Below(QuickCache::NAME)];
const HIT: &[Target] = &[Target::AtMostFloor(1.35)];
const LAST: &[Target] = &[Target::AtMostFloor(1.2)];
const LEADER: &[Target] = &[Target::AtMost(200.0)];
const SWITCHES: &[Target] = &[Target::AtMost(1.1)];

const ONE: &[Target] = &[Target::AtMost(1.0)];
const IN_FLIGHT: &[Target] = &[Target::AtMost(96.0)];
const RETAINED: &[Target] = &[Target::AtMost(128.0)];
const P999: &[Target] = &[Target::AtMost(0.6)];
const P9999: &[Target] = &[Target::AtMost(1.5)];
const PEERS: &[Target] = &[Target::AtLeastBestPeer(1.5)];
const FREE: &[Target] = &[Target::AtLeastFloor(0.97)];

const fn row(
    scenario: &'static str,
    figure: &'static str,
    title: &'static str,
    unit: Unit,
    targets: &'static [Target],
) -> Row {
    Row { scenario, figure, title, unit, targets, is_drawn: false }
}

/// Who stands in the columns between floor and ratio, this library first.
pub fn columns() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().chain([GO])
}

/// Whether this is a contender of another origin.
pub fn is_peer(name: &str) -> bool {
    name != FLOOR && !name.starts_with(Coalescer::NAME)
}

impl Row {
    const fn drawn(self) -> Self {
        Self { is_drawn: true, ..self }
    }

    /// The title with the unit behind it.
    pub fn full_title(&self) -> String {
        match self.unit.name() {
            "" => self.title.to_owned(),
            unit => format!("{}, {unit}", self.title),
        }
    }

    /// The figure of this contender.
    pub fn of(&self, raw: &Raw, contender: &str) -> Option<f64> {
        raw.figure(self.scenario, contender, self.figure)
    }

    /// The figure of this library.
    pub fn own(&self, raw: &Raw) -> Option<f64> {
        self.of(raw, Coalescer::NAME)
    }

    /// How many times worse than this library's a contender's figure is, round by round.
    pub fn times_worse(&self, raw: &Raw, name: &str) -> Option<f64> {
        let ratio = raw.ratio(self.scenario, self.figure, name, Coalescer::NAME)?;
        Some(if self.unit == Unit::Rate { 1.0 / ratio } else { ratio })
    }

    /// The contenders, and how many times worse than this library each is; the best first.
    pub fn ranked(&self, raw: &Raw) -> Vec<(&'static str, f64)> {
        let times = columns().filter_map(|name| Some((name, self.times_worse(raw, name)?)));
        let mut ranked: Vec<_> = times.collect();
        ranked.sort_by(|(_, a), (_, b)| a.total_cmp(b));
        ranked
    }

    /// The best peer.
    pub fn best_peer(&self, raw: &Raw) -> Option<&'static str> {
        let mut names = self.ranked(raw).into_iter().map(|(name, _)| name);
        names.find(|name| is_peer(name) && self.is_of_threads(name))
    }

    /// This library's figure as a multiple of the best peer's.
    pub fn over_best_peer(&self, raw: &Raw) -> Option<f64> {
        raw.ratio(self.scenario, self.figure, Coalescer::NAME, self.best_peer(raw)?)
    }

    /// Whether this contender's callers are threads: the goroutines of a herd are none, and need no
    /// kernel to wake.
    pub fn is_of_threads(&self, name: &str) -> bool {
        name != GO || !self.scenario.starts_with("herd")
    }

    /// This library's figure as a multiple of the floor.
    pub fn over_floor(&self, raw: &Raw) -> Option<f64> {
        raw.ratio(self.scenario, self.figure, Coalescer::NAME, FLOOR)
    }

    /// Whether one contender can be ahead of another here: fewer executions of 1000 calls are only
    /// another way to say that there were more calls.
    pub fn is_contest(&self) -> bool {
        self.figure != "executions"
    }

    /// Whether all targets are met; `None` where there are none, or a figure is missing.
    pub fn is_met(&self, raw: &Raw) -> Option<bool> {
        let met = self.targets.iter().map(|target| target.is_met(self, raw));
        // Go is not found everywhere, so a comparison that cannot be made is left out.
        let met: Vec<_> = met.flatten().collect();
        (!met.is_empty()).then(|| met.iter().all(|met| *met))
    }
}

impl Target {
    fn is_met(self, row: &Row, raw: &Raw) -> Option<bool> {
        Some(match self {
            Self::AtMostFloor(times) => row.over_floor(raw)? <= times,
            Self::AtLeastFloor(times) => row.over_floor(raw)? >= times,
            Self::Below(contender) => row.times_worse(raw, contender)? > 1.0,
            Self::AtMost(most) => row.own(raw)? <= most,
            Self::AtLeastBestPeer(times) => row.over_best_peer(raw)? >= times,
        })
    }

    /// In the table's words.
    pub fn text(self) -> String {
        match self {
            Self::AtMostFloor(times) => format!("≤ {times}x floor"),
            Self::AtLeastFloor(times) => format!("≥ {times}x floor"),
            Self::Below(contender) => format!("< {contender}"),
            Self::AtMost(most) => format!("≤ {most}"),
            Self::AtLeastBestPeer(times) => format!("≥ {times}x best peer"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contenders::Moka;
    use crate::raw::Line;

    fn find(scenario: &str, figure: &str) -> &'static Row {
        let mut rows = ALL.iter();
        rows.find(|row| (row.scenario, row.figure) == (scenario, figure)).expect("it is there")
    }

    fn raw(scenario: &str, figure: &str, values: &[(&str, f64)]) -> Raw {
        let lines = values.iter().map(|(name, value)| Line::new(scenario, name, 0, figure, *value));
        Raw { lines: lines.collect(), ..Raw::default() }
    }

    #[test]
    fn a_lead_is_held_to_the_floor_and_to_both_peers() {
        let met = |own, dashmap, go: Option<f64>| {
            let mut values = vec![(FLOOR, 50.0), (Coalescer::NAME, own), (DashMap::NAME, dashmap)];
            values.extend(go.map(|go| (GO, go)));
            find("lead-1t", "ns").is_met(&raw("lead-1t", "ns", &values))
        };
        assert_eq!(met(90.0, 100.0, Some(100.0)), Some(true));
        assert_eq!(met(91.0, 100.0, Some(100.0)), Some(false), "above 1.8x");
        assert_eq!(met(90.0, 80.0, Some(100.0)), Some(false), "DashMap is faster");
        assert_eq!(met(90.0, 100.0, Some(80.0)), Some(false), "Go is faster");
        assert_eq!(met(90.0, 100.0, None), Some(true), "Go was not found");
    }

    #[test]
    fn of_rates_more_is_better() {
        let values = [(Coalescer::NAME, 14.0), (Moka::NAME, 10.0), (DashMap::NAME, 2.0)];
        let row = find("zipf-window-64t", "rate");
        let lines = raw("zipf-window-64t", "rate", &values);
        assert_eq!(row.best_peer(&lines), Some(Moka::NAME));
        assert_eq!(row.is_met(&lines), Some(false));
        let lines = raw("zipf-window-64t", "rate", &[(Coalescer::NAME, 15.0), (Moka::NAME, 10.0)]);
        assert_eq!(row.is_met(&lines), Some(true));
    }

    #[test]
    fn goroutines_are_no_measure_for_a_herd_of_threads() {
        let values = [(Coalescer::NAME, 400.0), (GO, 30.0), (Moka::NAME, 500.0)];
        let lines = raw("herd-64", "last_us", &values);
        assert_eq!(find("herd-64", "last_us").best_peer(&lines), Some(Moka::NAME));
    }

    #[test]
    fn without_a_figure_of_its_own_nothing_is_met() {
        let lines = raw("lead-1t", "ns", &[(FLOOR, 50.0), (DashMap::NAME, 100.0)]);
        assert_eq!(find("lead-1t", "ns").is_met(&lines), None);
    }
}
