//! The end of the window, and `max_join_age`.

use std::sync::Arc;

use coalescer::Role;
use coalescer_loom_tests::{Latch, Model, Stage, TICK};

/// S7, S8, S9: no call is served a result whose window is over. A flight that still runs is joined.
#[test]
fn a_result_is_not_served_after_its_window() {
    let endings = ["executed", "joined", "hit"];
    Model::new("expiry against a call", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(TICK));
        let begin = stage.clock.now();
        let first = stage.spawn(move |stage| {
            let mut began_before = false;
            let run = || {
                began_before = stage.clock.now() == begin;
                stage.run()
            };
            stage.group.execute(&1, run).expect("nothing fails");
            began_before
        });
        stage.clock.advance(TICK);
        let second = stage.spawn(|stage| stage.call(1).role);
        let began_before = first.join().expect("no panic");
        match second.join().expect("no panic") {
            Some(Role::Late) => {
                assert!(!began_before, "served after its window");
                seen.note("hit");
            }
            Some(Role::Follower) => seen.note("joined"),
            _ => seen.note("executed"),
        }
        stage.is_at_rest();
    });
}

/// S9: with `max_join_age` a new call does not join an old flight. If it did, the leader and the new
/// call would wait for each other.
#[test]
fn an_old_flight_is_not_joined() {
    let endings = ["done"];
    Model::new("max_join_age", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(100 * TICK).max_join_age(TICK));
        let (leads, done) = (Arc::new(Latch::new(1)), Arc::new(Latch::new(1)));
        let old = stage.spawn({
            let (leads, done) = (Arc::clone(&leads), Arc::clone(&done));
            move |stage| {
                let run = || {
                    leads.count_down();
                    done.wait();
                    stage.run()
                };
                *stage.group.execute(&1, run).expect("nothing fails")
            }
        });
        let new = stage.spawn(move |stage| {
            leads.wait();
            stage.clock.advance(TICK);
            let new = stage.call(1);
            done.count_down();
            new.value
        });
        let [old, new] = [old, new].map(|thread| thread.join().expect("no panic"));
        assert!(new < old, "the execution of the new call ended first");
        let last = stage.call(1);
        assert_eq!((last.value, last.role), (new, Some(Role::Late)));
        seen.note("done");
        stage.is_at_rest();
    });
}
