//! Submitted calls ask on the thread of their job.

use std::sync::mpsc::channel;
use std::time::Duration;

use coalescer::{ManualClock, Role, ShareWith};

use super::desk::{FIRM, OWN, Reply, Terms, Told, desk};
use crate::jobs::{Jobs, assert_at_rest};
use crate::support::{MS, begin, follow, watched};

#[test]
fn a_job_asks_when_it_begins_and_runs_nothing_if_it_is_served() {
    // S76 S77
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let (group, desk) = desk(true, |group| group.executor(executor).window(Duration::MAX));
        let tickets = [(); 3].map(|()| group.submit("k", || unreachable!("it is served")).unwrap());
        assert!(desk.is_idle());
        let job = jobs.next();
        let worker = std::thread::spawn(move || job.run());
        desk.next().serve(7, Duration::ZERO, true);
        worker.join().unwrap();
        let outcomes = tickets.map(|ticket| ticket.wait_outcome().unwrap());
        assert_eq!(outcomes.each_ref().map(|outcome| *outcome.value), [7; 3]);
        assert_eq!(outcomes[0].role, Role::Shared);
        assert_eq!((outcomes[1].role, outcomes[0].callers), (Role::Follower, 3));
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.shared, stats.followers), (0, 1, 2));
        assert_eq!(group.call("k").outcome(|| Ok(0)).unwrap().role, Role::Late);
    });
}

#[test]
fn a_job_that_leads_publishes_and_keeps_only_what_is_confirmed() {
    // S76 S80
    watched(|| {
        for (confirms, copies) in [(true, true), (false, true), (true, false)] {
            let (executor, jobs) = Jobs::new();
            let (group, desk) =
                desk(copies, |group| group.executor(executor).window(Duration::MAX));
            let ticket = group.submit("k", || Ok(7)).unwrap();
            let job = jobs.next();
            let worker = std::thread::spawn(move || job.run());
            desk.next().answer(Reply::Lead(Terms { confirms, ..FIRM }));
            assert_eq!(desk.told.recv().unwrap(), Told::Value(7, ShareWith::Everyone));
            worker.join().unwrap();
            assert_eq!(*ticket.wait().unwrap(), 7);
            let next = begin(&group, "k");
            if confirms && copies {
                assert_eq!(next.join_unrun().unwrap().role, Role::Late);
            } else {
                desk.next().serve(8, Duration::ZERO, false);
                assert_eq!(*next.join_unrun().unwrap().value, 8);
            }
        }
    });
}

#[test]
fn a_call_takes_over_from_a_job_that_runs_without_an_answer() {
    // S36 S76: a job waits without a limit, but its tier may not.
    watched(|| {
        for reply in [Reply::TimedOut, Reply::WouldBlock] {
            let clock = ManualClock::new();
            let (executor, jobs) = Jobs::new();
            let (group, desk) = desk(true, |group| {
                group.executor(executor).leader_timeout(10 * MS).clock(clock.clone())
            });
            let ((begin_run, begun), (end_run, ends)) = (channel(), channel());
            let function = move || {
                begin_run.send(()).unwrap();
                ends.recv().unwrap()
            };
            let ticket = group.submit("k", function).unwrap();
            let job = jobs.next();
            let worker = std::thread::spawn(move || job.run());
            desk.next().answer(reply);
            begun.recv().unwrap();
            clock.advance(10 * MS);
            let second = begin(&group, "k");
            desk.next().serve(2, Duration::ZERO, false);
            assert_eq!(*second.join_unrun().unwrap().value, 2);
            assert_eq!(group.stats().takeovers, 1);
            end_run.send(Ok(1)).unwrap();
            worker.join().unwrap();
            assert_eq!(*ticket.wait().unwrap(), 1);
            assert_at_rest(&group);
        }
    });
}

#[test]
fn a_dropped_job_asks_nothing() {
    // S71
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let (group, desk) = desk(true, |group| group.executor(executor));
        let ticket = group.submit("k", || Ok(7)).unwrap();
        drop(jobs.next());
        assert!(ticket.wait().unwrap_err().is_abandoned());
        assert!(desk.is_idle());
        assert_at_rest(&group);
    });
}

#[test]
fn calls_join_the_job_of_a_key_that_stays_in_its_process() {
    // S76 S80
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let (group, desk) = desk(false, |group| group.executor(executor));
        let ticket = group.submit(OWN, || Ok(7)).unwrap();
        let job = jobs.next();
        let worker = std::thread::spawn(move || job.run());
        let question = desk.next();
        assert!(question.admits);
        let joined = follow(&group, OWN, 1).remove(0);
        question.answer(Reply::Alone { keep: true });
        worker.join().unwrap();
        assert_eq!(*ticket.wait().unwrap(), 7);
        assert_eq!(joined.join_unrun().unwrap().role, Role::Follower);
    });
}
