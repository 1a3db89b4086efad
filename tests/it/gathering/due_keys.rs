//! Refreshes of many keys that fall due one by one (S153, S154).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use coalescer::{Builder, ForBatcher};

use super::{Held, held, value};
use crate::support::{MS, wait_until, watched};

const KEYS: u32 = 1000;

/// A batcher that gathers while it is busy, with the values of 1000 keys, all of them due. Its clock stands still.
fn due(set: impl FnOnce(Builder<ForBatcher, u32, u32>) -> Builder<ForBatcher, u32, u32>) -> Held {
    let held = held(|builder| set(builder.refresh_after(60 * MS).gather_while_busy(20 * MS)));
    let squares = held.squares.clone();
    let fills = thread::spawn(move || {
        let keys: Vec<u32> = (0..KEYS).collect();
        squares.execute_many(&keys)
    });
    let mut filled = 0;
    while filled < KEYS {
        let run = held.run();
        filled += run.keys.len() as u32;
        run.returns();
    }
    assert!(fills.join().unwrap().iter().all(Result::is_ok));
    held.clock.advance(60 * MS);
    held
}

/// The new values of these keys.
fn anew(keys: &[u32]) -> Result<Vec<(u32, u32)>, String> {
    Ok(keys.iter().map(|key| (*key, key + 7)).collect())
}

impl Held {
    /// Ends the next run with new values, and adds its keys. Returns how many there are.
    fn refresh_next(&self, refreshed: &mut Vec<u32>) -> usize {
        let run = self.run();
        let count = run.keys.len();
        refreshed.extend(&run.keys);
        run.ends(anew);
        count
    }

    /// Asserts that each key was refreshed once, in so many runs.
    fn has_refreshed_all(&self, mut refreshed: Vec<u32>, before: u64, runs: u64) {
        refreshed.sort_unstable();
        assert_eq!(refreshed, (0..KEYS).collect::<Vec<_>>());
        assert_eq!(self.batches() - before, runs);
        assert!(self.runs_nothing());
        let stats = self.squares.stats();
        let counts = (stats.refreshes, stats.refresh_failures, stats.in_flight);
        assert_eq!(counts, (u64::from(KEYS), 0, 0));
        assert_eq!(stats.executed_requests, 2 * u64::from(KEYS));
        for key in 0..KEYS {
            assert_eq!(self.squares.peek(&key).as_deref(), Some(&(key + 7)));
        }
    }
}

#[test]
fn a_thousand_refreshes_that_wait_for_one_run_are_one_run() {
    // S153 S154 S156 B27
    watched(|| {
        let held = due(|builder| builder);
        let (before, mut refreshed) = (held.batches(), Vec::new());
        let (first, run) = (held.call(0), held.run());
        let calls: Vec<_> = (1..KEYS).map(|key| held.call(key)).collect();
        wait_until(|| held.waiting() == calls.len());
        assert!(held.runs_nothing());
        refreshed.extend(&run.keys);
        run.ends(anew);
        assert_eq!(held.refresh_next(&mut refreshed), 999);
        for (key, call) in [first].into_iter().chain(calls).enumerate() {
            assert_eq!(value(call), key as u32 + 7, "a call that refreshes gets the new value");
        }
        held.has_refreshed_all(refreshed, before, 2);
    });
}

#[test]
fn a_thousand_refreshes_with_max_batch_are_runs_of_so_many() {
    // S153 S154 S156 B27
    watched(|| {
        let held = due(|builder| builder.max_batch(100));
        let (before, mut refreshed) = (held.batches(), Vec::new());
        let (first, run) = (held.call(0), held.run());
        let calls: Vec<_> = (1..KEYS).map(|key| held.call(key)).collect();
        for _ in 0..9 {
            assert_eq!(held.refresh_next(&mut refreshed), 100, "a call that fills a batch runs it");
        }
        wait_until(|| held.waiting() == 99);
        assert!(held.runs_nothing());
        refreshed.extend(&run.keys);
        run.ends(anew);
        assert_eq!(held.refresh_next(&mut refreshed), 99);
        for call in [first].into_iter().chain(calls) {
            call.join().unwrap().unwrap();
        }
        held.has_refreshed_all(refreshed, before, 11);
    });
}

/// A call waits for the run of its key, so the keys of a run are as many as the threads that ask.
#[test]
fn threads_that_ask_for_one_key_at_a_time_refresh_one_key_each_in_a_run() {
    // S153 S154 S156 B27
    watched(|| {
        const THREADS: u32 = 9;
        let held = due(|builder| builder.max_batch(THREADS as usize));
        let (before, mut refreshed) = (held.batches(), Vec::new());
        let (first, run) = (held.call(0), held.run());
        let next = Arc::new(AtomicU32::new(1));
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (squares, next) = (held.squares.clone(), Arc::clone(&next));
                thread::spawn(move || {
                    loop {
                        let key = next.fetch_add(1, Ordering::Relaxed);
                        if key >= KEYS {
                            return;
                        }
                        assert_eq!(*squares.execute(&key).unwrap(), key + 7);
                    }
                })
            })
            .collect();
        // 999 keys. The first run is under way all the time, so a batch closes when it is full.
        for _ in 0..(KEYS - 1) / THREADS {
            assert_eq!(held.refresh_next(&mut refreshed), THREADS as usize);
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        refreshed.extend(&run.keys);
        run.ends(anew);
        assert_eq!(value(first), 7);
        held.has_refreshed_all(refreshed, before, 112);
    });
}
