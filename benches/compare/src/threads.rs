//! Threads that start together, and what the kernel tells of them.

use std::fs;
use std::hint::spin_loop;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The time that `work` takes on so many threads, each given its number; all have done `warm` before.
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

/// The time in which a cache line goes to another processor and back, in nanoseconds.
///
/// Lanes of several threads hang on it, and on a virtual machine it may be another one an hour
/// later: the host moves the processors about.
pub fn line_ns() -> f64 {
    const TURNS: u64 = 10_000;
    let turn = AtomicU64::new(0);
    let time = race(
        2,
        |_| {},
        |thread| {
            for own in (0..TURNS).map(|n| 2 * n + thread) {
                while turn.load(Ordering::Acquire) != own {
                    spin_loop();
                }
                turn.store(own + 1, Ordering::Release);
            }
        },
    );
    time.as_nanos() as f64 / TURNS as f64
}

/// The kernel's number of the calling thread.
pub fn own_number() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs()
}

/// Whether this thread of the process sleeps.
pub fn is_asleep(number: u32) -> bool {
    let line = fs::read_to_string(format!("/proc/self/task/{number}/stat")).unwrap_or_default();
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
