//! `refresh_after`: which call refreshes, and what the others get meanwhile.

use coalescer::Role;
use coalescer_loom_tests::{Model, Stage, TICK};

/// A stage whose key 1 has the value 1, which is due and has three ticks left of its window.
fn due() -> Stage {
    let stage = Stage::new(|builder| builder.window(4 * TICK).refresh_after(TICK));
    stage.call(1);
    stage.clock.advance(TICK);
    stage
}

/// S120: of two calls that find a value due, one refreshes it. The other waits for nothing.
#[test]
fn one_of_two_calls_refreshes() {
    let endings = ["the other got the old value", "the other got the new value"];
    Model::new("two calls of a value that is due", endings).exhaustive().explore(move |seen| {
        let stage = due();
        let calls = [(); 2].map(|()| stage.spawn(|stage| stage.call(1)));
        let calls = calls.map(|call| call.join().expect("no panic"));
        let leads = calls.iter().filter(|call| call.role == Some(Role::Leader)).count();
        assert_eq!((leads, stage.begun()), (1, 2), "one call refreshes");
        let other = calls.iter().find(|call| call.role != Some(Role::Leader));
        let other = other.expect("one of two leads");
        assert_eq!(other.role, Some(Role::Late), "nobody waits for a refresh");
        seen.note(endings[usize::from(other.value == 2)]);
        let stats = stage.group.stats();
        assert_eq!((stats.refreshes, stats.refresh_failures), (1, 0));
        stage.is_at_rest();
    });
}

/// S120, S8: when the window is over, calls join the refresh and never get the old value.
#[test]
fn the_refresh_is_joined_at_the_windows_end() {
    let endings = ["led", "joined", "got the new value"];
    Model::new("a refresh against the window's end", endings).exhaustive().explore(move |seen| {
        let stage = due();
        let refresher = stage.spawn(|stage| stage.call(1));
        stage.clock.advance(3 * TICK);
        let call = stage.call(1);
        assert_ne!(call.value, 1, "served after its window");
        seen.note(match call.role {
            Some(Role::Leader) => "led",
            Some(Role::Follower) => "joined",
            _ => "got the new value",
        });
        refresher.join().expect("no panic");
        stage.is_at_rest();
    });
}

/// S126, S28: a call after a `forget` gets nothing of a refresh that began before it.
#[test]
fn a_refresh_leaves_nothing_after_a_forget() {
    let endings = ["kept a later value", "kept nothing"];
    Model::new("a refresh against forget", endings).exhaustive().explore(move |seen| {
        let stage = due();
        let refresher = stage.spawn(|stage| stage.call(1));
        // A step in which the refresh can begin.
        drop(stage.group.in_flight());
        let before = stage.begun();
        assert!(stage.group.forget(&1), "there was a value");
        let kept = stage.group.peek(&1).map(|value| *value);
        assert!(kept.is_none_or(|value| value > before), "a value from before the forget is kept");
        refresher.join().expect("no panic");
        let kept = stage.group.peek(&1).map(|value| *value);
        assert!(kept.is_none_or(|value| value > before), "a value from before the forget is kept");
        seen.note(endings[usize::from(kept.is_none())]);
        stage.is_at_rest();
    });
}

/// S122, S123: a refresh that fails leaves the old value for all, and the next one is not due.
#[test]
fn a_refresh_that_fails_leaves_the_old_value() {
    let endings = ["both got the old value", "the other refreshed"];
    Model::new("a refresh that fails against a call", endings).exhaustive().explore(move |seen| {
        let stage = due();
        let fails = stage.spawn(|stage| {
            let run = || {
                stage.begin();
                Err("down")
            };
            let outcome = stage.group.call(&1).outcome(run).expect("it gets a value");
            (*outcome.value, outcome.role)
        });
        let other = stage.call(1);
        let (value, role) = fails.join().expect("no panic");
        assert_eq!(role, Role::Late, "its own function failed, or did not run");
        let stats = stage.group.stats();
        assert_eq!((stats.refreshes, stage.begun()), (1, 2), "the next one is not due");
        match (other.role, stats.refresh_failures) {
            (Some(Role::Late), 1) => {
                assert_eq!((value, other.value), (1, 1), "the old value stays");
                seen.note("both got the old value");
            }
            (Some(Role::Leader), 0) => {
                assert_eq!(other.value, 2, "its own");
                seen.note("the other refreshed");
            }
            other => panic!("no call waits: {other:?}"),
        }
        stage.is_at_rest();
    });
}
