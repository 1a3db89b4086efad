//! Tickets and jobs where user code does what it rarely does: it panics with a payload that panics,
//! waits in a callback, begins a job in the middle of a wait, or lets go of everything at once.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use coalescer::{Group, Job, ManualClock, SlowFlight};

use crate::jobs::{Jobs, assert_at_rest, queued};
use crate::support::{
    MS, Numbers, followers, lead, unless_refused, until_refused, wait_until, watched,
};

const TIMEOUT: Duration = Duration::from_millis(30);

/// The payload of a panic, whose destructor panics.
struct Nasty;

impl Drop for Nasty {
    fn drop(&mut self) {
        panic!("a payload that panics");
    }
}

#[test]
fn a_payload_that_panics_loses_no_outcome_and_does_not_leave_the_job() {
    // S6 S21
    watched(|| {
        let (group, jobs) = queued();
        let mut ticket = group.submit("k", || panic_any(Nasty)).unwrap();
        let mut follower = group.submit("k", || Ok(0)).unwrap();
        let job = jobs.next();
        assert!(catch_unwind(AssertUnwindSafe(|| job.run())).is_ok());
        for ticket in [&mut ticket, &mut follower] {
            assert!(ticket.try_get().expect("it has ended").unwrap_err().is_panic());
        }
        assert_eq!((group.stats().panicked, group.stats().followers), (1, 1));
        assert_at_rest(&group);
    });
}

#[test]
fn a_call_that_panics_with_such_a_payload_keeps_no_other_from_being_made() {
    // S6 S24: and the leader, which is another thread's call, knows nothing of it.
    watched(|| {
        let (group, _jobs) = queued();
        let leader = lead(&group, "k");
        let (told, is_told) = channel();
        group.submit("k", || Ok(0)).unwrap().when_done(|_| panic_any(Nasty));
        group.submit("k", || Ok(0)).unwrap().when_done(move |value| told.send(value).unwrap());
        let own = leader.returns(Ok(1)).unwrap();
        assert!(Arc::ptr_eq(&is_told.try_recv().unwrap().unwrap(), &own.value));
        assert_at_rest(&group);
    });
}

#[test]
fn what_is_called_at_the_end_of_a_flight_finds_the_leaders_own_answer() {
    // S46: it could wait for it for ever otherwise, as it is on the thread that is to give it.
    watched(|| {
        let (group, jobs) = queued();
        let mut leader = group.submit("k", || Ok(1)).unwrap();
        let (told, is_told) = channel();
        group.submit("k", || Ok(0)).unwrap().when_done(move |value| {
            told.send((value.unwrap(), leader.try_get().map(Result::unwrap))).unwrap();
        });
        jobs.next().run();
        let (followed, own) = is_told.try_recv().unwrap();
        assert!(Arc::ptr_eq(&followed, &own.expect("it has ended")));
        assert_at_rest(&group);
    });
}

#[test]
fn a_destructor_at_the_end_of_a_flight_finds_the_leaders_own_answer() {
    // S2 S46: the evicted value's, which is dropped by the job's thread.
    struct Tells(Option<Box<dyn FnOnce() + Send + Sync>>);
    impl Drop for Tells {
        fn drop(&mut self) {
            if let Some(tell) = self.0.take() {
                tell();
            }
        }
    }
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let group: Group<String, Tells, String> =
            Group::builder().window(Duration::MAX).max_retained(1).executor(executor).build();
        let later = Arc::new(Mutex::new(None));
        let (told, is_told) = channel();
        let (slot, told) = (Arc::clone(&later), Mutex::new(told));
        let tell = move || {
            let ticket: Option<coalescer::Ticket<_, Tells, _>> = slot.lock().unwrap().take();
            told.lock().unwrap().send(ticket.is_some_and(|own| own.is_finished())).unwrap();
        };
        drop(group.execute("old", || Ok(Tells(Some(Box::new(tell))))));
        *later.lock().unwrap() = Some(group.submit("new", || Ok(Tells(None))).unwrap());
        jobs.next().run();
        assert!(is_told.try_recv().expect("the old value was dropped"));
    });
}

#[test]
fn a_job_that_a_hook_runs_takes_no_wait_out_of_the_graph() {
    // S42: a thread leads "a" and waits for "b", and its hook runs a job that another thread waits for,
    // which leads "x". The thread that leads "b" would still close a cycle by waiting for "a".
    watched(|| {
        let clock = ManualClock::new();
        let (pool, jobs) = queued();
        let (outer, third) = (Numbers::new(), Numbers::new());
        let job = Arc::new(Mutex::new(None::<Job>));
        let (begin, ran) = (Arc::clone(&job), channel());
        let tell = Mutex::new(ran.0);
        let slow: Numbers = Group::builder()
            .clock(clock.clone())
            .on_slow(TIMEOUT, move |_: &SlowFlight<'_, String>| {
                let job = begin.lock().unwrap().take();
                job.into_iter().for_each(Job::run);
                tell.lock().unwrap().send(()).unwrap();
            })
            .build();
        let ticket = pool.submit("c", || Ok(3)).unwrap();
        *job.lock().unwrap() = Some(jobs.next());
        let waits = |leads: &Numbers, key: &'static str, on: &Numbers, other: &'static str| {
            let (leads, waits_on, on) = (leads.clone(), on.clone(), on);
            let led = thread::spawn(move || {
                let value = leads.execute(key, || {
                    let wait = || waits_on.execute(other, || unreachable!("it follows"));
                    Ok(*unless_refused(wait).unwrap() + 1)
                });
                *value.unwrap()
            });
            wait_until(|| followers(on) == 1);
            led
        };
        let (leader, x) = (lead(&slow, "b"), waits(&third, "x", &pool, "c"));
        let a = waits(&outer, "a", &slow, "b");
        clock.advance(TIMEOUT);
        ran.1.recv().unwrap();
        let handle = outer.clone();
        let leader = leader.ends(move || {
            until_refused(&handle, "a");
            Ok(1)
        });
        assert_eq!(*leader.join().unwrap().value, 1);
        assert_eq!((a.join().unwrap(), x.join().unwrap(), *ticket.wait().unwrap()), (2, 4, 3));
    });
}

