//! The calls that go through the whole table: `stats`, `in_flight` and `forget_all`.

use std::hint::black_box;
use std::sync::Arc;

use coalescer::Coalescer;

use super::floor::{Floor, SHARDS};
use super::{HOUR, Numbers, Record, numbers, per_call};
use crate::extent::{Extent, decades};

/// Where one round takes a second, one must do.
const MANY: u64 = 1_000_000;

pub(crate) fn measure(extent: &Extent, record: &mut Record) {
    for keys in decades(extent.most_keys) {
        let rounds = if keys < MANY { extent.rounds } else { 1 };
        let (coalescer, floor) = (numbers(Coalescer::builder().window(HOUR)), Floor::new(SHARDS));
        for _ in 0..rounds {
            (0..keys).for_each(|key| drop(coalescer.execute(&key)));
            go_through(&coalescer, keys, extent, record);
            (0..keys).for_each(|key| floor.insert(key, Arc::new(key)));
            let all = || _ = black_box(floor.len());
            record.add("floor", keys as f64, per_call(extent.calls / 100, all));
            let clear = || assert_eq!(floor.clear() as u64, keys, "all keys are kept");
            record.add("clear", keys as f64, per_call(1, clear));
        }
    }
}

fn go_through(coalescer: &Numbers, keys: u64, extent: &Extent, record: &mut Record) {
    let stats = || _ = black_box(coalescer.stats());
    record.add("stats", keys as f64, per_call(extent.calls / 100, stats));
    let calls = (extent.calls as u64 / keys).clamp(3, 100) as usize;
    let in_flight = || drop(black_box(coalescer.in_flight()));
    record.add("in_flight", keys as f64, per_call(calls, in_flight));
    let forget_all = || assert_eq!(coalescer.forget_all() as u64, keys, "all keys are kept");
    record.add("forget_all", keys as f64, per_call(1, forget_all));
}
