//! Threads that lead one flight and wait for another: a wait that closes a cycle is refused, and no
//! other wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use coalescer::{Error, OnDeadlock};
use coalescer_loom_tests::{Failure, Latch, Model, Stage, TICK};

/// The result of the inner call, if this thread led the outer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inner {
    NotCalled,
    Answered,
    Refused,
    TimedOut,
}

/// Calls `outer` with a function that makes another call.
fn nested(stage: &Stage, outer: u8, inner: impl FnOnce(&Stage) -> Result<u64, Failure>) -> Inner {
    let mut result = Inner::NotCalled;
    let run = || {
        result = match inner(stage) {
            Ok(_) => Inner::Answered,
            Err(Error::WouldDeadlock) => Inner::Refused,
            Err(Error::TimedOut) => Inner::TimedOut,
            Err(other) => panic!("an inner call ended as {other:?}"),
        };
        stage.run()
    };
    stage.group.execute(&outer, run).expect("no outer call closes a cycle");
    result
}

fn inner_call(key: u8) -> impl Fn(&Stage) -> Result<u64, Failure> + Copy {
    move |stage| stage.group.execute(&key, || stage.run()).map(|value| *value)
}

/// S41, S42: two threads call two keys in opposite orders: at most one inner call is refused, and both
/// threads return.
#[test]
fn a_cycle_of_two_is_refused() {
    let endings = ["one refused", "no cycle"];
    Model::new("cycle of two keys", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let threads = [(1, 2), (2, 1)].map(|(outer, inner)| {
            stage.spawn(move |stage| nested(stage, outer, inner_call(inner)))
        });
        let inner = threads.map(|thread| thread.join().expect("no panic"));
        let refused = inner.iter().filter(|inner| **inner == Inner::Refused).count();
        assert!(refused < 2, "both were refused, and one is enough");
        seen.note(endings[1 - refused]);
        stage.is_at_rest();
    });
}

/// The same with three threads and three keys.
#[test]
fn a_cycle_of_three_is_refused() {
    let endings = ["one refused", "no cycle"];
    Model::new("cycle of three keys", endings).explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let threads = [(1, 2), (2, 3), (3, 1)].map(|(outer, inner)| {
            stage.spawn(move |stage| nested(stage, outer, inner_call(inner)))
        });
        let inner = threads.map(|thread| thread.join().expect("no panic"));
        let refused = inner.iter().filter(|inner| **inner == Inner::Refused).count();
        assert!(refused < 2, "two were refused, and one is enough");
        seen.note(endings[1 - refused]);
        stage.is_at_rest();
    });
}

/// S42: a cycle through a flight that has not begun. The fresh call waits for a flight whose function
/// waits for the fresh call's thread.
#[test]
fn a_cycle_through_a_successor_is_refused() {
    let endings = ["one refused", "no cycle"];
    Model::new("cycle through a fresh call", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let fresh = stage.spawn(|stage| {
            nested(stage, 1, |stage| {
                stage.group.execute_fresh(&2, || stage.run()).map(|value| *value)
            })
        });
        let other = stage.spawn(|stage| nested(stage, 2, inner_call(1)));
        let inner = [fresh, other].map(|thread| thread.join().expect("no panic"));
        let refused = inner.iter().filter(|inner| **inner == Inner::Refused).count();
        assert!(refused < 2, "both were refused, and one is enough");
        seen.note(endings[1 - refused]);
        stage.is_at_rest();
    });
}

/// S41: with `Bypass`, the call that would close the cycle runs its own function.
#[test]
fn a_cycle_can_be_bypassed() {
    let endings = ["bypassed", "no cycle"];
    Model::new("cycle of two keys, bypassed", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.on_deadlock(OnDeadlock::Bypass));
        let is_bypassed = Arc::new(AtomicBool::new(false));
        let threads = [(1, 2), (2, 1)].map(|(outer, inner)| {
            let is_bypassed = Arc::clone(&is_bypassed);
            let inner = move |stage: &Stage| {
                let run = || {
                    // Two keys have two leaders at most, so the third execution is a bypass.
                    is_bypassed.fetch_or(stage.group.stats().in_flight == 3, Ordering::Relaxed);
                    stage.run()
                };
                stage.group.execute(&inner, run).map(|value| *value)
            };
            stage.spawn(move |stage| nested(stage, outer, inner))
        });
        for thread in threads {
            assert_ne!(thread.join().expect("no panic"), Inner::Refused);
        }
        let is_bypassed = is_bypassed.load(Ordering::Relaxed);
        seen.note(if is_bypassed { "bypassed" } else { "no cycle" });
        stage.is_at_rest();
    });
}

/// S43: a wait for an independent thread closes no cycle. Neither does a wait for a thread that has
/// not yet returned from its wait for a flight that has ended.
#[test]
fn an_ended_flight_closes_no_cycle() {
    let endings = ["waited", "led"];
    Model::new("no cycle: an ended flight", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let first = stage.spawn(|stage| nested(stage, 1, inner_call(2)));
        let second = stage.spawn(|stage| {
            stage.call(2);
            nested(stage, 3, inner_call(1))
        });
        let inner = [first, second].map(|thread| thread.join().expect("no panic"));
        assert!(!inner.contains(&Inner::Refused), "refused without a cycle: {inner:?}");
        seen.note(if stage.group.stats().followers > 0 { "waited" } else { "led" });
        stage.is_at_rest();
    });
}

/// S42, S43: a wait that timed out is over. A later call may wait in the opposite direction.
#[test]
fn a_wait_that_timed_out_closes_no_cycle() {
    let endings = ["waited", "led"];
    Model::new("no cycle: a time-out", endings).explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let deadline = stage.clock.now() + TICK;
        let (is_led, is_over) = (Arc::new(Latch::new(1)), Arc::new(Latch::new(1)));
        let bounded = stage.spawn({
            let (is_led, is_over) = (Arc::clone(&is_led), Arc::clone(&is_over));
            move |stage| {
                nested(stage, 1, |stage| {
                    is_led.wait();
                    let result = stage.group.execute_deadline(&2, deadline, || stage.run());
                    is_over.count_down();
                    result.map(|value| *value)
                })
            }
        });
        let other = stage.spawn(move |stage| {
            nested(stage, 2, |stage| {
                is_led.count_down();
                is_over.wait();
                inner_call(1)(stage)
            })
        });
        stage.clock.advance(TICK);
        assert_eq!(bounded.join().expect("no panic"), Inner::TimedOut);
        assert_eq!(other.join().expect("no panic"), Inner::Answered, "refused without a cycle");
        seen.note(if stage.group.stats().followers > 0 { "waited" } else { "led" });
        stage.is_at_rest();
    });
}

/// S42: a wait that closes a cycle is refused at once, even if it has a deadline.
#[test]
fn a_cycle_with_a_deadline_is_refused() {
    let endings = ["one refused", "no cycle"];
    Model::new("cycle of two keys, with a deadline", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let bounded = stage.spawn(|stage| {
            nested(stage, 1, |stage| {
                stage.group.execute_timeout(&2, TICK, || stage.run()).map(|value| *value)
            })
        });
        let other = stage.spawn(|stage| nested(stage, 2, inner_call(1)));
        let inner = [bounded, other].map(|thread| thread.join().expect("no panic"));
        let refused = inner.iter().filter(|inner| **inner == Inner::Refused).count();
        seen.note(endings[1 - refused]);
        stage.is_at_rest();
    });
}
