//! The bounds of a call's wait, and its result at the end of a wait.

use std::time::{Duration, Instant};

use coalescer::{Error, Group, ManualClock, Role};

use crate::support::{Call, MS, NS, Numbers, follow, followers, lead, start, wait_until, watched};

type Bounded = Call<u32, String, Result<std::sync::Arc<u32>, Error<String>>>;

/// Followers with a timeout: handed out when they wait.
fn follow_for(group: &Numbers, timeout: Duration, count: usize) -> Vec<Bounded> {
    let before = followers(group);
    let begin = || {
        let group = group.clone();
        start(move |function| group.execute_timeout("k", timeout, function))
    };
    let calls = (0..count).map(|_| begin()).collect();
    wait_until(|| followers(group) == before + count);
    calls
}

fn at(clock: &ManualClock) -> Numbers {
    Group::builder().clock(clock.clone()).build()
}

#[test]
fn a_follower_times_out_at_its_deadline_and_alone() {
    // S33
    watched(|| {
        let clock = ManualClock::new();
        let group = at(&clock);
        let leader = lead(&group, "k");
        let patient = follow(&group, "k", 1);
        let hasty = follow_for(&group, 10 * MS, 2);
        let slower = follow_for(&group, 10 * MS + NS, 1);
        clock.advance(10 * MS);
        for follower in hasty {
            assert!(follower.join_unrun().unwrap_err().is_timeout());
        }
        assert_eq!(followers(&group), 2);
        leader.returns(Ok(1)).unwrap();
        assert_eq!(*patient.into_iter().next().unwrap().join_unrun().unwrap().value, 1);
        assert_eq!(*slower.into_iter().next().unwrap().join_unrun().unwrap(), 1);
        let stats = group.stats();
        assert_eq!((stats.timed_out, stats.followers, stats.executed_requests), (2, 2, 1));
    });
}

#[test]
fn waking_up_early_does_not_extend_the_wait() {
    // S32: a step of the clock that reaches the deadline of one call wakes all calls at the gate.
    watched(|| {
        let clock = ManualClock::new();
        let group = at(&clock);
        let leader = lead(&group, "k");
        let waits: Vec<_> = (1..=5).map(|n| follow_for(&group, n * 10 * MS, 1).remove(0)).collect();
        for (left, follower) in (0..5).rev().zip(waits) {
            clock.advance(10 * MS);
            assert!(follower.join_unrun().unwrap_err().is_timeout());
            assert_eq!(followers(&group), left);
        }
        leader.returns(Ok(1)).unwrap();
    });
}

#[test]
fn a_take_over_does_not_extend_the_wait() {
    // S32: one of the two takes over after 10 ms, the other gives up after 15 ms.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().leader_timeout(10 * MS).clock(clock.clone()).build();
        let stuck = lead(&group, "k");
        let waits = follow_for(&group, 15 * MS, 2);
        clock.advance(10 * MS);
        wait_until(|| group.stats().takeovers == 1);
        clock.advance(5 * MS);
        wait_until(|| waits.iter().any(Call::has_returned));
        stuck.returns(Ok(1)).unwrap();
        let told: Vec<_> = waits.into_iter().map(|call| call.ends(|| Ok(2))).collect();
        let mut values: Vec<_> = told.into_iter().map(|call| call.join().ok()).collect();
        values.sort();
        assert_eq!(values, [None, Some(2.into())]);
        assert_eq!(group.stats().timed_out, 1);
    });
}

#[test]
fn max_wait_bounds_every_follower_and_a_shorter_timeout_wins() {
    // S44
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().max_wait(10 * MS).clock(clock.clone()).build();
        let leader = lead(&group, "k");
        let unbounded = follow(&group, "k", 1);
        let longer = follow_for(&group, Duration::MAX, 1);
        let shorter = follow_for(&group, 5 * MS, 1);
        clock.advance(5 * MS);
        shorter.into_iter().for_each(|call| assert!(call.join_unrun().is_err()));
        assert_eq!(followers(&group), 2);
        clock.advance(5 * MS);
        longer.into_iter().for_each(|call| assert!(call.join_unrun().is_err()));
        unbounded.into_iter().for_each(|call| assert!(call.join_unrun().is_err()));
        leader.returns(Ok(1)).unwrap();
        assert_eq!(group.stats().timed_out, 3);
    });
}

