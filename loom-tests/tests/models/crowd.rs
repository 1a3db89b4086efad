//! Models with eight threads, for shuttle only: they are too large for loom.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use coalescer::Error;
use coalescer_loom_tests::{Model, Stage, TICK, quietly_panics};

/// S5, S6: eight calls of one key share the executions that run, and all return.
#[test]
fn eight_threads_share_the_executions_of_one_key() {
    Model::new("crowd: one key", ["shared"]).explore(|seen| {
        let stage = Stage::new(|builder| builder);
        let threads = [(); 8].map(|()| stage.spawn(|stage| [stage.call(1), stage.call(1)]));
        for thread in threads {
            let answers = thread.join().expect("no panic");
            assert!(
                answers.iter().all(|answer| !answer.was_handed_out),
                "a value was served after its flight"
            );
        }
        if stage.group.stats().followers > 0 {
            seen.note("shared");
        }
        stage.is_at_rest();
    });
}

/// S14: sixteen calls with `max_requests` 5 cost four executions, in any order.
#[test]
fn sixteen_calls_with_a_limit_of_five_cost_four_executions() {
    Model::new("crowd: max_requests 5", ["done"]).explore(|seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX).max_requests(5));
        let threads = [(); 8].map(|()| stage.spawn(|stage| [stage.call(1), stage.call(1)]));
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert_eq!(stage.begun(), 4, "not ceil(16 / 5) executions");
        seen.note("done");
        stage.is_at_rest();
    });
}

/// S28, S30, S33, S36: calls of every method, on two keys, while the clock moves and keys are
/// forgotten.
#[test]
fn calls_of_every_method_all_return() {
    let endings = ["timed out", "would block", "panicked", "took over", "shared"];
    Model::new("crowd: every method", endings).explore(|seen| {
        let stage = Stage::new(|builder| builder.window(2 * TICK).leader_timeout(TICK));
        let threads: Vec<_> =
            (0..8_u8).map(|n| stage.spawn(move |stage| calls_of(stage, n))).collect();
        for _ in 0..3 {
            stage.clock.advance(TICK);
        }
        for thread in threads {
            if let Some(ending) = thread.join().expect("caught in the thread") {
                seen.note(ending);
            }
        }
        let stats = stage.group.stats();
        if stats.takeovers > 0 {
            seen.note("took over");
        }
        if stats.followers > 0 {
            seen.note("shared");
        }
        stage.is_at_rest();
    });
}

/// Makes the calls of the n-th thread.
fn calls_of(stage: &Stage, n: u8) -> Option<&'static str> {
    let key = n % 2;
    match n {
        0..2 => {
            let run = || {
                stage.begin();
                std::panic::resume_unwind(Box::new("boom"))
            };
            let panicked = quietly_panics::<_, &str>(|| stage.group.execute(&key, run));
            return panicked.is_err().then_some("panicked");
        }
        2..4 => {
            let result = stage.group.execute_timeout(&key, TICK, || stage.run());
            return matches!(result, Err(Error::TimedOut)).then_some("timed out");
        }
        4 => {
            let result = stage.group.try_execute(&key, || stage.run());
            return matches!(result, Err(Error::WouldBlock)).then_some("would block");
        }
        5 => {
            stage.group.forget(&key);
            let begun = stage.begun();
            let answer = stage.ask(|stage| stage.group.execute(&key, || stage.run()));
            if let Ok(answer) = answer {
                assert!(answer.value > begun, "it began before the forget: {answer:?}");
            }
        }
        _ => {
            let answer = stage.ask(|stage| stage.group.execute_fresh(&key, || stage.run()));
            if let Ok(answer) = answer {
                assert!(answer.value > answer.begun_before, "it began before the call: {answer:?}");
            }
        }
    }
    None
}

/// S42: eight threads in a ring of eight keys: one call is refused if the cycle would close, and all
/// return.
#[test]
fn a_ring_of_eight_is_refused() {
    let endings = ["refused", "no cycle"];
    Model::new("crowd: a ring of eight", endings).explore(|seen| {
        let stage = Stage::new(|builder| builder);
        let refused = Arc::new(AtomicU64::new(0));
        let threads: Vec<_> = (0..8_u8)
            .map(|n| {
                let refused = Arc::clone(&refused);
                stage.spawn(move |stage| {
                    let run = || {
                        let inner = stage.group.execute(&((n + 1) % 8), || stage.run());
                        if matches!(inner, Err(Error::WouldDeadlock)) {
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                        stage.run()
                    };
                    stage.group.execute(&n, run).expect("no outer call closes a cycle");
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert!(refused.load(Ordering::Relaxed) < 2, "only one call can close the ring");
        seen.note(if refused.load(Ordering::Relaxed) > 0 { "refused" } else { "no cycle" });
        stage.is_at_rest();
    });
}
