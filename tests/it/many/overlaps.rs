//! Calls of many keys that overlap, and calls within calls.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use coalescer::{Error, Group, ManualClock, OnDeadlock};

use super::{Ids, Runs, followers, leading, many, squares, unasked, values};
use crate::support::{wait_until, watched};

const BRIEF: Duration = Duration::from_secs(1);

#[test]
fn calls_of_the_same_keys_in_any_order_end_and_none_is_refused() {
    // S142
    watched(|| {
        let group = Ids::new();
        // Each leads one key and follows the other's.
        let both = Arc::new(Barrier::new(2));
        let calls = [[1, 2], [2, 1]].map(|keys| {
            let (group, both) = (group.clone(), Arc::clone(&both));
            thread::spawn(move || {
                // The first key is led within the call, so that the two surely meet.
                group.execute(&(keys[0] + 10), || {
                    both.wait();
                    let told = group.execute_many(&keys, squares);
                    Ok(values(told).into_iter().sum())
                })
            })
        });
        for call in calls {
            assert_eq!(*call.join().unwrap().unwrap(), 5);
        }
        assert_eq!(group.stats().refused, 0);
    });
}

#[test]
fn two_calls_that_lead_a_key_of_each_other_publish_before_they_wait() {
    // S142
    watched(|| {
        let group = Ids::new();
        let first = leading(&group, &[1]);
        // B leads 2 and follows 1. A, which comes now, leads 3 and follows 2 and 1.
        let b = leading(&group, &[2, 1]);
        let a = leading(&group, &[3, 1, 2]);
        assert_eq!((followers(&group, 1), followers(&group, 2)), (2, 1));
        let a = a.ends(|| Ok(vec![(3, 9)]));
        wait_until(|| group.in_flight().len() == 2);
        let b = b.ends(|| Ok(vec![(2, 4)]));
        wait_until(|| group.in_flight().len() == 1);
        first.returns(Ok(vec![(1, 1)]));
        assert_eq!(values(a.join()), [9, 1, 4]);
        assert_eq!(values(b.join()), [4, 1]);
    });
}

#[test]
fn a_key_that_this_thread_leads_is_refused_by_itself() {
    // S143 S41
    watched(|| {
        let group = Ids::new();
        let outer = group.execute(&1, || {
            let told = group.execute_many(&[2, 1, 3], |keys| {
                assert_eq!(keys, [2, 3]);
                squares(keys)
            });
            assert!(matches!(told[1], Err(Error::WouldDeadlock)));
            Ok([0, 2].into_iter().map(|place| **told[place].as_ref().unwrap()).sum())
        });
        assert_eq!(*outer.unwrap(), 13);
        assert_eq!((group.stats().refused, group.stats().batches), (1, 1));
        // The function of a run leads the keys of the run, and of the later ones.
        let told = group.execute_many(&[1, 2], |keys| {
            let inner = group.execute_many(keys, unasked);
            assert!(inner.iter().all(|one| matches!(one, Err(Error::WouldDeadlock))));
            assert_eq!(*group.execute(&3, || Ok(9)).unwrap(), 9);
            squares(keys)
        });
        assert_eq!(values(told), [1, 4]);
        assert!(group.in_flight().is_empty());
        // Afterwards it leads nothing.
        assert_eq!(values(group.execute_many(&[1, 2], squares)), [1, 4]);
    });
}

#[test]
fn with_bypass_such_a_key_is_in_the_same_run_and_shares_nothing() {
    // S143 S41
    watched(|| {
        let group: Ids =
            Group::builder().on_deadlock(OnDeadlock::Bypass).window(Duration::MAX).build();
        let runs = Runs::default();
        let outer = group.execute(&1, || {
            let told = group.execute_many(&[2, 1], |keys| {
                runs.note(keys);
                squares(keys)
            });
            Ok(values(told).into_iter().sum())
        });
        assert_eq!(*outer.unwrap(), 5);
        assert_eq!(runs.of(), [[2, 1]]);
        assert_eq!(group.peek(&1).as_deref(), Some(&5), "the outer call's own");
        assert_eq!((group.stats().executed_requests, group.stats().refused), (3, 0));
    });
}

