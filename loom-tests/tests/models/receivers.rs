//! Receivers of tickets: a call whose receiver is dropped is given up once, whatever its flight does.

use coalescer::{Job, NeverBlocks};
use coalescer_loom_tests::{Model, Stage};

use crate::tickets::{Jobs, queued, submit};

/// S48: a follower's receiver that is dropped is counted once: when it is dropped, or when its flight
/// ends.
#[test]
fn a_dropped_receiver_is_counted_once() {
    let endings = ["dropped before the end", "dropped after it"];
    Model::new("a receiver is dropped", endings).exhaustive().explore(move |seen| {
        let (stage, jobs) = queued(|builder| builder);
        let (leader, follower) = (submit(&stage, 1), submit(&stage, 1).into_receiver());
        let job = jobs.next();
        let runs = stage.spawn(|_| job.run());
        drop(follower);
        runs.join().expect("no panic");
        assert_eq!(stage.group.stats().followers, 1, "the receiver was not counted once");
        seen.note(endings[leader.callers() - 1]);
        assert_eq!(*leader.wait().expect("nothing fails"), 1);
        stage.is_at_rest();
    });
}

/// S40, S48: a receiver is dropped while its flight ends with a value that is not shared, and its call
/// goes on to wait for its own job. Nothing waits for that job then.
#[test]
fn a_dropped_receiver_does_not_wait_for_its_own_job() {
    let endings = ["its own job is there", "it has no job"];
    Model::new("a receiver is dropped, unshareable", endings).exhaustive().explore(move |seen| {
        let jobs = Jobs::default();
        let queue = jobs.clone();
        let stage = Stage::new(|builder| {
            let executor = NeverBlocks(move |job: Job| queue.push(job));
            builder.executor(executor).share_if(|_: &u64| false)
        });
        let (leader, follower) = (submit(&stage, 1), submit(&stage, 1).into_receiver());
        let channel = (*follower).clone();
        let job = jobs.next();
        let runs = stage.spawn(|_| job.run());
        drop(follower);
        runs.join().expect("no panic");
        let told = channel.try_recv().expect_err("its own job has not run");
        assert!(told.is_disconnected(), "the call still waits for its own job");
        assert_eq!(*leader.wait().expect("nothing fails"), 1);
        let own = jobs.try_next();
        seen.note(endings[usize::from(own.is_none())]);
        if let Some(job) = own {
            job.run();
        }
        stage.is_at_rest();
    });
}

/// S6: a receiver that is made while the flight ends gets one message: the value of the flight.
#[test]
fn a_receiver_gets_one_message() {
    let endings = ["made before the end", "made after it"];
    check_message(Model::new("a receiver is made", endings).exhaustive(), true, endings);
}

/// S6, S40: the same, if the value is not for it: the value of its own job.
#[test]
fn a_receiver_gets_one_message_of_its_own_job() {
    let endings = ["its own job ran later", "its own job had run"];
    check_message(
        Model::new("a receiver is made, unshareable", endings).exhaustive(),
        false,
        endings,
    );
}

fn check_message(model: Model, is_shared: bool, endings: [&'static str; 2]) {
    model.explore(move |seen| {
        let stage = Stage::new(|builder| {
            builder.executor(NeverBlocks(Job::run)).share_if(move |_: &u64| is_shared)
        });
        let mut makes = None;
        let own = stage.group.execute(&1, || {
            let ticket = submit(&stage, 1);
            makes = Some(stage.spawn(|_| {
                let receiver = ticket.into_receiver();
                let is_late = !receiver.is_empty();
                (receiver, is_late)
            }));
            stage.run()
        });
        assert_eq!(*own.expect("nothing fails"), 1);
        let makes = makes.expect("it was spawned");
        let (receiver, is_late) = makes.join().expect("no panic");
        let value = receiver.try_recv().expect("a message was lost").expect("nothing fails");
        assert_eq!(*value == 1, is_shared);
        assert!(receiver.try_recv().is_err_and(|told| told.is_disconnected()), "two messages");
        seen.note(endings[usize::from(is_late)]);
        stage.is_at_rest();
    });
}
