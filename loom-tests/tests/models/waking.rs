//! Cooperative waking: the leader notifies one follower, and each follower that leaves notifies a share
//! of the others.
//!
//! The main thread leads, and its function starts the followers. So the exploration is spent on the
//! order in which they arrive and leave.

use coalescer::Error;
use coalescer_loom_tests::{Model, Stage, TICK};

/// S6, S46: the leader notifies one of three waiters. The waiters that leave notify the other two. A
/// share is one thread in a model, so two waiters can take part.
#[test]
fn a_waiter_that_leaves_notifies_the_others() {
    let endings = ["none waited", "one waited", "two waited", "all waited"];
    Model::new("waiters that leave notify the others", endings).explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let mut others = Vec::new();
        let run = || {
            others.extend([(); 3].map(|()| stage.spawn(|stage| stage.call(1).value)));
            stage.run()
        };
        stage.group.execute(&1, run).expect("nothing fails");
        let values = others.into_iter().map(|other| other.join().expect("no panic"));
        seen.note(endings[values.filter(|value| *value == 1).count()]);
        stage.is_at_rest();
    });
}

/// The same with a deadline for one waiter: it notifies the others, whether its alarm or a notification
/// woke it.
#[test]
fn a_waiter_that_leaves_at_its_deadline_notifies_the_others() {
    let endings = ["answered", "timed out", "led"];
    Model::new("a waiter that leaves has a deadline", endings).explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let deadline = stage.clock.now() + TICK;
        let (mut bounded, mut others) = (None, Vec::new());
        let run = || {
            bounded = Some(stage.spawn(move |stage| {
                let mut ran = false;
                let run = || {
                    ran = true;
                    stage.run()
                };
                match stage.group.execute_deadline(&1, deadline, run) {
                    Err(Error::TimedOut) => "timed out",
                    Ok(_) if ran => "led",
                    Ok(_) => "answered",
                    Err(other) => panic!("a wait ended as {other:?}"),
                }
            }));
            stage.clock.advance(TICK);
            others.extend([(); 2].map(|()| stage.spawn(|stage| stage.call(1).value)));
            stage.run()
        };
        stage.group.execute(&1, run).expect("nothing fails");
        seen.note(bounded.expect("the function ran").join().expect("no panic"));
        for other in others {
            other.join().expect("no panic");
        }
        stage.is_at_rest();
    });
}

/// S6, S30, S33: the first of two fresh calls is notified that it may begin, and times out. It notifies
/// the second, which has a later deadline.
#[test]
fn a_notified_waiter_that_times_out_notifies_another() {
    let endings = ["both answered", "the first timed out"];
    Model::new("a notified waiter times out", endings).explore(move |seen| {
        let stage = Stage::new(|builder| builder.max_wait(2 * TICK));
        let fresh =
            |stage: &Stage| stage.group.execute_fresh(&1, || stage.run()).map(|value| *value);
        let (mut first, mut second) = (None, None);
        let run = || {
            first = Some(stage.spawn(fresh));
            stage.clock.advance(TICK);
            second = Some(stage.spawn(fresh));
            stage.run()
        };
        stage.group.execute(&1, run).expect("nothing fails");
        stage.clock.advance(TICK);
        let first = first.expect("the function ran").join().expect("no panic");
        let second = second.expect("the function ran").join().expect("no panic");
        assert!(
            second.expect("its deadline is later") > 1,
            "the first execution began before the call"
        );
        match first {
            Ok(_) => seen.note("both answered"),
            Err(Error::TimedOut) => seen.note("the first timed out"),
            Err(other) => panic!("a wait ended as {other:?}"),
        }
        stage.is_at_rest();
    });
}
