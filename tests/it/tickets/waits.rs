//! The answers of a ticket, and how long a thread waits with it.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use coalescer::{Coalescer, Error, Group, Job, ManualClock, Role};

use crate::jobs::{Jobs, NumberTicket, assert_at_rest, never, queued};
use crate::support::{MS, Numbers, begin, follow, followers, lead, wait_until, watched};

#[test]
fn a_ticket_gets_what_its_job_returns() {
    // S26
    watched(|| {
        let (group, jobs) = queued();
        let mut ticket = group.submit("k", || Ok(1)).unwrap();
        assert!(ticket.try_get().is_none());
        assert!(ticket.wait_timeout(Duration::ZERO).unwrap_err().is_timeout());
        jobs.next().run();
        assert_eq!(*ticket.try_get().unwrap().unwrap(), 1);
        let outcome = ticket.wait_outcome().unwrap();
        assert_eq!((*outcome.value, outcome.role, outcome.callers), (1, Role::Leader, 1));
        assert_eq!(outcome.waited, Duration::ZERO);
        assert_at_rest(&group);
    });
}

#[test]
fn tickets_and_waiting_calls_share_one_flight() {
    // S1 S4: with any leader, and any method of the other calls.
    watched(|| {
        let (group, jobs) = queued();
        let first = group.submit("k", || Ok(1)).unwrap();
        let second = group.submit("k", never).unwrap();
        let waiting = follow(&group, "k", 1).remove(0);
        assert_eq!((first.callers(), second.callers()), (3, 3));
        jobs.next().run();
        assert!(jobs.is_empty(), "one job for all");
        let outcome = second.wait_outcome().unwrap();
        assert_eq!((outcome.role, outcome.callers), (Role::Follower, 3));
        assert!(Arc::ptr_eq(&first.wait().unwrap(), &outcome.value));
        assert!(Arc::ptr_eq(&waiting.join_unrun().unwrap().value, &outcome.value));

        let leader = lead(&group, "k");
        let ticket = group.submit("k", never).unwrap();
        let own = leader.returns(Ok(2)).unwrap();
        assert!(Arc::ptr_eq(&ticket.wait().unwrap(), &own.value));
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.followers), (2, 3));
        assert_at_rest(&group);
    });
}

#[test]
fn a_submitted_call_is_served_from_the_window() {
    // S8 S7: the window counts from the submit, not from when the job begins.
    watched(|| {
        let clock = ManualClock::new();
        let (executor, jobs) = Jobs::new();
        let group: Numbers =
            Group::builder().window(100 * MS).clock(clock.clone()).executor(executor).build();
        let ticket = group.submit("k", || Ok(1)).unwrap();
        clock.advance(60 * MS);
        jobs.next().run();
        ticket.wait().unwrap();
        clock.advance(39 * MS);
        let late = group.submit("k", never).unwrap();
        assert_eq!((late.age(), late.callers(), late.is_finished()), (99 * MS, 1, true));
        assert_eq!(late.wait_outcome().unwrap().role, Role::Late);
        clock.advance(MS);
        let next = group.submit("k", || Ok(2)).unwrap();
        jobs.next().run();
        assert_eq!(*next.wait().unwrap(), 2);
        assert_eq!(group.stats().late, 1);
        assert_at_rest(&group);
    });
}

#[test]
fn a_ticket_tells_how_its_call_stands() {
    // S50: key, callers so far, age, whether executed, whether failed.
    watched(|| {
        let clock = ManualClock::new();
        let (executor, jobs) = Jobs::new();
        let group: Numbers = Group::builder().clock(clock.clone()).executor(executor).build();
        let leader = group.submit("k", || Err("down".into())).unwrap();
        clock.advance(5 * MS);
        let follower = group.submit("k", never).unwrap();
        for ticket in [&leader, &follower] {
            assert_eq!((ticket.key().as_str(), ticket.callers()), ("k", 2));
            assert_eq!(ticket.age(), 5 * MS);
            assert!(!ticket.is_finished() && !ticket.is_failed());
        }
        let flight = group.in_flight().remove(0);
        assert_eq!((flight.followers, flight.executions), (1, 1));
        assert!(flight.leader.is_none(), "no thread runs it yet");
        jobs.next().run();
        for ticket in [leader, follower] {
            assert!(ticket.is_finished() && ticket.is_failed());
            assert_eq!(ticket.callers(), 2);
            let error = ticket.wait().unwrap_err();
            assert_eq!(**error.failed().unwrap(), "down");
        }
    });
}

