//! `lab curves`: how cost grows with keys, threads, sizes, windows and expiries.
//!
//! A **curve** is a scenario whose lanes have a point for each size of something. Each is measured in
//! a process of its own. Tables and pictures are made from the raw lines. A lane that is called
//! a floor does the least that any table of results must do.

mod crowd;
mod curve;
mod expiry;
mod finding;
mod growth;
mod herd;
mod keys;
mod report;
mod shards;
mod threads;
mod tickets;
mod values;
mod ways;
mod whole;
mod windows;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use self::curve::ALL;
use crate::compare::floor::{self, Floor};
use crate::contenders::coalescer::{Numbers, numbers, settings};
use crate::options::{Options, Size};
use crate::raw::Line;
use crate::run::{self, Kind, Lane, Plan};

pub(crate) use self::report::facts;

/// The floor's parts: as many as the library has shards by default.
const SHARDS: usize = floor::SHARDS;

/// Measures, or reads what was measured, and shows it.
///
/// # Errors
///
/// If a curve cannot be measured, or something cannot be written.
pub fn main(options: &Options) -> Result<()> {
    if options.list {
        ALL.iter().for_each(|curve| println!("{}: {}", curve.name, curve.question));
        return Ok(());
    }
    let size = options.size();
    let command = |name: &str, lane: &str| Lane::command(Kind::Curves, name, lane, size).map(Some);
    let plan = |curve: &curve::Curve| Plan { scenario: curve.name, lanes: vec!["all"], rounds: 1 };
    let plans = ALL.iter().map(plan).collect();
    let raw = run::raw(Kind::Curves, options, plans, &[], command)?;
    let parts = report::parts(&raw);
    parts.iter().for_each(|(name, part)| println!("## {name}\n\n{part}"));
    let names: Vec<_> = ALL.iter().map(|curve| curve.name).collect();
    run::show(Kind::Curves, options, &raw, &names, &parts, &finding::pictures(&raw)?)
}

/// Measures a curve in this process.
///
/// # Errors
///
/// If there is no such curve.
pub fn measure(name: &str, size: Size, take: &mut dyn FnMut(Line)) -> Result<()> {
    let curve = ALL.iter().find(|curve| curve.name == name);
    let curve = curve.with_context(|| format!("no curve {name}"))?;
    (curve.measure)(size, &mut Record { take });
    Ok(())
}

/// A window that does not end while anything is measured.
const HOUR: Duration = Duration::from_secs(3600);

/// The ends that several curves have in common, and how often a point is measured.
impl Size {
    fn rounds(self) -> usize {
        self.pick(5, 3, 1)
    }

    /// Calls in one round where a call takes nanoseconds.
    fn calls(self) -> usize {
        self.pick(200_000, 50_000, 500)
    }

    /// The time of one round where calls are counted instead.
    fn slice(self) -> Duration {
        Duration::from_millis(self.pick(40, 10, 1))
    }

    fn most_keys(self) -> u64 {
        self.pick(10_000_000, 300_000, 3000)
    }

    /// Twice as many do not fit into the number of mappings that Linux gives a process by default.
    fn most_followers(self) -> usize {
        self.pick(8192, 256, 8)
    }
}

/// 1, 10, 100 and so on.
fn decades(most: u64) -> impl Iterator<Item = u64> {
    (0..).map(|power| 10_u64.pow(power)).take_while(move |step| *step <= most)
}

/// 1, `factor`, its square and so on.
fn powers(factor: usize, most: usize) -> impl Iterator<Item = usize> {
    (0..).map(move |power| factor.pow(power)).take_while(move |step| *step <= most)
}

/// Takes the points, one by one.
struct Record<'a> {
    take: &'a mut dyn FnMut(Line),
}

impl Record<'_> {
    fn add(&mut self, lane: &str, x: f64, value: f64) {
        (self.take)(Line::point(lane, x, value));
    }
}

/// Nanoseconds of one of so many calls.
fn per_call(calls: usize, mut call: impl FnMut()) -> f64 {
    let begin = Instant::now();
    for _ in 0..calls {
        call();
    }
    nanoseconds(begin.elapsed()) / calls as f64
}

fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_end_with_the_most() {
        assert_eq!(decades(1000).collect::<Vec<_>>(), [1, 10, 100, 1000]);
        assert_eq!(powers(4, 65).collect::<Vec<_>>(), [1, 4, 16, 64]);
    }

    #[test]
    fn every_curve_measures_each_of_its_lanes() {
        for curve in ALL {
            let mut points = Vec::new();
            let measured = measure(curve.name, Size::Tiny, &mut |line| points.push(line));
            measured.expect("there is this curve");
            for lane in curve.lanes {
                // Only so much memory is recorded as is seen above the noise.
                let is_rare = ["resident", "bytes", "thread"].contains(&lane.name);
                let found = points.iter().any(|point| point.lane == lane.name);
                assert!(found || is_rare, "{}: {}", curve.name, lane.name);
            }
            for point in &points {
                assert!(curve.lane(&point.lane).is_some(), "{}: {point:?}", curve.name);
                assert!(point.value.is_finite(), "{}: {point:?}", curve.name);
            }
        }
    }
}
