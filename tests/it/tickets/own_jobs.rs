//! Tickets whose calls run their own functions: after a take-over, after a value that is not shared,
//! and where a wait would never end.

use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use coalescer::{Error, Group, Job, ManualClock, OnDeadlock, Role};

use crate::jobs::{Jobs, assert_at_rest, queued};
use crate::support::{MS, Numbers, followers, lead, watched};

const TIMEOUT: Duration = Duration::from_millis(30);

#[test]
fn a_waiting_ticket_takes_over_with_a_job_of_its_own() {
    // S36 S37 S26
    watched(|| {
        let clock = ManualClock::new();
        let (executor, jobs) = Jobs::new();
        let group: Numbers = Group::builder()
            .leader_timeout(TIMEOUT)
            .clock(clock.clone())
            .executor(executor)
            .build();
        let stuck = group.submit("k", || Ok(1)).unwrap();
        let waits: Vec<_> = (0..3)
            .map(|_| {
                let ticket = group.submit("k", || Ok(2)).unwrap();
                thread::spawn(|| ticket.wait_outcome().unwrap())
            })
            .collect();
        let idle = group.submit("k", || Ok(3)).unwrap();
        let first = jobs.next();
        clock.advance(TIMEOUT);
        let second = loop {
            if let Some(job) = jobs.try_next() {
                break job;
            }
            thread::yield_now();
        };
        assert!(jobs.is_empty(), "exactly one tries");
        assert_eq!((group.stats().takeovers, followers(&group)), (0, 4), "no job has begun");
        second.run();
        assert_eq!(group.stats().takeovers, 1);
        let outcomes: Vec<_> = waits.into_iter().map(|wait| wait.join().unwrap()).collect();
        assert!(outcomes.iter().all(|outcome| *outcome.value == 2));
        let led = outcomes.iter().filter(|outcome| outcome.role == Role::Leader);
        assert_eq!(led.count(), 1);
        assert_eq!(*idle.wait().unwrap(), 2);
        assert!(!stuck.is_finished());
        first.run();
        assert_eq!(*stuck.wait().unwrap(), 1);
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.followers, stats.takeovers), (2, 3, 1));
        assert_at_rest(&group);
    });
}

#[test]
fn a_take_over_that_is_not_taken_is_told() {
    // S36 S25: the flight goes on, and the one that tried is refused.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder()
            .leader_timeout(TIMEOUT)
            .clock(clock.clone())
            .executor(|job: Job| Err::<(), _>(job))
            .build();
        let leader = lead(&group, "k");
        let ticket = group.submit("k", || Ok(2)).unwrap();
        clock.advance(TIMEOUT);
        assert!(ticket.wait().unwrap_err().is_rejected());
        assert_eq!(*leader.returns(Ok(1)).unwrap().value, 1);
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.refused, stats.takeovers), (1, 1, 0));
        assert_at_rest(&group);
    });
}

#[test]
fn a_new_arrival_takes_over_by_submit() {
    // S36
    watched(|| {
        let clock = ManualClock::new();
        let (executor, jobs) = Jobs::new();
        let group: Numbers = Group::builder()
            .leader_timeout(TIMEOUT)
            .clock(clock.clone())
            .executor(executor)
            .build();
        let stuck = lead(&group, "k");
        let follower = group.submit("k", || Ok(0)).unwrap();
        clock.advance(TIMEOUT);
        let ticket = group.submit("k", || Ok(2)).unwrap();
        assert_eq!((ticket.callers(), group.in_flight()[0].executions), (3, 1));
        jobs.next().run();
        assert_eq!((*ticket.wait().unwrap(), *follower.wait().unwrap()), (2, 2));
        assert_eq!(*stuck.returns(Ok(1)).unwrap().value, 1);
        assert_at_rest(&group);
    });
}

#[test]
fn tickets_of_an_unshareable_value_run_their_own_jobs_all_at_once() {
    // S40: all three run at the same time, although no thread looks at a ticket.
    watched(|| {
        let group: Numbers = Group::builder()
            .window(Duration::MAX)
            .share_if(|value: &u32| value % 2 == 0)
            .executor(|job: Job| {
                thread::spawn(|| job.run());
            })
            .build();
        let leader = lead(&group, "k");
        let together = Arc::new(Barrier::new(3));
        let tickets = [11, 12, 13].map(|own| {
            let together = Arc::clone(&together);
            let function = move || {
                together.wait();
                Ok(own)
            };
            group.submit("k", function).unwrap()
        });
        leader.returns(Ok(1)).unwrap();
        for (own, ticket) in (11..).zip(tickets) {
            let outcome = ticket.wait_outcome().unwrap();
            assert_eq!((*outcome.value, outcome.role, outcome.callers), (own, Role::Leader, 1));
        }
        assert_eq!((group.stats().executed_requests, group.stats().followers), (4, 0));
        assert!(!group.forget("k"));
        assert_at_rest(&group);
    });
}

#[test]
fn a_leaders_ticket_keeps_an_unshareable_value() {
    // S40 S26, and what a job dropped by the executor is to a released follower (S25)
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let group: Numbers = Group::builder().share_if(|_: &u32| false).executor(executor).build();
        let leader = group.submit("k", || Ok(1)).unwrap();
        let kept = group.submit("k", || Ok(2)).unwrap();
        let lost = group.submit("k", || Ok(3)).unwrap();
        let mut gone = group.submit("k", || unreachable!("its ticket was dropped")).unwrap();
        assert!(gone.try_get().is_none());
        drop(gone);
        jobs.next().run();
        assert_eq!(*leader.wait().unwrap(), 1);
        assert!(!kept.is_finished());
        assert_eq!(group.stats().in_flight, 2);
        jobs.next().run();
        drop(jobs.next());
        assert!(jobs.is_empty());
        assert_eq!(*kept.wait().unwrap(), 2);
        assert!(lost.wait().unwrap_err().is_abandoned());
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.followers, stats.refused), (2, 1, 1));
        assert_at_rest(&group);
    });
}

