//! Flights with many tickets that no thread waits with: who calls them back, and when.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use coalescer::{Builder, Executor, ForGroup, Group, Job, ManualClock, NeverBlocks, Rejected};

use crate::jobs::{Jobs, assert_at_rest, never, queued};
use crate::support::{MS, Numbers, begin, followers, lead, wait_until, watched};

/// The most callbacks that a call on its own thread makes for others.
const MOST: usize = 256;

/// Submits so many calls that follow. Each sends its number when it is called back.
fn follow_by_callback(group: &Numbers, count: usize) -> Receiver<usize> {
    let (called, calls) = channel();
    for nth in 0..count {
        let called = called.clone();
        let told = move |value: Result<Arc<u32>, _>| {
            assert!(value.is_ok());
            called.send(nth).unwrap();
        };
        group.submit("k", never).unwrap().when_done(told);
    }
    calls
}

/// Leads beside so many callbacks, with this executor. Returns how many were made when the leader had
/// returned, and the others.
fn lead_beside(
    count: usize,
    executor: impl Executor + Send + Sync + 'static,
) -> (usize, Receiver<usize>) {
    let group: Numbers = Group::builder().executor(executor).build();
    let leader = lead(&group, "k");
    let calls = follow_by_callback(&group, count);
    assert_eq!(*leader.returns(Ok(1)).unwrap().value, 1);
    let mut made = 0;
    while let Ok(nth) = calls.try_recv() {
        assert_eq!(nth, made, "the oldest come first");
        made += 1;
    }
    assert_eq!(group.stats().followers, count as u64);
    assert_at_rest(&group);
    (made, calls)
}

#[test]
fn a_leader_returns_after_as_many_callbacks_whatever_waits() {
    // S90: the count is the cost. It does not grow, and one job makes all others.
    watched(|| {
        let made = [500, 5000].map(|count| {
            let (executor, jobs) = Jobs::new();
            let (made, calls) = lead_beside(count, executor);
            jobs.next().run();
            assert!(jobs.is_empty(), "one job is enough");
            assert_eq!(calls.try_iter().collect::<Vec<_>>(), (made..count).collect::<Vec<_>>());
            made
        });
        assert_eq!(made[0], made[1], "the leader makes more callbacks if there are more");
        assert!((1..=MOST).contains(&made[0]), "{made:?}");
    });
}

#[test]
fn a_leader_makes_a_few_callbacks_without_the_executor() {
    // S90: the executor may be busy.
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let (made, _) = lead_beside(MOST / 2, executor);
        assert_eq!(made, MOST / 2);
        assert!(jobs.is_empty(), "a job for nothing");
    });
}

#[test]
fn callbacks_whose_job_is_lost_are_made() {
    // S6 S90: rejected, dropped at once, and dropped by a spawn that panics: made before the leader returns.
    struct Rejects;
    impl Executor for Rejects {
        fn spawn(&self, _: Job) -> Result<(), Rejected> {
            Err(Rejected)
        }
    }
    watched(|| {
        let panics = |job: Job| -> () {
            drop(job);
            panic!("on purpose");
        };
        assert_eq!(lead_beside(1000, Rejects).0, 1000);
        assert_eq!(lead_beside(1000, |job: Job| drop(job)).0, 1000);
        assert_eq!(lead_beside(1000, panics).0, 1000);
        // A job that is dropped later: by the thread that drops it.
        let (executor, jobs) = Jobs::new();
        let (made, calls) = lead_beside(1000, executor);
        drop(jobs.next());
        assert_eq!(made + calls.try_iter().count(), 1000);
    });
}

#[test]
fn an_executor_that_panics_and_keeps_the_job_loses_no_callback() {
    // S24 S90
    watched(|| {
        let kept = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&kept);
        let (made, calls) = lead_beside(1000, move |job: Job| -> () {
            *keep.lock().unwrap() = Some(job);
            panic!("on purpose");
        });
        assert!(made <= MOST);
        let job = kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        job.expect("it was kept").run();
        assert_eq!(made + calls.try_iter().count(), 1000);
    });
}

#[test]
fn a_job_makes_all_callbacks_itself() {
    // S90: the thread of a pool waits for no other one.
    watched(|| {
        let (group, jobs) = queued();
        let leader = group.submit("k", || Ok(1)).unwrap();
        let calls = follow_by_callback(&group, 1000);
        jobs.next().run();
        assert_eq!(calls.try_iter().count(), 1000);
        assert!(jobs.is_empty());
        assert_eq!(*leader.wait().unwrap(), 1);
        assert_at_rest(&group);
    });
}