#[test]
fn a_wait_that_would_close_a_cycle_is_refused_for_its_key_alone() {
    // S143 S42
    watched(|| {
        let group = Ids::new();
        let (a, b) = (group.clone(), group.clone());
        let led = Arc::new(Barrier::new(2));
        let both = Arc::clone(&led);
        // This thread leads 1 and waits for 2. The other one leads 2 and asks for 3 and 1.
        let waits = thread::spawn(move || {
            a.execute(&1, || {
                both.wait();
                a.execute(&2, || unreachable!("it follows"))
                    .map(|two| *two + 1)
                    .map_err(|_| "refused".into())
            })
        });
        let other = b.execute(&2, || {
            led.wait();
            wait_until(|| followers(&b, 2) == 1);
            // The wait enters the graph a moment after it is counted.
            wait_until(|| {
                b.execute_timeout(&1, Duration::ZERO, || Ok(0)).unwrap_err().would_deadlock()
            });
            let told = b.execute_many(&[3, 1], |keys| {
                assert_eq!(keys, [3]);
                squares(keys)
            });
            assert!(matches!(told[1], Err(Error::WouldDeadlock)), "{told:?}");
            Ok(**told[0].as_ref().unwrap())
        });
        assert_eq!(*other.unwrap(), 9);
        assert_eq!(*waits.join().unwrap().unwrap(), 10);
        assert!(group.in_flight().is_empty());
    });
}

#[test]
fn early_answers_lead_no_more_and_the_rest_goes_on_leading() {
    // S145 S41: what a run leads is one place, in whatever order its keys end.
    watched(|| {
        let group = Ids::new();
        let told = group.execute_many_with(&[1, 2, 3], |batch| {
            batch.answer(&1, Ok(10));
            assert_eq!(*group.execute(&1, || Ok(11)).unwrap(), 11, "a new flight");
            let lead = coalescer::leading();
            let part = || lead.enter(|| group.execute(&2, || unreachable!("the run leads it")));
            let part = thread::scope(|s| s.spawn(part).join().unwrap());
            assert!(part.unwrap_err().would_deadlock());
            batch.answer_rest(|key| Ok(key * 10));
            assert_eq!(*group.execute(&3, || Ok(31)).unwrap(), 31);
            Ok(())
        });
        assert_eq!(values(told), [10, 20, 30]);
        assert!(!format!("{:?}", coalescer::leading()).contains("true"));
    });
}

#[test]
fn a_forgotten_run_answers_its_own_and_keeps_nothing() {
    // S28 S29 S141
    watched(|| {
        let group: Ids = Group::builder().window(Duration::MAX).build();
        let call = leading(&group, &[1, 2]);
        let follower = many(&group, &[1]);
        wait_until(|| followers(&group, 1) == 1);
        assert!(group.forget(&1));
        let younger = leading(&group, &[1]);
        assert_eq!(values(call.returns(squares(&[1, 2]))), [1, 4]);
        assert_eq!(values(follower.join_unrun()), [1]);
        assert!(group.peek(&1).is_none() && group.peek(&2).is_some());
        assert_eq!(values(younger.returns(Ok(vec![(1, 7)]))), [7]);
        assert_eq!(group.peek(&1).as_deref(), Some(&7));
    });
}

#[test]
fn a_leader_waits_for_several_keys_one_after_the_other() {
    // S143 S43: its thread has one wait in the wait-for graph at a time.
    watched(|| {
        let group = Ids::new();
        let [one, two] = [leading(&group, &[1]), leading(&group, &[2])];
        let own = group.clone();
        let outer = thread::spawn(move || {
            own.execute(&3, || Ok(values(own.execute_many(&[1, 2], unasked)).into_iter().sum()))
        });
        wait_until(|| followers(&group, 1) == 1 && followers(&group, 2) == 1);
        one.returns(squares(&[1]));
        two.returns(squares(&[2]));
        assert_eq!(*outer.join().unwrap().unwrap(), 5);
        assert_eq!(group.stats().refused, 0);
    });
}

#[test]
fn a_cycle_that_ends_before_the_call_waits_refuses_nothing() {
    // S143 S42: the call follows 2, whose leader waits for 1, which this thread leads. It waits only after its own run.
    watched(|| {
        let clock = ManualClock::new();
        let group: Ids = Group::builder().clock(clock.clone()).build();
        let sum = group.execute(&1, || {
            let own = group.clone();
            let two = thread::spawn(move || {
                own.execute(&2, || {
                    let waited = own.execute_timeout(&1, BRIEF, || unreachable!("1 is led"));
                    assert!(matches!(waited, Err(Error::TimedOut)));
                    Ok(4)
                })
            });
            wait_until(|| followers(&group, 1) == 1);
            let told = group.execute_many(&[2, 3], |keys| {
                assert_eq!(keys, [3]);
                clock.advance(BRIEF);
                wait_until(|| group.in_flight().iter().all(|flight| flight.key != 2));
                squares(keys)
            });
            assert_eq!(*two.join().unwrap().unwrap(), 4);
            Ok(values(told).iter().sum())
        });
        assert_eq!(*sum.unwrap(), 13);
        assert_eq!(group.stats().refused, 0);
    });
}
