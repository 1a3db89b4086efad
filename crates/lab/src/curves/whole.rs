//! The calls that go through the whole table: `stats`, `in_flight` and `forget_all`.

use std::hint::black_box;
use std::sync::Arc;

use super::{Floor, HOUR, Numbers, Record, SHARDS, decades, numbers, per_call, settings};
use crate::options::Size;

/// Where one round takes a second, one must do.
const MANY: u64 = 1_000_000;

pub(super) fn measure(size: Size, record: &mut Record<'_>) {
    let mut first = None;
    for keys in decades(size.most_keys()) {
        let rounds = if keys < MANY { size.rounds() } else { 1 };
        let (coalescer, floor) = (numbers(settings().window(HOUR)), Floor::new(SHARDS));
        for _ in 0..rounds {
            (0..keys).for_each(|key| drop(coalescer.execute(&key)));
            let in_flight = go_through(&coalescer, keys, size, record);
            let base = *first.get_or_insert(in_flight);
            record.add("in_flight ratio", keys as f64, in_flight / base);
            (0..keys).for_each(|key| floor.insert(key, Arc::new(key)));
            let all = || _ = black_box(floor.len());
            record.add("floor", keys as f64, per_call(size.calls() / 100, all));
            let clear = || assert_eq!(floor.clear() as u64, keys, "all keys are kept");
            record.add("clear", keys as f64, per_call(1, clear));
        }
    }
}

/// Returns the time of `in_flight`.
fn go_through(coalescer: &Numbers, keys: u64, size: Size, record: &mut Record<'_>) -> f64 {
    let stats = || _ = black_box(coalescer.stats());
    record.add("stats", keys as f64, per_call(size.calls() / 100, stats));
    let calls = (size.calls() as u64 / keys).clamp(3, 100) as usize;
    let in_flight = || drop(black_box(coalescer.in_flight()));
    let in_flight = per_call(calls, in_flight);
    record.add("in_flight", keys as f64, in_flight);
    let forget_all = || assert_eq!(coalescer.forget_all() as u64, keys, "all keys are kept");
    record.add("forget_all", keys as f64, per_call(1, forget_all));
    in_flight
}
