//! The slowest hits, while another thread leads new keys as fast as it can.
//!
//! Each lead leaves a result behind, so results expire all the time. A contender that removes them in
//! batches on a caller's thread has slow calls here. The hits use a few keys. A key is led again when
//! its window is over, which is less than one call in 10 000. Each figure contains one reading of the
//! clock. The floor is a map with 64 locks, in which each lead inserts one entry and removes an old
//! one. It shows the cost of the locks and cache lines that the two threads share.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use super::Figures;
use super::floor::Floor;
use crate::contender::{Contender, Peer, Setup, WINDOW};
use crate::options::Size;
use crate::stats::Times;

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct Tail;

/// The keys that are hit; a power of two.
const KEYS: u64 = 16;

/// The number of leads after which the floor removes an entry: about as many as a window keeps.
const STAY: u64 = 1 << 18;

impl Tail {
    pub(super) fn measure<C: Contender>(self, size: Size) -> Option<Figures> {
        let peer = C::make(Setup { window: WINDOW, keys: 1 << 18 }, |key| key)?;
        Some(time(size, |key| *peer.call(key)))
    }

    pub(super) fn floor(self, size: Size) -> Figures {
        let map = Floor::new(64);
        (0..KEYS).for_each(|key| map.insert(key, Arc::new(key)));
        time(size, |key| {
            if key < KEYS {
                return *map.get(&key).expect("it is never taken out");
            }
            let value = Arc::new(key);
            map.insert(key, value.clone());
            if key >= KEYS + STAY {
                map.remove(&(key - STAY));
            }
            *value
        })
    }
}

fn time(size: Size, call: impl Fn(u64) -> u64 + Sync) -> Figures {
    let (begun, done) = (Barrier::new(2), AtomicBool::new(false));
    let warm = size.pick(2 * WINDOW + WINDOW / 2, 2 * WINDOW, Duration::ZERO);
    let long = size.pick(4 * WINDOW, 3 * WINDOW, Duration::from_millis(1));
    let (hits, leads, time) = thread::scope(|scope| {
        let leader = scope.spawn(|| {
            begun.wait();
            lead(&done, &call)
        });
        begun.wait();
        let begin = Instant::now();
        hit(warm, &call);
        let hits = hit(long, &call);
        done.store(true, Ordering::Relaxed);
        (hits, leader.join().expect("a lane does not panic"), begin.elapsed())
    });
    let micros = |share| hits.percentile(share) / 1e3;
    vec![
        ("p50_us", micros(0.5)),
        ("p99_us", micros(0.99)),
        ("p999_us", micros(0.999)),
        ("p9999_us", micros(0.9999)),
        ("max_us", micros(1.0)),
        ("leads_per_s", leads as f64 / time.as_secs_f64()),
    ]
}

/// Leads new keys until it is over.
fn lead(done: &AtomicBool, call: impl Fn(u64) -> u64) -> u64 {
    let mut next = KEYS;
    while !done.load(Ordering::Relaxed) {
        assert_eq!(call(black_box(next)), next, "every call has the value of its key");
        next += 1;
    }
    next - KEYS
}

/// Hits for so long, and returns the time of each.
fn hit(long: Duration, call: impl Fn(u64) -> u64) -> Times {
    let mut times = Times::new();
    let begin = Instant::now();
    for i in 0_u64.. {
        let key = black_box(i & (KEYS - 1));
        let before = Instant::now();
        let value = call(key);
        let after = Instant::now();
        assert_eq!(value, key, "every call has the value of its key");
        times.add((after - before).as_nanos() as f64);
        if after - begin >= long {
            break;
        }
    }
    times
}
