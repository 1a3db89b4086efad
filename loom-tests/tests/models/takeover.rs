//! Take-over: if the leader is stuck, another call begins one more execution of the same flight.
//!
//! The main thread leads. Its function starts the other threads, moves the clock, and waits for them:
//! without a take-over it would wait for ever.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use coalescer::Role;
use coalescer_loom_tests::checker::thread::JoinHandle;
use coalescer_loom_tests::{Latch, Model, Stage, TICK};

/// Leads until `others` other calls have returned. Returns their answers and its own value.
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
    // S26: a leader gets its own result, whichever result the flight gets.
    assert_eq!(value, own.get());
    (answers.take(), value)
}

fn joined<R>(thread: JoinHandle<R>) -> R {
    thread.join().expect("no panic")
}

/// S36, S37, S38: a follower or a new call takes over. Its success is the flight's result, and the
/// later result of the first leader changes nothing.
#[test]
fn another_call_takes_over_from_a_stuck_leader() {
    let endings = ["a follower took over", "a new call took over"];
    Model::new("take-over, 1 call", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX).leader_timeout(TICK));
        let (others, _) = stuck_until_others_return(&stage, 1);
        let (value, waited) = others[0];
        let last = stage.call(1);
        assert_eq!(
            (last.value, last.role),
            (value, Some(Role::Late)),
            "the first success is the result"
        );
        assert_eq!(stage.group.stats().takeovers, 1);
        seen.note(endings[usize::from(waited.is_zero())]);
        stage.is_at_rest();
    });
}

/// S36: exactly one of two calls takes over, and the other gets its success.
#[test]
fn exactly_one_takes_over() {
    Model::new("take-over, 2 calls", ["one took over"]).explore(|seen| {
        let stage =
            Stage::new(|builder| builder.window(Duration::MAX).leader_timeout(TICK).max_leaders(3));
        let (others, own) = stuck_until_others_return(&stage, 2);
        assert_eq!(others[0].0, others[1].0, "the followers got different results");
        assert_eq!(own, 2, "more than one took over");
        seen.note("one took over");
        stage.is_at_rest();
    });
}

/// S37: while another execution of the flight runs, only its own leader gets a failure.
#[test]
fn a_failure_does_not_decide_while_another_execution_runs() {
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
                    *stage.group.execute(&1, run).expect("the failure is for its leader only")
                }))
            }));
            stage.clock.advance(TICK);
            began.wait();
            stage.begin();
            Err("no")
        };
        assert!(stage.group.execute(&1, run).is_err(), "a leader gets its own result");
        let [one, other] = others.take().map(|other| joined(other.expect("it was started")));
        assert_eq!(one, other, "the followers got different results");
        seen.note("one took over");
        stage.is_at_rest();
    });
}
