//! Awaited tickets: a poll against the end of the flight, with a waker of the model's own.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use coalescer::{Job, NeverBlocks, ShareWith, TicketFuture};
use coalescer_loom_tests::{Failure, Model, TICK, settings};

use crate::tickets::{Jobs, queued, submit};

type Number = TicketFuture<u8, u64, &'static str>;

/// Counts how often it is woken. Its handles are counted too.
#[derive(Default)]
struct Bells(AtomicUsize);

impl Wake for Bells {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Bells {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    fn rung(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Polls once. The outcome, if it is there.
fn outcome(future: &mut Number, bells: &Arc<Bells>) -> Option<Result<u64, Failure>> {
    let waker = Waker::from(Arc::clone(bells));
    match Pin::new(future).poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(answer) => Some(answer.map(|value| *value)),
        Poll::Pending => None,
    }
}

/// Polls once a future that does not fail. The value, if it is there.
fn poll(future: &mut Number, bells: &Arc<Bells>) -> Option<u64> {
    outcome(future, bells).map(|answer| answer.expect("nothing fails"))
}

/// S46, S114: a future that is polled while its flight ends is ready, or is woken and ready then.
#[test]
fn a_poll_during_the_end_is_ready_or_woken() {
    let endings = ["ready", "woken"];
    Model::new("a poll against the end", endings).exhaustive().explore(move |seen| {
        let (stage, jobs) = queued(|builder| builder);
        let (leader, follower) = (submit(&stage, 1), submit(&stage, 1));
        let (mut follower, job) = (follower.into_future(), jobs.next());
        let runs = stage.spawn(|_| job.run());
        let bells = Bells::new();
        let first = poll(&mut follower, &bells);
        runs.join().expect("no panic");
        assert_eq!(bells.rung(), usize::from(first.is_none()), "the wake-up was lost");
        assert_eq!(poll(&mut follower, &bells), Some(1), "it is not ready");
        seen.note(endings[usize::from(first.is_none())]);
        assert_eq!(*leader.wait().expect("nothing fails"), 1);
        stage.is_at_rest();
    });
}

/// S114: the same with a leader's ticket, which waits for its own job.
#[test]
fn a_poll_during_the_end_of_its_own_job_is_ready_or_woken() {
    let endings = ["ready", "woken"];
    Model::new("a poll against the end of its job", endings).exhaustive().explore(move |seen| {
        let (stage, jobs) = queued(|builder| builder);
        let mut leader = submit(&stage, 1).into_future();
        let job = jobs.next();
        let runs = stage.spawn(|_| job.run());
        let bells = Bells::new();
        let first = poll(&mut leader, &bells);
        runs.join().expect("no panic");
        assert_eq!(bells.rung(), usize::from(first.is_none()), "the wake-up was lost");
        assert_eq!(poll(&mut leader, &bells), Some(1), "it is not ready");
        seen.note(endings[usize::from(first.is_none())]);
        stage.is_at_rest();
    });
}

/// S114: a future that is polled with another waker while its flight ends wakes the last waker, or is ready.
#[test]
fn the_last_waker_is_woken() {
    let endings = ["ready", "the last waker was woken"];
    Model::new("a waker is replaced", endings).exhaustive().explore(move |seen| {
        let (stage, jobs) = queued(|builder| builder);
        let (leader, follower) = (submit(&stage, 1), submit(&stage, 1));
        let (mut follower, job) = (follower.into_future(), jobs.next());
        let (first, last) = (Bells::new(), Bells::new());
        assert_eq!(poll(&mut follower, &first), None);
        let runs = stage.spawn(|_| job.run());
        let second = poll(&mut follower, &last);
        runs.join().expect("no panic");
        match second {
            Some(value) => assert_eq!(value, 1),
            None => assert_eq!(last.rung(), 1, "the wake-up was lost"),
        }
        assert_eq!(first.rung() + last.rung(), 1, "a task was woken twice");
        assert_eq!(poll(&mut follower, &last), Some(1), "it is not ready");
        seen.note(endings[last.rung()]);
        assert_eq!(*leader.wait().expect("nothing fails"), 1);
        stage.is_at_rest();
    });
}

/// S48, S114: a future that is dropped while it is told is counted once, and keeps no waker.
#[test]
fn a_future_that_is_dropped_while_it_is_told_is_counted_once() {
    let endings = ["it has left", "it was answered"];
    Model::new("a future is dropped", endings).exhaustive().explore(move |seen| {
        let (stage, jobs) = queued(|builder| builder);
        let (leader, follower) = (submit(&stage, 1), submit(&stage, 1));
        let (mut follower, job) = (follower.into_future(), jobs.next());
        let bells = Bells::new();
        assert_eq!(poll(&mut follower, &bells), None);
        let runs = stage.spawn(|_| job.run());
        drop(follower);
        let is_kept = Arc::strong_count(&bells) > 1;
        runs.join().expect("no panic");
        assert_eq!(Arc::strong_count(&bells), 1, "the waker is kept");
        // The thread that tells it may have the waker in its hand.
        assert!(!is_kept || bells.rung() == 1, "the waker is kept");
        assert_eq!(stage.group.stats().followers, 1, "the future was not counted once");
        let was_answered = leader.callers() > 1;
        assert!(was_answered || bells.rung() == 0, "the task of a future that has left is woken");
        seen.note(endings[usize::from(was_answered)]);
        assert_eq!(*leader.wait().expect("nothing fails"), 1);
        stage.is_at_rest();
    });
}

/// S114, S36: a future is polled while its own job takes over. It is told of the job's end, though the flight
/// goes on.
#[test]
fn a_future_is_told_of_its_own_job_while_the_flight_goes_on() {
    let endings = ["ready", "woken"];
    let model = Model::new("a poll against a take-over by its job", endings);
    model.exhaustive().explore(move |seen| {
        let (jobs, clock) = (Jobs::default(), coalescer::ManualClock::new());
        let queue = jobs.clone();
        let group = settings(&clock)
            .leader_timeout(TICK)
            .executor(NeverBlocks(move |job: Job| queue.push(job)))
            .share_error_with(|_: &&'static str| ShareWith::Nobody)
            .build();
        let stuck = group.execute(&1, || {
            clock.advance(TICK);
            let ticket = group.submit(&1, || Err("its own")).expect("the queue takes it");
            let (mut future, job) = (ticket.into_future(), jobs.next());
            let runs = coalescer_loom_tests::checker::thread::spawn(move || job.run());
            let bells = Bells::new();
            let first = outcome(&mut future, &bells);
            runs.join().expect("no panic");
            assert!(first.is_some() || bells.rung() > 0, "the wake-up comes with the flight's end");
            let answer = outcome(&mut future, &bells).expect("it is not ready");
            assert!(answer.is_err_and(|error| error.is_failed()));
            seen.note(endings[usize::from(first.is_none())]);
            Ok(1)
        });
        assert_eq!(*stuck.expect("nothing fails"), 1);
    });
}
