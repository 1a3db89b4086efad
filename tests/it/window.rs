//! The window: the time for which later calls get a kept result.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use coalescer::{Coalescer, DEFAULT_WINDOW, Group, ManualClock, Role};

use crate::support::{MS, NS, Numbers, follow, lead, watched};

const WINDOW: Duration = Duration::from_millis(100);

/// A function that takes `duration` on `clock` and returns the number of its execution.
fn takes(
    duration: Duration,
    clock: &ManualClock,
) -> impl Fn(&String) -> Result<u64, ()> + Send + Sync + use<> {
    let (clock, executions) = (clock.clone(), AtomicU64::new(0));
    move |_| {
        clock.advance(duration);
        Ok(executions.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

fn coalescer(duration: Duration, clock: &ManualClock) -> Coalescer<String, u64, ()> {
    Coalescer::builder().window(WINDOW).clock(clock.clone()).build(takes(duration, clock))
}

#[test]
fn a_result_is_served_until_just_before_the_window_ends() {
    // S8
    watched(|| {
        let clock = ManualClock::new();
        let coalescer = coalescer(Duration::ZERO, &clock);
        assert_eq!(coalescer.call("k").outcome().unwrap().role, Role::Leader);
        clock.advance(WINDOW - NS);
        let late = coalescer.call("k").outcome().unwrap();
        assert_eq!((*late.value, late.role, late.waited), (1, Role::Late, Duration::ZERO));
        clock.advance(NS);
        let next = coalescer.call("k").outcome().unwrap();
        assert_eq!((*next.value, next.role), (2, Role::Leader));
    });
}

#[test]
fn the_window_counts_from_the_start_and_not_from_the_end() {
    // S7
    watched(|| {
        let clock = ManualClock::new();
        let coalescer = coalescer(60 * MS, &clock);
        coalescer.execute("k").unwrap();
        clock.advance(40 * MS - NS);
        assert_eq!(coalescer.call("k").outcome().unwrap().role, Role::Late);
        clock.advance(NS);
        assert_eq!(coalescer.call("k").outcome().unwrap().role, Role::Leader);
    });
}

#[test]
fn late_calls_do_not_prolong_the_window() {
    // S7
    watched(|| {
        let clock = ManualClock::new();
        let coalescer = coalescer(Duration::ZERO, &clock);
        let values: Vec<u64> = (0..10)
            .map(|_| {
                let value = *coalescer.execute("k").unwrap();
                clock.advance(WINDOW / 4);
                value
            })
            .collect();
        assert_eq!(values, [1, 1, 1, 1, 2, 2, 2, 2, 3, 3]);
    });
}

#[test]
fn a_function_that_runs_as_long_as_the_window_leaves_nothing_behind() {
    // S8
    watched(|| {
        let clock = ManualClock::new();
        let just_in_time = coalescer(WINDOW - NS, &clock);
        just_in_time.execute("k").unwrap();
        assert_eq!(just_in_time.call("k").outcome().unwrap().role, Role::Late);

        let too_long = coalescer(WINDOW, &clock);
        too_long.execute("k").unwrap();
        assert_eq!(too_long.call("k").outcome().unwrap().role, Role::Leader);
    });
}

#[test]
fn those_who_waited_get_the_outcome_of_a_function_longer_than_the_window() {
    // S8
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().window(WINDOW).clock(clock.clone()).build();
        let leader = lead(&group, "k");
        let followers = follow(&group, "k", 2);
        clock.advance(2 * WINDOW);
        leader.returns(Ok(1)).unwrap();
        for follower in followers {
            let outcome = follower.join_unrun().unwrap();
            assert_eq!((*outcome.value, outcome.waited), (1, 2 * WINDOW));
        }
        let next = group.call("k").outcome(|| Ok(2)).unwrap();
        assert_eq!((*next.value, next.role), (2, Role::Leader));
    });
}

#[test]
fn a_running_flight_can_be_joined_however_old_it_is() {
    // S9
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().window(WINDOW).clock(clock.clone()).build();
        let leader = lead(&group, "k");
        clock.advance(Duration::from_secs(3600));
        let followers = follow(&group, "k", 1);
        leader.returns(Ok(1)).unwrap();
        for follower in followers {
            assert_eq!(*follower.join_unrun().unwrap().value, 1);
        }
    });
}