#[test]
fn errors_and_panics_are_told_to_every_ticket_and_do_not_leave_the_job() {
    // S16 S21 S22
    watched(|| {
        let (group, jobs) = queued();
        let tickets = [group.submit("k", || Err("down".into())), group.submit("k", never)];
        jobs.next().run();
        let [one, other] = tickets.map(|ticket| ticket.unwrap().wait().unwrap_err());
        assert!(Arc::ptr_eq(one.failed().unwrap(), other.failed().unwrap()));

        let tickets = [group.submit("k", || panic!("on purpose")), group.submit("k", never)];
        jobs.next().run();
        for ticket in tickets {
            match ticket.unwrap().wait() {
                Err(Error::LeaderPanicked { message }) => {
                    assert_eq!(message.as_deref(), Some("on purpose"));
                }
                other => panic!("{other:?}"),
            }
        }
        let stats = group.stats();
        assert_eq!((stats.failed, stats.panicked, stats.executed_requests), (1, 1, 2));
        assert_at_rest(&group);
    });
}

#[test]
fn a_dropped_job_is_told_to_its_ticket_and_another_call_begins_the_flight() {
    // S25 S71 S48: it never ran, so it is refused, and not executed.
    watched(|| {
        let (group, jobs) = queued();
        let leader = group.submit("k", never).unwrap();
        let follower = group.submit("k", never).unwrap();
        let waiting = follow(&group, "k", 1).remove(0);
        drop(jobs.next());
        assert!(leader.wait().unwrap_err().is_abandoned());
        assert_eq!(*waiting.begun().returns(Ok(1)).unwrap().value, 1);
        assert_eq!(*follower.wait().unwrap(), 1);
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.refused, stats.followers), (1, 1, 1));
        assert_at_rest(&group);
        // S23: the next call executes.
        assert_eq!(*group.execute("k", || Ok(2)).unwrap(), 2);
    });
}

#[test]
fn a_waiting_thread_is_woken_by_the_end_of_the_job() {
    // S46, for the leader's ticket and for a follower's
    watched(|| {
        for drops in [false, true] {
            let (group, jobs) = queued();
            let tickets = [group.submit("k", || Ok(7)), group.submit("k", never)];
            let threads = tickets.map(|ticket| thread::spawn(|| ticket.unwrap().wait()));
            let job = jobs.next();
            if drops {
                drop(job);
                // The follower's own job, which was to begin the flight.
                drop(jobs.next());
            } else {
                job.run()
            }
            for thread in threads {
                let result = thread.join().unwrap();
                assert_eq!(result.is_err(), drops, "{result:?}");
            }
            assert_at_rest(&group);
        }
    });
}

#[test]
fn a_deadline_is_taken_once_and_an_outcome_beats_it() {
    // S32 S33
    watched(|| {
        let clock = ManualClock::new();
        let (executor, jobs) = Jobs::new();
        let group: Numbers = Group::builder().clock(clock.clone()).executor(executor).build();
        let tickets = [group.submit("k", || Ok(1)).unwrap(), group.submit("k", never).unwrap()];
        let until = clock.now() + 10 * MS;
        let waits = tickets.map(|mut ticket| {
            thread::spawn(move || {
                let told = ticket.wait_deadline(until).unwrap_err();
                assert!(told.is_timeout());
                ticket
            })
        });
        clock.advance(9 * MS);
        assert!(waits.iter().all(|wait| !wait.is_finished()));
        clock.advance(MS);
        let mut tickets = waits.map(|wait| wait.join().unwrap());
        jobs.next().run();
        for ticket in &mut tickets {
            assert_eq!(*ticket.wait_timeout(Duration::ZERO).unwrap(), 1);
            assert_eq!(*ticket.wait_deadline(until - MS).unwrap(), 1);
            assert_eq!(*ticket.wait_deadline(Instant::now()).unwrap(), 1);
        }
        // S48: they timed out and waited again, and so they are counted by their outcome.
        assert_eq!((group.stats().timed_out, group.stats().followers), (0, 1));
        assert_at_rest(&group);
    });
}

#[test]
fn max_wait_bounds_every_wait_of_a_ticket() {
    // S44: a pool whose only thread waits for a job in its own queue.
    watched(|| {
        let clock = ManualClock::new();
        let (executor, jobs) = Jobs::new();
        let group: Numbers =
            Group::builder().max_wait(10 * MS).clock(clock.clone()).executor(executor).build();
        let inner = group.clone();
        let outer = group.submit("outer", move || {
            let stuck = inner.submit("inner", || Ok(1)).unwrap();
            match stuck.wait() {
                Err(error) if error.is_timeout() => Ok(0),
                other => panic!("{other:?}"),
            }
        });
        let job = jobs.next();
        let worker = thread::spawn(|| job.run());
        wait_until(|| {
            clock.advance(MS);
            worker.is_finished()
        });
        assert_eq!(*outer.unwrap().wait().unwrap(), 0);
        jobs.next().run();
        assert_eq!(group.stats().executed_requests, 2);
        assert_at_rest(&group);
    });
}

