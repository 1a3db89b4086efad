//! Windows, from a millisecond to one that does not end. One thread asks for keys at random, and
//! each call is a hit or a lead.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Floor, HOUR, Record, SHARDS, nanoseconds, numbers, settings};
use crate::options::Size;
use crate::threads::Random;

const KEYS: u64 = 1024;

fn longest(size: Size) -> Duration {
    Duration::from_millis(size.pick(1000, 30, 3))
}

/// A round lasts at least so long, and two windows.
const LEAST: Duration = Duration::from_millis(50);

pub(super) fn measure(size: Size, record: &mut Record<'_>) {
    let all = [1, 3, 10, 30, 100, 300, 1000].map(Duration::from_millis);
    let some = all.into_iter().filter(|window| *window <= longest(size));
    for window in some.chain([HOUR]) {
        for round in 0..size.rounds().min(3) {
            mix(window, round as u64, size, record);
        }
    }
}

fn mix(window: Duration, seed: u64, size: Size, record: &mut Record<'_>) {
    let x = window.as_secs_f64() * 1e3;
    let longest = longest(size).max(Duration::from_millis(1));
    let slice = window.min(longest).saturating_mul(2).max(LEAST.min(longest * 50));
    let coalescer = numbers(settings().window(window));
    let (time, calls) = ask(slice, seed, |key| drop(black_box(coalescer.execute(&key))));
    record.add("call", x, time);
    let leads = coalescer.stats().executed_requests as f64;
    record.add("leads", x, 1000.0 * leads / calls as f64);
    let floor = Timed { map: Floor::new(SHARDS), window };
    let (time, _) = ask(slice, seed, |key| drop(black_box(floor.get(key))));
    record.add("call floor", x, time);
}

/// Calls random keys for this long. Returns the nanoseconds of a call, and the number of calls.
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
