//! Throughput of one thread up to far more threads than cores.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use coalescer::Group;

use super::{Floor, HOUR, Record, SHARDS, numbers, powers, settings};
use crate::options::Size;
use crate::threads::line_ns;

const KEYS: u64 = 1024;

/// The number of calls after which a thread reads the clock.
const BATCH: u64 = 64;

pub(super) fn measure(size: Size, record: &mut Record<'_>) {
    let coalescer = &numbers(settings().window(HOUR));
    let group: &Group<u64, u64, ()> = &Group::new();
    let floor = &Floor::new(SHARDS);
    (0..KEYS).for_each(|key| floor.insert(key, Arc::new(key)));
    let bare = &Arc::new(7_u64);
    let fresh = &Floor::new(SHARDS);
    for threads in powers(2, size.pick(256, 16, 2)) {
        for _ in 0..size.rounds() {
            record.add("line", threads as f64, line_ns(size.calls() as u64 / 5000 + 1));
            let mut lane = |name: &str, call: &(dyn Fn(u64, u64) + Sync)| {
                record.add(name, threads as f64, calls_a_second(threads, size.slice(), call));
            };
            lane("one key", &|_, _| drop(black_box(coalescer.execute(&7))));
            lane("one key floor", &|_, _| drop(black_box(floor.get(&7))));
            lane("bare Arc", &|_, _| drop(black_box(Arc::clone(bare))));
            lane("keys", &|thread, n| {
                drop(black_box(coalescer.execute(&((n + 97 * thread) % KEYS))));
            });
            lane("keys floor", &|thread, n| {
                drop(black_box(floor.get(&((n + 97 * thread) % KEYS))));
            });
            lane("leads", &|thread, n| {
                let key = new_key(thread, n);
                drop(black_box(group.execute(&key, || Ok(key))));
            });
            lane("leads floor", &|thread, n| {
                let key = new_key(thread, n);
                fresh.insert(key, Arc::new(key));
                drop(black_box(fresh.remove(&key)));
            });
        }
    }
}

/// A key that no other thread has.
fn new_key(thread: u64, n: u64) -> u64 {
    (thread << 40) + n
}

/// The calls in a second of all threads together. A call gets the number of its thread and its own
/// number.
pub(super) fn calls_a_second(
    threads: usize,
    slice: Duration,
    call: &(dyn Fn(u64, u64) + Sync),
) -> f64 {
    let start = Barrier::new(threads + 1);
    let (is_begun, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    let work = |number: u64| {
        start.wait();
        // The one that looks at the clock may be the last to run.
        while !is_begun.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        let mut done = 0;
        while !is_over.load(Ordering::Relaxed) {
            (done..done + BATCH).for_each(|n| call(number, n));
            done += BATCH;
        }
        done
    };
    thread::scope(|scope| {
        let work = &work;
        let all: Vec<_> =
            (0..threads as u64).map(|thread| scope.spawn(move || work(thread))).collect();
        start.wait();
        let begin = Instant::now();
        is_begun.store(true, Ordering::Relaxed);
        thread::sleep(slice);
        let took = begin.elapsed();
        is_over.store(true, Ordering::Relaxed);
        let done = all.into_iter().map(|thread| thread.join().expect("it does not panic"));
        done.sum::<u64>() as f64 / took.as_secs_f64()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[test]
    fn the_calls_of_all_threads_are_counted() {
        // On a busy machine the threads may not get a processor in a slice this short.
        let rates = std::iter::repeat_with(|| {
            let calls = [AtomicU64::new(0), AtomicU64::new(0)];
            let call = |thread: u64, n: u64| {
                assert_eq!(calls[thread as usize].fetch_add(1, Ordering::Relaxed), n);
            };
            let rate = calls_a_second(2, Duration::from_millis(5), &call);
            let [one, other] = calls.map(AtomicU64::into_inner);
            assert!(rate * 0.005 <= (one + other) as f64, "every counted call was made: {rate}");
            rate
        });
        assert!(rates.take(1000).any(|rate| rate > 0.0));
    }
}
