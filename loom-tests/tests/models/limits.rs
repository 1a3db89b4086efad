//! How many calls a flight serves, and how many results are kept.

use std::time::Duration;

use coalescer::Role;
use coalescer_loom_tests::{Model, Stage};

/// S13, S14: three calls at two a flight cost two executions, in any order.
#[test]
fn three_calls_at_two_a_flight_cost_two_executions() {
    let endings = ["the pair met", "the second of the pair was late"];
    Model::new("max_requests 2, 3 calls", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX).max_requests(2));
        let threads = [(); 3].map(|()| stage.spawn(|stage| stage.call(1)));
        let answers = threads.map(|thread| thread.join().expect("no panic"));
        assert_eq!(stage.begun(), 2, "not ceil(calls / limit) executions");
        let is_late = answers.iter().any(|answer| answer.role == Some(Role::Late));
        seen.note(if is_late { "the second of the pair was late" } else { "the pair met" });
        stage.is_at_rest();
    });
}

/// S14: twice two calls at three a flight cost two executions.
#[test]
fn four_calls_at_three_a_flight_cost_two_executions() {
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

/// S15: one call a flight is no sharing and no waiting.
#[test]
fn one_call_a_flight_is_no_sharing() {
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

/// S47: of two results one is kept where there is room for one, whichever shard it is in.
#[test]
fn a_full_table_makes_room_for_the_newest_result() {
    let endings = ["the first key's was kept", "the second key's was kept"];
    Model::new("max_retained 1, 2 keys", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX).max_retained(1));
        let threads = [1, 2].map(|key| stage.spawn(move |stage| stage.call(key)));
        for thread in threads {
            thread.join().expect("no panic");
        }
        // `try_execute` of a key in the window is late and changes nothing.
        let kept = [1, 2].map(|key| {
            let probe = stage.group.try_execute(&key, || Err("not there"));
            probe.is_ok()
        });
        assert_ne!(kept[0], kept[1], "one of the two is kept");
        seen.note(endings[usize::from(kept[1])]);
    });
}

/// S47: what `forget_all` takes out makes room again, and never more than there was.
#[test]
fn forgotten_results_make_room() {
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
        assert_eq!([1, 2, 3, 4, 5].map(kept), [false, false, false, true, true], "kept");
        seen.note(["forgot none", "forgot one", "forgot both"][forgotten]);
    });
}
