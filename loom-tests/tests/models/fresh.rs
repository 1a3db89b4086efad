//! `execute_fresh`: the value comes from an execution that began after the call.

use std::sync::Arc;
use std::time::Duration;

use coalescer_loom_tests::checker::sync::Mutex;
use coalescer_loom_tests::{Answer, Model, Stage};

fn fresh_call(stage: &Stage) -> Answer {
    let answer = stage.ask(|stage| stage.group.execute_fresh(&1, || stage.run()));
    answer.expect("nothing fails")
}

/// S30: a fresh call gets no value of an execution that began before the call.
#[test]
fn a_fresh_call_gets_no_older_execution() {
    let endings = ["one execution", "two executions"];
    Model::new("fresh against a call", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX));
        let ordinary = stage.spawn(|stage| stage.call(1));
        let fresh = stage.spawn(|stage| {
            let answer = fresh_call(stage);
            assert!(
                answer.value > answer.begun_before,
                "the execution began before the call: {answer:?}"
            );
            answer.value
        });
        ordinary.join().expect("no panic");
        let fresh = fresh.join().expect("no panic");
        seen.note(endings[stage.begun() as usize - 1]);
        assert_eq!(stage.call(1).value, fresh, "the fresh value is kept");
        stage.is_at_rest();
    });
}

/// S30: fresh calls that meet a running flight share one successor, and two executions of a key never
/// run at the same time.
#[test]
fn fresh_calls_share_one_successor() {
    let endings = ["a fresh execution each", "one for both"];
    Model::new("two fresh calls against a call", endings).explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let busy = Arc::new(Mutex::new(false));
        let alone = move |stage: &Stage| {
            let was_busy = std::mem::replace(&mut *busy.lock().expect("no panic"), true);
            assert!(!was_busy, "two executions of a key at the same time");
            let value = stage.run();
            *busy.lock().expect("no panic") = false;
            value
        };
        let ordinary = stage.spawn({
            let alone = alone.clone();
            move |stage| stage.group.execute(&1, || alone(stage)).map(drop)
        });
        let fresh = [(); 2].map(|()| {
            let alone = alone.clone();
            stage.spawn(move |stage| {
                let answer = stage.ask(|stage| stage.group.execute_fresh(&1, || alone(stage)));
                let answer = answer.expect("nothing fails");
                assert!(
                    answer.value > answer.begun_before,
                    "the execution began before the call: {answer:?}"
                );
                answer.value
            })
        });
        ordinary.join().expect("no panic").expect("nothing fails");
        let [one, other] = fresh.map(|fresh| fresh.join().expect("no panic"));
        seen.note(endings[usize::from(one == other)]);
        stage.is_at_rest();
    });
}

/// S6, S30: two fresh calls wait for the same leader. One of them begins the successor, and the other
/// is notified when that ends. The leader starts the followers, so both are there while it leads.
#[test]
fn a_successor_is_started_and_shared() {
    let endings = ["one for both", "a fresh execution each"];
    Model::new("a leader and two fresh followers", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let mut fresh = Vec::new();
        let run = || {
            fresh.extend([(); 2].map(|()| stage.spawn(fresh_call)));
            stage.run()
        };
        stage.group.execute(&1, run).expect("nothing fails");
        let values: Vec<u64> =
            fresh.into_iter().map(|fresh| fresh.join().expect("no panic").value).collect();
        assert!(
            values.iter().all(|value| *value > 1),
            "the first execution began before the calls"
        );
        seen.note(endings[usize::from(values[0] != values[1])]);
        stage.is_at_rest();
    });
}
