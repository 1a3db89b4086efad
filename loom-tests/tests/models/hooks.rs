//! A hook that runs in the middle of a wait: meanwhile its thread does not wait for the flight.
//!
//! The main thread leads key 2, another one leads key 1 and waits for key 2, which is slow. The hook of
//! that thread calls key 3.

use std::sync::{Arc, OnceLock};

use coalescer::{Error, Role, SlowFlight};
use coalescer_loom_tests::{Model, Stage, TICK};

/// Returns a stage whose hook calls key 3 when the flight of key 2 is slow. They hold each other.
fn stage() -> Stage {
    let own: Arc<OnceLock<Stage>> = Arc::default();
    let called = Arc::clone(&own);
    let stage = Stage::new(|builder| {
        builder.on_slow(TICK, move |slow: &SlowFlight<'_, u8>| {
            if *slow.key == 2 && !slow.ended {
                called.get().expect("it is set before the first call").call(3);
            }
        })
    });
    let _ = own.set(stage.clone());
    stage
}

/// Leads key 2, whose function starts a thread that leads key 1 and calls key 2, moves the clock, and makes
/// one more call. Returns true if the inner call of the thread was refused.
fn nested(stage: &Stage, call: impl FnOnce(&Stage)) -> bool {
    let mut other = None;
    let run = || {
        other = Some(stage.spawn(|stage| {
            let mut is_refused = false;
            let run = || {
                let inner = stage.group.execute(&2, || stage.run());
                is_refused = matches!(inner, Err(Error::WouldDeadlock));
                stage.run()
            };
            stage.group.execute(&1, run).expect("no outer call closes a cycle");
            is_refused
        }));
        stage.clock.advance(TICK);
        call(stage);
        stage.run()
    };
    stage.group.execute(&2, run).expect("no outer call closes a cycle");
    other.expect("the function ran").join().expect("no panic")
}

/// S43, S66: the main thread waits for the flight that the hook leads. That ends by itself.
#[test]
fn a_flight_that_a_hook_leads_waits_for_nobody() {
    let endings = ["it waited for the hook", "it led"];
    Model::new("hook that leads, no cycle", endings).explore(move |seen| {
        let stage = stage();
        let mut role = None;
        let is_refused = nested(&stage, |stage| role = stage.call(3).role);
        assert!(!is_refused, "refused without a cycle");
        seen.note(endings[usize::from(role != Some(Role::Follower))]);
        stage.is_at_rest();
    });
}

/// S42, S66: the main thread calls key 1, which closes a cycle as soon as the hook has returned.
#[test]
fn a_cycle_that_closes_during_a_hook_is_refused() {
    let endings = ["the late one refused", "the other refused", "no cycle"];
    Model::new("hook in the middle of a cycle", endings).explore(move |seen| {
        let stage = stage();
        let mut is_refused = false;
        let is_late_refused = nested(&stage, |stage| {
            let inner = stage.group.execute(&1, || stage.run());
            is_refused = matches!(inner, Err(Error::WouldDeadlock));
        });
        assert!(!(is_refused && is_late_refused), "both were refused, and one is enough");
        seen.note(match (is_late_refused, is_refused) {
            (true, _) => endings[0],
            (_, true) => endings[1],
            _ => endings[2],
        });
        stage.is_at_rest();
    });
}
