//! An executor can tell that nobody waits for a queued job any more.

use std::sync::mpsc::channel;

use coalescer::{Group, Job, ManualClock};

use crate::jobs::{Jobs, NumberTicket};
use crate::support::{MS, Numbers, follow, start, wait_until, watched};

/// A group whose jobs the test gets, and may ask before it runs or drops them.
fn queued() -> (Numbers, Jobs, ManualClock) {
    let ((executor, jobs), clock) = (Jobs::new(), ManualClock::new());
    let group = Group::builder()
        .window(100 * MS)
        .leader_timeout(10 * MS)
        .clock(clock.clone())
        .executor(executor)
        .share_if(|value: &u32| *value != 13)
        .build();
    (group, jobs, clock)
}

fn submit(group: &Numbers, value: u32) -> NumberTicket {
    group.submit("k", move || Ok(value)).unwrap()
}

#[test]
fn a_job_is_wanted_while_its_ticket_lives() {
    // S112: with a window, which does not count.
    watched(|| {
        let (group, jobs, _) = queued();
        let ticket = submit(&group, 1);
        let job = jobs.next();
        assert!(job.is_wanted());
        drop(ticket);
        assert!(!job.is_wanted());
        drop(job);
        assert_eq!((group.stats().refused, group.in_flight().len()), (1, 0));
        let (called, calls) = channel();
        submit(&group, 2).when_done(move |answer| called.send(*answer.unwrap()).unwrap());
        let job = jobs.next();
        assert!(job.is_wanted(), "a callback waits");
        job.run();
        assert_eq!(calls.recv().unwrap(), 2);
    });
}

#[test]
fn a_job_is_wanted_while_a_call_follows() {
    // S112: a ticket, a call with a thread, and neither.
    watched(|| {
        let (group, jobs, _) = queued();
        let leader = submit(&group, 1);
        let job = jobs.next();
        let follower = submit(&group, 2);
        drop(leader);
        assert!(job.is_wanted());
        drop(follower);
        assert!(!job.is_wanted());
        let waits = follow(&group, "k", 1);
        assert!(job.is_wanted());
        job.run();
        waits.into_iter().for_each(|call| assert_eq!(*call.join_unrun().unwrap().value, 1));
    });
}

#[cfg(feature = "channel")]
#[test]
fn a_job_is_not_wanted_when_its_receiver_is_dropped() {
    // S112
    watched(|| {
        let (group, jobs, _) = queued();
        let receiver = submit(&group, 1).into_receiver();
        let job = jobs.next();
        assert!(job.is_wanted());
        drop(receiver);
        assert!(!job.is_wanted());
    });
}

#[test]
fn an_executor_is_asked_for_wanted_jobs_only() {
    // S112: within `spawn` the ticket is on its way.
    watched(|| {
        let group: Numbers = Group::builder()
            .executor(|job: Job| job.is_wanted().then(|| job.run()).ok_or(()))
            .build();
        assert_eq!(*submit(&group, 1).wait().unwrap(), 1);
    });
}

#[test]
fn the_job_of_a_take_over_is_wanted_while_its_ticket_waits_for_the_flight() {
    // S112 S36
    watched(|| {
        for ends in [true, false] {
            let (group, jobs, clock) = queued();
            let other = group.clone();
            let stuck = start(move |function| other.call("k").outcome(function)).begun();
            clock.advance(10 * MS);
            let ticket = submit(&group, 2);
            let job = jobs.next();
            assert!(job.is_wanted());
            if ends {
                stuck.returns(Ok(1)).unwrap();
                assert!(!job.is_wanted(), "its ticket has the outcome of the flight");
                assert_eq!(*ticket.wait().unwrap(), 1);
            } else {
                drop(ticket);
                assert!(!job.is_wanted());
                stuck.returns(Ok(1)).unwrap();
            }
        }
    });
}

#[test]
fn the_job_of_a_call_that_shares_nothing_is_wanted_while_its_ticket_lives() {
    // S112 S40
    watched(|| {
        let (group, jobs, _) = queued();
        let other = group.clone();
        let private = start(move |function| other.call("k").outcome(function)).begun();
        let mut tickets = [submit(&group, 2), submit(&group, 3)].map(Some);
        wait_until(|| group.in_flight()[0].followers == 2);
        private.returns(Ok(13)).unwrap();
        let own: Vec<_> = (0..2).map(|_| jobs.wait_next()).collect();
        assert!(own.iter().all(Job::is_wanted));
        drop(tickets[0].take());
        let wanted: Vec<_> = own.iter().map(Job::is_wanted).collect();
        assert_eq!(wanted.iter().filter(|wanted| **wanted).count(), 1);
        own.into_iter().filter(Job::is_wanted).for_each(Job::run);
        assert_eq!(*tickets[1].take().unwrap().wait().unwrap(), 3);
    });
}
