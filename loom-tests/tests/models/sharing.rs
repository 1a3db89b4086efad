//! Sharing of executions: one key and two keys, with a zero window and with an endless window.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use coalescer::{Group, ManualClock, Role};
use coalescer_loom_tests::checker::thread;
use coalescer_loom_tests::{Hash, Latch, Model, Stage, settings};

/// S1, S5: a call that meets a running execution shares it. With a zero window, a call gets no value
/// that another call had returned with before.
#[test]
fn a_call_joins_a_running_execution() {
    let endings = ["one execution", "two executions"];
    Model::new("same key, zero window, 2", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let threads = [stage.spawn(|stage| stage.call(1)), stage.spawn(|stage| stage.call(1))];
        let answers = threads.map(|thread| thread.join().expect("no panic"));
        for answer in &answers {
            assert!(!answer.was_handed_out, "a value was served after its flight");
        }
        let shared = answers[0].value == answers[1].value;
        assert_eq!(stage.begun(), if shared { 1 } else { 2 });
        seen.note(endings[usize::from(!shared)]);
        stage.is_at_rest();
    });
}

/// The same with a key that is created only when a call may lead. The other call may start a flight
/// between the two look-ups.
#[test]
fn a_call_that_creates_its_key_looks_up_twice() {
    let endings = ["one execution", "two executions"];
    Model::new("same key, created on demand, 2", endings).exhaustive().explore(move |seen| {
        let clock = ManualClock::new();
        let group: Group<String, u64, (), Hash> = settings(&clock).build();
        let begun = Arc::new(AtomicU64::new(0));
        let threads = [(); 2].map(|()| {
            let (group, begun) = (group.clone(), Arc::clone(&begun));
            thread::spawn(move || {
                let run = || Ok(begun.fetch_add(1, Ordering::Relaxed) + 1);
                *group.execute("key", run).expect("nothing fails")
            })
        });
        let values = threads.map(|thread| thread.join().expect("no panic"));
        let stats = group.stats();
        assert_eq!(stats.executed_requests, begun.load(Ordering::Relaxed));
        assert_eq!(stats.followers, u64::from(values[0] == values[1]));
        seen.note(endings[usize::from(values[0] != values[1])]);
        assert!(group.in_flight().is_empty(), "a slot stayed behind");
    });
}

/// The same with three calls: a flight may have two followers, or a second flight follows it.
#[test]
fn three_calls_join_running_executions() {
    let endings = ["one execution", "two executions", "three executions"];
    Model::new("same key, zero window, 3", endings).explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let threads = [1, 1, 1].map(|key| stage.spawn(move |stage| stage.call(key)));
        let answers = threads.map(|thread| thread.join().expect("no panic"));
        assert!(
            answers.iter().all(|answer| !answer.was_handed_out),
            "a value was served after its flight"
        );
        let leaders = answers.iter().filter(|answer| answer.role == Some(Role::Leader));
        assert_eq!(leaders.count() as u64, stage.begun(), "each execution has one leader");
        seen.note(endings[stage.begun() as usize - 1]);
        stage.is_at_rest();
    });
}

/// S1, S8, S14: with an endless window two calls cost one execution. The second waits for it or is a
/// hit.
#[test]
fn an_endless_window_makes_two_calls_one_execution() {
    let endings = ["followed", "hit"];
    Model::new("same key, endless window, 2", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX));
        let threads = [1, 1].map(|key| stage.spawn(move |stage| stage.call(key)));
        let roles = threads.map(|thread| thread.join().expect("no panic").role);
        assert_eq!(stage.begun(), 1);
        assert_eq!(roles.iter().filter(|role| **role == Some(Role::Leader)).count(), 1);
        seen.note(if roles.contains(&Some(Role::Late)) { "hit" } else { "followed" });
        stage.is_at_rest();
    });
}

/// The same with three calls.
#[test]
fn an_endless_window_makes_three_calls_one_execution() {
    let endings = ["two followed", "one followed", "two hits"];
    Model::new("same key, endless window, 3", endings).explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX));
        let threads = [1, 1, 1].map(|key| stage.spawn(move |stage| stage.call(key)));
        let answers = threads.map(|thread| thread.join().expect("no panic"));
        assert!(answers.iter().all(|answer| answer.value == 1), "one execution for all");
        let hits = answers.iter().filter(|answer| answer.role == Some(Role::Late)).count();
        seen.note(endings[hits]);
        stage.is_at_rest();
    });
}

/// S2: a call never waits for a call of another key, even if both are in one shard and have equal
/// hashes. If it waited, the first function would wait for ever. Each flight removes its own slot, so
/// each key has a leader again afterwards.
#[test]
fn a_running_function_does_not_block_other_keys() {
    let endings = ["done"];
    Model::new("two keys, one hash", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let other_is_done = Arc::new(Latch::new(1));
        let first = stage.spawn({
            let other_is_done = Arc::clone(&other_is_done);
            move |stage| {
                let run = || {
                    other_is_done.wait();
                    stage.run()
                };
                stage.group.execute(&1, run).map(drop)
            }
        });
        let second = stage.spawn(move |stage| {
            let roles = [stage.call(2).role, stage.call(2).role];
            other_is_done.count_down();
            roles
        });
        assert_eq!(second.join().expect("no panic"), [Some(Role::Leader); 2]);
        assert!(first.join().expect("no panic").is_ok());
        assert_eq!([1, 2].map(|key| stage.call(key).role), [Some(Role::Leader); 2]);
        seen.note("done");
        stage.is_at_rest();
    });
}
