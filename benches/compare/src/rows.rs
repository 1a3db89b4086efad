//! The rows of the table: which figure of which scenario, and what it is held to.

use crate::contender::{Contender, FLOOR, GO, NAMES};
use crate::contenders::{Coalescer, DashMap, QuickCache};
use crate::raw::Raw;

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The scenario, and which figure of it.
    pub scenario: &'static str,
    /// Which figure of it.
    pub figure: &'static str,
    /// What the reader sees.
    pub title: &'static str,
    /// The figure's unit; a rate is better if it is larger, anything else if it is smaller.
    pub unit: Unit,
    /// What this library's figure is held to.
    pub targets: &'static [Target],
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

    /// How much worse a figure is than another: 2 is half as good.
    pub fn times_worse(self, figure: f64, than: f64) -> f64 {
        if self == Self::Rate { than / figure } else { figure / than }
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
pub const ALL: [Row; 17] = [
    Row {
        scenario: "lead-1t",
        figure: "ns",
        title: "lead, new key each time, 1 thread",
        unit: Unit::Nanos,
        targets: &[Target::AtMostFloor(1.8), Target::Below(DashMap::NAME), Target::Below(GO)],
    },
    row("lead-2t", "ns", "the same, 2 threads", Unit::Nanos, &[Target::AtMostFloor(3.0)]),
    Row {
        scenario: "lead-window-1t",
        figure: "ns",
        title: "lead, 100 ms window, 1 thread",
        unit: Unit::Nanos,
        targets: &[Target::Below(QuickCache::NAME)],
    },
    row("lead-window-2t", "ns", "the same, 2 threads", Unit::Nanos, &[]),
    row("hit-1t-1key", "ns", "late hit, 1 thread, 1 key", Unit::Nanos, HIT),
    row("hit-1t-1024keys", "ns", "late hit, 1 thread, 1024 keys", Unit::Nanos, HIT),
    row("hit-2t-1key", "ns", "late hit, 2 threads, 1 key", Unit::Nanos, HIT),
    row("hit-2t-1024keys", "ns", "late hit, 2 threads, 1024 keys", Unit::Nanos, HIT),
    row("hit-window-1t-1024keys", "ns", "the same, 1 thread, 100 ms window", Unit::Nanos, &[]),
    row("herd-64", "last_us", "herd of 64, last one back", Unit::Micros, LAST),
    row("herd-256", "last_us", "herd of 256, last one back", Unit::Micros, LAST),
    row("herd-1024", "last_us", "herd of 1024, last one back", Unit::Micros, LAST),
    row("herd-64", "leader_us", "herd of 64, the leader's return", Unit::Micros, &[]),
    row("herd-1024", "leader_us", "herd of 1024, the leader's return", Unit::Micros, LEADER),
    row("herd-1024", "cpu_us", "herd of 1024, processor time", Unit::Micros, &[]),
    row("herd-1024", "switches", "herd of 1024, switches a follower", Unit::Count, SWITCHES),
    row("herd-1024", "executions", "herd of 1024, executions", Unit::Count, &[Target::AtMost(1.0)]),
];

const HIT: &[Target] = &[Target::AtMostFloor(1.35)];
const LAST: &[Target] = &[Target::AtMostFloor(1.2)];
const LEADER: &[Target] = &[Target::AtMost(200.0)];
const SWITCHES: &[Target] = &[Target::AtMost(1.1)];

const fn row(
    scenario: &'static str,
    figure: &'static str,
    title: &'static str,
    unit: Unit,
    targets: &'static [Target],
) -> Row {
    Row { scenario, figure, title, unit, targets }
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
    /// The figure of this contender.
    pub fn of(&self, raw: &Raw, contender: &str) -> Option<f64> {
        raw.figure(self.scenario, contender, self.figure)
    }

    /// The figure of this library.
    pub fn own(&self, raw: &Raw) -> Option<f64> {
        self.of(raw, Coalescer::NAME)
    }

    /// The contenders and their figures, the best first.
    pub fn ranked(&self, raw: &Raw) -> Vec<(&'static str, f64)> {
        let figures = columns().filter_map(|name| Some((name, self.of(raw, name)?)));
        let mut ranked: Vec<_> = figures.collect();
        ranked.sort_by(|(_, a), (_, b)| self.unit.times_worse(*a, *b).total_cmp(&1.0));
        ranked
    }

    /// The best peer and its figure.
    pub fn best_peer(&self, raw: &Raw) -> Option<(&'static str, f64)> {
        self.ranked(raw).into_iter().find(|(name, _)| is_peer(name) && self.is_of_threads(name))
    }

    /// Whether this contender's callers are threads: the goroutines of a herd are none, and need no
    /// kernel to wake.
    pub fn is_of_threads(&self, name: &str) -> bool {
        name != GO || !self.scenario.starts_with("herd")
    }

    /// This library's figure as a multiple of the floor.
    pub fn over_floor(&self, raw: &Raw) -> Option<f64> {
        Some(self.own(raw)? / self.of(raw, FLOOR)?)
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
        let own = row.own(raw)?;
        Some(match self {
            Self::AtMostFloor(times) => row.over_floor(raw)? <= times,
            Self::AtLeastFloor(times) => row.over_floor(raw)? >= times,
            Self::Below(contender) => own < row.of(raw, contender)?,
            Self::AtMost(most) => own <= most,
            Self::AtLeastBestPeer(times) => own >= times * row.best_peer(raw)?.1,
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
