//! Tickets and their jobs: a call that waits without a thread is answered once.
//!
//! The main thread submits, so the jobs and tickets exist before the other threads begin.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coalescer::{Builder, ForGroup, Job, NeverBlocks, Role, Ticket};
use coalescer_loom_tests::checker::thread;
use coalescer_loom_tests::{Hash, Model, Stage, TICK};

pub(crate) type NumberTicket = Ticket<u8, u64, &'static str>;

/// Jobs in the order of their submission, for a model to pass to its threads.
#[derive(Clone, Default)]
pub(crate) struct Jobs(Arc<Mutex<VecDeque<Job>>>);

impl Jobs {
    pub(crate) fn push(&self, job: Job) {
        self.0.lock().expect("no model panics here").push_back(job);
    }

    pub(crate) fn try_next(&self) -> Option<Job> {
        self.0.lock().expect("no model panics here").pop_front()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().expect("no model panics here").is_empty()
    }

    pub(crate) fn next(&self) -> Job {
        self.0.lock().expect("no model panics here").pop_front().expect("a job was submitted")
    }
}

/// Returns a stage with an executor that queues its jobs.
pub(crate) fn queued(
    with: impl FnOnce(Builder<ForGroup, u8, u64, Hash>) -> Builder<ForGroup, u8, u64, Hash>,
) -> (Stage, Jobs) {
    let jobs = Jobs::default();
    let queue = jobs.clone();
    let executor = move |job: Job| queue.push(job);
    (Stage::new(|builder| with(builder.executor(executor))), jobs)
}

/// Returns a stage whose executor queues its jobs, and says that it never waits.
pub(crate) fn unbounded() -> (Stage, Jobs) {
    let jobs = Jobs::default();
    let queue = jobs.clone();
    let executor = NeverBlocks(move |job: Job| queue.push(job));
    (Stage::new(|builder| builder.executor(executor)), jobs)
}

pub(crate) fn submit(stage: &Stage, key: u8) -> NumberTicket {
    let inner = stage.clone();
    stage.group.submit(&key, move || inner.run()).expect("the queue takes every job")
}

/// S1, S6, S46: the leader's ticket, a follower's ticket and a call share the job's value. A call that
/// comes too late runs its own function.
#[test]
fn a_job_answers_all_waiters() {
    let endings = ["a call followed", "a call led"];
    Model::new("a job, 2 tickets, a call", endings).explore(move |seen| {
        let (stage, jobs) = queued(|builder| builder);
        let (leader, follower) = (submit(&stage, 1), submit(&stage, 1));
        let job = jobs.next();
        let waits = [leader, follower].map(|ticket| stage.spawn(|_| ticket.wait()));
        let runs = stage.spawn(|_| job.run());
        let called = stage.call(1);
        runs.join().expect("no panic");
        let values = waits.map(|wait| *wait.join().expect("no panic").expect("nothing fails"));
        assert_eq!(values, [1, 1]);
        seen.note(endings[usize::from(called.value == 2)]);
        stage.is_at_rest();
    });
}

/// The same without the call, explored without a bound.
#[test]
fn a_job_wakes_its_tickets() {
    Model::new("a job, 2 tickets", ["answered"]).exhaustive().explore(move |seen| {
        let (stage, jobs) = queued(|builder| builder);
        let (leader, follower) = (submit(&stage, 1), submit(&stage, 1));
        let job = jobs.next();
        let wait = stage.spawn(|_| leader.wait());
        let runs = stage.spawn(|_| job.run());
        assert_eq!(*follower.wait().expect("nothing fails"), 1);
        assert_eq!(*wait.join().expect("no panic").expect("nothing fails"), 1);
        runs.join().expect("no panic");
        seen.note("answered");
        stage.is_at_rest();
    });
}

/// S25, S6, S71: a job that is dropped answers its ticket, and a call that has followed it leads.
#[test]
fn a_dropped_job_answers_all_waiters() {
    let endings = ["the call waited", "the call did not wait"];
    Model::new("a job is dropped", endings).exhaustive().explore(move |seen| {
        let (stage, jobs) = queued(|builder| builder);
        let ticket = submit(&stage, 1);
        let job = jobs.next();
        let wait = stage.spawn(|_| ticket.wait());
        let drops = stage.spawn(|stage| {
            stage.clock.advance(TICK);
            drop(job);
        });
        let called = stage.group.call(&1).outcome(|| stage.run()).expect("it can run");
        drops.join().expect("no panic");
        let error = wait.join().expect("no panic").expect_err("the job has not run");
        assert!(error.is_abandoned(), "{error:?}");
        assert_eq!((*called.value, called.role), (1, Role::Leader));
        assert_eq!(stage.group.stats().refused, 1, "a job that never ran is a refused call");
        seen.note(endings[usize::from(called.waited.is_zero())]);
        stage.is_at_rest();
    });
}

