//! A leader that takes too long: another call begins one more execution of the same flight.
//!
//! The main thread leads. Its function makes the others, moves the clock, and goes on only when one
//! of them has come so far: without a take-over that would be never.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use coalescer::Role;
use coalescer_loom_tests::checker::thread::JoinHandle;
use coalescer_loom_tests::{Latch, Model, Stage, TICK};

/// Leads until so many other calls have returned, and gives the others' answers with its own value.
fn stuck_until_others_return(stage: &Stage, others: usize) -> (Vec<(u64, Duration)>, u64) {
    let (answers, own) = (Cell::default(), Cell::new(0));
    let run = || {
        let other = |stage: &Stage| {
            let outcome = stage.group.call(&1).outcome(|| stage.run());
            let outcome = outcome.expect("nothing fails");
            (*outcome.value, outcome.waited)
        };
        let others: Vec<_> = (0..others).map(|_| stage.spawn(other)).collect();
        stage.clock.advance(TICK);
        answers.set(others.into_iter().map(joined).collect());
        own.set(stage.begin());
        Ok(own.get())
    };
    let value = *stage.group.execute(&1, run).expect("nothing fails");
    // S26: whatever became of its flight, a leader gets its own result.
    assert_eq!(value, own.get());
    (answers.take(), value)
}

fn joined<R>(thread: JoinHandle<R>) -> R {
    thread.join().expect("no panic")
}

/// S36, S37, S38: a follower or a new arrival takes over, its success is the flight's, and the
/// first leader's later result changes nothing.
#[test]
fn another_call_takes_over_from_a_stuck_leader() {
    let endings = ["a follower took over", "a new arrival took over"];
    Model::new("take-over, 1 call", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX).leader_timeout(TICK));
        let (others, _) = stuck_until_others_return(&stage, 1);
        let (value, waited) = others[0];
        let last = stage.call(1);
        assert_eq!((last.value, last.role), (value, Some(Role::Late)), "the first success counts");
        assert_eq!(stage.group.stats().takeovers, 1);
        seen.note(endings[usize::from(waited.is_zero())]);
        stage.is_at_rest();
    });
}

/// S36: of two calls that could, exactly one takes over, and the other gets its success.
#[test]
fn exactly_one_takes_over() {
    Model::new("take-over, 2 calls", ["one took over"]).explore(|seen| {
        let stage =
            Stage::new(|builder| builder.window(Duration::MAX).leader_timeout(TICK).max_leaders(3));
        let (others, own) = stuck_until_others_return(&stage, 2);
        assert_eq!(others[0].0, others[1].0, "all who wait get the first success");
        assert_eq!(own, 2, "more than one took over");
        seen.note("one took over");
        stage.is_at_rest();
    });
}

/// S37: a failure is nobody's but its leader's while another execution of the flight still runs.
#[test]
fn a_failure_waits_for_the_execution_beside_it() {
    Model::new("take-over, the first fails", ["one took over"]).explore(|seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX).leader_timeout(TICK));
        let began = Arc::new(Latch::new(1));
        let others = Cell::default();
        let run = || {
            others.set([(); 2].map(|()| {
                let began = Arc::clone(&began);
                Some(stage.spawn(move |stage| {
                    let run = || {
                        began.count_down();
                        stage.run()
                    };
                    *stage.group.execute(&1, run).expect("a failure that decided nothing")
                }))
            }));
            stage.clock.advance(TICK);
            began.wait();
            stage.begin();
            Err("no")
        };
        assert!(stage.group.execute(&1, run).is_err(), "a leader gets its own result");
        let [one, other] = others.take().map(|other| joined(other.expect("it was made")));
        assert_eq!(one, other, "one success for both");
        seen.note("one took over");
        stage.is_at_rest();
    });
}
