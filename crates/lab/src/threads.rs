//! Threads that start together, and the kernel's facts about threads.

use std::fs;
use std::hint::spin_loop;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::stats::median;

/// The time of `work` on this many threads, each with its number. Every thread runs `warm` first.
pub fn race(threads: usize, warm: impl Fn(u64) + Sync, work: impl Fn(u64) + Sync) -> Duration {
    let barrier = Barrier::new(threads);
    let run = |number| {
        warm(number);
        barrier.wait();
        let start = Instant::now();
        work(number);
        (start, Instant::now())
    };
    let run = &run;
    let times: Vec<_> = thread::scope(|scope| {
        let runs: Vec<_> = (0..threads as u64).map(|n| scope.spawn(move || run(n))).collect();
        runs.into_iter().map(|run| run.join().expect("a lane does not panic")).collect()
    });
    let start = times.iter().map(|(start, _)| *start).min();
    let end = times.iter().map(|(_, end)| *end).max();
    end.zip(start).map_or(Duration::ZERO, |(end, start)| end - start)
}

/// Round trips in one measurement: long compared with a reading of the clock.
const TURNS: u64 = 50;

/// The number of failed looks after which the thread yields, in case the other one has no core.
const YIELD: u32 = 1000;

/// The nanoseconds for a cache line from one core to the other: the median of this many measurements,
/// because the two threads may begin on one core.
///
/// Lanes of several threads depend on it, and on a virtual machine it may change within minutes: the
/// host moves the cores.
pub fn line_ns(measurements: u64) -> f64 {
    let turn = AtomicU64::new(0);
    let turns = measurements * TURNS;
    let times = thread::scope(|scope| {
        // One writes the odd numbers, the other the even ones.
        scope.spawn(|| (0..turns).for_each(|n| take_turn(&turn, 2 * n + 1)));
        let measure = |first: u64| {
            let begin = Instant::now();
            (first..first + TURNS).for_each(|n| take_turn(&turn, 2 * n));
            begin.elapsed().as_nanos() as f64 / (2 * TURNS) as f64
        };
        (0..measurements).map(|number| measure(number * TURNS)).collect::<Vec<_>>()
    });
    median(&times)
}

/// Waits for this number, and writes the next one.
fn take_turn(turn: &AtomicU64, number: u64) {
    let mut looks = 0;
    while turn.load(Ordering::Acquire) != number {
        looks += 1;
        if looks % YIELD == 0 {
            thread::yield_now();
        }
        spin_loop();
    }
    turn.store(number + 1, Ordering::Release);
}

/// The kernel's number of the calling thread.
pub fn own_number() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs()
}

/// True if this thread of the process sleeps, or has ended.
pub fn is_asleep(number: u32) -> bool {
    let file = format!("/proc/self/task/{number}/stat");
    let Ok(line) = fs::read_to_string(file) else { return true };
    // The state follows the name, which stands in parentheses and may itself contain any.
    line.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
}

/// How often this thread of the process has left its processor.
pub fn switches(number: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/self/task/{number}/status"));
    let status = status.unwrap_or_default();
    let counts = status.lines().filter_map(|line| line.split_once("voluntary_ctxt_switches:"));
    counts.filter_map(|(_, count)| count.trim().parse::<u64>().ok()).sum()
}

/// The processor time that the whole process has used.
pub fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// Numbers in an order that caches cannot predict, the same in each run (splitmix64).
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    #[inline]
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        // The upper half of the product: as even as the number is, without a division.
        ((u128::from(bits) * u128::from(limit)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_reach_every_place_about_equally_often() {
        let (mut random, mut seen) = (Random::new(7), [0_u32; 10]);
        (0..10_000).for_each(|_| seen[random.below(10) as usize] += 1);
        assert!(seen.iter().all(|times| (800..1200).contains(times)), "{seen:?}");
    }

    #[test]
    fn a_cache_line_takes_some_time() {
        let took = line_ns(10);
        assert!(took > 0.5 && took.is_finite(), "{took}");
    }
}
