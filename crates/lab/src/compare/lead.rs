//! A call that leads: a new key each time, which no other call uses.
//!
//! Threads use disjoint keys. With a window every call leaves a result behind, and the lane goes on
//! for two windows before the clock starts, so that results expire as fast as new ones come.
//!
//! The floor is one `Arc`, which the map and the caller hold, its insertion in the map and its
//! removal, each under an uncontended lock, since no function may run under it. Map and lock are
//! each thread's own, so the floor is the same at any number of threads. There is none with a window.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::Figures;
use super::floor::Floor;
use crate::contender::{Contender, Peer, Setup};
use crate::options::Size;
use crate::threads::race;

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct Lead {
    /// How many threads lead at once.
    pub threads: usize,
    /// How long their results are kept.
    pub window: Duration,
}

/// Keys that come before the clock starts, where nothing is kept.
const WARM: u64 = 20_000;

impl Lead {
    pub(super) fn measure<C: Contender>(self, size: Size) -> Option<Figures> {
        let setup =
            Setup { window: self.window, keys: if self.window.is_zero() { 1024 } else { 1 << 18 } };
        let peer = C::make(setup, |key| key)?;
        Some(self.time(size, |_, key| *peer.call(key)))
    }

    pub(super) fn floor(self, size: Size) -> Option<Figures> {
        if !self.window.is_zero() {
            return None;
        }
        let maps: Vec<_> = (0..self.threads).map(|_| Floor::new(1)).collect();
        Some(self.time(size, |thread, key| {
            let (map, value) = (&maps[thread as usize], Arc::new(key));
            map.insert(key, value.clone());
            map.remove(&key);
            *value
        }))
    }

    /// Threads and calls; Go's package has no window.
    pub(super) fn for_go(self, size: Size) -> Option<Vec<u64>> {
        self.window.is_zero().then(|| vec![self.threads as u64, calls_of(size)])
    }

    /// Nanoseconds of one call, where a call returns its key.
    fn time(self, size: Size, call: impl Fn(u64, u64) -> u64 + Sync) -> Figures {
        let calls = AtomicU64::new(0);
        let warm = |thread| {
            let long = size.pick(self.window * 2, self.window * 2, Duration::ZERO);
            lead(thread, 0, size.pick(WARM, WARM, 100), long, &call);
        };
        let time = race(self.threads, warm, |thread| {
            // Without a window a call always costs the same; with one, costs settle after a while.
            let long = if self.window.is_zero() { Duration::ZERO } else { WINDOWED };
            let least = if self.window.is_zero() { calls_of(size) } else { BATCH };
            let done = lead(thread, 1 << 40, least, size.pick(long, long, Duration::ZERO), &call);
            calls.fetch_add(done, Ordering::Relaxed);
        });
        let calls = calls.into_inner() as f64 / self.threads as f64;
        vec![("ns", time.as_nanos() as f64 / calls)]
    }
}

/// How long the clock runs where every call leaves a result behind.
const WINDOWED: Duration = Duration::from_millis(60);

/// So many calls are made between two looks at the clock.
const BATCH: u64 = 500;

fn calls_of(size: Size) -> u64 {
    size.pick(100_000, 50_000, 500)
}

/// Leads at least so many new keys for at least so long, and returns their number.
fn lead(
    thread: u64,
    first: u64,
    least: u64,
    long: Duration,
    call: impl Fn(u64, u64) -> u64,
) -> u64 {
    let begin = Instant::now();
    let mut done = 0;
    while done < least || begin.elapsed() < long {
        // The threads' keys are so far apart that they never meet.
        let from = ((thread + 1) << 48) + first + done;
        let keys = from..from + BATCH;
        let sum =
            keys.clone().fold(0_u64, |sum, key| sum.wrapping_add(call(thread, black_box(key))));
        assert_eq!(sum, keys.fold(0, u64::wrapping_add), "every call has the value of its own key");
        done += BATCH;
    }
    done
}