#[test]
fn a_dropped_ticket_harms_nobody_and_is_counted_once() {
    // S48 S13: the leader's job runs on, the follower's seat is given up, its place is not.
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let group: Numbers =
            Group::builder().window(Duration::MAX).max_requests(4).executor(executor).build();
        drop(group.submit("k", || Ok(1)).unwrap());
        let follower = group.submit("k", never).unwrap();
        drop(group.submit("k", never).unwrap());
        assert_eq!((followers(&group), follower.callers()), (1, 2));
        assert_eq!((group.stats().followers, group.stats().total_requests), (1, 3));
        let mut hasty = group.submit("k", never).unwrap();
        assert!(hasty.wait_timeout(Duration::ZERO).unwrap_err().is_timeout());
        drop(hasty);
        assert_eq!(group.stats().timed_out, 1);
        let fifth = group.submit("k", || Ok(5)).unwrap();
        jobs.next().run();
        jobs.next().run();
        assert_eq!((*follower.wait().unwrap(), *fifth.wait().unwrap()), (1, 5));
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.followers, stats.timed_out), (2, 2, 1));
        assert_at_rest(&group);
    });
}

#[test]
fn a_ticket_dropped_after_the_end_is_a_follower_already() {
    // S48
    watched(|| {
        let (group, jobs) = queued();
        let tickets = [group.submit("k", || Ok(1)), group.submit("k", never)];
        jobs.next().run();
        drop(tickets);
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.followers), (1, 1));
        assert_at_rest(&group);
    });
}

#[test]
fn a_forgotten_flight_serves_its_tickets() {
    // S27 S28 S26
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let group: Numbers = Group::builder().window(Duration::MAX).executor(executor).build();
        let old = [group.submit("k", || Ok(1)), group.submit("k", never)];
        assert!(group.forget("k"));
        let new = group.submit("k", || Ok(2)).unwrap();
        jobs.next().run();
        jobs.next().run();
        assert!(old.into_iter().all(|ticket| *ticket.unwrap().wait().unwrap() == 1));
        assert_eq!(*new.wait().unwrap(), 2);
        assert_eq!(*group.execute("k", never).unwrap(), 2);
        assert_at_rest(&group);
    });
}

#[test]
fn a_fresh_call_waits_for_a_queued_job() {
    // S30
    watched(|| {
        let (group, jobs) = queued();
        let ticket = group.submit("k", || Ok(1)).unwrap();
        let fresh = crate::support::start({
            let group = group.clone();
            move |function| group.execute_fresh("k", function)
        });
        wait_until(|| followers(&group) == 1);
        drop(jobs.next());
        assert!(ticket.wait().unwrap_err().is_abandoned());
        assert_eq!(*fresh.begun().returns(Ok(2)).unwrap(), 2);
        assert_at_rest(&group);
    });
}

#[test]
fn a_coalescers_function_runs_with_the_key() {
    // S3
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let lengths = Coalescer::builder()
            .executor(executor)
            .build(|word: &String| Ok::<usize, ()>(word.len()));
        let tickets = [lengths.submit("four").unwrap(), lengths.submit("four").unwrap()];
        jobs.next().run();
        assert!(jobs.is_empty());
        assert_eq!(tickets.map(|ticket| *ticket.wait().unwrap()), [4, 4]);
        assert_eq!(*lengths.submit("four").unwrap().wait().unwrap(), 4);
        assert_eq!(lengths.stats().late, 1);
    });
}

#[test]
fn a_ticket_is_served_while_an_execute_of_the_same_key_leads() {
    // S1: the wait ends, although no thread waited when the flight ended.
    watched(|| {
        let (group, jobs) = queued();
        let leader = lead(&group, "k");
        let mut ticket = group.submit("k", never).unwrap();
        let other = begin(&group, "k");
        wait_until(|| followers(&group) == 2);
        leader.returns(Err("down".into())).unwrap_err();
        assert!(ticket.try_get().unwrap().unwrap_err().is_failed());
        assert!(other.join_unrun().unwrap_err().is_failed());
        assert!(jobs.is_empty());
        assert_at_rest(&group);
    });
}

/// Tickets and jobs go to other threads, and a ticket may be looked at from several.
const _: () = {
    const fn is_send<T: Send>() {}
    const fn is_sync<T: Sync>() {}
    is_send::<NumberTicket>();
    is_sync::<NumberTicket>();
    is_send::<Job>();
};
