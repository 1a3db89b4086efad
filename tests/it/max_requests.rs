//! How many calls one flight serves at most.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use coalescer::{Coalescer, Error, Group, ManualClock, Role};

use crate::support::{Numbers, follow, lead, watched};

const TIMEOUT: Duration = Duration::from_millis(30);

fn endless(max: usize) -> Numbers {
    Group::builder().window(Duration::MAX).max_requests(max).build()
}

#[test]
fn in_sequence_every_third_call_executes_with_a_limit_of_three() {
    // S14
    watched(|| {
        let executions = AtomicU64::new(0);
        let coalescer = Coalescer::builder()
            .window(Duration::MAX)
            .max_requests(3)
            .build(move |_: &String| Ok::<u64, ()>(executions.fetch_add(1, Ordering::Relaxed) + 1));
        let values: Vec<u64> = (0..10).map(|_| *coalescer.execute("k").unwrap()).collect();
        assert_eq!(values, [1, 1, 1, 2, 2, 2, 3, 3, 3, 4]);
    });
}

#[test]
fn the_limit_counts_leader_followers_and_late_calls() {
    // S13
    watched(|| {
        let group = endless(4);
        let leader = lead(&group, "k");
        let followers = follow(&group, "k", 2);
        leader.returns(Ok(1)).unwrap();
        followers.into_iter().for_each(|follower| drop(follower.join_unrun().unwrap()));
        assert_eq!(group.call("k").outcome(|| Ok(2)).unwrap().role, Role::Late);
        assert_eq!(group.call("k").outcome(|| Ok(2)).unwrap().role, Role::Leader);
    });
}

#[test]
fn a_follower_that_gives_up_does_not_give_its_place_back() {
    // S13
    watched(|| {
        let group = endless(2);
        let leader = lead(&group, "k");
        let gave_up = group.execute_timeout("k", Duration::ZERO, || Ok(2));
        assert!(matches!(gave_up, Err(Error::TimedOut)));
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 3);
        assert_eq!(*leader.returns(Ok(1)).unwrap().value, 1);
    });
}

#[test]
fn a_full_flight_runs_on_beside_the_next_one() {
    // S14 S26 S29
    watched(|| {
        let group = endless(2);
        let full = lead(&group, "k");
        let its_follower = follow(&group, "k", 1);
        let next = lead(&group, "k");
        let next_follower = follow(&group, "k", 1);
        assert_eq!(group.in_flight().len(), 2);
        assert_eq!(*full.returns(Ok(1)).unwrap().value, 1);
        assert_eq!(*next.returns(Ok(2)).unwrap().value, 2);
        for (calls, value) in [(its_follower, 1), (next_follower, 2)] {
            for call in calls {
                assert_eq!(*call.join_unrun().unwrap().value, value);
            }
        }
    });
}

#[test]
fn many_threads_execute_exactly_as_often_as_the_limit_asks() {
    // S14
    watched(|| {
        const THREADS: u64 = 4;
        for (calls_each, max) in [(500, 7), (250, 1), (300, 2), (100, 1000), (64, 16)] {
            let group: Group<u64, (), ()> =
                Group::builder().window(Duration::MAX).max_requests(max).build();
            let calls = || {
                for _ in 0..calls_each {
                    let run = || {
                        thread::yield_now();
                        Ok(())
                    };
                    group.execute(&1, run).unwrap();
                }
            };
            thread::scope(|s| (0..THREADS).for_each(|_| drop(s.spawn(calls))));
            let expected = (THREADS * calls_each).div_ceil(max as u64);
            assert_eq!(group.stats().executed_requests, expected, "with max_requests({max})");
        }
    });
}

#[test]
fn without_a_limit_one_execution_serves_any_number() {
    // S15
    watched(|| {
        let group: Group<u32, u32, ()> = Group::builder().window(Duration::MAX).build();
        for n in 0..10_000 {
            assert_eq!(*group.execute(&1, || Ok(n)).unwrap(), 0);
        }
    });
}

#[test]
fn a_limit_of_one_shares_nothing_and_never_waits() {
    // S15
    watched(|| {
        let group = endless(1);
        let first = lead(&group, "k");
        let second = lead(&group, "k");
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 3);
        assert_eq!(*group.execute("k", || Ok(4)).unwrap(), 4);
        assert_eq!(*second.returns(Ok(2)).unwrap().value, 2);
        assert_eq!(*first.returns(Ok(1)).unwrap().value, 1);
        assert_eq!(group.stats().coalesced_requests, 0);
    });
}

#[test]
fn a_new_arrival_that_takes_over_counts_towards_max_requests() {
    // S13 S36: the leader and the arrival are two.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder()
            .max_requests(2)
            .leader_timeout(TIMEOUT)
            .max_leaders(3)
            .clock(clock.clone())
            .build();
        let stuck = lead(&group, "k");
        clock.advance(TIMEOUT);
        let second = lead(&group, "k");
        let third = lead(&group, "k");
        assert_eq!(group.in_flight().len(), 2, "the third call has a flight of its own");
        for (call, value) in [stuck, second, third].into_iter().zip(1..) {
            assert_eq!(*call.returns(Ok(value)).unwrap().value, value);
        }
    });
}
