//! How a flight can end other than with a shared value: an error, a panic, a value for one only.

use std::sync::Arc;
use std::time::Duration;

use coalescer::Error;
use coalescer_loom_tests::{Failure, Model, Stage, quietly_panics};

/// A call whose function panics. Says what the call did: its own panic, or another's.
fn panicking_call(stage: &Stage) -> Result<Result<(), Failure>, &'static str> {
    quietly_panics(|| {
        let run = || {
            stage.begin();
            std::panic::resume_unwind(Box::new("boom"))
        };
        stage.group.execute(&1, run).map(drop)
    })
}

fn check_panics<const N: usize>(model: Model) {
    model.explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX));
        let threads = [(); N].map(|()| stage.spawn(panicking_call));
        let mut told = 0;
        for thread in threads {
            match thread.join().expect("caught in the thread") {
                Err("boom") => {}
                Err(other) => panic!("someone else's panic: {other}"),
                Ok(Err(Error::LeaderPanicked { message })) => {
                    assert_eq!(message.as_deref(), Some("boom"));
                    told += 1;
                }
                Ok(other) => panic!("a panic ended as {other:?}"),
            }
        }
        assert_eq!(stage.begun() + told, N as u64, "nothing of a panic is retained");
        assert_eq!(stage.group.stats().panicked, stage.begun());
        seen.note(["nobody followed", "one followed", "two followed"][told as usize]);
        stage.is_at_rest();
    });
}

/// S6, S21, S22, S23: the panic goes on in its own thread, the follower is told, the next call
/// executes.
#[test]
fn a_panic_is_told_to_the_follower() {
    let endings = ["nobody followed", "one followed"];
    check_panics::<2>(Model::new("the leader panics, 2", endings).exhaustive());
}

/// The same with two followers, both of whom must be woken.
#[test]
fn a_panic_is_told_to_all_followers() {
    let endings = ["nobody followed", "one followed", "two followed"];
    check_panics::<3>(Model::new("the leader panics, 3", endings));
}

/// S16, S18: those who waited get the very error, and those who come later execute.
#[test]
fn an_error_is_shared_and_not_retained() {
    let endings = ["shared", "each its own"];
    Model::new("the leader fails", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX));
        let fail = |stage: &Stage| {
            let run = || {
                stage.begin();
                Err("no")
            };
            match stage.group.execute(&1, run) {
                Err(Error::Failed(error)) => error,
                other => panic!("an error ended as {other:?}"),
            }
        };
        let threads = [stage.spawn(fail), stage.spawn(fail)];
        let errors = threads.map(|thread| thread.join().expect("no panic"));
        let is_shared = Arc::ptr_eq(&errors[0], &errors[1]);
        assert_eq!(stage.begun(), if is_shared { 1 } else { 2 });
        seen.note(if is_shared { "shared" } else { "each its own" });
        stage.is_at_rest();
    });
}

fn check_unshareable<const N: usize>(model: Model) {
    model.explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX).share_if(|_: &u64| false));
        let threads = [(); N].map(|()| {
            stage.spawn(|stage| {
                let outcome = stage.group.call(&1).outcome(|| stage.run());
                outcome.expect("nothing fails")
            })
        });
        let outcomes = threads.map(|thread| thread.join().expect("no panic"));
        let mut values = outcomes.each_ref().map(|outcome| *outcome.value);
        values.sort_unstable();
        assert!(values.iter().copied().eq(1..=N as u64), "a value was shared: {values:?}");
        let most = outcomes.iter().map(|outcome| outcome.callers).max();
        seen.note(["nobody waited", "one waited", "two waited"][most.expect("N > 0") - 1]);
        stage.is_at_rest();
    });
}

/// S40: the leader keeps a value that may not be shared, the follower runs its own function, and
/// nothing is retained.
#[test]
fn an_unshareable_value_goes_to_nobody_else() {
    let endings = ["nobody waited", "one waited"];
    check_unshareable::<2>(Model::new("unshareable, 2", endings).exhaustive());
}

/// The same with two followers, released at once.
#[test]
fn an_unshareable_value_releases_all_followers() {
    let endings = ["nobody waited", "one waited", "two waited"];
    check_unshareable::<3>(Model::new("unshareable, 3", endings));
}
