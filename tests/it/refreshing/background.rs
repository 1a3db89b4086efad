//! Refreshes by the executor (S124).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;

use coalescer::{Batcher, Coalescer, Executor, Group, Job, ManualClock, Rejected, Role};

use super::{Times, told};
use crate::jobs::Jobs;
use crate::support::{MS, NS, Numbers, watched};

/// A coalescer that refreshes on this executor, with a value that is due. Its values are the times of their runs.
fn due_on(executor: impl Executor + Send + Sync + 'static) -> (ManualClock, Times) {
    let clock = ManualClock::new();
    let (reads, begin) = (clock.clone(), clock.now());
    let time = move |_: &u32| match (reads.now() - begin).as_millis() {
        66 => Err("down".to_string()),
        now => Ok(now),
    };
    let times = Coalescer::builder()
        .window(100 * MS)
        .refresh_after(60 * MS)
        .clock(clock.clone())
        .executor(executor)
        .build_refreshing(time);
    assert_eq!(told(&times), (0, Role::Leader));
    clock.advance(60 * MS);
    (clock, times)
}

#[test]
fn no_call_waits_for_a_refresh_in_the_background() {
    // S124
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let (clock, times) = due_on(executor);
        assert_eq!(told(&times), (0, Role::Late), "the caller of the refresh");
        let job = jobs.next();
        assert!(job.is_wanted(), "though nobody waits");
        clock.advance(10 * MS);
        assert_eq!(told(&times), (0, Role::Late), "one is in the queue");
        job.run();
        assert_eq!(told(&times), (70, Role::Late));
        let stats = times.stats();
        assert_eq!((stats.refreshes, stats.executed_requests, stats.late), (1, 2, 3));
        assert_eq!(stats.total_requests, 5, "the job is a call of its own");
    });
}

/// The window of the value counts from the moment at which the refresh began, and not from that of its job.
#[test]
fn a_job_that_waits_makes_no_value_older_than_its_window() {
    // S124 S8
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let (clock, times) = due_on(executor);
        told(&times);
        clock.advance(99 * MS);
        jobs.next().run();
        assert_eq!(told(&times), (159, Role::Late), "99 ms after the start, and due again");
        let late = jobs.next();
        clock.advance(MS);
        assert!(times.try_execute(&7).unwrap_err().would_block(), "its window is over");
        late.run();
        assert_eq!(told(&times), (160, Role::Late));
    });
}

#[test]
fn a_job_that_is_not_taken_is_a_failure_that_no_call_sees() {
    // S124 S123
    watched(|| {
        let rejects: [fn(Job) -> Result<(), Rejected>; 3] = [
            |_| Err(Rejected),
            |job| {
                drop(job);
                Ok(())
            },
            |_| panic!("on purpose: no thread is left"),
        ];
        for reject in rejects {
            let (clock, times) = due_on(reject);
            assert_eq!(told(&times), (0, Role::Late));
            assert_eq!(times.stats().refresh_failures, 1);
            clock.advance(39 * MS);
            assert_eq!(told(&times), (0, Role::Late), "the next is not due");
            assert_eq!((times.stats().refreshes, times.in_flight().len()), (1, 0));
            clock.advance(MS);
            assert_eq!(told(&times), (100, Role::Leader), "the window is over");
        }
    });
}

#[test]
fn a_refresh_that_fails_in_the_background_leaves_the_old_value() {
    // S123 S124
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let (clock, times) = due_on(executor);
        clock.advance(6 * MS);
        told(&times);
        jobs.next().run();
        assert_eq!((times.stats().failed, times.stats().refresh_failures), (1, 1));
        clock.advance(34 * MS - NS);
        assert_eq!(told(&times), (0, Role::Late));
    });
}

/// A submitted call does not wait for the refresh that it begins, whichever way the coalescer was built.
#[test]
fn a_submitted_call_is_served_at_once() {
    // S124
    watched(|| {
        let ((executor, jobs), clock) = (Jobs::new(), ManualClock::new());
        let group: Numbers = Group::builder()
            .window(100 * MS)
            .refresh_after(60 * MS)
            .clock(clock.clone())
            .executor(executor)
            .build();
        group.execute("k", || Ok(1)).unwrap();
        clock.advance(60 * MS);
        let mut ticket = group.submit("k", || Ok(2)).unwrap();
        assert_eq!(*ticket.try_get().unwrap().unwrap(), 1);
        jobs.next().run();
        assert_eq!(*group.submit("k", || Ok(3)).unwrap().wait().unwrap(), 2);
        assert_eq!((group.stats().refreshes, group.stats().executed_requests), (1, 2));
    });
}

/// A pool whose thread calls a key that is due does not wait for room in its own queue.
#[test]
fn a_thread_that_runs_a_job_refreshes_itself() {
    // S124
    watched(|| {
        let (clock, (queue, jobs)) = (ManualClock::new(), channel());
        let runs = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&runs);
        let values = Coalescer::builder()
            .window(100 * MS)
            .refresh_after(60 * MS)
            .clock(clock.clone())
            .executor(move |job: Job| queue.send(job))
            .build_refreshing(move |_: &u32| Ok::<u64, ()>(counted.fetch_add(1, Ordering::SeqCst)));
        let inner = values.clone();
        let outer: Group<u32, u64, ()> = {
            let (executor, outer_jobs) = Jobs::new();
            let group = Group::builder().executor(executor).build();
            values.execute(&7).unwrap();
            clock.advance(60 * MS);
            let ticket = group.submit(&1, move || Ok(*inner.execute(&7).unwrap())).unwrap();
            outer_jobs.next().run();
            assert_eq!(*ticket.wait().unwrap(), 0, "the old value");
            group
        };
        assert_eq!(runs.load(Ordering::SeqCst), 2, "it has run");
        assert_eq!(*values.execute(&7).unwrap(), 1);
        assert!(jobs.try_recv().is_err());
        drop(outer);
    });
}

#[test]
fn what_could_refresh_nothing_is_refused() {
    // S124
    let refused = |build: fn()| {
        let payload = std::panic::catch_unwind(build).unwrap_err();
        (*payload.downcast_ref::<&str>().expect("a text")).to_string()
    };
    let none = refused(|| {
        let _ =
            Coalescer::builder().refresh_after(MS).build_refreshing(|n: &u32| Ok::<u32, ()>(*n));
    });
    assert!(none.contains("no executor") && none.contains("call build"), "{none}");
    let never = refused(|| {
        let builder = Coalescer::builder().executor(|job: Job| job.run());
        let _ = builder.build_refreshing(|n: &u32| Ok::<u32, ()>(*n));
    });
    assert!(never.contains("set refresh_after"), "{never}");
    let batches = refused(|| {
        let builder = Batcher::builder().refresh_after(MS);
        drop(builder.build_refreshing(|_: &[u32]| Ok::<Vec<(u32, u32)>, ()>(Vec::new())));
    });
    assert!(batches.contains("no executor"), "{batches}");
}
