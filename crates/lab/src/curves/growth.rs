//! Growth: how long one lead takes while the tables grow, the slowest of all between two doublings.
//!
//! A full table moves to one of twice the size. The lead that fills it does that work under the lock of
//! its shard.

use std::sync::Arc;
use std::time::Instant;

use super::{Floor, HOUR, Record, nanoseconds, numbers, settings};
use crate::options::Size;
use crate::stats::Times;

/// The smallest size. Below it, the slowest lead only shows the noise of the machine.
const LEAST: u64 = 16 << 10;

pub(super) fn measure(size: Size, record: &mut Record<'_>) {
    for _ in 0..size.rounds().min(3) {
        for (shards, lane) in [(64, "64 shards"), (1024, "1024 shards")] {
            let coalescer = numbers(settings().window(HOUR).shards(shards));
            climb(size, record, lane, |key| drop(coalescer.execute(&key)));
        }
        let floor = Floor::new(1);
        climb(size, record, "one map", |key| floor.insert(key, Arc::new(key)));
    }
}

fn climb(size: Size, record: &mut Record<'_>, lane: &str, mut lead: impl FnMut(u64)) {
    let mut key = 0;
    for step in steps(size.most_keys()) {
        let mut times = Times::new();
        let mut before = Instant::now();
        while key < step {
            lead(key);
            key += 1;
            let now = Instant::now();
            times.add(nanoseconds(now - before));
            before = now;
        }
        record.add(lane, step as f64, times.percentile(1.0));
        if lane != "1024 shards" {
            record.add(&format!("{lane} p99.9"), step as f64, times.percentile(0.999));
        }
    }
}

/// Doublings, the last of them at least one: each table grows at least once in a step.
fn steps(most: u64) -> Vec<u64> {
    let doublings = (0..).map(|power| LEAST << power);
    doublings.take_while(|step| 2 * step <= most).chain([most]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_double_up_to_the_most() {
        assert_eq!(steps(70_000), [16_384, 32_768, 70_000]);
        assert_eq!(steps(32_768), [16_384, 32_768]);
        assert_eq!(steps(100), [100]);
    }
}
