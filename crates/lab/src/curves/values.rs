//! Sizes of values: in a box of their own, and inline, where moving them costs.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use coalescer::{Coalescer, Group, ManualClock};

use super::{Floor, HOUR, Record, SHARDS, per_call};
use crate::options::Size;

type Bytes = Box<[u8]>;

/// The number of live values in the lanes in which each lead expires one.
const LIVE: u64 = 256;

/// The most bytes that all calls of a round make.
const BYTES_IN_A_ROUND: usize = 100 << 20;

/// The largest value.
fn most_bytes(size: Size) -> usize {
    size.pick(1 << 20, 64 << 10, 4096)
}

pub(super) fn measure(size: Size, record: &mut Record<'_>) {
    // glibc gives large blocks back to the system one by one, until it has seen one that came and
    // went. From then on it keeps smaller ones, so that no page faults are measured.
    drop(black_box(vec![1_u8; 16 << 20]));
    let most = most_bytes(size);
    let sizes = (0..).map(|power| 8_usize << (3 * power));
    for bytes in sizes.take_while(|bytes| *bytes < most).chain([most]) {
        boxed(bytes, size, record);
    }
    inline::<8>(size, record);
    inline::<64>(size, record);
    inline::<512>(size, record);
    inline::<4096>(size, record);
    inline::<{ 32 << 10 }>(size, record);
    inline::<{ 64 << 10 }>(size, record);
}

fn value(bytes: usize) -> Bytes {
    black_box(vec![1; bytes].into_boxed_slice())
}

fn boxed(bytes: usize, size: Size, record: &mut Record<'_>) {
    let calls = (BYTES_IN_A_ROUND / bytes).clamp(20, size.calls());
    let group: Group<u64, Bytes, ()> = Group::new();
    let new = Floor::new(SHARDS);
    let hits =
        Coalescer::builder().window(HOUR).build(move |_: &u64| Ok::<Bytes, ()>(value(bytes)));
    let kept = Floor::new(SHARDS);
    kept.insert(7, Arc::new(value(bytes)));
    let expiring = Expiring::new(bytes);
    let rotated = Floor::new(SHARDS);
    let keep = LIVE as usize / SHARDS;
    let mut key = 0_u64;
    for _ in 0..size.rounds() {
        let mut lane = |name: &str, calls: usize, call: &mut dyn FnMut(u64)| {
            let next = || {
                key += 1;
                call(key);
            };
            record.add(name, bytes as f64, per_call(calls, next));
        };
        lane("lead", calls, &mut |key| drop(black_box(group.execute(&key, || Ok(value(bytes))))));
        lane("lead floor", calls, &mut |key| {
            new.insert(key, Arc::new(value(bytes)));
            drop(black_box(new.remove(&key)));
        });
        lane("expiry", calls, &mut |key| expiring.lead(key));
        lane("expiry floor", calls, &mut |key| {
            drop(black_box(rotated.rotate(key, Arc::new(value(bytes)), keep)));
        });
        lane("hit", size.calls(), &mut |_| drop(black_box(hits.execute(&7))));
        lane("hit floor", size.calls(), &mut |_| drop(black_box(kept.get(&7))));
    }
}

/// Leads on a clock that moves by one part of the window with each.
struct Expiring {
    coalescer: Coalescer<u64, Bytes, ()>,
    clock: ManualClock,
}

impl Expiring {
    fn new(bytes: usize) -> Self {
        let clock = ManualClock::new();
        let settings = Coalescer::builder().window(Duration::from_nanos(LIVE)).clock(clock.clone());
        let new = Self { coalescer: settings.build(move |_| Ok(value(bytes))), clock };
        (0..LIVE).for_each(|key| new.lead(u64::MAX - key));
        new
    }

    fn lead(&self, key: u64) {
        self.clock.advance(Duration::from_nanos(1));
        drop(black_box(self.coalescer.execute(&key)));
    }
}

#[inline(never)]
fn array<const BYTES: usize>() -> [u8; BYTES] {
    [black_box(1); BYTES]
}

fn inline<const BYTES: usize>(size: Size, record: &mut Record<'_>) {
    if BYTES > most_bytes(size) {
        return;
    }
    let group: Group<u64, [u8; BYTES], ()> = Group::new();
    let floor = Floor::new(SHARDS);
    let calls = (BYTES_IN_A_ROUND / BYTES).min(size.calls());
    let mut key = 0_u64;
    for _ in 0..size.rounds() {
        let lead = || {
            key += 1;
            drop(black_box(group.execute(&key, || Ok(array::<BYTES>()))));
        };
        record.add("inline", BYTES as f64, per_call(calls, lead));
        let lead = || {
            key += 1;
            floor.insert(key, Arc::new(array::<BYTES>()));
            drop(black_box(floor.remove(&key)));
        };
        record.add("inline floor", BYTES as f64, per_call(calls, lead));
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
