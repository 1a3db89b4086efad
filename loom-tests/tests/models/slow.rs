//! Flights that are slow: whoever notices first tells of them, and nobody else does.
//!
//! The main thread leads. Its function makes the others and moves the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coalescer::SlowFlight;
use coalescer_loom_tests::{Latch, Model, Stage, TICK};

/// How often the hook was called, by leaders whose function had returned and by others.
#[derive(Default)]
struct Told {
    by_leader: AtomicU64,
    by_others: AtomicU64,
}

impl Told {
    fn note(&self, slow: &SlowFlight<'_, u8>) {
        let by = if slow.ended { &self.by_leader } else { &self.by_others };
        by.fetch_add(1, Ordering::Relaxed);
    }

    fn both(&self) -> (u64, u64) {
        (self.by_leader.load(Ordering::Relaxed), self.by_others.load(Ordering::Relaxed))
    }
}

/// A stage whose slow flights are noted, and what is noted.
fn noted() -> (Stage, Arc<Told>) {
    let told = Arc::new(Told::default());
    let note = Arc::clone(&told);
    let stage = Stage::new(|builder| {
        builder.on_slow(TICK, move |slow: &SlowFlight<'_, u8>| note.note(slow))
    });
    (stage, told)
}

/// Who told of the only flight. A call that came too late has one of its own, which is slow as well
/// if the call began before the clock was moved.
fn teller(stage: &Stage, told: &Told) -> &'static str {
    match told.both() {
        (0, 0) => panic!("nobody told of a slow flight"),
        (by_leader, by_others) if stage.begun() > 1 => {
            assert!(by_leader + by_others <= stage.begun(), "told of more than once");
            "two flights"
        }
        (1, 0) => "the leader told",
        (0, 1) => "another call told",
        told => panic!("told of more than once: {told:?}"),
    }
}

/// S53: a follower, or the leader when its function has returned.
#[test]
fn a_follower_or_the_leader_tells() {
    let endings = ["the leader told", "another call told", "two flights"];
    Model::new("slow, 1 follower", endings).exhaustive().explore(|seen| {
        let (stage, told) = noted();
        let mut follower = None;
        let run = || {
            follower = Some(stage.spawn(|stage| stage.call(1)));
            stage.clock.advance(TICK);
            stage.run()
        };
        stage.group.execute(&1, run).expect("nothing fails");
        follower.expect("the function ran").join().expect("no panic");
        seen.note(teller(&stage, &told));
        stage.is_at_rest();
    });
}

/// S53: a call that comes and does not wait, or the leader, which was alone until then.
#[test]
fn an_arrival_or_the_leader_tells() {
    let endings = ["the leader told", "another call told", "two flights"];
    Model::new("slow, 1 arrival", endings).exhaustive().explore(|seen| {
        let (stage, told) = noted();
        let mut arrival = None;
        let run = || {
            stage.clock.advance(TICK);
            arrival = Some(stage.spawn(|stage| {
                // It may come when the flight is over.
                let _ = stage.group.try_execute(&1, || stage.run());
            }));
            stage.run()
        };
        stage.group.execute(&1, run).expect("nothing fails");
        arrival.expect("the function ran").join().expect("no panic");
        seen.note(teller(&stage, &told));
        stage.is_at_rest();
    });
}

/// S53: of a follower, an arrival and the leader exactly one tells.
#[test]
fn exactly_one_tells() {
    let endings = ["the leader told", "another call told", "two flights"];
    Model::new("slow, follower and arrival", endings).explore(|seen| {
        let (stage, told) = noted();
        let mut others = Vec::new();
        let run = || {
            others.push(stage.spawn(|stage| drop(stage.call(1))));
            others.push(stage.spawn(|stage| {
                let _ = stage.group.try_execute(&1, || stage.run());
            }));
            stage.clock.advance(TICK);
            stage.run()
        };
        stage.group.execute(&1, run).expect("nothing fails");
        others.into_iter().for_each(|other| other.join().expect("no panic"));
        seen.note(teller(&stage, &told));
        stage.is_at_rest();
    });
}

/// S54: the leader tells when its outcome is there: its hook waits until the follower has returned.
#[test]
fn nobody_waits_for_the_hook_of_the_leader() {
    let endings = ["the leader told", "another call told", "two flights"];
    Model::new("slow, a hook that waits", endings).exhaustive().explore(|seen| {
        let told = Arc::new(Told::default());
        let returned = Arc::new(Latch::new(1));
        let (note, wait) = (Arc::clone(&told), Arc::clone(&returned));
        let stage = Stage::new(|builder| {
            builder.on_slow(TICK, move |slow: &SlowFlight<'_, u8>| {
                note.note(slow);
                if slow.ended && slow.followers > 0 {
                    wait.wait();
                }
            })
        });
        let mut follower = None;
        let run = || {
            let returned = Arc::clone(&returned);
            follower = Some(stage.spawn(move |stage| {
                stage.call(1);
                returned.count_down();
            }));
            stage.clock.advance(TICK);
            stage.run()
        };
        stage.group.execute(&1, run).expect("nothing fails");
        follower.expect("the function ran").join().expect("no panic");
        seen.note(teller(&stage, &told));
        stage.is_at_rest();
    });
}

/// S30, S53: two fresh calls wait for the flight after a slow one. One of them begins it, and its
/// function ends only when the other has told of it.
#[test]
fn who_waits_for_a_successor_learns_when_that_is_slow() {
    let endings = ["shared, and told by the other", "each its own"];
    Model::new("slow, a successor", endings).explore(move |seen| {
        let told = Arc::new(Told::default());
        let second = Arc::new(Latch::new(2));
        let (note, tell) = (Arc::clone(&told), Arc::clone(&second));
        let stage = Stage::new(|builder| {
            builder.on_slow(TICK, move |slow: &SlowFlight<'_, u8>| {
                note.note(slow);
                tell.count_down();
            })
        });
        let mut calls = Vec::new();
        let run = || {
            calls.extend([(); 2].map(|()| {
                let told = Arc::clone(&second);
                stage.spawn(move |stage| fresh_and_slow(stage, &told))
            }));
            stage.clock.advance(TICK);
            stage.run()
        };
        stage.group.execute(&1, run).expect("nothing fails");
        let values: Vec<_> = calls.into_iter().map(|call| call.join().expect("no panic")).collect();
        let (by_leader, by_others) = told.both();
        assert_eq!(by_leader + by_others, stage.begun(), "each flight was slow, and told of once");
        seen.note(endings[usize::from(values[0] != values[1])]);
        stage.is_at_rest();
    });
}

/// A fresh call whose execution is slow, and which ends when somebody has told of it, if there is
/// anybody who waits.
fn fresh_and_slow(stage: &Stage, told: &Latch) -> u64 {
    let run = || {
        stage.clock.advance(TICK);
        let flights = stage.group.in_flight();
        if flights.iter().any(|flight| flight.executions == 1 && flight.followers == 1) {
            told.wait();
        }
        stage.run()
    };
    *stage.group.execute_fresh(&1, run).expect("nothing fails")
}
