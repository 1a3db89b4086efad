//! A service under load: some keys are much hotter than others, and a function takes its time.
//!
//! Keys are drawn from 10 000 by Zipf's law with the exponent 1, and a function takes 20 µs of
//! processor time. The figures are the time of the whole process for one call, and the executions of
//! 1000 calls. The floor has no coalescing: every call runs the function.
//!
//! Threads pick at random from 16 384 draws, which are of about 3900 keys. If all 10 000 came up,
//! executing each once a window would use both cores of a small machine, and all contenders would be
//! equally fast. The threads do not go through the draws in order, because one pass can take as long as
//! the window, and then every call would find an expired result.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::Figures;
use crate::contender::{Contender, Load, Peer, Setup};
use crate::options::Size;
use crate::threads::Random;

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct Zipf {
    /// How many threads call.
    pub threads: usize,
    /// How long results are served.
    pub window: Duration,
}

/// How many keys there are.
const KEYS: u64 = 10_000;

/// How many draws there are to pick from.
const DRAWS: usize = 1 << 14;

/// So many calls at least are timed, however short and slow a lane is.
const LEAST: u64 = 100;

/// The processor time of a function.
const COST: Duration = Duration::from_micros(20);

impl Zipf {
    pub(super) fn measure<C: Contender>(self, size: Size) -> Option<Figures> {
        let (executions, work) = counted_work();
        let setup = Setup { window: self.window, keys: KEYS as usize };
        let peer = C::make(setup, work)?;
        Some(self.time(size, &executions, |key| *peer.call(key)))
    }

    pub(super) fn floor(self, size: Size) -> Figures {
        let (executions, work) = counted_work();
        self.time(size, &executions, work)
    }

    fn long(self, size: Size) -> Duration {
        let full = if self.window.is_zero() { Duration::from_millis(300) } else { self.window * 4 };
        size.pick(full, full / 2, Duration::from_millis(5))
    }

    fn time(self, size: Size, executions: &AtomicU64, call: impl Fn(u64) -> u64 + Sync) -> Figures {
        let draws = draws(KEYS);
        let calls: Vec<_> = (0..self.threads).map(|_| Own::default()).collect();
        let done = AtomicBool::new(false);
        // Counts again if this thread lost its processor between the counts.
        let so_far = || loop {
            let begin = Instant::now();
            let calls: u64 = calls.iter().map(|own| own.0.load(Ordering::Relaxed)).sum();
            let executions = executions.load(Ordering::Relaxed);
            if begin.elapsed() < 5 * COST {
                return (begin, calls, executions);
            }
        };
        let (first, last) = thread::scope(|scope| {
            for (thread, own) in calls.iter().enumerate() {
                let (done, draws, call) = (&done, &draws, &call);
                scope.spawn(move || ask(Random::new(thread as u64), draws, done, own, call));
            }
            // With a window, until the first results have been computed again.
            thread::sleep(size.pick(self.window * 5 / 2, self.window * 2, Duration::ZERO) + COST);
            let first = so_far();
            let mut last = first;
            while last.1 - first.1 < LEAST {
                thread::sleep(self.long(size));
                last = so_far();
            }
            done.store(true, Ordering::Relaxed);
            (first, last)
        });
        let calls = (last.1 - first.1) as f64;
        vec![
            ("ns", (last.0 - first.0).as_nanos() as f64 / calls),
            ("executions", 1000.0 * (last.2 - first.2) as f64 / calls),
        ]
    }
}

/// How many calls a thread has made, on cache lines that no other thread writes to.
#[derive(Default)]
#[repr(align(128))]
struct Own(AtomicU64);

fn ask(mut random: Random, draws: &[u16], done: &AtomicBool, own: &Own, call: impl Fn(u64) -> u64) {
    for i in 1_u64.. {
        if done.load(Ordering::Relaxed) {
            break;
        }
        let key = u64::from(draws[random.below(DRAWS as u64) as usize]);
        assert_eq!(call(key), key, "every call has the value of its key");
        own.0.store(i, Ordering::Relaxed);
    }
}

/// The function that costs time, and how often it ran.
fn counted_work() -> (Arc<AtomicU64>, impl Load) {
    let (executions, turns) = (Arc::new(AtomicU64::new(0)), turns());
    let counter = executions.clone();
    let work = move |key| {
        counter.fetch_add(1, Ordering::Relaxed);
        burn(turns);
        key
    };
    (executions, work)
}

fn burn(turns: u64) {
    let mut x = black_box(88_172_645_463_325_252_u64);
    for _ in 0..turns {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    black_box(x);
}

/// The number of turns that take the time of a function, on a processor without other load.
fn turns() -> u64 {
    const TRIAL: u64 = 20_000;
    let trial = || {
        let begin = Instant::now();
        burn(TRIAL);
        begin.elapsed()
    };
    let fastest = (0..100).map(|_| trial()).min().unwrap_or(COST);
    (TRIAL as f64 * COST.as_secs_f64() / fastest.as_secs_f64()) as u64
}

/// So many keys by Zipf's law, always the same draws.
pub fn draws(keys: u64) -> Vec<u16> {
    let mut sum = 0.0;
    let mut add = |rank| {
        sum += 1.0 / rank as f64;
        sum
    };
    let sums: Vec<f64> = (1..=keys).map(&mut add).collect();
    let mut random = Random::new(u64::MAX);
    let mut draw = || {
        let part = random.below(1 << 53) as f64 / (1_u64 << 53) as f64;
        sums.partition_point(|below| *below <= part * sum) as u16
    };
    (0..DRAWS).map(|_| draw()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_keys_follow_zipfs_law() {
        let draws = draws(KEYS);
        let share = |key| draws.iter().filter(|draw| **draw == key).count() as f64 / DRAWS as f64;
        // The harmonic number of 10 000 is 9.7876.
        assert!((share(0) - 1.0 / 9.7876).abs() < 0.01, "{}", share(0));
        assert!((share(9) - 0.1 / 9.7876).abs() < 0.003, "{}", share(9));
        let keys: HashSet<_> = draws.iter().collect();
        assert!((3_700..4_100).contains(&keys.len()), "{} keys", keys.len());
        assert!(keys.iter().all(|key| u64::from(**key) < KEYS));
    }
}
