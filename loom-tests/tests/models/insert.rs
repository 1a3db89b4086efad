//! `insert` against what runs, what forgets, and what inserts.

use std::time::Duration;

use coalescer::Role;
use coalescer_loom_tests::{Model, Stage};

/// The values that are inserted. No execution makes so great a number.
const ONE: u64 = 100;
const OTHER: u64 = 200;

fn endless() -> Stage {
    Stage::new(|builder| builder.window(Duration::MAX))
}

/// S28, S29, S111: an execution that began before the insert never replaces the inserted value, and no
/// call after the insert joins it.
#[test]
fn an_inserted_value_stays() {
    let endings = ["the call ran", "the call got the value"];
    Model::new("insert against a call", endings).exhaustive().explore(move |seen| {
        let stage = endless();
        let caller = stage.spawn(|stage| stage.call(1));
        let inserter = stage.spawn(|stage| {
            stage.group.insert(&1, ONE);
            stage.call(1).value
        });
        let called = caller.join().expect("no panic");
        assert_eq!(inserter.join().expect("no panic"), ONE, "an older execution was joined");
        assert_eq!(stage.call(1).value, ONE, "an older execution has replaced the value");
        seen.note(endings[usize::from(called.role == Some(Role::Late))]);
        stage.is_at_rest();
    });
}

/// S111, S1: the followers of a flight that an insert detaches get its outcome.
#[test]
fn a_flight_that_an_insert_detaches_answers_its_followers() {
    let endings = ["shared a run", "one got the value", "both got the value"];
    Model::new("insert against two calls", endings).exhaustive().explore(move |seen| {
        let stage = endless();
        let callers = [(); 2].map(|()| stage.spawn(|stage| stage.call(1)));
        stage.group.insert(&1, ONE);
        let [one, other] = callers.map(|caller| caller.join().expect("no panic"));
        let late = [&one, &other].into_iter().filter(|call| call.value == ONE).count();
        assert_eq!(stage.call(1).value, ONE, "an older execution has replaced the value");
        assert!(late > 0 || one.value == other.value, "two executions began before the insert");
        seen.note(endings[late]);
        stage.is_at_rest();
    });
}

/// S28, S111: an inserted value is forgotten, or comes after that.
#[test]
fn an_inserted_value_is_forgotten_or_comes_later() {
    let endings = ["forgotten", "inserted later"];
    Model::new("insert against forget", endings).exhaustive().explore(move |seen| {
        let stage = endless();
        let inserter = stage.spawn(|stage| drop(stage.group.insert(&1, ONE)));
        let forgotten = stage.group.forget(&1);
        inserter.join().expect("no panic");
        assert_eq!(stage.group.peek(&1).is_none(), forgotten, "forget and insert disagree");
        seen.note(endings[usize::from(!forgotten)]);
        stage.is_at_rest();
    });
}

/// S111: of two inserts one stays, and not both.
#[test]
fn of_two_inserted_values_one_stays() {
    let endings = ["the one", "the other"];
    Model::new("two inserts", endings).exhaustive().explore(move |seen| {
        let stage = endless();
        let one = stage.spawn(|stage| drop(stage.group.insert(&1, ONE)));
        let other = stage.spawn(|stage| drop(stage.group.insert(&1, OTHER)));
        one.join().expect("no panic");
        other.join().expect("no panic");
        let stays = *stage.group.peek(&1).expect("both are gone");
        assert_eq!((stage.group.forget_all(), stage.group.forget_all()), (1, 0), "both are kept");
        seen.note(endings[usize::from(stays == OTHER)]);
        stage.is_at_rest();
    });
}