#[test]
fn an_executor_that_panics_for_a_follower_changes_no_outcome() {
    // S24: the leader is a call of another thread, which is to know nothing of it.
    watched(|| {
        let group: Numbers = Group::builder()
            .share_if(|_: &u32| false)
            .executor(|job: Job| -> () {
                let _job = job;
                panic!("no threads left");
            })
            .build();
        let leader = lead(&group, "k");
        let tickets = [group.submit("k", || Ok(2)), group.submit("k", || Ok(3))];
        assert_eq!(*leader.returns(Ok(1)).unwrap().value, 1);
        for ticket in tickets {
            assert!(ticket.unwrap().wait().unwrap_err().is_panic());
        }
        assert_at_rest(&group);
    });
}

#[test]
fn a_cycle_over_a_ticket_is_refused() {
    // S42: one thread leads "a" and waits for the ticket of "b", whose job calls "a". Whichever
    // waits last is refused, also when the job begins only after the wait.
    watched(|| {
        for job_begins_first in [false, true] {
            let (group, jobs) = queued();
            let (inner, both_lead) = (group.clone(), Arc::new(Barrier::new(2)));
            let led = Arc::clone(&both_lead);
            let function = move || {
                if job_begins_first {
                    led.wait();
                }
                Ok(u32::from(is_refused(inner.execute("a", || Ok(0)))))
            };
            let ticket = group.submit("b", function).unwrap();
            let mut job = Some(jobs.next());
            let run = |job: Job| thread::spawn(|| job.run());
            let mut worker = if job_begins_first { job.take().map(run) } else { None };
            let (leads, does_lead) = channel();
            let outer = thread::spawn({
                let group = group.clone();
                move || {
                    let function = || {
                        leads.send(()).unwrap();
                        if job_begins_first {
                            both_lead.wait();
                        }
                        match ticket.wait() {
                            Err(error) if error.would_deadlock() => Ok(10),
                            other => other.map(|inner| *inner).map_err(|error| error.to_string()),
                        }
                    };
                    *group.execute("a", function).unwrap()
                }
            });
            does_lead.recv().unwrap();
            worker = worker.or_else(|| job.map(run));
            let outer = outer.join().unwrap();
            worker.unwrap().join().unwrap();
            // A leader's ticket that is refused a wait is no call more.
            let told = (outer, group.stats().refused);
            assert!([(1, 1), (10, 0)].contains(&told), "one of the two is refused: {told:?}");
            assert_at_rest(&group);
        }
    });
}

fn is_refused(result: Result<Arc<u32>, Error<String>>) -> bool {
    result.is_err_and(|error| error.would_deadlock())
}

#[test]
fn with_bypass_a_ticket_runs_its_own_function_where_it_would_deadlock() {
    // S41
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let group: Numbers =
            Group::builder().on_deadlock(OnDeadlock::Bypass).executor(executor).build();
        let inner = group.clone();
        let outer = group.execute("k", || {
            let here = thread::current().id();
            let ticket = inner.submit("k", move || {
                assert_eq!(thread::current().id(), here);
                Ok(2)
            });
            let outcome = ticket.unwrap().wait_outcome().unwrap();
            assert_eq!((outcome.role, outcome.callers), (Role::Leader, 1));
            Ok(*outcome.value + 1)
        });
        assert_eq!(*outer.unwrap(), 3);
        assert!(jobs.is_empty());
        assert_eq!(group.stats().executed_requests, 2);
        assert_at_rest(&group);
    });
}

#[test]
fn a_ticket_of_another_thread_is_no_cycle() {
    // S43: leading one key and waiting for the ticket of another.
    watched(|| {
        let (group, jobs) = queued();
        let inner = group.clone();
        let outer = thread::spawn({
            let group = group.clone();
            move || {
                group.execute("a", || {
                    let ticket = inner.submit("b", || Ok(1)).unwrap();
                    ticket.wait().map(|value| *value).map_err(|error| error.to_string())
                })
            }
        });
        let job = loop {
            if let Some(job) = jobs.try_next() {
                break job;
            }
            thread::yield_now();
        };
        job.run();
        assert_eq!(*outer.join().unwrap().unwrap(), 1);
        assert_at_rest(&group);
    });
}

#[test]
fn a_wait_that_was_refused_counts_as_refused_only_if_it_was_the_last() {
    // S48
    watched(|| {
        let (group, _jobs) = queued();
        let inner = group.clone();
        let mut kept = None;
        let outer = group.execute("k", || {
            let mut ticket = inner.submit("k", || Ok(0)).unwrap();
            assert!(ticket.wait_timeout(MS).unwrap_err().would_deadlock());
            kept = Some(ticket);
            Ok(1)
        });
        // Another thread, or this one when it leads no more, may wait with it.
        assert!(Arc::ptr_eq(&kept.unwrap().wait().unwrap(), &outer.unwrap()));
        assert_eq!((group.stats().followers, group.stats().refused), (1, 0));
        assert_at_rest(&group);
    });
}
