//! Refreshes of a batcher by the executor: no call waits for a run that its key is not in.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use coalescer::{Batch, Batcher, Job, ManualClock};
use coalescer_loom_tests::checker::thread;
use coalescer_loom_tests::{Latch, Model, TICK};

/// A batcher with a value of run 1 for keys 1 and 2, which are due and have a tick left of their windows. A job runs for
/// key 1, and ends when the latch is open.
fn behind_a_run(over: &Arc<Latch>) -> (ManualClock, Batcher<u8, u64, ()>, Jobs) {
    let (clock, jobs, begun) = (ManualClock::new(), Jobs::default(), Arc::new(Latch::new(1)));
    let (begins, ends, runs) = (Arc::clone(&begun), Arc::clone(over), AtomicU64::new(0));
    let spawns = Arc::clone(&jobs);
    let spawn = move |job: Job| {
        let thread = thread::spawn(|| job.run());
        spawns.lock().expect("no model panics here").push(thread);
    };
    let builder = Batcher::builder().window(2 * TICK).refresh_after(TICK).shards(1);
    let values = builder.clock(clock.clone()).executor(spawn).build_refreshing_with(
        move |batch: &mut Batch<'_, u8, u64, ()>| {
            let run = runs.fetch_add(1, Relaxed) + 1;
            if run == 2 {
                begins.count_down();
                ends.wait();
            }
            batch.answer_rest(|_| Ok(run));
            Ok(())
        },
    );
    values.execute_many(&[1, 2]);
    clock.advance(TICK);
    values.execute(&1).expect("the old value");
    begun.wait();
    (clock, values, jobs)
}

/// The threads of the executor.
type Jobs = Arc<Mutex<Vec<thread::JoinHandle<()>>>>;

/// Ends all jobs. Returns how many there were.
fn end(over: &Latch, values: &Batcher<u8, u64, ()>, jobs: &Jobs) -> usize {
    over.count_down();
    let mut count = 0;
    while let Some(job) = { jobs.lock().expect("no model panics here").pop() } {
        job.join().expect("no panic");
        count += 1;
    }
    let stats = values.stats();
    assert_eq!(stats.in_flight, 0, "something is under way in {stats}");
    assert!(values.in_flight().is_empty(), "a slot stayed behind");
    count
}

/// S164: the window is over while a call finds the key due, and gathers it behind the run.
#[test]
fn a_call_at_the_windows_end_waits_for_no_other_run() {
    let endings = ["a job of its own", "no job"];
    Model::new("a call waits behind a run of the executor", endings).explore(move |seen| {
        let over = Arc::new(Latch::new(1));
        let (clock, values, jobs) = behind_a_run(&over);
        let waits = {
            let values = values.clone();
            thread::spawn(move || {
                clock.advance(TICK);
                *values.execute(&2).expect("nothing of this model fails")
            })
        };
        values.execute(&2).expect("nothing of this model fails");
        assert_eq!(waits.join().expect("no panic"), 3, "the old value is over");
        let count = end(&over, &values, &jobs);
        assert_eq!(count as u64, values.stats().refreshes, "one for each key that is gathered");
        seen.note(endings[usize::from(count == 1)]);
    });
}

/// S164, S30: a fresh call waits for the flight after the one that is gathered.
#[test]
fn a_fresh_call_waits_for_no_other_run() {
    let endings = ["after the refresh", "before the refresh", "in one run with it"];
    Model::new("a fresh call waits behind a run of the executor", endings).explore(move |seen| {
        let over = Arc::new(Latch::new(1));
        let (_clock, values, jobs) = behind_a_run(&over);
        let fresh = {
            let values = values.clone();
            thread::spawn(move || *values.execute_fresh(&2).expect("nothing of this model fails"))
        };
        let own = *values.execute(&2).expect("nothing of this model fails");
        let fresh = fresh.join().expect("no panic");
        let count = end(&over, &values, &jobs);
        seen.note(match (own, fresh, count) {
            (1, 4, 2) => "after the refresh",
            (3, 3, 1) => "before the refresh",
            (1, 3, 1) => "in one run with it",
            other => panic!("{other:?}"),
        });
    });
}
