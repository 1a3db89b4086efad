//! Live keys: hits at random among them, leads that replace the oldest, and their memory.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use coalescer::ManualClock;

use super::{Floor, HOUR, Numbers, Record, SHARDS, decades, numbers, per_call, settings};
use crate::memory;
use crate::options::Size;
use crate::threads::Random;

pub(super) fn measure(size: Size, record: &mut Record<'_>) {
    standing(size, record);
    moving(size, record);
}

/// From so many keys on, what the system gave is more than the noise of it.
const SEEN_BY_THE_SYSTEM: u64 = 10_000;

/// 1, 3, 10, 30 and so on.
fn half_decades(size: Size) -> impl Iterator<Item = u64> {
    let steps = decades(size.most_keys()).flat_map(|decade| [decade, 3 * decade]);
    steps.filter(move |step| *step <= size.most_keys())
}

/// All keys stay: hits, and memory.
fn standing(size: Size, record: &mut Record<'_>) {
    let coalescer = numbers(settings().window(HOUR));
    let floor = Floor::new(SHARDS);
    let mut held = [Memory::default(), Memory::default()];
    let mut filled = 0;
    let mut random = Random::new(1);
    for keys in half_decades(size) {
        held[0].grow(|| (filled..keys).for_each(|key| drop(coalescer.execute(&key))));
        held[1].grow(|| (filled..keys).for_each(|key| floor.insert(key, Arc::new(key))));
        filled = keys;
        record.add("bytes", keys as f64, held[0].asked / keys as f64);
        record.add("bytes floor", keys as f64, held[1].asked / keys as f64);
        if let Some(resident) = held[0].resident.filter(|_| keys >= SEEN_BY_THE_SYSTEM) {
            record.add("resident", keys as f64, resident / keys as f64);
        }
        let ours = |key: u64| *coalescer.execute(&key).expect("the function succeeds");
        let theirs = |key: u64| *floor.get(&key).expect("all keys are there");
        for _ in 0..size.rounds() {
            hit(record, keys, size.calls(), &mut random, ["hit", "hit stream"], ours);
            let lanes = ["hit floor", "hit stream floor"];
            hit(record, keys, size.calls(), &mut random, lanes, theirs);
        }
    }
}

/// Hits one after the other, and in a stream. One after the other, each hit takes its key from the
/// previous value, so it begins when the previous hit has ended, as in a program with other work. In a
/// stream, the processor may begin the next hit while it waits for the memory of this one.
fn hit(
    record: &mut Record<'_>,
    keys: u64,
    calls: usize,
    random: &mut Random,
    lanes: [&str; 2],
    get: impl Fn(u64) -> u64,
) {
    let (mut value, nothing) = (0, black_box(0));
    let one = || value = get(random.below(keys) ^ (value & nothing));
    record.add(lanes[0], keys as f64, per_call(calls, one));
    let one = || _ = black_box(get(random.below(keys)));
    record.add(lanes[1], keys as f64, per_call(calls, one));
}

/// The memory of a table, put together from the steps in which it grew.
struct Memory {
    asked: f64,
    resident: Option<f64>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { asked: 0.0, resident: Some(0.0) }
    }
}

impl Memory {
    fn grow(&mut self, work: impl FnOnce()) {
        let before = memory::resident();
        self.asked += memory::asked_for(work).0;
        let grown = memory::resident().zip(before).map(|(after, before)| after - before);
        self.resident = self.resident.zip(grown).map(|(so_far, grown)| so_far + grown);
    }
}

/// The keys change: each lead is of a new one, and the oldest expires.
fn moving(size: Size, record: &mut Record<'_>) {
    let mut churn = Churn::new();
    let floor = Floor::new(SHARDS);
    let mut key = 0;
    for keys in half_decades(size) {
        let keep = keys.div_ceil(SHARDS as u64) as usize;
        churn.live(keys);
        (0..keys).for_each(|_| churn.lead());
        (0..keys).for_each(|_| {
            key += 1;
            floor.rotate(key, Arc::new(key), keep);
        });
        for _ in 0..size.rounds() {
            record.add("lead", keys as f64, per_call(size.calls(), || churn.lead()));
            let lead = || {
                key += 1;
                black_box(floor.rotate(key, Arc::new(key), keep));
            };
            record.add("lead floor", keys as f64, per_call(size.calls(), lead));
        }
    }
}

/// Leads on a clock that moves with them, so that as many results are live as are wanted.
struct Churn {
    coalescer: Numbers,
    clock: ManualClock,
    key: u64,
    /// The clock moves on by `step` after each `batch` of leads.
    batch: u64,
    step: Duration,
}

/// The window, long enough to be divided by any number of keys.
const WINDOW: Duration = Duration::from_nanos(1 << 40);

/// So many leads share one step of the clock, where that is a small part of all.
const MOST_IN_A_STEP: u64 = 64;

impl Churn {
    fn new() -> Self {
        let clock = ManualClock::new();
        let wanted = settings().window(WINDOW).clock(clock.clone());
        Self { coalescer: numbers(wanted), clock, key: 0, batch: 1, step: WINDOW }
    }

    /// Lets so many be live, once as many leads have been made.
    fn live(&mut self, keys: u64) {
        self.batch = (keys / 16).clamp(1, MOST_IN_A_STEP);
        self.step = Duration::from_nanos(WINDOW.as_nanos() as u64 / keys * self.batch);
    }

    fn lead(&mut self) {
        self.key += 1;
        if self.key % self.batch == 0 {
            self.clock.advance(self.step);
        }
        drop(black_box(self.coalescer.execute(&self.key)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_keys_are_live_as_are_wanted_and_all_calls_lead() {
        let mut churn = Churn::new();
        for keys in [100, 1000, 300] {
            churn.live(keys);
            (0..5 * keys).for_each(|_| churn.lead());
        }
        let live = churn.coalescer.forget_all();
        assert!((300..=400).contains(&live), "{live}");
        let stats = churn.coalescer.stats();
        assert_eq!(stats.executed_requests, stats.total_requests);
    }
}
