//! What measures the curves, and what they have in common.

pub(crate) mod crowd;
pub(crate) mod expiry;
pub(crate) mod growth;
pub(crate) mod herd;
pub(crate) mod keys;
pub(crate) mod line;
pub(crate) mod shards;
pub(crate) mod threads;
pub(crate) mod values;
pub(crate) mod ways;
pub(crate) mod whole;
pub(crate) mod windows;

// What the library's own benches have as well.
#[path = "../../../support/herd.rs"]
pub(crate) mod crew;
#[allow(dead_code, reason = "some of it is for the benches alone")]
#[path = "../../../support/floor.rs"]
pub(crate) mod floor;

use std::time::{Duration, Instant};

use coalescer::{Builder, Coalescer, ForCoalescer};

use crate::raw::Point;

/// A window that does not end while anything is measured.
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// Numbers by themselves.
pub(crate) type Numbers = Coalescer<u64, u64, ()>;

/// A coalescer whose function costs nothing and gives the key back.
pub(crate) fn numbers(settings: Builder<ForCoalescer>) -> Numbers {
    settings.build(|key| Ok(*key))
}

/// Where measured values go, one by one.
pub(crate) struct Record<'a> {
    take: &'a mut dyn FnMut(Point),
}

impl<'a> Record<'a> {
    pub(crate) fn new(take: &'a mut dyn FnMut(Point)) -> Self {
        Self { take }
    }

    pub(crate) fn add(&mut self, lane: &str, x: f64, y: f64) {
        (self.take)(Point { lane: lane.to_string(), x, y });
    }
}

/// How many nanoseconds one of so many calls takes.
pub(crate) fn per_call(calls: usize, mut call: impl FnMut()) -> f64 {
    let begin = Instant::now();
    for _ in 0..calls {
        call();
    }
    nanoseconds(begin.elapsed()) / calls as f64
}

pub(crate) fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

/// Numbers in an order that no cache foresees, the same in each run (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    #[inline]
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        // The upper half of the product: as even as the number is, without a division.
        ((u128::from(bits) * u128::from(limit)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::{curve, extent};

    #[test]
    fn random_numbers_reach_every_place_about_equally_often() {
        let mut random = Random::new(7);
        let mut seen = [0_u32; 10];
        (0..10_000).for_each(|_| seen[random.below(10) as usize] += 1);
        assert!(seen.iter().all(|times| (800..1200).contains(times)), "{seen:?}");
    }

    /// What a curve measures; it fails if that takes so long that something hangs.
    fn tiny(curve: &'static curve::Curve) -> Vec<Point> {
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let mut points = Vec::new();
            let mut take = |point| points.push(point);
            (curve.measure)(&extent::TINY, &mut Record::new(&mut take));
            tell.send(points).expect("somebody waits for it");
        });
        let points = told.recv_timeout(Duration::from_secs(60));
        points.unwrap_or_else(|error| panic!("{}: {error}", curve.name))
    }

    #[test]
    fn every_curve_measures_each_of_its_lanes() {
        for curve in curve::ALL {
            let points = tiny(curve);
            for lane in curve.lanes {
                // Of memory only what is large enough to be seen is told, some of it by Linux alone.
                let is_rare = ["resident", "bytes", "thread"].contains(&lane.name);
                let found = points.iter().any(|point| point.lane == lane.name);
                assert!(found || is_rare, "{}: {}", curve.name, lane.name);
            }
            for point in &points {
                assert!(curve.lane(&point.lane).is_some(), "{}: {}", curve.name, point.lane);
                assert!(point.y.is_finite(), "{}: {point:?}", curve.name);
            }
        }
    }
}
