//! Slow flights: the first call to notice reports the flight, and no other call does.
//!
//! The main thread leads. Its function starts the other threads and moves the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coalescer::SlowFlight;
use coalescer_loom_tests::{Latch, Model, Stage, TICK};

/// Counts the calls of the hook, by leaders whose function had returned and by other calls.
#[derive(Default)]
struct Reports {
    by_leader: AtomicU64,
    by_others: AtomicU64,
}

impl Reports {
    fn note(&self, slow: &SlowFlight<'_, u8>) {
        let by = if slow.ended { &self.by_leader } else { &self.by_others };
        by.fetch_add(1, Ordering::Relaxed);
    }

    fn counts(&self) -> (u64, u64) {
        (self.by_leader.load(Ordering::Relaxed), self.by_others.load(Ordering::Relaxed))
    }
}

/// Returns a stage that counts the reports of its slow flights.
fn with_reports() -> (Stage, Arc<Reports>) {
    let reports = Arc::new(Reports::default());
    let note = Arc::clone(&reports);
    let stage = Stage::new(|builder| {
        builder.on_slow(TICK, move |slow: &SlowFlight<'_, u8>| note.note(slow))
    });
    (stage, reports)
}

/// Returns which call reported the only flight. A call that came too late has a flight of its own, which
/// is slow too if the call began before the clock moved.
fn reporter(stage: &Stage, reports: &Reports) -> &'static str {
    match reports.counts() {
        (0, 0) => panic!("no call reported a slow flight"),
        (by_leader, by_others) if stage.begun() > 1 => {
            assert!(by_leader + by_others <= stage.begun(), "reported more than once");
            "two flights"
        }
        (1, 0) => "the leader reported",
        (0, 1) => "another call reported",
        counts => panic!("reported more than once: {counts:?}"),
    }
}

/// S53: a follower reports, or the leader when its function has returned.
#[test]
fn a_follower_or_the_leader_reports() {
    let endings = ["the leader reported", "another call reported", "two flights"];
    Model::new("slow, 1 follower", endings).exhaustive().explore(|seen| {
        let (stage, reports) = with_reports();
        let mut follower = None;
        let run = || {
            follower = Some(stage.spawn(|stage| stage.call(1)));
            stage.clock.advance(TICK);
            stage.run()
        };
        stage.group.execute(&1, run).expect("nothing fails");
        follower.expect("the function ran").join().expect("no panic");
        seen.note(reporter(&stage, &reports));
        stage.is_at_rest();
    });
}

/// S53: a new call that does not wait reports, or the leader, which was alone until then.
#[test]
fn a_new_call_or_the_leader_reports() {
    let endings = ["the leader reported", "another call reported", "two flights"];
    Model::new("slow, 1 new call", endings).exhaustive().explore(|seen| {
        let (stage, reports) = with_reports();
        let mut new_call = None;
        let run = || {
            stage.clock.advance(TICK);
            new_call = Some(stage.spawn(|stage| {
                // It may come after the flight has ended.
                let _ = stage.group.try_execute(&1, || stage.run());
            }));
            stage.run()
        };
        stage.group.execute(&1, run).expect("nothing fails");
        new_call.expect("the function ran").join().expect("no panic");
        seen.note(reporter(&stage, &reports));
        stage.is_at_rest();
    });
}

/// S53: of a follower, a new call and the leader exactly one reports.
#[test]
fn exactly_one_call_reports() {
    let endings = ["the leader reported", "another call reported", "two flights"];
    Model::new("slow, follower and new call", endings).explore(|seen| {
        let (stage, reports) = with_reports();
        let mut others = Vec::new();
        let run = || {
            others.push(stage.spawn(|stage| {
                stage.call(1);
            }));
            others.push(stage.spawn(|stage| {
                let _ = stage.group.try_execute(&1, || stage.run());
            }));
            stage.clock.advance(TICK);
            stage.run()
        };
        stage.group.execute(&1, run).expect("nothing fails");
        others.into_iter().for_each(|other| other.join().expect("no panic"));
        seen.note(reporter(&stage, &reports));
        stage.is_at_rest();
    });
}

/// S54: the leader reports after it has published: its hook waits until the follower has returned.
#[test]
fn no_call_waits_for_the_hook_of_the_leader() {
    let endings = ["the leader reported", "another call reported", "two flights"];
    Model::new("slow, a hook that waits", endings).exhaustive().explore(|seen| {
        let reports = Arc::new(Reports::default());
        let returned = Arc::new(Latch::new(1));
        let (note, wait) = (Arc::clone(&reports), Arc::clone(&returned));
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
        seen.note(reporter(&stage, &reports));
        stage.is_at_rest();
    });
}

/// S30, S53: two fresh calls wait for the successor of a slow flight. One of them begins it, and its
/// function ends only after the other has reported it.
#[test]
fn a_follower_of_a_successor_reports_that_it_is_slow() {
    let endings = ["shared, and reported by the other", "a flight each"];
    Model::new("slow, a successor", endings).explore(move |seen| {
        let reports = Arc::new(Reports::default());
        let second = Arc::new(Latch::new(2));
        let (note, count) = (Arc::clone(&reports), Arc::clone(&second));
        let stage = Stage::new(|builder| {
            builder.on_slow(TICK, move |slow: &SlowFlight<'_, u8>| {
                note.note(slow);
                count.count_down();
            })
        });
        let mut calls = Vec::new();
        let run = || {
            calls.extend([(); 2].map(|()| {
                let second = Arc::clone(&second);
                stage.spawn(move |stage| fresh_and_slow(stage, &second))
            }));
            stage.clock.advance(TICK);
            stage.run()
        };
        stage.group.execute(&1, run).expect("nothing fails");
        let values: Vec<_> = calls.into_iter().map(|call| call.join().expect("no panic")).collect();
        let (by_leader, by_others) = reports.counts();
        assert_eq!(
            by_leader + by_others,
            stage.begun(),
            "each flight was slow, and was reported once"
        );
        seen.note(endings[usize::from(values[0] != values[1])]);
        stage.is_at_rest();
    });
}

/// Makes a fresh call whose execution is slow. If the other call follows it, the execution ends after
/// the report.
fn fresh_and_slow(stage: &Stage, reported: &Latch) -> u64 {
    let run = || {
        stage.clock.advance(TICK);
        let flights = stage.group.in_flight();
        if flights.iter().any(|flight| flight.executions == 1 && flight.followers == 1) {
            reported.wait();
        }
        stage.run()
    };
    *stage.group.execute_fresh(&1, run).expect("nothing fails")
}
