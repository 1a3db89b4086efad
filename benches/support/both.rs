//! Two or more threads that do the same work at the same time.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// Runs `work` on this many threads, each with its number, and returns the time of the slowest.
pub(crate) fn side_by_side(threads: usize, work: impl Fn(usize) + Sync) -> Duration {
    let start = Barrier::new(threads);
    let timed = |thread| {
        start.wait();
        let begin = Instant::now();
        work(thread);
        begin.elapsed()
    };
    thread::scope(|scope| {
        let timed = &timed;
        let all: Vec<_> = (0..threads).map(|n| scope.spawn(move || timed(n))).collect();
        let times = all.into_iter().map(|thread| thread.join().expect("it does not panic"));
        times.max().unwrap_or_default()
    })
}
