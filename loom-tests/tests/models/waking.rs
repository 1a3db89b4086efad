//! Waking many, where the leader wakes one, and each follower that leaves a share of the others.
//!
//! The main thread leads, and its function makes the followers. So their order of arrival is
//! explored, and only that.

use coalescer::Error;
use coalescer_loom_tests::{Model, Stage, TICK};

/// S6, S46: the leader wakes one of three that wait at its gate. The other two are woken by those
/// that leave, one at a time in a model, so that two may take part.
#[test]
fn whoever_leaves_a_closed_gate_wakes_others() {
    let endings = ["nobody waited", "one waited", "two waited", "all waited"];
    Model::new("those that leave wake the others", endings).explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let mut others = Vec::new();
        let run = || {
            others.extend([(); 3].map(|()| stage.spawn(|stage| stage.call(1).value)));
            stage.run()
        };
        stage.group.execute(&1, run).expect("nothing fails");
        let values = others.into_iter().map(|other| other.join().expect("no panic"));
        seen.note(endings[values.filter(|value| *value == 1).count()]);
        stage.is_at_rest();
    });
}

/// The same with one that has a deadline: rung or notified, it wakes the others.
#[test]
fn whoever_leaves_at_its_deadline_wakes_the_others() {
    let endings = ["answered", "timed out", "led"];
    Model::new("who leaves may be late", endings).explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let deadline = stage.clock.now() + TICK;
        let (mut hasty, mut others) = (None, Vec::new());
        let run = || {
            hasty = Some(stage.spawn(move |stage| {
                let mut ran = false;
                let run = || {
                    ran = true;
                    stage.run()
                };
                match stage.group.execute_deadline(&1, deadline, run) {
                    Err(Error::TimedOut) => "timed out",
                    Ok(_) if ran => "led",
                    Ok(_) => "answered",
                    Err(other) => panic!("a wait ended as {other:?}"),
                }
            }));
            stage.clock.advance(TICK);
            others.extend([(); 2].map(|()| stage.spawn(|stage| stage.call(1).value)));
            stage.run()
        };
        stage.group.execute(&1, run).expect("nothing fails");
        seen.note(hasty.expect("the function ran").join().expect("no panic"));
        for other in others {
            other.join().expect("no panic");
        }
        stage.is_at_rest();
    });
}

/// S6, S30, S33: the first of two fresh calls is told to start and finds that its time is over. It
/// tells the second, whose time is not.
#[test]
fn whoever_may_start_and_has_no_time_left_tells_another() {
    let endings = ["both answered", "the first timed out"];
    Model::new("a successor without its starter", endings).explore(move |seen| {
        let stage = Stage::new(|builder| builder.max_wait(2 * TICK));
        let fresh =
            |stage: &Stage| stage.group.execute_fresh(&1, || stage.run()).map(|value| *value);
        let (mut first, mut second) = (None, None);
        let run = || {
            first = Some(stage.spawn(fresh));
            stage.clock.advance(TICK);
            second = Some(stage.spawn(fresh));
            stage.run()
        };
        stage.group.execute(&1, run).expect("nothing fails");
        stage.clock.advance(TICK);
        let first = first.expect("the function ran").join().expect("no panic");
        let second = second.expect("the function ran").join().expect("no panic");
        assert!(second.expect("its time is not over") > 1, "the first execution is too old");
        match first {
            Ok(_) => seen.note("both answered"),
            Err(Error::TimedOut) => seen.note("the first timed out"),
            Err(other) => panic!("a wait ended as {other:?}"),
        }
        stage.is_at_rest();
    });
}