/// S48: a follower's ticket that is dropped is counted once: when it is dropped, or when its flight
/// ends.
#[test]
fn a_dropped_ticket_is_counted_once() {
    let endings = ["dropped before the end", "dropped after it"];
    Model::new("a ticket is dropped", endings).exhaustive().explore(move |seen| {
        let (stage, jobs) = queued(|builder| builder);
        let (leader, dropped) = (submit(&stage, 1), submit(&stage, 1));
        let job = jobs.next();
        let runs = stage.spawn(|_| job.run());
        let is_over = dropped.is_finished();
        drop(dropped);
        runs.join().expect("no panic");
        assert_eq!(*leader.wait().expect("nothing fails"), 1);
        assert_eq!(stage.group.stats().followers, 1, "the ticket was not counted once");
        seen.note(endings[usize::from(is_over)]);
        stage.is_at_rest();
    });
}

/// S40, S48: one of two followers' tickets is dropped while their flight ends with a value that is not
/// shared. Its own function runs only if the flight ends first.
#[test]
fn a_dropped_ticket_runs_nothing_unless_its_flight_ended_first() {
    let endings = ["the flight ended first", "the ticket was dropped first"];
    Model::new("a ticket is dropped, unshareable", endings).exhaustive().explore(move |seen| {
        let inline = |builder: Builder<ForGroup, u8, u64, Hash>| {
            builder.executor(|job: Job| job.run()).share_if(|_: &u64| false)
        };
        let stage = Stage::new(inline);
        let (mut drops, mut other) = (None, None);
        let value = stage.group.execute(&1, || {
            let ticket = submit(&stage, 1);
            other = Some(submit(&stage, 1));
            drops = Some(stage.spawn(|_| drop(ticket)));
            stage.run()
        });
        assert_eq!(*value.expect("nothing fails"), 1);
        drops.expect("it was spawned").join().expect("no panic");
        let own = other.expect("it was submitted").wait_outcome().expect("nothing fails");
        assert_eq!(own.role, Role::Leader, "the value is not shared");
        let stats = stage.group.stats();
        assert_eq!(stats.executed_requests + stats.followers, 3, "{stats}");
        seen.note(endings[usize::from(stats.followers == 1)]);
        stage.is_at_rest();
    });
}

/// S46: a ticket that no thread waits with takes no notification from a thread that waits.
#[test]
fn a_ticket_without_a_thread_takes_no_notification() {
    let endings = ["followed", "led"];
    Model::new("a ticket without a thread", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.executor(Job::run));
        let (mut ticket, mut follower) = (None, None);
        let run = || {
            ticket = Some(submit(&stage, 1));
            follower = Some(stage.spawn(|stage| stage.call(1).value));
            stage.run()
        };
        stage.group.execute(&1, run).expect("nothing fails");
        let value = follower.expect("it was spawned").join().expect("no panic");
        let ticket = ticket.expect("it was submitted");
        assert_eq!(*ticket.wait().expect("nothing fails"), 1);
        seen.note(endings[usize::from(value != 1)]);
        stage.is_at_rest();
    });
}

/// S6, S46: a callback that is registered while the flight ends is called once: by the thread that
/// registers it, or by the job.
#[test]
fn a_receiver_loses_no_message() {
    let endings = ["called at once", "called by the job"];
    Model::new("a receiver against the end", endings).exhaustive().explore(move |seen| {
        let (stage, jobs) = queued(|builder| builder);
        let (leader, follower) = (submit(&stage, 1), submit(&stage, 1));
        let job = jobs.next();
        let calls = Arc::new(AtomicU64::new(0));
        let is_by_job = Arc::new(AtomicBool::new(false));
        let runs = stage.spawn(|_| {
            job.run();
            thread::current().id()
        });
        for ticket in [leader, follower] {
            let (calls, is_by_job) = (Arc::clone(&calls), Arc::clone(&is_by_job));
            let here = thread::current().id();
            ticket.when_done(move |value| {
                assert_eq!(*value.expect("nothing fails"), 1);
                calls.fetch_add(1, Ordering::Relaxed);
                is_by_job.fetch_or(thread::current().id() != here, Ordering::Relaxed);
            });
        }
        runs.join().expect("no panic");
        assert_eq!(calls.load(Ordering::Relaxed), 2, "a message was lost");
        seen.note(endings[usize::from(is_by_job.load(Ordering::Relaxed))]);
        stage.is_at_rest();
    });
}