#[test]
fn a_deadline_in_the_past_never_waits() {
    // S32 S33
    watched(|| {
        let clock = ManualClock::new();
        let long_ago = clock.now();
        clock.advance(Duration::from_secs(60));
        let group: Numbers = Group::builder().window(Duration::MAX).clock(clock.clone()).build();
        let leader = lead(&group, "k");
        for past in [clock.now(), clock.now() - NS, long_ago] {
            let told = group.execute_deadline("k", past, || Ok(2));
            assert!(told.unwrap_err().is_timeout());
        }
        assert!(group.execute_timeout("k", Duration::ZERO, || Ok(2)).unwrap_err().is_timeout());
        leader.returns(Ok(1)).unwrap();
        // An outcome that is there wins, and a call that leads does not wait.
        assert_eq!(*group.execute_deadline("k", long_ago, || Ok(2)).unwrap(), 1);
        assert_eq!(*group.execute_deadline("new", long_ago, || Ok(3)).unwrap(), 3);
    });
}

#[test]
fn a_deadline_before_the_group_was_made_is_in_the_past() {
    // S12 S33, on the real clock
    watched(|| {
        let before = Instant::now();
        let group = Numbers::new();
        let leader = lead(&group, "k");
        assert!(group.execute_deadline("k", before, || Ok(2)).unwrap_err().is_timeout());
        leader.returns(Ok(1)).unwrap();
    });
}

#[test]
fn a_timeout_too_long_to_be_a_time_is_no_timeout() {
    // S32, on both clocks
    watched(|| {
        let clock = ManualClock::new();
        clock.advance(NS);
        for group in [at(&clock), Numbers::new()] {
            for endless in [Duration::MAX, Duration::from_nanos(u64::MAX)] {
                let leader = lead(&group, "k");
                let waits = follow_for(&group, endless, 2);
                clock.advance(Duration::from_secs(3600));
                leader.returns(Ok(1)).unwrap();
                for follower in waits {
                    assert_eq!(*follower.join_unrun().unwrap(), 1);
                }
            }
        }
    });
}

#[test]
fn an_outcome_that_is_published_wins_over_the_deadline() {
    // S33: the follower may wake before or after the deadline came.
    watched(|| {
        let clock = ManualClock::new();
        let group = at(&clock);
        for n in 0..100 {
            let leader = lead(&group, "k");
            let waits = follow_for(&group, MS, 2);
            leader.returns(Ok(n)).unwrap();
            clock.advance(MS);
            for follower in waits {
                assert_eq!(*follower.join_unrun().unwrap(), n);
            }
        }
        assert_eq!(group.stats().timed_out, 0);
    });
}

#[test]
fn the_real_clock_times_a_follower_out() {
    // S33
    watched(|| {
        let group = Numbers::new();
        let leader = lead(&group, "k");
        let begin = Instant::now();
        let told = group.execute_timeout("k", 5 * MS, || Ok(2));
        assert!(told.unwrap_err().is_timeout());
        assert!(begin.elapsed() >= 5 * MS);
        let told = group.execute_deadline("k", Instant::now() + MS, || Ok(2));
        assert!(told.unwrap_err().is_timeout());
        leader.returns(Ok(1)).unwrap();
    });
}

#[test]
fn a_timeout_does_not_interrupt_the_leader() {
    // S34
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().max_wait(MS).clock(clock.clone()).build();
        let run = || {
            clock.advance(1000 * MS);
            Ok(1)
        };
        assert_eq!(*group.execute_timeout("k", Duration::ZERO, run).unwrap(), 1);
        assert_eq!(*group.execute_timeout("k", MS, run).unwrap(), 1);
        assert_eq!(*group.execute("k", run).unwrap(), 1);
    });
}

#[test]
fn try_execute_leads_or_takes_what_is_there_or_says_that_it_would_block() {
    // S34
    watched(|| {
        let group: Numbers = Group::builder().window(Duration::MAX).build();
        let leader = lead(&group, "k");
        assert!(group.try_execute("k", || Ok(2)).unwrap_err().would_block());
        leader.returns(Ok(1)).unwrap();
        assert_eq!(*group.try_execute("k", || Ok(2)).unwrap(), 1);
        assert_eq!(*group.try_execute("new", || Ok(3)).unwrap(), 3);
        let stats = group.stats();
        assert_eq!((stats.refused, stats.late, stats.executed_requests), (1, 1, 2));
    });
}

#[test]
fn an_outcome_says_how_long_its_call_waited() {
    // S32
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().window(Duration::MAX).clock(clock.clone()).build();
        let leader = lead(&group, "k");
        clock.advance(10 * MS);
        let waits = follow(&group, "k", 1);
        clock.advance(20 * MS);
        assert_eq!(leader.returns(Ok(1)).unwrap().waited, Duration::ZERO);
        for follower in waits {
            assert_eq!(follower.join_unrun().unwrap().waited, 20 * MS);
        }
        let late = group.call("k").outcome(|| Ok(2)).unwrap();
        assert_eq!((late.role, late.waited), (Role::Late, Duration::ZERO));
    });
}
