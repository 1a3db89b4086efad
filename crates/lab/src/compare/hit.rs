//! A hit: the result is there, and its window is not over.
//!
//! The floor is a look-up and an `Arc`'s clone under an uncontended lock, without a clock: one lock
//! for one thread or one key, and 64 locks on cache lines of their own for many keys.
//!
//! With a window shorter than the lane, the clock runs for several windows, and results are computed
//! again as they expire.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::Figures;
use super::floor::Floor;
use crate::contender::{Contender, LONG, Peer, Setup};
use crate::options::Size;
use crate::threads::race;

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct Hit {
    /// How many threads ask at once.
    pub threads: usize,
    /// For how many keys; a power of two.
    pub keys: u64,
    /// How long the results are served.
    pub window: Duration,
}

impl Hit {
    pub(super) fn measure<C: Contender>(self, size: Size) -> Option<Figures> {
        let executions = Arc::new(AtomicU64::new(0));
        let counter = executions.clone();
        let setup = Setup { window: self.window, keys: self.keys as usize };
        let peer = C::make(setup, move |key| {
            counter.fetch_add(1, Ordering::Relaxed);
            key
        })?;
        let figures = self.time(size, |key| *peer.call(key));
        let executions = executions.load(Ordering::Relaxed);
        if self.window == LONG {
            assert_eq!(executions, self.keys, "all but the first call of a key are hits");
        }
        Some(figures)
    }

    pub(super) fn floor(self, size: Size) -> Option<Figures> {
        if self.window != LONG {
            return None;
        }
        let locks = if self.threads > 1 && self.keys > 1 { 64 } else { 1 };
        let map = Floor::new(locks);
        (0..self.keys).for_each(|key| map.insert(key, Arc::new(key)));
        Some(self.time(size, |key| *map.get(&key).expect("all keys are there")))
    }

    /// Nanoseconds of one call, where a call returns its key.
    fn time(self, size: Size, call: impl Fn(u64) -> u64 + Sync) -> Figures {
        let warm = |thread| self.ask(thread, self.keys.max(1 << 13), &call);
        if self.window == LONG {
            let calls = size.pick(400_000, 100_000, 4_096);
            let time = race(self.threads, warm, |thread| self.ask(thread, calls, &call));
            return vec![("ns", time.as_nanos() as f64 / calls as f64)];
        }
        let windows = size.pick(3, 2, 0);
        let begin = Instant::now();
        let calls = AtomicU64::new(0);
        let time = race(self.threads, warm, |thread| {
            loop {
                self.ask(thread, 1 << 13, &call);
                calls.fetch_add(1 << 13, Ordering::Relaxed);
                if begin.elapsed() >= self.window * windows {
                    break;
                }
            }
        });
        let calls = calls.into_inner() as f64 / self.threads as f64;
        vec![("ns", time.as_nanos() as f64 / calls)]
    }

    /// Asks for all keys in turn; the threads go through them in different orders.
    fn ask(self, thread: u64, calls: u64, call: impl Fn(u64) -> u64) {
        let step = 4 * thread + 1;
        let mut wrong = 0;
        for i in 0..calls {
            let key = black_box(i.wrapping_mul(step) & (self.keys - 1));
            wrong |= call(key) ^ key;
        }
        assert_eq!(wrong, 0, "every call has the value of its key");
    }
}
