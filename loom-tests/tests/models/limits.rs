//! `max_requests` and `max_retained`.

use std::time::Duration;

use coalescer::Role;
use coalescer_loom_tests::{Model, Stage};

/// S13, S14: three calls with `max_requests` 2 cost two executions, in any order.
#[test]
fn three_calls_with_a_limit_of_two_cost_two_executions() {
    let endings = ["the second call followed", "the second call was a hit"];
    Model::new("max_requests 2, 3 calls", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX).max_requests(2));
        let threads = [(); 3].map(|()| stage.spawn(|stage| stage.call(1)));
        let answers = threads.map(|thread| thread.join().expect("no panic"));
        assert_eq!(stage.begun(), 2, "not ceil(calls / limit) executions");
        let is_hit = answers.iter().any(|answer| answer.role == Some(Role::Late));
        seen.note(if is_hit { "the second call was a hit" } else { "the second call followed" });
        stage.is_at_rest();
    });
}

/// S14: two threads that make two calls each cost two executions with `max_requests` 3.
#[test]
fn four_calls_with_a_limit_of_three_cost_two_executions() {
    let endings = ["done"];
    Model::new("max_requests 3, 2 times 2 calls", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX).max_requests(3));
        let threads = [(); 2].map(|()| stage.spawn(|stage| [stage.call(1), stage.call(1)]));
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert_eq!(stage.begun(), 2, "not ceil(calls / limit) executions");
        seen.note("done");
        stage.is_at_rest();
    });
}

/// S15: with `max_requests` 1 no call shares and no call waits.
#[test]
fn a_limit_of_one_shares_nothing() {
    let endings = ["done"];
    Model::new("max_requests 1, 2 calls", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX).max_requests(1));
        let threads = [(); 2].map(|()| stage.spawn(|stage| stage.call(1)));
        for thread in threads {
            assert_eq!(thread.join().expect("no panic").role, Some(Role::Leader));
        }
        seen.note("done");
        stage.is_at_rest();
    });
}

/// S47: with `max_retained` 1 one of two results is kept.
#[test]
fn a_full_table_keeps_one_result() {
    let endings = ["the first key's was kept", "the second key's was kept"];
    Model::new("max_retained 1, 2 keys", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX).max_retained(1));
        let threads = [1, 2].map(|key| stage.spawn(move |stage| stage.call(key)));
        for thread in threads {
            thread.join().expect("no panic");
        }
        // `try_execute` of a key in its window is a hit and changes nothing.
        let kept = [1, 2].map(|key| {
            let probe = stage.group.try_execute(&key, || Err("not there"));
            probe.is_ok()
        });
        assert_ne!(kept[0], kept[1], "not one of the two is kept");
        seen.note(endings[usize::from(kept[1])]);
    });
}

/// S47: `forget_all` makes space for as many results as it removes.
#[test]
fn forgotten_results_make_space() {
    let endings = ["forgot both", "forgot one", "forgot none"];
    Model::new("max_retained 2, forget_all", endings).explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX).max_retained(2));
        let threads = [1, 2].map(|key| stage.spawn(move |stage| stage.call(key)));
        let forgotten = stage.group.forget_all();
        for thread in threads {
            thread.join().expect("no panic");
        }
        for key in [3, 4, 5] {
            stage.call(key);
        }
        let kept = |key| stage.group.try_execute(&key, || Err("not there")).is_ok();
        assert_eq!(
            [1, 2, 3, 4, 5].map(kept),
            [false, false, false, true, true],
            "other results are kept"
        );
        seen.note(["forgot none", "forgot one", "forgot both"][forgotten]);
    });
}
