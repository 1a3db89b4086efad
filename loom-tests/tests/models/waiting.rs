//! Waits with a deadline, and calls that do not wait at all.

use std::time::Instant;

use coalescer::Error;
use coalescer_loom_tests::{Failure, Model, Stage, TICK};

/// What came of a call with a deadline: a value made by itself or by another, or none.
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

/// S33: at its deadline the follower is told so, and a published outcome wins over it. The leader
/// makes the follower, so that it does lead.
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

/// S33: a follower that times out leaves the other one alone.
#[test]
fn a_deadline_is_no_concern_of_another_follower() {
    let endings = ["answered", "led", "timed out"];
    Model::new("timeout, 2 followers", endings).explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let deadline = stage.clock.now() + TICK;
        let call = |stage: &Stage| stage.group.execute(&1, || stage.run()).map(drop);
        let patient = [stage.spawn(call), stage.spawn(call)];
        let hasty = stage.spawn(move |stage| ending(stage, deadline));
        stage.clock.advance(TICK);
        seen.note(hasty.join().expect("no panic"));
        for thread in patient {
            thread.join().expect("no panic").expect("it has no deadline");
        }
        stage.is_at_rest();
    });
}

/// S32: the alarm of the first deadline wakes the second waiter as well, which must wait on, and
/// whose own alarm must ring. The main thread leads until both have returned.
#[test]
fn an_early_alarm_is_not_a_deadline() {
    // Three preemptions: with fewer, the first alarm is still armed when the second one is due, and
    // rings for both.
    Model::new("spurious wake, two deadlines", ["both timed out"]).needs(3).explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let begin = stage.clock.now();
        let run = || {
            let followers = [1, 2].map(|ticks| {
                let deadline = begin + ticks * TICK;
                stage.spawn(move |stage| {
                    assert_eq!(ending(stage, deadline), "timed out");
                    assert!(stage.clock.now() >= deadline, "out before its time");
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

/// S34: a call that does not wait leads, or is told that it would have to wait.
#[test]
fn a_call_that_does_not_wait_never_follows() {
    let endings = ["led", "would block"];
    Model::new("try against a leader", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let patient = stage.spawn(|stage| stage.call(1));
        let hasty = stage.spawn(|stage| -> Result<(), Failure> {
            stage.group.try_execute(&1, || stage.run()).map(drop)
        });
        match hasty.join().expect("no panic") {
            Ok(()) => seen.note("led"),
            Err(Error::WouldBlock) => seen.note("would block"),
            Err(other) => panic!("a try ended as {other:?}"),
        }
        patient.join().expect("no panic");
        stage.is_at_rest();
    });
}

/// S49: whoever looks at the counters meanwhile never sees more ends than calls.
#[test]
fn a_snapshot_never_shows_more_ends_than_calls() {
    let endings = ["before", "between", "after"];
    Model::new("stats meanwhile", endings).exhaustive().explore(move |seen| {
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
