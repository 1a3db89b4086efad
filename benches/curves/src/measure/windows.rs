//! Windows, from a millisecond to endless: one thread asks for keys at random, and each call is a
//! hit or a lead as it comes.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coalescer::Coalescer;

use super::floor::{Floor, SHARDS};
use super::{Random, Record, nanoseconds, numbers};
use crate::extent::Extent;

const KEYS: u64 = 1024;

/// A round lasts at least so long, and two windows.
const LEAST: Duration = Duration::from_millis(50);

pub(crate) fn measure(extent: &Extent, record: &mut Record) {
    let all = [1, 3, 10, 30, 100, 300, 1000].map(Duration::from_millis);
    let some = all.into_iter().filter(|window| *window <= extent.longest_window);
    for window in some.chain([Duration::MAX]) {
        for round in 0..extent.rounds.min(3) {
            mix(window, round as u64, extent, record);
        }
    }
}

fn mix(window: Duration, seed: u64, extent: &Extent, record: &mut Record) {
    let x = if window == Duration::MAX { f64::INFINITY } else { window.as_secs_f64() * 1e3 };
    let longest = extent.longest_window.max(Duration::from_millis(1));
    let slice = window.min(longest).saturating_mul(2).max(LEAST.min(longest * 50));
    let coalescer = numbers(Coalescer::builder().window(window));
    let (time, calls) = ask(slice, seed, |key| drop(black_box(coalescer.execute(&key))));
    record.add("call", x, time);
    let leads = coalescer.stats().executed_requests as f64;
    record.add("leads", x, 1000.0 * leads / calls as f64);
    let floor = Timed { map: Floor::new(SHARDS), window };
    let (time, _) = ask(slice, seed, |key| drop(black_box(floor.get(key))));
    record.add("call floor", x, time);
}

/// Calls for so long, with keys at random; says how many nanoseconds a call took, and how many
/// calls there were.
fn ask(slice: Duration, seed: u64, mut call: impl FnMut(u64)) -> (f64, u64) {
    const BATCH: u64 = 256;
    let mut random = Random::new(seed);
    let (begin, mut calls) = (Instant::now(), 0);
    while begin.elapsed() < slice {
        (0..BATCH).for_each(|_| call(random.below(KEYS)));
        calls += BATCH;
    }
    (nanoseconds(begin.elapsed()) / calls as f64, calls)
}

/// The floor: a map of values with the time at which each was made.
struct Timed {
    map: Floor<u64, (Instant, u64)>,
    window: Duration,
}

impl Timed {
    fn get(&self, key: u64) -> Arc<(Instant, u64)> {
        let now = Instant::now();
        let kept = self.map.get(&key);
        if let Some(kept) = kept.as_ref().filter(|kept| now - kept.0 < self.window) {
            return Arc::clone(kept);
        }
        let value = Arc::new((now, key));
        match kept {
            Some(_) => drop(self.map.replace(&key, Arc::clone(&value))),
            None => self.map.insert(key, Arc::clone(&value)),
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_keeps_a_value_for_the_window() {
        let endless = Timed { map: Floor::new(1), window: Duration::MAX };
        assert!(Arc::ptr_eq(&endless.get(7), &endless.get(7)));
        let none = Timed { map: Floor::new(1), window: Duration::ZERO };
        assert!(!Arc::ptr_eq(&none.get(7), &none.get(7)));
        assert_eq!(none.map.len(), 1);
    }
}
