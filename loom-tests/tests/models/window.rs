//! The window's end, and the age at which a running flight is joined no more.

use std::sync::Arc;

use coalescer::Role;
use coalescer_loom_tests::{Latch, Model, Stage, TICK};

/// S7, S8, S9: when the window is over its result is served to nobody, while a flight that still
/// runs is joined.
#[test]
fn a_result_is_not_served_when_its_window_is_over() {
    let endings = ["executed", "joined", "late"];
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
                assert!(!began_before, "served when its window was over");
                seen.note("late");
            }
            Some(Role::Follower) => seen.note("joined"),
            _ => seen.note("executed"),
        }
        stage.is_at_rest();
    });
}

/// S9: with `max_join_age` an old flight is left to those it has. Were it joined, its leader and
/// the newcomer would wait for each other.
#[test]
fn an_old_flight_is_joined_no_more() {
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
        assert!(new < old, "the newcomer's execution was done first");
        let last = stage.call(1);
        assert_eq!((last.value, last.role), (new, Some(Role::Late)));
        seen.note("done");
        stage.is_at_rest();
    });
}
