//! Growth: how long one lead takes while the tables grow, the slowest of all between two doublings.
//!
//! A table that is full moves to one of twice the size, and the lead that fills it pays for that
//! under the lock of its shard.

use std::sync::Arc;
use std::time::Instant;

use coalescer::Coalescer;

use super::floor::Floor;
use super::{HOUR, Record, nanoseconds, numbers};
use crate::extent::Extent;
use crate::stats::percentile;

/// Below this the slowest lead is the noise of the machine.
const LEAST: u64 = 16 << 10;

pub(crate) fn measure(extent: &Extent, record: &mut Record) {
    for _ in 0..extent.rounds.min(3) {
        for (shards, lane) in [(64, "64 shards"), (1024, "1024 shards")] {
            let coalescer = numbers(Coalescer::builder().window(HOUR).shards(shards));
            climb(extent, record, lane, |key| drop(coalescer.execute(&key)));
        }
        let floor = Floor::new(1);
        climb(extent, record, "one map", |key| floor.insert(key, Arc::new(key)));
    }
}

fn climb(extent: &Extent, record: &mut Record, lane: &str, mut lead: impl FnMut(u64)) {
    let mut key = 0;
    let mut times = Vec::with_capacity(extent.most_keys as usize);
    for step in steps(extent.most_keys) {
        times.clear();
        let mut before = Instant::now();
        while key < step {
            lead(key);
            key += 1;
            let now = Instant::now();
            times.push(nanoseconds(now - before));
            before = now;
        }
        record.add(lane, step as f64, percentile(&times, 1.0));
        if lane != "1024 shards" {
            record.add(&format!("{lane} p99.9"), step as f64, percentile(&times, 0.999));
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

    #[test]
    fn the_slowest_lead_of_each_step_is_told() {
        let extent = Extent { most_keys: 2 * LEAST, ..crate::extent::TINY };
        let mut points = Vec::new();
        let mut take = |point| points.push(point);
        let slow = std::time::Duration::from_millis(20);
        let lead = |key| {
            if key == LEAST + 7 {
                std::thread::sleep(slow)
            }
        };
        climb(&extent, &mut Record::new(&mut take), "1024 shards", lead);
        assert_eq!(points.len(), 2);
        assert!(points[1].y >= 20e6 && points[1].y > points[0].y, "{points:?}");
    }
}
