//! Threads that lead one flight and wait for another: cycles are refused, and nothing else is.

use std::sync::Arc;

use coalescer::{Error, OnDeadlock};
use coalescer_loom_tests::{Failure, Latch, Model, Stage, TICK};

/// What came of the inner call, if this thread led the outer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inner {
    NotCalled,
    Answered,
    Refused,
    TimedOut,
}

/// A call of `outer` whose function makes another call.
fn nested(stage: &Stage, outer: u8, inner: impl FnOnce(&Stage) -> Result<u64, Failure>) -> Inner {
    let mut came = Inner::NotCalled;
    let run = || {
        came = match inner(stage) {
            Ok(_) => Inner::Answered,
            Err(Error::WouldDeadlock) => Inner::Refused,
            Err(Error::TimedOut) => Inner::TimedOut,
            Err(other) => panic!("an inner call ended as {other:?}"),
        };
        stage.run()
    };
    stage.group.execute(&outer, run).expect("no outer call closes a cycle");
    came
}

fn inner_call(key: u8) -> impl Fn(&Stage) -> Result<u64, Failure> + Copy {
    move |stage| stage.group.execute(&key, || stage.run()).map(|value| *value)
}

/// S41, S42: two threads, two keys, opposite orders: one inner call is refused at most, and both
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
        assert!(refused < 2, "both were refused, and one would do");
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
        assert!(refused < 2, "two were refused, and one would do");
        seen.note(endings[1 - refused]);
        stage.is_at_rest();
    });
}

/// S42: a cycle through a flight that has not begun: the fresh call waits for the flight that
/// waits for it.
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
        assert!(refused < 2, "both were refused, and one would do");
        seen.note(endings[1 - refused]);
        stage.is_at_rest();
    });
}

/// S41: with `Bypass` the call that would close the cycle runs its own function.
#[test]
fn a_cycle_can_be_bypassed() {
    let endings = ["bypassed", "no cycle"];
    Model::new("cycle of two keys, bypassed", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.on_deadlock(OnDeadlock::Bypass));
        let threads = [(1, 2), (2, 1)].map(|(outer, inner)| {
            stage.spawn(move |stage| nested(stage, outer, inner_call(inner)))
        });
        for thread in threads {
            assert_ne!(thread.join().expect("no panic"), Inner::Refused);
        }
        // Each of four calls ran its own function, though two keys had a leader at a time.
        let is_bypassed = stage.group.stats().followers == 1 && stage.begun() == 3;
        seen.note(if is_bypassed { "bypassed" } else { "no cycle" });
        stage.is_at_rest();
    });
}

/// S43: waiting for an independent thread is no cycle, and neither is waiting for one that still
/// seems to wait for a flight that has ended.
#[test]
fn an_ended_flight_closes_no_cycle() {
    let endings = ["waited", "led"];
    Model::new("no false alarm: an ended flight", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let first = stage.spawn(|stage| nested(stage, 1, inner_call(2)));
        let second = stage.spawn(|stage| {
            stage.call(2);
            nested(stage, 3, inner_call(1))
        });
        let inner = [first, second].map(|thread| thread.join().expect("no panic"));
        assert!(!inner.contains(&Inner::Refused), "a false alarm: {inner:?}");
        seen.note(if stage.group.stats().followers > 0 { "waited" } else { "led" });
        stage.is_at_rest();
    });
}

/// S42, S43: a wait that timed out is over. A call that comes later may wait the other way round.
#[test]
fn a_wait_that_timed_out_closes_no_cycle() {
    let endings = ["waited", "led"];
    Model::new("no false alarm: a time-out", endings).explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let deadline = stage.clock.now() + TICK;
        let (is_led, is_over) = (Arc::new(Latch::new(1)), Arc::new(Latch::new(1)));
        let hasty = stage.spawn({
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
        assert_eq!(hasty.join().expect("no panic"), Inner::TimedOut);
        assert_eq!(other.join().expect("no panic"), Inner::Answered, "a false alarm");
        seen.note(if stage.group.stats().followers > 0 { "waited" } else { "led" });
        stage.is_at_rest();
    });
}

/// S42: a wait that a deadline would end is refused as well, at once.
#[test]
fn a_deadline_does_not_excuse_a_cycle() {
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