#[test]
fn a_callback_that_panics_takes_no_other_along() {
    // S24: among those of the leader, and among those of the job.
    watched(|| {
        let (group, jobs) = queued();
        let leader = lead(&group, "k");
        let called = Arc::new(AtomicUsize::new(0));
        for nth in 0..1000 {
            let called = Arc::clone(&called);
            group.submit("k", never).unwrap().when_done(move |_| {
                called.fetch_add(1, Ordering::Relaxed);
                assert!(nth % 100 != 50, "on purpose");
            });
        }
        assert_eq!(*leader.returns(Ok(1)).unwrap().value, 1);
        jobs.next().run();
        assert_eq!(called.load(Ordering::Relaxed), 1000);
        assert_at_rest(&group);
    });
}

/// Leads beside 1000 receivers whose value is not for them. Returns the group and the receivers.
fn lead_unshared(
    with: impl FnOnce(Builder<ForGroup, String, u32>) -> Builder<ForGroup, String, u32>,
) -> (Numbers, Vec<coalescer::Ticket<String, u32, String>>) {
    let group: Numbers = with(Group::builder().share_if(|_| false)).build();
    let leader = lead(&group, "k");
    let tickets = (0..1000).map(|n| group.submit("k", move || Ok(n)).unwrap()).collect();
    assert_eq!(*leader.returns(Ok(1)).unwrap().value, 1);
    (group, tickets)
}

#[test]
fn functions_of_many_tickets_run_side_by_side() {
    // S40 S90: a job that runs one after the other would break it, so with an executor that may wait
    // the leader hands all of them over.
    watched(|| {
        let (queue, jobs) = channel();
        let (group, tickets) =
            lead_unshared(|builder| builder.executor(move |job: Job| queue.send(job)));
        let jobs: Vec<Job> = jobs.try_iter().collect();
        assert_eq!(jobs.len(), 1000, "one for each function");
        jobs.into_iter().for_each(Job::run);
        for (n, ticket) in (0..).zip(tickets) {
            assert_eq!(*ticket.wait().unwrap(), n);
        }
        assert_at_rest(&group);
    });
}

#[test]
fn functions_of_many_tickets_are_handed_over_by_a_job_if_the_executor_never_blocks() {
    // S40 S90
    watched(|| {
        let (queue, jobs) = channel();
        let executor = NeverBlocks(move |job: Job| queue.send(job));
        let (group, tickets) = lead_unshared(|builder| builder.executor(executor));
        let mut first: Vec<Job> = jobs.try_iter().collect();
        assert_eq!(first.len(), MOST + 1, "the leader hands some over, and a job the others");
        first.pop().expect("the last is that job").run();
        let others: Vec<Job> = jobs.try_iter().collect();
        assert_eq!(others.len(), 1000 - MOST);
        first.into_iter().chain(others).for_each(Job::run);
        for (n, ticket) in (0..).zip(tickets) {
            assert_eq!(*ticket.wait().unwrap(), n);
        }
        assert_at_rest(&group);
    });
}

#[test]
fn a_ticket_whose_job_follows_is_answered_before_a_thousand_callbacks() {
    // S26 S90: a thread may wait with it, so its answer does not depend on the executor.
    watched(|| {
        let clock = ManualClock::new();
        let (executor, jobs) = Jobs::new();
        let group: Numbers = Group::builder()
            .max_leaders(2)
            .max_join_age(MS)
            .clock(clock.clone())
            .executor(executor)
            .build();
        let first = lead(&group, "k");
        clock.advance(MS);
        let mut ticket = group.submit("k", never).unwrap();
        let calls = follow_by_callback(&group, 1000);
        let second = begin(&group, "k");
        wait_until(|| followers(&group) == 1001);
        clock.advance(MS);
        let third = lead(&group, "k");
        // Two executions run, so this one finds no room, and its call follows: after all others.
        jobs.next().run();
        assert_eq!(*first.returns(Ok(1)).unwrap().value, 1);
        assert_eq!(*second.begun().returns(Ok(2)).unwrap().value, 2);
        assert_eq!(*ticket.try_get().expect("it waits for the executor").unwrap(), 2);
        assert!(calls.try_iter().count() <= MOST);
        jobs.next().run();
        assert_eq!(calls.try_iter().count() + MOST / 2, 1000);
        assert_eq!(*third.returns(Ok(3)).unwrap().value, 3);
        assert_at_rest(&group);
    });
}

#[test]
fn many_receivers_and_a_pool_of_one_thread_lose_no_message() {
    // S6 S90: with jobs under way beside the callbacks.
    watched(|| {
        let (queue, jobs) = channel::<Job>();
        let pool = thread::spawn(move || jobs.into_iter().for_each(Job::run));
        let group: Numbers = Group::builder().executor(move |job: Job| queue.send(job)).build();
        for round in 0..5 {
            let leader = lead(&group, "k");
            let calls = follow_by_callback(&group, 1000);
            let other = group.submit("other", move || Ok(round)).unwrap();
            assert_eq!(*leader.returns(Ok(1)).unwrap().value, 1);
            assert_eq!(*other.wait().unwrap(), round);
            assert_eq!(calls.iter().take(1000).count(), 1000);
        }
        drop(group);
        pool.join().unwrap();
    });
}