#[test]
fn a_leader_whose_ticket_tries_to_take_over_still_leads_its_flight() {
    // S36 S42: the ticket takes over when its job begins, and does not before.
    watched(|| {
        let clock = ManualClock::new();
        let (executor, jobs) = Jobs::new();
        let group: Numbers = Group::builder()
            .leader_timeout(TIMEOUT)
            .clock(clock.clone())
            .executor(executor)
            .build();
        let other = Numbers::new();
        let leader = lead(&group, "k");
        let ((timed_out, has), (go, goes)) = (channel(), channel::<()>());
        let waits = thread::spawn({
            let (group, other) = (group.clone(), other.clone());
            move || {
                other.execute("y", || {
                    // With this its flight comes into the graph.
                    timed_out.send(group.execute_timeout("k", MS, || Ok(0))).unwrap();
                    goes.recv().unwrap();
                    let mut ticket = group.submit("k", || Ok(0)).unwrap();
                    Ok(*unless_refused(|| ticket.wait_timeout(Duration::MAX)).unwrap())
                })
            }
        });
        wait_until(|| followers(&group) == 1);
        clock.advance(MS);
        assert!(has.recv().unwrap().unwrap_err().is_timeout());
        let inner = group.clone();
        let leader = leader.ends(move || {
            clock.advance(TIMEOUT);
            let ticket = inner.submit("k", || Ok(2)).unwrap();
            go.send(()).unwrap();
            until_refused(&other, "y");
            assert!(!ticket.is_finished());
            Ok(1)
        });
        assert_eq!(*leader.join().unwrap().value, 1);
        assert_eq!(*waits.join().unwrap().unwrap(), 1);
        jobs.next().run();
        assert_eq!((group.stats().executed_requests, group.stats().takeovers), (1, 0));
        assert_at_rest(&group);
    });
}

#[test]
fn a_ticket_outlives_its_coalescer_with_its_job_run_or_dropped() {
    // S6 S25: ticket and job hold what they need.
    watched(|| {
        for runs in [true, false] {
            let (group, jobs) = queued();
            let tickets = [group.submit("k", || Ok(1)), group.submit("k", || Ok(0))];
            drop(group);
            let job = jobs.next();
            let waits = tickets.map(|ticket| thread::spawn(|| ticket.unwrap().wait()));
            if runs {
                job.run();
            } else {
                drop(job);
                // The follower's own job, which was to begin the flight.
                drop(jobs.next());
            }
            for wait in waits {
                assert_eq!(wait.join().unwrap().is_ok(), runs);
            }
        }
    });
}

#[test]
fn everything_forgotten_and_superseded_serves_its_tickets_callbacks_and_receivers() {
    // S26 S27 S29: also calls that are made when the flight has ended, of a flight that is not found.
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let group: Numbers =
            Group::builder().window(Duration::MAX).max_requests(2).executor(executor).build();
        let (told, is_told) = channel();
        for flight in 0..3 {
            let leader = group.submit("k", move || Ok(flight)).unwrap();
            let follower = group.submit("k", || Ok(9)).unwrap();
            for ticket in [leader, follower] {
                let told = told.clone();
                ticket.when_done(move |value| told.send(*value.unwrap()).unwrap());
            }
        }
        assert_eq!(group.forget_all(), 1, "two were superseded");
        let alone = group.submit("k", || Ok(3)).unwrap();
        let jobs: Vec<Job> = std::iter::from_fn(|| jobs.try_next()).collect();
        jobs.into_iter().rev().for_each(Job::run);
        assert_eq!(is_told.try_iter().collect::<Vec<u32>>(), [2, 2, 1, 1, 0, 0]);
        assert_eq!((*alone.wait().unwrap(), group.stats().followers), (3, 3));
        assert_eq!(
            *group.execute("k", || Ok(4)).unwrap(),
            3,
            "the only one that was not forgotten"
        );
        assert_at_rest(&group);
    });
}

#[test]
fn a_ticket_that_is_dropped_by_its_own_job_is_no_trouble() {
    // S48: the leader's, and a follower's of the same flight.
    watched(|| {
        let (group, jobs) = queued();
        let tickets = Arc::new(Mutex::new(Vec::new()));
        let own = Arc::clone(&tickets);
        let function = move || {
            own.lock().unwrap().clear();
            Ok(1)
        };
        let leader = group.submit("k", function).unwrap();
        let follower = group.submit("k", || Ok(0)).unwrap();
        tickets.lock().unwrap().extend([leader, follower]);
        jobs.next().run();
        assert_eq!((group.stats().executed_requests, group.stats().followers), (1, 1));
        assert_at_rest(&group);
    });
}
