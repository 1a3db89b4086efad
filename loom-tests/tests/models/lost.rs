//! A leader or a take-over that is lost: its job is dropped before it begins. No call waits for it.

use std::cell::Cell;

use coalescer::{Error, Job, Role, ShareWith};
use coalescer_loom_tests::{Model, Stage, TICK};

use crate::tickets::{queued, submit, unbounded};

/// S25, S71: a job that is dropped answers its ticket. Exactly one of the calls that wait begins the
/// flight, and the other follows it.
#[test]
fn a_dropped_job_leaves_its_flight_to_one_call() {
    let endings = ["a call followed", "each call led"];
    Model::new("a job is dropped, 2 calls", endings).explore(move |seen| {
        let (stage, jobs) = queued(|builder| builder);
        let (ticket, job) = (submit(&stage, 1), jobs.next());
        let drops = stage.spawn(|_| drop(job));
        let other = stage.spawn(|stage| stage.call(1));
        let own = stage.call(1);
        let other = other.join().expect("no panic");
        drops.join().expect("no panic");
        assert!(ticket.wait().expect_err("the job has not run").is_abandoned());
        let leaders =
            [own.role, other.role].iter().filter(|role| **role == Some(Role::Leader)).count();
        assert_eq!(stage.begun(), leaders as u64);
        seen.note(endings[leaders - 1]);
        assert_eq!(stage.group.stats().refused, 1, "a job that never ran is a refused call");
        stage.is_at_rest();
    });
}

/// S71: where only tickets wait, the thread that drops the leader's job hands the job of one of them
/// over, also if that ticket is about to be dropped.
#[test]
fn a_dropped_job_leaves_its_flight_to_one_ticket() {
    let endings = ["the other began it at once", "it was begun for the dropped one first"];
    Model::new("a job is dropped, 2 tickets", endings).exhaustive().explore(move |seen| {
        let (stage, jobs) = unbounded();
        let leader = submit(&stage, 1);
        let (first, second) = (submit(&stage, 1), submit(&stage, 1));
        let job = jobs.next();
        let drops = stage.spawn(|_| drop(job));
        drop(first);
        drops.join().expect("no panic");
        let job = jobs.next();
        let before = stage.group.stats().followers;
        job.run();
        let ending = match (second.is_finished(), jobs.is_empty()) {
            (true, true) => endings[0],
            // The candidate's ticket was dropped, and its job finds that out. It may have come to the
            // queue after the job of the other.
            (_, false) => {
                jobs.next().run();
                endings[1]
            }
            other => panic!("neither began the flight: {other:?}"),
        };
        assert_eq!(before, 1, "the dropped ticket is a follower");
        assert_eq!(*second.wait().expect("nothing fails"), 1);
        assert!(leader.wait().expect_err("its job has not run").is_abandoned());
        seen.note(ending);
        stage.is_at_rest();
    });
}

/// S71: a thread of an executor that may wait runs the job of one of the tickets itself.
#[test]
fn a_pool_that_drops_a_job_runs_the_job_of_one_ticket() {
    let endings = ["the pool began it", "the thread that dropped a ticket handed it over"];
    Model::new("a pool drops a job, 2 tickets", endings).exhaustive().explore(move |seen| {
        let (stage, jobs) = queued(|builder| builder);
        let leader = submit(&stage, 1);
        let (first, second) = (submit(&stage, 1), submit(&stage, 1));
        let job = jobs.next();
        let drops = stage.spawn(|_| drop(job));
        drop(first);
        drops.join().expect("no panic");
        let handed_over = jobs.try_next();
        seen.note(endings[usize::from(handed_over.is_some())]);
        handed_over.into_iter().for_each(Job::run);
        assert!(jobs.is_empty());
        assert_eq!(*second.wait().expect("nothing fails"), 1);
        assert!(leader.wait().expect_err("its job has not run").is_abandoned());
        stage.is_at_rest();
    });
}

/// S25: the last call of a flight is lost while a thread looks at its ticket. The flight ends without an outcome then.
#[test]
fn a_ticket_is_looked_at_while_its_job_is_dropped() {
    let endings = ["it waited", "it was abandoned"];
    Model::new("the last job of a flight is dropped", endings).exhaustive().explore(move |seen| {
        let (stage, jobs) = unbounded();
        let leader = submit(&stage, 1);
        let mut ticket = submit(&stage, 1);
        drop(jobs.next());
        let job = jobs.next();
        let drops = stage.spawn(|_| drop(job));
        let is_over = ticket.is_finished();
        seen.note(endings[usize::from(is_over)]);
        if let Some(answer) = ticket.try_get() {
            assert!(answer.expect_err("its job has not run").is_abandoned());
        }
        drops.join().expect("no panic");
        assert!(ticket.wait().expect_err("its job has not run").is_abandoned());
        assert!(leader.wait().expect_err("its job has not run").is_abandoned());
        stage.is_at_rest();
    });
}

/// S36, S39: the job of a ticket that tries to take over is dropped, while a call with a thread waits.
/// The place is free for that call.
#[test]
fn a_dropped_take_over_leaves_its_place() {
    let endings = ["the call took over"];
    Model::new("a take-over is dropped", endings).explore(move |seen| {
        let (stage, jobs) = queued(|builder| builder.leader_timeout(TICK));
        let answers = Cell::new(None);
        let run = || {
            let mut ticket = submit(&stage, 1);
            stage.clock.advance(TICK);
            // It tries, and waits no longer.
            assert!(ticket.wait_timeout(std::time::Duration::ZERO).is_err());
            let job = jobs.try_next();
            let drops = stage.spawn(|_| drop(job));
            let call = stage.spawn(|stage| stage.call(1));
            answers.set(Some(call.join().expect("no panic")));
            drops.join().expect("no panic");
            Ok(stage.begin())
        };
        stage.group.execute(&1, run).expect("nothing fails");
        assert_eq!(answers.take().and_then(|answer| answer.role), Some(Role::Leader));
        assert_eq!(stage.group.stats().takeovers, 1);
        seen.note("the call took over");
        stage.is_at_rest();
    });
}

/// S72: an error that is its leader's own goes to no other call. One that waits leads next.
#[test]
fn an_error_of_the_leader_alone_is_passed_on() {
    let endings = ["the call that fails followed", "both led"];
    Model::new("an error of its own", endings).exhaustive().explore(move |seen| {
        let stage = Stage::with_errors(|error| match *error {
            "own" => ShareWith::Nobody,
            _ => ShareWith::Everyone,
        });
        let other = stage.spawn(|stage| stage.call(1));
        let own = stage.group.execute(&1, || {
            stage.begin();
            Err("own")
        });
        let other = other.join().expect("no panic");
        match own {
            Err(Error::Failed(_)) => {
                assert_eq!(other.role, Some(Role::Leader));
                seen.note("both led");
            }
            Ok(value) => {
                assert_eq!(*value, other.value);
                seen.note("the call that fails followed");
            }
            Err(error) => panic!("{error:?}"),
        }
        stage.is_at_rest();
    });
}
