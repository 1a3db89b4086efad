//! The models of leaks: the library's handles are loom's, which report a handle that is never dropped.
//!
//! loom may switch threads at every drop of a handle, so these models are small. They only make calls;
//! loom checks the handles at the end of each execution.

#![cfg(all(loom, coalescer_leaks))]

use std::time::Duration;

use coalescer_loom_tests::{Model, Stage, TICK};

/// S47: no slot and no value outlives the group, whether it was retained, forgotten or neither.
#[test]
fn a_forgotten_slot_is_dropped() {
    let endings = ["forgot something", "nothing to forget"];
    Model::new("leaks: forget", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX));
        let callers = [(); 2].map(|()| stage.spawn(|stage| stage.call(1).value));
        let was_present = stage.group.forget(&1);
        for caller in callers {
            caller.join().expect("no panic");
        }
        seen.note(endings[usize::from(!was_present)]);
    });
}

/// A leader and a follower: slot, gate and value are dropped with the last of the two calls.
#[test]
fn a_shared_value_is_dropped() {
    let endings = ["followed", "led"];
    Model::new("leaks: follow", endings).exhaustive().explore(|seen| {
        let stage = Stage::new(|builder| builder);
        let mut other = None;
        let run = || {
            other = Some(stage.spawn(|stage| stage.call(1).value));
            stage.run()
        };
        stage.group.execute(&1, run).expect("nothing fails");
        let value = other.expect("the function ran").join().expect("no panic");
        seen.note(if value == 1 { "followed" } else { "led" });
    });
}

/// A successor without waiters is dropped with the last call that waited for it.
#[test]
fn a_successor_without_waiters_is_dropped() {
    let endings = ["answered", "timed out"];
    Model::new("leaks: a successor without waiters", endings).exhaustive().explore(|seen| {
        let stage = Stage::new(|builder| builder.max_wait(TICK));
        let mut fresh = None;
        let run = || {
            fresh = Some(stage.spawn(|stage| {
                let result = stage.group.execute_fresh(&1, || stage.run());
                result.is_ok()
            }));
            stage.run()
        };
        stage.group.execute(&1, run).expect("nothing fails");
        stage.clock.advance(TICK);
        let is_ok = fresh.expect("the function ran").join().expect("no panic");
        seen.note(if is_ok { "answered" } else { "timed out" });
    });
}
