//! `forget` while the function of the key runs, and after it has returned.

use std::time::Duration;

use coalescer::Role;
use coalescer_loom_tests::{Model, Stage};

/// S27, S28: a call that begins after `forget` has returned gets no result of an execution that began
/// before, and no such result is retained.
#[test]
fn no_result_from_before_a_forget_is_served_after_it() {
    let endings = ["forgot a flight or a result", "nothing to forget"];
    Model::new("forget against a call", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX));
        let caller = stage.spawn(|stage| stage.call(1));
        let forgetter = stage.spawn(|stage| {
            let was_present = stage.group.forget(&1);
            let begun = stage.begun();
            let after = stage.call(1).value;
            assert!(after > begun, "execution {after} began before the forget");
            (was_present, begun)
        });
        caller.join().expect("no panic");
        let (was_present, begun) = forgetter.join().expect("no panic");
        assert!(stage.call(1).value > begun, "a result from before the forget is retained");
        seen.note(endings[usize::from(!was_present)]);
        stage.is_at_rest();
    });
}

/// The same with two calls. One may wait for the other while the key is forgotten.
#[test]
fn a_forgotten_flight_answers_its_followers() {
    let endings = ["shared", "superseded"];
    Model::new("forget against two calls", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX));
        let callers = [(); 2].map(|()| stage.spawn(|stage| stage.call(1)));
        let forgetter = stage.spawn(|stage| {
            stage.group.forget(&1);
            stage.begun()
        });
        let [one, other] = callers.map(|caller| caller.join().expect("no panic").value);
        let begun = forgetter.join().expect("no panic");
        let last = stage.call(1);
        assert!(last.value > begun, "a result from before the forget is retained");
        seen.note(if one == other { "shared" } else { "superseded" });
        stage.is_at_rest();
    });
}

/// S75: `forget_if` looks at the keys first, and removes those that fit later. What ends between the two
/// leaves nothing from before.
#[test]
fn no_result_from_before_a_forget_if_is_served_after_it() {
    let endings = ["forgot a flight or a result", "nothing to forget"];
    Model::new("forget_if against two calls", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX));
        let caller = stage.spawn(|stage| {
            stage.call(1);
            stage
                .ask(|stage| stage.group.execute_fresh(&1, || stage.run()))
                .expect("nothing fails");
        });
        let forgetter = stage.spawn(|stage| {
            let begun = stage.begun();
            let forgotten = stage.group.forget_if(|key| *key == 1);
            (forgotten, begun)
        });
        caller.join().expect("no panic");
        let (forgotten, begun) = forgetter.join().expect("no panic");
        assert!(stage.call(1).value > begun, "a result from before the forget is retained");
        seen.note(endings[usize::from(forgotten == 0)]);
        stage.is_at_rest();
    });
}

/// S29: a forgotten flight that ends late does not replace the result of a newer flight.
#[test]
fn a_late_end_does_not_replace_a_newer_result() {
    let endings = ["one execution", "two executions"];
    Model::new("a forgotten flight ends late", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX));
        let old = stage.spawn(|stage| stage.call(1));
        let new = stage.spawn(|stage| {
            stage.group.forget(&1);
            let new = stage.call(1);
            let again = stage.call(1);
            assert_eq!((again.value, again.role), (new.value, Some(Role::Late)));
        });
        old.join().expect("no panic");
        new.join().expect("no panic");
        assert_eq!(stage.call(1).role, Some(Role::Late), "the newer result is gone");
        seen.note(endings[stage.begun() as usize - 1]);
        stage.is_at_rest();
    });
}

/// S31: a function may forget its own key. Its result is then not retained.
#[test]
fn a_function_may_forget_its_own_key() {
    let endings = ["one execution", "two executions"];
    Model::new("forget by the function", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX));
        let inside = stage.spawn(|stage| {
            let mut forgotten = None;
            let run = || {
                assert!(stage.group.forget(&1), "the flight of this function can be forgotten");
                forgotten = Some(stage.begin());
                forgotten.ok_or("just set")
            };
            stage.group.execute(&1, run).expect("nothing fails");
            forgotten
        });
        let other = stage.spawn(|stage| stage.call(1));
        let forgotten = inside.join().expect("no panic");
        other.join().expect("no panic");
        seen.note(endings[stage.begun() as usize - 1]);
        assert_ne!(Some(stage.call(1).value), forgotten, "a forgotten result is retained");
        stage.is_at_rest();
    });
}
