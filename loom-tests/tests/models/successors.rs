//! Successors together with `max_requests` and `forget`.

use std::time::Duration;

use coalescer_loom_tests::{Model, Stage};

/// S13, S30: a successor serves two calls at most, whether a waiter begins it or a call that arrives.
#[test]
fn who_begins_a_successor_counts_towards_its_limit() {
    Model::new("a successor, max_requests 2", ["three executions"]).explore(|seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX).max_requests(2));
        let fresh = |stage: &Stage| {
            stage
                .ask(|stage| stage.group.execute_fresh(&1, || stage.run()))
                .expect("no error")
                .value
        };
        let mut waits = None;
        let run = || {
            waits = Some(stage.spawn(fresh));
            stage.run()
        };
        let first = *stage.group.execute(&1, run).expect("nothing fails");
        let mut values = vec![first];
        values.extend((0..3).map(|_| stage.call(1).value));
        values.push(waits.expect("it was spawned").join().expect("no panic"));
        let most = values.iter().map(|one| values.iter().filter(|other| *other == one).count());
        let most = most.max().expect("there are five");
        assert!(most <= 2, "one execution served {most} calls: {values:?}");
        assert_eq!(stage.begun(), 3, "{values:?}");
        seen.note("three executions");
        stage.is_at_rest();
    });
}

/// S28: calls after a forget find neither the forgotten flight nor its successor.
#[test]
fn the_successor_of_a_forgotten_flight_is_not_found() {
    let endings = ["two executions", "three executions"];
    Model::new("a forgotten flight's successor", endings).explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX));
        let mut others = None;
        let run = || {
            let fresh = stage.spawn(|stage| {
                *stage.group.execute_fresh(&1, || stage.run()).expect("nothing fails")
            });
            let forgets = stage.spawn(|stage| {
                stage.group.forget(&1);
                stage.call(1)
            });
            others = Some((fresh, forgets));
            stage.run()
        };
        stage.group.execute(&1, run).expect("nothing fails");
        let (fresh, forgets) = others.expect("they were spawned");
        fresh.join().expect("no panic");
        let after = forgets.join().expect("no panic");
        assert!(after.value > after.begun_before, "it began before the forget: {after:?}");
        seen.note(endings[usize::from(stage.begun() > 2)]);
        stage.is_at_rest();
    });
}
