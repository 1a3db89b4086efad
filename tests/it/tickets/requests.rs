//! Tickets of requests: the results that they accept.

use coalescer::{Group, Job, ManualClock, Role};

use crate::jobs::{Jobs, NumberTicket};
use crate::support::{MS, Numbers, watched};

/// A group whose jobs the test gets.
fn queued() -> (Numbers, Jobs, ManualClock) {
    let ((executor, jobs), clock) = (Jobs::new(), ManualClock::new());
    let builder = Group::builder().window(100 * MS).clock(clock.clone());
    (builder.executor(executor).build(), jobs, clock)
}

fn submit_fresh(group: &Numbers, value: u32) -> NumberTicket {
    group.call("k").fresh().submit(move || Ok(value)).unwrap()
}

#[test]
fn a_fresh_ticket_passes_by_what_the_window_keeps() {
    // S161
    watched(|| {
        let (group, jobs, _) = queued();
        group.execute("k", || Ok(1)).unwrap();
        let ticket = submit_fresh(&group, 2);
        assert!(ticket.has_job(), "it leads");
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 1, "the old value is served meanwhile");
        jobs.next().run();
        assert_eq!(*ticket.wait().unwrap(), 2);
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 2, "the new value is kept");
    });
}

#[test]
fn fresh_tickets_that_meet_a_submitted_flight_share_the_next_one() {
    // S161: the flight has begun when it was submitted, though no thread has its job.
    watched(|| {
        let (group, jobs, _) = queued();
        let old = group.submit("k", || Ok(1)).unwrap();
        let (one, two) = (submit_fresh(&group, 2), submit_fresh(&group, 3));
        assert_eq!([&old, &one, &two].map(|ticket| ticket.has_job()), [true, false, false]);
        jobs.next().run();
        assert_eq!(*old.wait().unwrap(), 1);
        jobs.next().run();
        let (one, two) = (one.wait().unwrap(), two.wait().unwrap());
        assert_eq!((*one, *two), (2, 2));
        assert_eq!(group.stats().executed_requests, 2);
    });
}

#[test]
fn a_ticket_accepts_results_up_to_its_age() {
    // S161, S57
    watched(|| {
        let (group, jobs, clock) = queued();
        let within = |value| group.call("k").max_age(10 * MS).submit(move || Ok(value)).unwrap();
        group.execute("k", || Ok(1)).unwrap();
        clock.advance(10 * MS);
        let late = within(2);
        assert!(!late.has_job());
        let late = late.wait_outcome().unwrap();
        assert_eq!((*late.value, late.role), (1, Role::Late));
        clock.advance(MS);
        let leads = within(3);
        assert!(leads.has_job());
        jobs.next().run();
        assert_eq!(*leads.wait().unwrap(), 3);
    });
}

#[test]
fn a_limit_of_the_request_is_none_of_its_ticket() {
    // S161: it would be over.
    watched(|| {
        let (group, jobs, clock) = queued();
        let one = group.call("k").timeout(MS).submit(|| Ok(1)).unwrap();
        let two = group.call("k").no_wait().submit(|| Ok(2)).unwrap();
        clock.advance(10 * MS);
        jobs.next().run();
        assert_eq!((*one.wait().unwrap(), *two.wait().unwrap()), (1, 1));
    });
}

#[test]
fn a_ticket_has_a_job_from_the_loss_of_its_leader_on() {
    // S162
    watched(|| {
        let (group, jobs, _) = queued();
        let (lost, next) =
            (group.submit("k", || Ok(1)).unwrap(), group.submit("k", || Ok(2)).unwrap());
        assert!(!next.has_job());
        drop(jobs.next());
        assert!(lost.wait().unwrap_err().is_abandoned());
        let job: Job = jobs.next();
        job.run();
        assert_eq!(*next.wait().unwrap(), 2);
    });
}