#[test]
fn a_flight_of_max_join_age_takes_nobody_on_and_serves_those_it_has() {
    // S9
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers =
            Group::builder().window(WINDOW).max_join_age(WINDOW).clock(clock.clone()).build();
        let old = lead(&group, "k");
        clock.advance(WINDOW - NS);
        let followers = follow(&group, "k", 1);
        clock.advance(NS);
        let young = lead(&group, "k");
        let joined_young = follow(&group, "k", 1);
        assert_eq!(*young.returns(Ok(2)).unwrap().value, 2);
        assert_eq!(*old.returns(Ok(1)).unwrap().value, 1);
        for (calls, value) in [(followers, 1), (joined_young, 2)] {
            for call in calls {
                assert_eq!(*call.join_unrun().unwrap().value, value);
            }
        }
        // S29: the old flight ended last, and the young one's result is the one that is kept.
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 2);
    });
}

#[test]
fn a_zero_window_keeps_nothing() {
    // S10
    watched(|| {
        let clock = ManualClock::new();
        let group: Group<u32, u32, ()> = Group::builder().clock(clock).build();
        for n in 0..3 {
            assert_eq!(*group.execute(&1, || Ok(n)).unwrap(), n);
        }
        assert!(!group.forget(&1));
    });
}

#[test]
fn a_coalescer_has_a_window_of_100_ms_unless_told_otherwise() {
    // S10
    watched(|| {
        assert_eq!(DEFAULT_WINDOW, 100 * MS);
        let clock = ManualClock::new();
        let load = takes(Duration::ZERO, &clock);
        let coalescer = Coalescer::builder().clock(clock.clone()).build(load);
        coalescer.execute("k").unwrap();
        clock.advance(100 * MS - NS);
        assert_eq!(*coalescer.execute("k").unwrap(), 1);
        clock.advance(NS);
        assert_eq!(*coalescer.execute("k").unwrap(), 2);
    });
}

#[test]
fn an_endless_window_never_expires_and_never_overflows() {
    // S11
    watched(|| {
        let clock = ManualClock::new();
        // So that start + window is beyond the clock's range.
        clock.advance(Duration::from_secs(1));
        for endless in [Duration::MAX, Duration::MAX - NS, Duration::from_nanos(u64::MAX)] {
            let group: Group<u32, u32, u32> = Group::builder()
                .window(endless)
                .error_window(endless)
                .max_wait(endless)
                .max_join_age(endless)
                .leader_timeout(endless)
                .clock(clock.clone())
                .build();
            group.execute(&1, || Ok(1)).unwrap();
            group.execute(&2, || Err(1)).unwrap_err();
            clock.advance(Duration::from_secs(60 * 60 * 24 * 365 * 100));
            assert_eq!(*group.execute(&1, || Ok(2)).unwrap(), 1);
            assert_eq!(**group.execute(&2, || Ok(2)).unwrap_err().failed().unwrap(), 1);
        }
    });
}

#[test]
fn a_clock_that_stands_still_does_no_harm() {
    // S12
    watched(|| {
        let group: Numbers = Group::builder()
            .window(NS)
            .max_wait(NS)
            .max_join_age(NS)
            .leader_timeout(NS)
            .clock(ManualClock::new())
            .build();
        let leader = lead(&group, "k");
        let followers = follow(&group, "k", 2);
        leader.returns(Ok(1)).unwrap();
        for follower in followers {
            assert_eq!(follower.join_unrun().unwrap().waited, Duration::ZERO);
        }
        assert_eq!(group.call("k").outcome(|| Ok(2)).unwrap().role, Role::Late);
    });
}

#[test]
fn the_real_clock_ends_a_window_too() {
    // S8 S12
    watched(|| {
        let group: Group<u32, u32, ()> = Group::builder().window(MS).build();
        group.execute(&1, || Ok(1)).unwrap();
        crate::support::wait_until(|| *group.execute(&1, || Ok(2)).unwrap() == 2);
    });
}

#[test]
fn on_the_real_clock_nothing_is_served_after_its_window() {
    // S8, by both ways to read the time
    watched(|| {
        let window = 20 * MS;
        for builder in [Coalescer::builder(), Coalescer::builder().precise_clock()] {
            let began = builder.window(window).build(|_: &u32| Ok::<_, ()>(Instant::now()));
            let end = Instant::now() + 10 * window;
            let mut executions = 0;
            loop {
                let entry = Instant::now();
                if entry > end {
                    break;
                }
                let answer = began.call(&1).outcome().unwrap();
                match answer.role {
                    Role::Late => assert!(entry - *answer.value < window, "{answer:?}"),
                    _ => executions += 1,
                }
            }
            assert!((2..=11).contains(&executions), "{executions} windows in the time of ten");
        }
    });
}
