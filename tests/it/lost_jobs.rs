//! The errors that a job which does not run is told as, and jobs that other jobs call for.

use std::collections::VecDeque;
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex};
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

/// A bounded queue whose `push` waits for room, and which drops its jobs under its own lock.
#[derive(Default)]
struct Queue {
    jobs: Mutex<VecDeque<Job>>,
    has_room: Condvar,
}

impl Queue {
    const ROOM: usize = 1;

    fn push(&self, job: Job) {
        let jobs = self.jobs.lock().unwrap();
        let is_full = |jobs: &mut VecDeque<Job>| jobs.len() >= Self::ROOM;
        self.has_room.wait_while(jobs, is_full).unwrap().push_back(job);
    }

    /// Makes room by dropping the oldest job.
    fn push_and_drop(&self, job: Job) {
        let mut jobs = self.jobs.lock().unwrap();
        if jobs.len() >= Self::ROOM {
            drop(jobs.pop_front());
        }
        jobs.push_back(job);
    }

    fn pop(&self) -> Option<Job> {
        let job = self.jobs.lock().unwrap().pop_front();
        self.has_room.notify_all();
        job
    }

    fn clear(&self) {
        self.jobs.lock().unwrap().clear();
        self.has_room.notify_all();
    }
}

/// A group whose jobs go into the queue in this way.
fn queueing(push: fn(&Queue, Job)) -> (Arc<Queue>, Numbers) {
    let queue = Arc::new(Queue::default());
    let of_group = Arc::clone(&queue);
    (queue, Group::builder().executor(move |job: Job| push(&of_group, job)).build())
}

#[test]
fn a_pool_that_drops_a_job_while_its_queue_is_full_does_not_wait_for_itself() {
    // S71: the thread that drops the job is the one that would make room.
    watched(|| {
        let (queue, group) = queueing(Queue::push);
        let lost = group.submit("k", || unreachable!("it is dropped")).unwrap();
        let dropped = queue.pop().unwrap();
        let tickets: Vec<_> = (0..3).map(|_| group.submit("k", || Ok(5)).unwrap()).collect();
        let other = group.submit("other", || Ok(7)).unwrap();
        let pool = thread::spawn(move || {
            drop(dropped);
            std::iter::from_fn(|| queue.pop()).for_each(Job::run);
        });
        pool.join().unwrap();
        assert!(lost.wait().unwrap_err().is_abandoned());
        assert!(tickets.into_iter().all(|ticket| *ticket.wait().unwrap() == 5));
        assert_eq!(*other.wait().unwrap(), 7);
        assert_at_rest(&group);
    });
}

#[test]
fn a_pool_may_drop_its_jobs_under_its_own_lock() {
    // S71 S2: `spawn` would wait for the lock that the thread holds.
    watched(|| {
        let (queue, group) = queueing(Queue::push);
        let lost = group.submit("k", || unreachable!("it is dropped")).unwrap();
        let tickets: Vec<_> = (0..3).map(|_| group.submit("k", || Ok(5)).unwrap()).collect();
        thread::spawn(move || queue.clear()).join().unwrap();
        assert!(lost.wait().unwrap_err().is_abandoned());
        assert!(tickets.into_iter().all(|ticket| *ticket.wait().unwrap() == 5));
        assert_at_rest(&group);
    });
}

#[test]
fn an_executor_may_drop_an_older_job_within_spawn() {
    // S71 S25: no job is handed over within `spawn`, so the calls with tickets are told.
    watched(|| {
        for has_thread in [false, true] {
            let (queue, group) = queueing(Queue::push_and_drop);
            let lost = group.submit("k", || unreachable!("it is dropped")).unwrap();
            let tickets: Vec<_> = (0..3).map(|_| group.submit("k", || Ok(5)).unwrap()).collect();
            let calls = crate::support::follow(&group, "k", usize::from(has_thread));
            let other = group.submit("other", || Ok(7)).unwrap();
            assert!(lost.wait().unwrap_err().is_abandoned());
            for call in calls {
                assert_eq!(*call.begun().returns(Ok(5)).unwrap().value, 5);
            }
            for ticket in tickets {
                let answer = ticket.wait();
                assert!(if has_thread {
                    answer.is_ok()
                } else {
                    answer.unwrap_err().is_abandoned()
                });
            }
            queue.pop().unwrap().run();
            assert_eq!(*other.wait().unwrap(), 7);
            assert_at_rest(&group);
        }
    });
}

#[test]
fn a_thread_that_has_submitted_may_drop_a_job_while_the_queue_is_full() {
    // S71: it would wait for room, and perhaps it is the one that makes room.
    watched(|| {
        let (queue, group) = queueing(Queue::push);
        let lost = group.submit("k", || unreachable!("it is dropped")).unwrap();
        let dropped = queue.pop().unwrap();
        let tickets: Vec<_> = (0..3).map(|_| group.submit("k", || Ok(5)).unwrap()).collect();
        let other = group.submit("other", || Ok(7)).unwrap();
        drop(dropped);
        assert!(lost.wait().unwrap_err().is_abandoned());
        assert!(tickets.into_iter().all(|ticket| *ticket.wait().unwrap() == 5));
        queue.pop().unwrap().run();
        assert_eq!(*other.wait().unwrap(), 7);
        assert_at_rest(&group);
    });
}

#[test]
fn a_thread_that_has_submitted_may_drop_jobs_under_the_lock_of_their_queue() {
    // S71 S2
    watched(|| {
        let (queue, group) = queueing(Queue::push);
        let lost = group.submit("k", || unreachable!("it is dropped")).unwrap();
        let tickets: Vec<_> = (0..3).map(|_| group.submit("k", || Ok(5)).unwrap()).collect();
        queue.clear();
        assert!(lost.wait().unwrap_err().is_abandoned());
        assert!(tickets.into_iter().all(|ticket| *ticket.wait().unwrap() == 5));
        assert_at_rest(&group);
    });
}

#[test]
fn a_pool_that_unwinds_runs_no_more_functions() {
    // S71 S25
    watched(|| {
        let (queue, jobs) = channel::<Job>();
        let group: Numbers = Group::builder().executor(move |job: Job| queue.send(job)).build();
        let lost = group.submit("k", || unreachable!("it is dropped")).unwrap();
        let never = || unreachable!("its thread unwinds");
        let tickets: Vec<_> = (0..3).map(|_| group.submit("k", never).unwrap()).collect();
        let pool = thread::spawn(move || {
            let _jobs = jobs;
            panic!("the pool has a bug");
        });
        assert!(pool.join().is_err());
        assert!(lost.wait().unwrap_err().is_abandoned());
        assert!(tickets.into_iter().all(|ticket| ticket.wait().unwrap_err().is_abandoned()));
        assert_at_rest(&group);
    });
}