/// S36, S37: of two threads that wait with tickets, one takes over with a job of its own.
#[test]
fn a_ticket_takes_over_from_a_stuck_job() {
    Model::new("take-over by a ticket", ["one took over"]).explore(|seen| {
        let stuck = Jobs::default();
        let (queue, is_first) = (stuck.clone(), AtomicBool::new(true));
        // The first job is stuck in a queue, and the others run on the threads that submit them.
        let executor = move |job: Job| match is_first.swap(false, Ordering::Relaxed) {
            true => queue.push(job),
            false => job.run(),
        };
        let stage = Stage::new(|builder| {
            builder.executor(executor).window(Duration::MAX).leader_timeout(TICK).max_leaders(3)
        });
        let leader = submit(&stage, 1);
        let waits = [submit(&stage, 1), submit(&stage, 1)]
            .map(|ticket| stage.spawn(|_| ticket.wait_outcome()));
        stage.clock.advance(TICK);
        let outcomes = waits.map(|wait| wait.join().expect("no panic").expect("nothing fails"));
        assert_eq!(
            outcomes.each_ref().map(|outcome| *outcome.value),
            [1, 1],
            "the tickets got different values"
        );
        assert_eq!(stage.group.stats().takeovers, 1);
        stuck.next().run();
        assert_eq!(*leader.wait().expect("nothing fails"), 2, "a leader gets its own result");
        seen.note("one took over");
        stage.is_at_rest();
    });
}

/// S33: the deadline of a ticket races with the end of its flight. The ticket can wait again.
#[test]
fn a_ticket_that_timed_out_can_wait_again() {
    let endings = ["answered", "timed out"];
    Model::new("time-out of a ticket", endings).exhaustive().explore(move |seen| {
        let (stage, jobs) = queued(|builder| builder);
        let (leader, mut follower) = (submit(&stage, 1), submit(&stage, 1));
        let job = jobs.next();
        let wait = stage.spawn(move |_| {
            let first = follower.wait_timeout(TICK);
            (first.is_ok(), *follower.wait().expect("nothing fails"))
        });
        let runs = stage.spawn(|_| job.run());
        stage.clock.advance(TICK);
        runs.join().expect("no panic");
        let (was_answered, value) = wait.join().expect("no panic");
        assert_eq!((value, *leader.wait().expect("nothing fails")), (1, 1));
        assert_eq!(stage.group.stats().followers, 1);
        seen.note(endings[usize::from(!was_answered)]);
        stage.is_at_rest();
    });
}

/// Makes a cycle: a thread leads 1 and waits for a ticket of 2, whose job calls 1. Returns which of the
/// two waits was refused.
fn cycle_over(stage: &Stage, jobs: &Jobs, waits_as_follower: bool) -> &'static str {
    let inner = stage.clone();
    let refused = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&refused);
    let own = stage.group.submit(&2, move || {
        if let Err(error) = inner.group.execute(&1, || inner.run()) {
            assert!(error.would_deadlock(), "{error:?}");
            count.fetch_add(1, Ordering::Relaxed);
        }
        inner.run()
    });
    let own = own.expect("the queue takes every job");
    let ticket = if waits_as_follower { submit(stage, 2) } else { own };
    let job = jobs.next();
    let runs = stage.spawn(|_| job.run());
    let mut is_refused = false;
    let outer = stage.group.execute(&1, || {
        is_refused = ticket.wait().is_err_and(|error| error.would_deadlock());
        stage.run()
    });
    outer.expect("no outer call closes a cycle");
    runs.join().expect("no panic");
    match (is_refused, refused.load(Ordering::Relaxed)) {
        (true, 0) => "the ticket was refused",
        (false, 1) => "the job's call was refused",
        (false, 0) => "no cycle",
        both => panic!("both were refused, and one is enough: {both:?}"),
    }
}

/// S42: the cycle is refused even if the job begins after the wait.
#[test]
fn a_cycle_over_a_ticket_is_refused() {
    let endings = ["the ticket was refused", "the job's call was refused", "no cycle"];
    Model::new("cycle over a leader's ticket", endings).exhaustive().explore(|seen| {
        let (stage, jobs) = queued(|builder| builder);
        seen.note(cycle_over(&stage, &jobs, false));
        stage.is_at_rest();
    });
}

/// The same with a ticket that waits for the job of another ticket.
#[test]
fn a_cycle_over_a_followers_ticket_is_refused() {
    let endings = ["the ticket was refused", "the job's call was refused", "no cycle"];
    Model::new("cycle over a follower's ticket", endings).exhaustive().explore(|seen| {
        let (stage, jobs) = queued(|builder| builder);
        seen.note(cycle_over(&stage, &jobs, true));
        stage.is_at_rest();
    });
}

/// S43: a thread that submits a job does not lead it, and may wait for it as other threads do.
#[test]
fn a_submitter_does_not_lead_its_job() {
    let endings = ["waited", "led"];
    Model::new("no cycle: a submitted job", endings).exhaustive().explore(move |seen| {
        let (stage, jobs) = queued(|builder| builder);
        drop(submit(&stage, 2));
        let job = jobs.next();
        let runs = stage.spawn(|_| job.run());
        let outer = stage.group.execute(&1, || {
            let inner = stage.group.execute(&2, || stage.run());
            assert!(inner.is_ok(), "refused without a cycle: {inner:?}");
            stage.run()
        });
        assert!(outer.is_ok(), "{outer:?}");
        runs.join().expect("no panic");
        seen.note(if stage.group.stats().followers > 0 { "waited" } else { "led" });
        stage.is_at_rest();
    });
}
