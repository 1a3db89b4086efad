//! The scenarios: what a lane does, and the floor below it.

mod herd;
mod hit;
mod lead;
mod locked;
mod memory;
mod tail;
mod zipf;

use std::time::Duration;

pub use herd::Herd;
pub use hit::Hit;
pub use lead::Lead;
pub use memory::Memory;
pub use tail::Tail;
pub use zipf::Zipf;

use crate::contender::{self, Contender, FLOOR, LONG, Measure, WINDOW};

/// What a lane found, by the names of its figures.
pub type Figures = Vec<(&'static str, f64)>;

/// How much a lane does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// As much as the figures take to be steady.
    Full,
    /// For trying: the figures are rough.
    Quick,
    /// For tests: the figures mean nothing.
    Tiny,
}

impl Size {
    fn pick<T>(self, full: T, quick: T, tiny: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
            Self::Tiny => tiny,
        }
    }
}

/// A question.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name in raw lines and on the command line.
    pub name: &'static str,
    /// How many rounds its medians are made of.
    pub rounds: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Lead(Lead),
    Hit(Hit),
    Herd(Herd),
    Memory,
    Tail(Tail),
    Zipf(Zipf),
}

const fn lead(name: &'static str, threads: usize, window: Duration) -> Scenario {
    let rounds = if window.is_zero() { 15 } else { 9 };
    Scenario { name, rounds, kind: Kind::Lead(Lead { threads, window }) }
}

const fn hit(name: &'static str, threads: usize, keys: u64, window: Duration) -> Scenario {
    let rounds = if window.as_secs() > 0 { 15 } else { 7 };
    Scenario { name, rounds, kind: Kind::Hit(Hit { threads, keys, window }) }
}

const fn herd(name: &'static str, followers: usize) -> Scenario {
    Scenario { name, rounds: 7, kind: Kind::Herd(Herd { followers }) }
}

const fn zipf(name: &'static str, threads: usize, window: Duration) -> Scenario {
    let rounds = if window.is_zero() { 7 } else { 3 };
    Scenario { name, rounds, kind: Kind::Zipf(Zipf { threads, window }) }
}

/// All scenarios, in the order in which they run.
pub const ALL: [Scenario; 18] = [
    lead("lead-1t", 1, Duration::ZERO),
    lead("lead-2t", 2, Duration::ZERO),
    lead("lead-window-1t", 1, WINDOW),
    lead("lead-window-2t", 2, WINDOW),
    hit("hit-1t-1key", 1, 1, LONG),
    hit("hit-1t-1024keys", 1, 1024, LONG),
    hit("hit-2t-1key", 2, 1, LONG),
    hit("hit-2t-1024keys", 2, 1024, LONG),
    hit("hit-window-1t-1024keys", 1, 1024, WINDOW),
    herd("herd-64", 64),
    herd("herd-256", 256),
    herd("herd-1024", 1024),
    Scenario { name: "memory", rounds: 1, kind: Kind::Memory },
    Scenario { name: "tail", rounds: 5, kind: Kind::Tail(Tail) },
    zipf("zipf-window-2t", 2, WINDOW),
    zipf("zipf-window-64t", 64, WINDOW),
    zipf("zipf-2t", 2, Duration::ZERO),
    zipf("zipf-64t", 64, Duration::ZERO),
];

impl Scenario {
    /// Runs the lane of this contender in this process; `None` if there is no such lane here.
    pub fn run(&self, contender: &str, size: Size) -> Option<Figures> {
        if contender == FLOOR {
            return self.floor(size);
        }
        contender::with(contender, &Lane { kind: self.kind, size }).flatten()
    }

    /// Whether its lanes are those of the program that counts allocations.
    pub fn counts_memory(&self) -> bool {
        matches!(self.kind, Kind::Memory)
    }

    /// The arguments of the Go program for this scenario; `None` if Go's package has no such lane.
    pub fn for_go(&self, size: Size) -> Option<Vec<String>> {
        let words: (&str, Vec<u64>) = match self.kind {
            Kind::Lead(lead) => ("lead", lead.for_go(size)?),
            Kind::Hit(_) => return None,
            Kind::Herd(herd) => ("herd", herd.for_go(size)),
            Kind::Memory => ("memory", vec![memory::keys(size)]),
            Kind::Tail(_) => return None,
            Kind::Zipf(zipf) => ("zipf", zipf.for_go(size)?),
        };
        let numbers = words.1.iter().map(u64::to_string);
        Some([words.0.to_owned()].into_iter().chain(numbers).collect())
    }

    fn floor(&self, size: Size) -> Option<Figures> {
        match self.kind {
            Kind::Lead(lead) => lead.floor(size),
            Kind::Hit(hit) => hit.floor(size),
            Kind::Herd(herd) => Some(herd.floor(size)),
            Kind::Memory => None,
            Kind::Tail(tail) => Some(tail.floor(size)),
            Kind::Zipf(zipf) => Some(zipf.floor(size)),
        }
    }
}

struct Lane {
    kind: Kind,
    size: Size,
}

impl Measure for Lane {
    type Output = Option<Figures>;

    fn with<C: Contender>(&self) -> Option<Figures> {
        match self.kind {
            Kind::Lead(lead) => lead.measure::<C>(self.size),
            Kind::Hit(hit) => hit.measure::<C>(self.size),
            Kind::Herd(herd) => herd.measure::<C>(self.size),
            Kind::Memory => None,
            Kind::Tail(tail) => tail.measure::<C>(self.size),
            Kind::Zipf(zipf) => zipf.measure::<C>(self.size),
        }
    }
}
