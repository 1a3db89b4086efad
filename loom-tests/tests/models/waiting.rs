//! Waits with a deadline, and calls that do not wait.

use std::time::Instant;

use coalescer::Error;
use coalescer_loom_tests::{Failure, Model, Stage, TICK};

/// Makes a call with a deadline. Returns whether it led, was answered, or timed out.
fn ending(stage: &Stage, deadline: Instant) -> &'static str {
    let mut ran = false;
    let run = || {
        ran = true;
        stage.run()
    };
    match stage.group.execute_deadline(&1, deadline, run) {
        Ok(_) if ran => "led",
        Ok(_) => "answered",
        Err(Error::TimedOut) => "timed out",
        Err(other) => panic!("a wait ended as {other:?}"),
    }
}

/// S33: at its deadline a follower gets `TimedOut`, unless the outcome is published. The leader starts
/// the follower, so that it leads first.
#[test]
fn a_deadline_races_with_the_outcome() {
    let endings = ["answered", "led", "timed out"];
    Model::new("timeout, 1 follower", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let deadline = stage.clock.now() + TICK;
        let leader = stage.spawn(move |stage| {
            let mut follower = None;
            let run = || {
                follower = Some(stage.spawn(move |stage| ending(stage, deadline)));
                stage.run()
            };
            stage.group.execute(&1, run).expect("nothing fails");
            follower
        });
        stage.clock.advance(TICK);
        let follower = leader.join().expect("no panic").expect("it led");
        seen.note(follower.join().expect("no panic"));
        stage.is_at_rest();
    });
}

/// S33: a follower that times out does not affect the other follower.
#[test]
fn a_deadline_does_not_affect_another_follower() {
    let endings = ["answered", "led", "timed out"];
    Model::new("timeout, 2 followers", endings).needs(3).explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let deadline = stage.clock.now() + TICK;
        let call = |stage: &Stage| stage.group.execute(&1, || stage.run()).map(drop);
        let unbounded = [stage.spawn(call), stage.spawn(call)];
        let bounded = stage.spawn(move |stage| ending(stage, deadline));
        stage.clock.advance(TICK);
        seen.note(bounded.join().expect("no panic"));
        for thread in unbounded {
            thread.join().expect("no panic").expect("it has no deadline");
        }
        stage.is_at_rest();
    });
}

/// S32: the alarm of the first deadline wakes the second waiter too. That one must wait again, and its
/// own alarm must ring. The main thread leads until both have returned.
#[test]
fn an_early_alarm_is_not_a_deadline() {
    // Three preemptions: with fewer, the first alarm is still armed when the second one is due, and
    // wakes both waiters.
    Model::new("spurious wake, two deadlines", ["both timed out"]).needs(3).explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let begin = stage.clock.now();
        let run = || {
            let followers = [1, 2].map(|ticks| {
                let deadline = begin + ticks * TICK;
                stage.spawn(move |stage| {
                    assert_eq!(ending(stage, deadline), "timed out");
                    assert!(stage.clock.now() >= deadline, "timed out before its deadline");
                })
            });
            stage.clock.advance(TICK);
            stage.clock.advance(TICK);
            for follower in followers {
                follower.join().expect("no panic");
            }
            stage.run()
        };
        stage.group.execute(&1, run).expect("it leads");
        seen.note("both timed out");
        stage.is_at_rest();
    });
}

/// S34: `try_execute` leads, or returns `WouldBlock`.
#[test]
fn try_execute_never_follows() {
    let endings = ["led", "would block"];
    Model::new("try against a leader", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let ordinary = stage.spawn(|stage| stage.call(1));
        let tries = stage.spawn(|stage| -> Result<(), Failure> {
            stage.group.try_execute(&1, || stage.run()).map(drop)
        });
        match tries.join().expect("no panic") {
            Ok(()) => seen.note("led"),
            Err(Error::WouldBlock) => seen.note("would block"),
            Err(other) => panic!("try_execute ended as {other:?}"),
        }
        ordinary.join().expect("no panic");
        stage.is_at_rest();
    });
}

/// S49: `stats` during calls never counts more ends than calls.
#[test]
fn a_snapshot_never_shows_more_ends_than_calls() {
    let endings = ["before", "between", "after"];
    Model::new("stats during calls", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let calls = [(); 2].map(|()| stage.spawn(|stage| stage.call(1)));
        let stats = stage.group.stats();
        let ends = stats.executed_requests + stats.coalesced_requests;
        assert!(ends <= stats.total_requests, "{stats}");
        seen.note(match (stats.total_requests, ends) {
            (0, _) => "before",
            (2, 2) => "after",
            _ => "between",
        });
        for call in calls {
            call.join().expect("no panic");
        }
        stage.is_at_rest();
    });
}
