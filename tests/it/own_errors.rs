//! Rules over errors, and calls that are refused because too many wait.

use std::sync::Arc;
use std::time::Duration;

use coalescer::{Coalescer, Error, Group, Job, ManualClock, Role, ShareWith};

use crate::jobs::{Jobs, assert_at_rest};
use crate::support::{MS, Numbers, begin, follow, followers, lead, wait_until, watched};

fn group(window: Duration) -> Numbers {
    Group::builder()
        .error_window(window)
        .share_error_with(|error: &String| match error.as_str() {
            "own" => ShareWith::Nobody,
            "busy" => ShareWith::Followers,
            _ => ShareWith::Everyone,
        })
        .executor(|job: Job| job.run())
        .build()
}

#[test]
fn an_error_is_kept_if_its_rule_says_so() {
    // S72 S18
    watched(|| {
        let group = group(Duration::MAX);
        for (error, executions) in [("own", 2), ("busy", 2), ("not found", 1)] {
            let before = group.stats().executed_requests;
            for _ in 0..2 {
                assert!(group.execute(error, || Err(error.into())).is_err());
            }
            assert_eq!(group.stats().executed_requests - before, executions, "{error}");
        }
    });
}

#[test]
fn an_error_for_followers_goes_to_all_that_wait() {
    // S72 S16
    watched(|| {
        let group = group(Duration::MAX);
        let leader = lead(&group, "k");
        let calls = follow(&group, "k", 3);
        assert!(leader.returns(Err("busy".into())).unwrap_err().is_failed());
        for call in calls {
            assert!(call.join_unrun().unwrap_err().is_failed());
        }
        assert_eq!(*group.execute("k", || Ok(1)).unwrap(), 1);
    });
}

#[test]
fn an_error_of_the_leader_alone_lets_exactly_one_follower_lead_next() {
    // S72: each of the first ones fails for itself, and the rest share the value of the last.
    watched(|| {
        let group = group(Duration::ZERO);
        let mut leader = lead(&group, "k");
        let mut calls = follow(&group, "k", 4);
        for left in [4, 3] {
            assert_eq!(followers(&group), left);
            assert!(leader.returns(Err("own".into())).unwrap_err().is_failed());
            wait_until(|| followers(&group) == left - 1);
            let next = loop {
                if let Some(next) = calls.iter().position(crate::support::Call::has_begun) {
                    break next;
                }
                std::thread::yield_now();
            };
            leader = calls.swap_remove(next);
        }
        assert_eq!(*leader.returns(Ok(5)).unwrap().value, 5);
        for call in calls {
            let outcome = call.join_unrun().unwrap();
            assert_eq!((*outcome.value, outcome.role), (5, Role::Follower));
        }
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.failed, stats.followers), (3, 2, 2));
        assert_eq!(stats.takeovers, 0);
    });
}

/// The error of a call, if nobody else owns it.
fn taken(answer: Result<impl Sized, Error<String>>) -> String {
    let Err(Error::Failed(error)) = answer else { unreachable!("its function fails") };
    Arc::try_unwrap(error).expect("the leader is its only owner")
}

#[test]
fn an_error_of_the_leader_alone_has_no_other_owner() {
    // S72: with nobody, with threads and with tickets that wait, and while one of them leads next.
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let group: Numbers = Group::builder()
            .error_window(Duration::MAX)
            .share_error_with(|_: &String| ShareWith::Nobody)
            .executor(executor)
            .build();
        let own = || Err::<u32, _>(String::from("own"));
        assert_eq!(taken(group.execute("k", own)), "own");
        let leader = lead(&group, "k");
        let call = follow(&group, "k", 1).remove(0);
        let ticket = group.submit("k", own).unwrap();
        assert_eq!(taken(leader.returns(own())), "own");
        let call = call.begun();
        assert_eq!(followers(&group), 1);
        assert_eq!(taken(call.returns(own())), "own");
        // The job of the ticket leads. One more ticket waits for it, and has it led by a job.
        let next = group.submit("k", own).unwrap();
        jobs.next().run();
        assert_eq!(taken(ticket.wait()), "own");
        jobs.next().run();
        assert_eq!(taken(next.wait()), "own");
        assert_at_rest(&group);
    });
}

#[test]
fn an_error_of_a_take_over_alone_has_no_other_owner() {
    // S72 S38: of a take-over, and of the stuck leader whose flight has ended by then.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder()
            .leader_timeout(MS)
            .clock(clock.clone())
            .share_error_with(|_: &String| ShareWith::Nobody)
            .build();
        for waits in [false, true] {
            let stuck = lead(&group, "k");
            clock.advance(MS);
            let second = lead(&group, "k");
            let calls = follow(&group, "k", usize::from(waits));
            assert_eq!(taken(second.returns(Err("own".into()))), "own", "waits: {waits}");
            let call = calls.into_iter().next().unwrap_or_else(|| begin(&group, "k"));
            assert_eq!(*call.begun().returns(Ok(3)).unwrap().value, 3);
            assert_eq!(taken(stuck.returns(Err("late".into()))), "late");
            assert_at_rest(&group);
        }
    });
}

#[test]
fn an_error_of_a_take_over_alone_is_no_answer_for_a_job_that_begins_later() {
    // S72 S26: no call waits when the take-over fails, and the flight's first job is still in the queue.
    watched(|| {
        let (clock, (executor, jobs)) = (ManualClock::new(), Jobs::new());
        let group: Numbers = Group::builder()
            .leader_timeout(MS)
            .clock(clock.clone())
            .share_error_with(|_: &String| ShareWith::Nobody)
            .executor(executor)
            .build();
        let ticket = group.submit("k", || Ok(1)).unwrap();
        clock.advance(MS);
        let stuck = lead(&group, "k");
        clock.advance(MS);
        let second = lead(&group, "k");
        assert!(second.returns(Err("own".into())).is_err());
        let third = lead(&group, "k");
        // Two executions run, so the job runs none.
        jobs.next().run();
        assert_eq!(*third.returns(Ok(3)).unwrap().value, 3);
        assert_eq!(*ticket.wait().unwrap(), 3);
        assert_eq!(*stuck.returns(Ok(2)).unwrap().value, 2);
        assert_at_rest(&group);
    });
}

