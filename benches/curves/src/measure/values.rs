//! Sizes of values: in a box of their own, and inline, where moving them costs.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use coalescer::{Coalescer, Group, ManualClock};

use super::floor::{Floor, SHARDS};
use super::{HOUR, Record, per_call};
use crate::extent::Extent;

type Bytes = Box<[u8]>;

/// How many live values there are where one expires for each that is made.
const LIVE: u64 = 256;

/// All calls of a round make so many bytes, at the most.
const BYTES_IN_A_ROUND: usize = 100 << 20;

pub(crate) fn measure(extent: &Extent, record: &mut Record) {
    // glibc gives large blocks back to the system one by one, until it has seen one that came and
    // went. From then on it keeps what is smaller, so that page faults are not what is measured.
    drop(black_box(vec![1_u8; 16 << 20]));
    let sizes = (0..).map(|power| 8_usize << (3 * power));
    let sizes = sizes.take_while(|size| *size < extent.most_bytes).chain([extent.most_bytes]);
    for size in sizes {
        let calls = (BYTES_IN_A_ROUND / size).clamp(20, extent.calls);
        boxed(size, calls, extent, record);
    }
    inline::<8>(extent, record);
    inline::<64>(extent, record);
    inline::<512>(extent, record);
    inline::<4096>(extent, record);
    inline::<{ 32 << 10 }>(extent, record);
    inline::<{ 64 << 10 }>(extent, record);
}

fn value(size: usize) -> Bytes {
    black_box(vec![1; size].into_boxed_slice())
}

fn boxed(size: usize, calls: usize, extent: &Extent, record: &mut Record) {
    let group: Group<u64, Bytes, ()> = Group::new();
    let new = Floor::new(SHARDS);
    let hits = Coalescer::builder().window(HOUR).build(move |_: &u64| Ok::<Bytes, ()>(value(size)));
    let kept = Floor::new(SHARDS);
    kept.insert(7, Arc::new(value(size)));
    let expiring = Expiring::new(size);
    let rotated = Floor::new(SHARDS);
    let keep = LIVE as usize / SHARDS;
    let mut key = 0_u64;
    for _ in 0..extent.rounds {
        let mut lane = |name: &str, calls: usize, call: &mut dyn FnMut(u64)| {
            let next = || {
                key += 1;
                call(key);
            };
            record.add(name, size as f64, per_call(calls, next));
        };
        lane("lead", calls, &mut |key| drop(black_box(group.execute(&key, || Ok(value(size))))));
        lane("lead floor", calls, &mut |key| {
            new.insert(key, Arc::new(value(size)));
            drop(black_box(new.remove(&key)));
        });
        lane("expiry", calls, &mut |key| expiring.lead(key));
        lane("expiry floor", calls, &mut |key| {
            drop(black_box(rotated.rotate(key, Arc::new(value(size)), keep)));
        });
        lane("hit", extent.calls, &mut |_| drop(black_box(hits.execute(&7))));
        lane("hit floor", extent.calls, &mut |_| drop(black_box(kept.get(&7))));
    }
}

/// Leads on a clock that moves by one part of the window with each.
struct Expiring {
    coalescer: Coalescer<u64, Bytes, ()>,
    clock: ManualClock,
}

impl Expiring {
    fn new(size: usize) -> Self {
        let clock = ManualClock::new();
        let settings = Coalescer::builder().window(Duration::from_nanos(LIVE)).clock(clock.clone());
        let new = Self { coalescer: settings.build(move |_| Ok(value(size))), clock };
        (0..LIVE).for_each(|key| new.lead(u64::MAX - key));
        new
    }

    fn lead(&self, key: u64) {
        self.clock.advance(Duration::from_nanos(1));
        drop(black_box(self.coalescer.execute(&key)));
    }
}

#[inline(never)]
fn array<const SIZE: usize>() -> [u8; SIZE] {
    [black_box(1); SIZE]
}

fn inline<const SIZE: usize>(extent: &Extent, record: &mut Record) {
    if SIZE > extent.most_bytes {
        return;
    }
    let group: Group<u64, [u8; SIZE], ()> = Group::new();
    let floor = Floor::new(SHARDS);
    let calls = (BYTES_IN_A_ROUND / SIZE).min(extent.calls);
    let mut key = 0_u64;
    for _ in 0..extent.rounds {
        let lead = || {
            key += 1;
            drop(black_box(group.execute(&key, || Ok(array::<SIZE>()))));
        };
        record.add("inline", SIZE as f64, per_call(calls, lead));
        let lead = || {
            key += 1;
            floor.insert(key, Arc::new(array::<SIZE>()));
            drop(black_box(floor.remove(&key)));
        };
        record.add("inline floor", SIZE as f64, per_call(calls, lead));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lead_lets_one_value_expire() {
        let expiring = Expiring::new(8);
        (0..10 * LIVE).for_each(|key| expiring.lead(key));
        let live = expiring.coalescer.forget_all() as u64;
        assert!((LIVE..=LIVE + 64).contains(&live), "{live}");
    }
}
