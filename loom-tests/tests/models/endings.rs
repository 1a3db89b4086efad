//! Flights that end without a shared value: with an error, a panic, or a value for the leader only.

use std::sync::Arc;
use std::time::Duration;

use coalescer::Error;
use coalescer_loom_tests::{Failure, Model, Stage, quietly_panics};

/// Makes a call whose function panics. Returns the panic's payload if the call ran the function, or the
/// result of the call.
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
        let mut followed = 0;
        for thread in threads {
            match thread.join().expect("caught in the thread") {
                Err("boom") => {}
                Err(other) => panic!("a panic with another payload: {other}"),
                Ok(Err(Error::LeaderPanicked { message })) => {
                    assert_eq!(message.as_deref(), Some("boom"));
                    followed += 1;
                }
                Ok(other) => panic!("a panic ended as {other:?}"),
            }
        }
        assert_eq!(stage.begun() + followed, N as u64, "a panic was retained");
        assert_eq!(stage.group.stats().panicked, stage.begun());
        seen.note(["none followed", "one followed", "two followed"][followed as usize]);
        stage.is_at_rest();
    });
}

/// S6, S21, S22, S23: the leader's thread unwinds, the follower gets `LeaderPanicked`, and the next
/// call executes.
#[test]
fn a_follower_gets_the_panic() {
    let endings = ["none followed", "one followed"];
    check_panics::<2>(Model::new("the leader panics, 2", endings).exhaustive());
}

/// The same with two followers, both of which must be notified.
#[test]
fn all_followers_get_the_panic() {
    let endings = ["none followed", "one followed", "two followed"];
    check_panics::<3>(Model::new("the leader panics, 3", endings));
}

/// S16, S18: the calls that waited share one error, and a later call executes.
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
        seen.note(["none waited", "one waited", "two waited"][most.expect("N > 0") - 1]);
        stage.is_at_rest();
    });
}

/// S40: only the leader gets a value that must not be shared. The follower runs its own function, and
/// nothing is retained.
#[test]
fn an_unshareable_value_is_the_leaders_alone() {
    let endings = ["none waited", "one waited"];
    check_unshareable::<2>(Model::new("unshareable, 2", endings).exhaustive());
}

/// The same with two followers, which run their functions at the same time.
#[test]
fn an_unshareable_value_releases_all_followers() {
    let endings = ["none waited", "one waited", "two waited"];
    check_unshareable::<3>(Model::new("unshareable, 3", endings));
}