#[test]
fn an_error_of_the_leader_alone_lets_a_ticket_lead_next_if_no_call_has_a_thread() {
    // S72: an executor that runs jobs at once needs no stack for each of them.
    watched(|| {
        let group = group(Duration::ZERO);
        let leader = lead(&group, "k");
        let tickets: Vec<_> =
            (0..2_000).map(|_| group.submit("k", || Err("own".into())).unwrap()).collect();
        assert!(leader.returns(Err("own".into())).unwrap_err().is_failed());
        for ticket in tickets {
            assert!(ticket.wait().unwrap_err().is_failed());
        }
        assert_eq!(group.stats().executed_requests, 2_001);
        assert!(group.in_flight().is_empty());
    });
}

#[test]
fn an_error_of_a_take_over_alone_is_passed_on_beside_the_stuck_leader() {
    // S72 S37
    watched(|| {
        let clock = ManualClock::new();
        let timeout = 30 * MS;
        let group: Numbers = Group::builder()
            .leader_timeout(timeout)
            .clock(clock.clone())
            .share_error_with(|_: &String| ShareWith::Nobody)
            .build();
        let stuck = lead(&group, "k");
        clock.advance(timeout);
        let second = lead(&group, "k");
        let call = follow(&group, "k", 1).remove(0);
        assert!(second.returns(Err("own".into())).is_err());
        assert_eq!(*call.begun().returns(Ok(3)).unwrap().value, 3);
        assert_eq!(*stuck.returns(Ok(1)).unwrap().value, 1);
        assert!(group.in_flight().is_empty());
    });
}

#[test]
fn a_rule_over_errors_that_panics_counts_as_the_leaders_panic() {
    // S24 S72
    watched(|| {
        let rule = |_: &u32| -> ShareWith { panic!("the rule") };
        let coalescer =
            Coalescer::builder().share_error_with(rule).build(|n: &u32| Err::<u32, _>(*n));
        let call = std::panic::AssertUnwindSafe(|| coalescer.execute(&1));
        assert!(std::panic::catch_unwind(call).is_err());
        assert_eq!((coalescer.stats().panicked, coalescer.stats().failed), (1, 0));
    });
}

#[test]
fn one_follower_too_many_is_refused_at_once() {
    // S73 S48: by each way of waiting, and no longer when one has left.
    watched(|| {
        let group: Numbers =
            Group::builder().max_followers(2).executor(|job: Job| job.run()).build();
        let leader = lead(&group, "k");
        let calls = follow(&group, "k", 1);
        let ticket = group.submit("k", || Ok(2)).unwrap();
        let never = || -> Result<u32, String> { unreachable!("it is refused") };
        assert!(group.execute("k", never).unwrap_err().is_overloaded());
        assert!(group.execute_fresh("k", never).unwrap_err().is_overloaded());
        assert!(group.execute_timeout("k", MS, never).unwrap_err().is_overloaded());
        assert!(matches!(group.submit("k", never), Err(Error::Overloaded)));
        assert!(group.try_execute("k", never).unwrap_err().would_block());
        assert_eq!(*group.execute("other", || Ok(1)).unwrap(), 1, "the limit is of one key");
        drop(ticket);
        let last = begin(&group, "k");
        wait_until(|| followers(&group) == 2);
        assert_eq!(*leader.returns(Ok(1)).unwrap().value, 1);
        assert_eq!(*last.join_unrun().unwrap().value, 1);
        calls.into_iter().for_each(|call| drop(call.join_unrun().unwrap()));
        let stats = group.stats();
        assert_eq!((stats.refused, stats.followers, stats.executed_requests), (5, 3, 2));
        assert!(group.in_flight().is_empty());
    });
}

#[test]
fn calls_for_the_next_flight_count_as_followers_too() {
    // S73 S30
    watched(|| {
        let group: Numbers = Group::builder().max_followers(1).build();
        let leader = lead(&group, "k");
        let fresh = {
            let group = group.clone();
            crate::support::start(move |function| group.call("k").fresh().outcome(function))
        };
        wait_until(|| followers(&group) == 1);
        assert!(group.execute("k", || Ok(0)).unwrap_err().is_overloaded());
        leader.returns(Ok(1)).unwrap();
        assert_eq!(*fresh.returns(Ok(2)).unwrap().value, 2);
        assert!(group.in_flight().is_empty());
    });
}

#[test]
fn a_submit_too_many_leaves_the_tickets_before_it_as_they_are() {
    // S73 S9: it would wait for the next flight, which a ticket is to begin.
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let group: Numbers = Group::builder()
            .max_followers(1)
            .max_join_age(Duration::ZERO)
            .max_leaders(1)
            .executor(executor)
            .build();
        let leader = group.submit("k", || Ok(1)).unwrap();
        let follower = group.submit("k", || Ok(2)).unwrap();
        assert!(matches!(group.submit("k", || Ok(3)), Err(Error::Overloaded)));
        std::iter::from_fn(|| jobs.try_next()).for_each(Job::run);
        assert_eq!((*leader.wait().unwrap(), *follower.wait().unwrap()), (1, 2));
        assert_eq!((group.stats().refused, group.stats().executed_requests), (1, 2));
        assert!(group.in_flight().is_empty());
    });
}
