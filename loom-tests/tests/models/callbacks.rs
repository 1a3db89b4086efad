//! Callbacks beyond those that a leader makes itself: a job makes them, or whoever loses that job. In a model
//! a leader makes those of one call.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use coalescer::Job;
use coalescer_loom_tests::checker::thread::{self, JoinHandle};
use coalescer_loom_tests::{Model, Stage};

use crate::tickets::submit;

/// S6, S90: two calls are called back, while a thread runs the job with the rest of the callbacks.
#[test]
fn a_job_makes_the_rest_of_the_callbacks() {
    let endings = ["made before the leader returns", "made after it"];
    check_rest(Model::new("the rest of the callbacks", endings), Job::run, endings);
}

/// S6, S90: the same, while a thread drops that job. If `spawn` has not returned, the leader makes them.
#[test]
fn callbacks_of_a_dropped_job_are_made() {
    let endings = ["made before the leader returns", "made after it"];
    check_rest(Model::new("the rest of the callbacks, lost", endings), drop, endings);
}

fn check_rest(model: Model, end: fn(Job), endings: [&'static str; 2]) {
    model.exhaustive().explore(move |seen| {
        let pool = Arc::new(Mutex::new(Vec::<JoinHandle<()>>::new()));
        let threads = Arc::clone(&pool);
        let stage = Stage::new(|builder| {
            builder.executor(move |job: Job| {
                let worker = thread::spawn(move || end(job));
                threads.lock().expect("no model panics here").push(worker);
            })
        });
        let calls = Arc::new(AtomicU64::new(0));
        let value = stage.group.execute(&1, || {
            for _ in 0..2 {
                let calls = Arc::clone(&calls);
                submit(&stage, 1).when_done(move |value| {
                    assert_eq!(*value.expect("nothing fails"), 1);
                    calls.fetch_add(1, Ordering::Relaxed);
                });
            }
            stage.run()
        });
        assert_eq!(*value.expect("nothing fails"), 1);
        let made = calls.load(Ordering::Relaxed);
        assert!(made >= 1, "the leader makes some itself");
        let workers = std::mem::take(&mut *pool.lock().expect("no model panics here"));
        assert_eq!(workers.len(), 1, "one job for the rest");
        workers.into_iter().for_each(|worker| worker.join().expect("no panic"));
        assert_eq!(calls.load(Ordering::Relaxed), 2, "a callback was lost, or made twice");
        seen.note(endings[usize::from(made == 1)]);
        stage.is_at_rest();
    });
}
