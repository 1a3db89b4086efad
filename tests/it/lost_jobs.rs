//! The errors that a job which does not run is told as, and jobs that other jobs call for.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use coalescer::{Coalescer, Group, Job};

use crate::jobs::assert_at_rest;
use crate::support::{Numbers, lead, watched};

#[test]
fn a_dropped_job_is_abandoned_also_while_its_submitter_unwinds() {
    // S25: what happened to the job decides, and not the state of the thread.
    watched(|| {
        struct Submits(Numbers, Arc<Mutex<Option<bool>>>);
        impl Drop for Submits {
            fn drop(&mut self) {
                let error = self.0.submit("k", || Ok(0)).unwrap().wait().unwrap_err();
                *self.1.lock().unwrap() = Some(error.is_abandoned());
            }
        }
        let group: Numbers = Group::builder().executor(drop::<Job>).build();
        let seen = Arc::new(Mutex::new(None));
        let submits = Submits(group.clone(), Arc::clone(&seen));
        let unwinds = thread::spawn(move || {
            let _submits = submits;
            panic!("of another");
        });
        assert!(unwinds.join().is_err());
        assert_eq!(seen.lock().unwrap().take(), Some(true));
        assert_eq!((group.stats().refused, group.stats().panicked), (1, 0));
        assert_at_rest(&group);
    });
}

#[test]
fn an_executor_that_drops_the_job_and_then_panics_has_panicked() {
    // S24 S25: as `thread::spawn` does when there are no more threads.
    watched(|| {
        let executor = |job: Job| {
            drop(job);
            panic!("no threads left");
        };
        let squares = Coalescer::builder()
            .executor(move |job: Job| -> () { executor(job) })
            .build(|n: &u32| Ok::<u32, ()>(*n));
        let submits = std::panic::AssertUnwindSafe(|| squares.submit(&1).map(drop));
        assert!(std::panic::catch_unwind(submits).is_err());
        let stats = squares.stats();
        assert_eq!((stats.panicked, stats.executed_requests, stats.refused), (1, 1, 0));
    });
}

#[test]
fn an_executor_that_runs_jobs_at_once_needs_no_stack_for_each_of_them() {
    // S40: each follower's own job ends a call, and the jobs are handed over one after the other.
    watched(|| {
        let group: Numbers =
            Group::builder().share_if(|_: &u32| false).executor(|job: Job| job.run()).build();
        let leader = lead(&group, "k");
        let tickets: Vec<_> = (0..20_000).map(|_| group.submit("k", || Ok(2)).unwrap()).collect();
        leader.returns(Ok(1)).unwrap();
        assert!(tickets.into_iter().all(|ticket| *ticket.wait().unwrap() == 2));
        assert_at_rest(&group);
    });
}

#[test]
fn a_pool_whose_queue_is_full_does_not_wait_for_itself() {
    // S40 S71: its only thread ends a flight, and the queue has room for one job and not for four.
    watched(|| {
        for lost in [false, true] {
            let (queue, jobs) = std::sync::mpsc::sync_channel::<Job>(1);
            let group: Numbers = Group::builder()
                .share_if(|_: &u32| false)
                .executor(move |job: Job| queue.send(job))
                .build();
            let (finish, finishes) = channel::<()>();
            let leader = group
                .submit("k", move || {
                    finishes.recv().unwrap();
                    Ok(0)
                })
                .unwrap();
            let tickets: Vec<_> =
                (1..=4).map(|own| group.submit("k", move || Ok(own)).unwrap()).collect();
            let pool = thread::spawn(move || {
                let mut jobs = jobs.into_iter();
                let first = jobs.next().unwrap();
                if lost {
                    drop(first)
                } else {
                    first.run()
                }
                jobs.for_each(Job::run);
            });
            finish.send(()).ok();
            assert_eq!(leader.wait().is_err(), lost);
            for (own, ticket) in (1..).zip(tickets) {
                assert_eq!(*ticket.wait().unwrap(), own);
            }
            assert_at_rest(&group);
            drop(group);
            pool.join().unwrap();
        }
    });
}
