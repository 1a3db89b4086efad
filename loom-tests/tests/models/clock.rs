//! The manual clock under the checker: it ends bounded waits, and hides no wait that nothing ends.

use std::process::Command;
use std::sync::Arc;

use coalescer::Error;
use coalescer_loom_tests::{Failure, Latch, Model, Stage, TICK};

/// Starts a leader that ends after its follower has returned, and a follower with a deadline, in ticks
/// from the start.
fn stuck_until_the_follower_returns(stage: &Stage, deadline: u32, ticks: u32) -> &'static str {
    let deadline = stage.clock.now() + deadline * TICK;
    let until = Arc::new(Latch::new(1));
    let leads = Arc::new(Latch::new(1));
    let leader = stage.spawn({
        let (until, leads) = (Arc::clone(&until), Arc::clone(&leads));
        move |stage| -> Result<(), Failure> {
            let run = || {
                leads.count_down();
                until.wait();
                stage.run()
            };
            stage.group.execute(&1, run).map(drop)
        }
    });
    let follower = stage.spawn(move |stage| {
        leads.wait();
        let result = stage.group.execute_deadline(&1, deadline, || stage.run());
        until.count_down();
        matches!(result, Err(Error::TimedOut))
    });
    for _ in 0..ticks {
        stage.clock.advance(TICK);
    }
    leader.join().expect("no panic").expect("it led");
    if follower.join().expect("no panic") { "timed out" } else { "answered" }
}

/// A deadline that expires while the leader is stuck ends the wait, whenever the clock moves.
#[test]
fn an_alarm_is_never_lost() {
    Model::new("clock: one alarm", ["timed out"]).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        seen.note(stuck_until_the_follower_returns(&stage, 1, 1));
        stage.is_at_rest();
    });
}

/// A clock that moves in two steps ends the wait with the second step, and not before.
#[test]
fn an_alarm_rings_when_it_is_due() {
    Model::new("clock: two steps", ["timed out"]).explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        seen.note(stuck_until_the_follower_returns(&stage, 2, 2));
        stage.is_at_rest();
    });
}

/// The checker reports a wait that nothing ends: the clock stops before the deadline.
///
/// The model runs in a process of its own, since a model cannot unwind after a deadlock.
#[test]
fn a_wait_that_nothing_ends_is_reported() {
    let tests = std::env::current_exe().expect("this is a test");
    let deadlock = Command::new(tests)
        .args(["--nocapture", "--ignored", "--exact", "clock::nothing_ends_this_wait"])
        .output()
        .expect("it can be run again");
    let output = String::from_utf8_lossy(&deadlock.stderr);
    assert!(!deadlock.status.success() && output.contains("deadlock"), "{output}");
}

#[test]
#[ignore = "ends in a deadlock, which the test above expects"]
fn nothing_ends_this_wait() {
    Model::new("clock: a wait without an end", []).explore(|_| {
        let stage = Stage::new(|builder| builder);
        stuck_until_the_follower_returns(&stage, 2, 1);
    });
}
