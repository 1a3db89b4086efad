//! Taking over from a leader that is stuck.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use coalescer::{Group, ManualClock, Role};

use crate::support::{Call, MS, NS, Numbers, begin, follow, followers, lead, wait_until, watched};

const TIMEOUT: Duration = Duration::from_millis(30);

const FAILURES: [fn() -> Result<u32, String>; 2] = [|| Err("down".into()), || panic!("on purpose")];

fn impatient(clock: &ManualClock) -> Numbers {
    Group::builder().leader_timeout(TIMEOUT).clock(clock.clone()).build()
}

/// Lets the waiters' functions return `value` if they run, and returns all values, sorted.
fn values(calls: Vec<Call<u32, String>>, value: u32) -> Vec<u32> {
    let told: Vec<_> = calls.into_iter().map(|call| call.ends(move || Ok(value))).collect();
    let mut values: Vec<u32> = told.into_iter().map(|call| *call.join().unwrap().value).collect();
    values.sort_unstable();
    values
}

#[test]
fn a_waiter_takes_over_and_its_success_goes_to_all() {
    // S36 S37 S38 S26
    watched(|| {
        let clock = ManualClock::new();
        let group = impatient(&clock);
        let stuck = lead(&group, "k");
        let waiter = follow(&group, "k", 1).remove(0);
        clock.advance(TIMEOUT);
        let second = waiter.begun();
        let others = follow(&group, "k", 3);
        let own = second.returns(Ok(2)).unwrap();
        assert_eq!((*own.value, own.role, own.waited), (2, Role::Leader, TIMEOUT));
        for follower in others {
            let outcome = follower.join_unrun().unwrap();
            assert!(Arc::ptr_eq(&outcome.value, &own.value));
        }
        assert_eq!(*stuck.returns(Ok(1)).unwrap().value, 1);
        let stats = group.stats();
        assert_eq!((stats.takeovers, stats.executed_requests, stats.followers), (1, 2, 3));
        assert!(group.in_flight().is_empty());
    });
}

#[test]
fn a_new_arrival_takes_over_too() {
    // S36
    watched(|| {
        let clock = ManualClock::new();
        let group = impatient(&clock);
        let stuck = lead(&group, "k");
        clock.advance(TIMEOUT);
        assert_eq!(*group.execute("k", || Ok(2)).unwrap(), 2);
        assert_eq!(*stuck.returns(Ok(1)).unwrap().value, 1);
        assert_eq!(group.stats().takeovers, 1);
    });
}

#[test]
fn a_call_that_must_not_wait_may_take_over() {
    // S34 S36
    watched(|| {
        let clock = ManualClock::new();
        let group = impatient(&clock);
        let stuck = lead(&group, "k");
        assert!(group.try_execute("k", || Ok(2)).unwrap_err().would_block());
        clock.advance(TIMEOUT);
        assert_eq!(*group.try_execute("k", || Ok(2)).unwrap(), 2);
        stuck.returns(Ok(1)).unwrap();
    });
}

#[test]
fn nobody_takes_over_before_the_time_nor_without_the_setting() {
    // S35 S36
    watched(|| {
        let clock = ManualClock::new();
        let unset: Numbers = Group::builder().clock(clock.clone()).build();
        for (group, by) in [(impatient(&clock), TIMEOUT - NS), (unset, 1000 * TIMEOUT)] {
            let leader = lead(&group, "k");
            clock.advance(by);
            let told = group.execute_timeout("k", Duration::ZERO, || Ok(2));
            assert!(told.unwrap_err().is_timeout());
            leader.returns(Ok(1)).unwrap();
            assert_eq!(group.stats().takeovers, 0);
        }
    });
}

#[test]
fn exactly_one_of_many_takes_over() {
    // S36 S39
    watched(|| {
        let clock = ManualClock::new();
        let group = impatient(&clock);
        let stuck = lead(&group, "k");
        let waiters = follow(&group, "k", 8);
        clock.advance(TIMEOUT);
        wait_until(|| group.stats().takeovers == 1);
        // Two is the limit, however long it takes.
        clock.advance(1000 * TIMEOUT);
        let told = group.execute_timeout("k", Duration::ZERO, || Ok(3));
        assert!(told.unwrap_err().is_timeout());
        let flight = group.in_flight().remove(0);
        assert_eq!((flight.executions, flight.followers), (2, 7));
        assert_eq!(values(waiters, 2), [2; 8]);
        stuck.returns(Ok(1)).unwrap();
        assert_eq!((group.stats().takeovers, group.stats().executed_requests), (1, 2));
    });
}

#[test]
fn max_leaders_bounds_the_executions_and_each_waits_for_the_youngest() {
    // S36 S39
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers =
            Group::builder().leader_timeout(TIMEOUT).max_leaders(3).clock(clock.clone()).build();
        let first = lead(&group, "k");
        clock.advance(TIMEOUT);
        let second = lead(&group, "k");
        clock.advance(TIMEOUT - NS);
        assert!(group.try_execute("k", || Ok(0)).unwrap_err().would_block());
        clock.advance(NS);
        let third = lead(&group, "k");
        clock.advance(1000 * TIMEOUT);
        let waiters = follow(&group, "k", 2);
        assert_eq!(group.in_flight()[0].executions, 3);
        assert_eq!(*second.returns(Ok(2)).unwrap().value, 2);
        assert_eq!(values(waiters, 0), [2, 2]);
        assert_eq!(*third.returns(Ok(3)).unwrap().value, 3);
        assert_eq!(*first.returns(Ok(1)).unwrap().value, 1);
    });
}

#[test]
fn one_leader_at_most_means_that_nobody_takes_over() {
    // S39
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers =
            Group::builder().leader_timeout(TIMEOUT).max_leaders(1).clock(clock.clone()).build();
        let leader = lead(&group, "k");
        clock.advance(TIMEOUT);
        let waiters = follow(&group, "k", 2);
        leader.returns(Ok(1)).unwrap();
        assert_eq!(values(waiters, 2), [1, 1]);
    });
}

#[test]
fn the_first_success_may_be_the_stuck_leaders() {
    // S37 S38
    watched(|| {
        let clock = ManualClock::new();
        let group = impatient(&clock);
        let slow = lead(&group, "k");
        clock.advance(TIMEOUT);
        let second = lead(&group, "k");
        let waiters = follow(&group, "k", 2);
        assert_eq!(*slow.returns(Ok(1)).unwrap().value, 1);
        assert_eq!(values(waiters, 0), [1, 1]);
        // The flight is over. An execution that still runs belongs to its leader alone.
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 3);
        assert_eq!(*second.returns(Ok(2)).unwrap().value, 2);
    });
}

#[test]
fn a_failure_does_not_decide_while_an_execution_runs_that_is_not_stuck() {
    // S37
    watched(|| {
        for failure in FAILURES {
            let clock = ManualClock::new();
            let group = impatient(&clock);
            let first = lead(&group, "k");
            clock.advance(TIMEOUT);
            let second = lead(&group, "k");
            clock.advance(TIMEOUT - NS);
            let waiters = follow(&group, "k", 2);
            assert!(!matches!(first.ends(failure).try_join(), Ok(Ok(_))));
            assert_eq!(followers(&group), 2, "they still wait");
            second.returns(Ok(7)).unwrap();
            assert_eq!(values(waiters, 0), [7, 7]);
        }
    });
}

#[test]
fn the_last_failure_decides_when_every_execution_has_failed() {
    // S37
    watched(|| {
        let clock = ManualClock::new();
        let group = impatient(&clock);
        let first = lead(&group, "k");
        clock.advance(TIMEOUT);
        let second = lead(&group, "k");
        let waiters = follow(&group, "k", 2);
        first.panics(|| panic!("the first"));
        let own = second.returns(Err("the second".into())).unwrap_err();
        for waiter in waiters {
            let error = waiter.join_unrun().unwrap_err();
            assert!(Arc::ptr_eq(error.failed().unwrap(), own.failed().unwrap()));
        }
        assert!(group.in_flight().is_empty());
    });
}

/// A window of 100 ms, and a take-over after 30 ms that is published at 40 ms.
fn taken_over(clock: &ManualClock) -> (Numbers, Call<u32, String>, Call<u32, String>) {
    let group: Numbers =
        Group::builder().window(100 * MS).leader_timeout(TIMEOUT).clock(clock.clone()).build();
    let first = lead(&group, "k");
    clock.advance(TIMEOUT);
    let second = lead(&group, "k");
    clock.advance(10 * MS);
    (group, first, second)
}

#[test]
fn the_window_counts_from_the_start_of_the_execution_that_was_published() {
    // S38
    watched(|| {
        let clock = ManualClock::new();
        let (group, _stuck, second) = taken_over(&clock);
        second.returns(Ok(2)).unwrap();
        clock.advance(90 * MS - NS);
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 2);
        clock.advance(NS);
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 3);

        let clock = ManualClock::new();
        let (group, slow, _second) = taken_over(&clock);
        slow.returns(Ok(1)).unwrap();
        clock.advance(60 * MS - NS);
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 1);
        clock.advance(NS);
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 3);
    });
}

#[test]
fn a_later_result_does_not_replace_the_one_that_is_kept() {
    // S38
    watched(|| {
        let clock = ManualClock::new();
        let (group, stuck, second) = taken_over(&clock);
        second.returns(Ok(2)).unwrap();
        assert_eq!(*stuck.returns(Ok(1)).unwrap().value, 1);
        let late = group.call("k").outcome(|| Ok(3)).unwrap();
        assert_eq!((*late.value, late.role), (2, Role::Late));
    });
}

#[test]
fn a_forgotten_flight_can_still_be_taken_over_by_its_waiters() {
    // S27 S36
    watched(|| {
        let clock = ManualClock::new();
        let group = impatient(&clock);
        let stuck = lead(&group, "k");
        let waiters = follow(&group, "k", 2);
        group.forget("k");
        clock.advance(TIMEOUT);
        assert_eq!(values(waiters, 2), [2, 2]);
        stuck.returns(Ok(1)).unwrap();
        assert!(group.in_flight().is_empty());
    });
}

#[test]
fn on_the_real_clock_a_waiter_takes_over_by_itself() {
    // S36
    watched(|| {
        let group: Numbers = Group::builder().leader_timeout(5 * MS).build();
        let stuck = lead(&group, "k");
        let second = begin(&group, "k").begun();
        assert_eq!(*second.returns(Ok(2)).unwrap().value, 2);
        stuck.returns(Ok(1)).unwrap();
    });
}

#[test]
fn a_leader_whose_execution_has_failed_may_wait_for_the_one_that_took_over() {
    // S43: it leads `x` still, and a thread that leads `y` waits for `a`, so the graph knows both.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().leader_timeout(MS).clock(clock.clone()).build();
        let (fail, told_to_fail) = channel::<()>();
        let (x, inner) = (lead(&group, "x"), group.clone());
        let x = x.ends(move || {
            let failed = inner.execute("a", || {
                told_to_fail.recv().ok();
                Err("too slow".to_owned())
            });
            assert!(failed.unwrap_err().is_failed());
            inner.execute("a", || Ok(0)).map(|value| *value).map_err(|error| error.to_string())
        });
        wait_until(|| group.in_flight().len() == 2);
        let (took_over, has_taken_over) = channel();
        let (finish, told_to_finish) = channel::<()>();
        let (y, inner) = (lead(&group, "y"), group.clone());
        let y = y.ends(move || {
            let second = inner.execute("a", || {
                took_over.send(()).ok();
                told_to_finish.recv().ok();
                Ok(2)
            });
            Ok(*second.unwrap())
        });
        wait_until(|| followers(&group) == 1);
        clock.advance(MS);
        has_taken_over.recv().unwrap();
        fail.send(()).unwrap();
        wait_until(|| followers(&group) == 1 || x.has_returned());
        finish.send(()).unwrap();
        assert_eq!(*x.join().unwrap().value, 2);
        assert_eq!(*y.join().unwrap().value, 2);
    });
}

#[test]
fn a_result_kept_beside_a_stuck_leader_knows_how_many_it_answered() {
    // S36 S38: the one that took over, and the one that went on waiting.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder()
            .window(Duration::MAX)
            .leader_timeout(TIMEOUT)
            .clock(clock.clone())
            .build();
        let stuck = lead(&group, "k");
        let waiters = follow(&group, "k", 2);
        clock.advance(TIMEOUT);
        assert_eq!(values(waiters, 2), [2, 2]);
        let late = begin(&group, "k").join_unrun().unwrap();
        assert_eq!((*late.value, late.role, late.callers), (2, Role::Late, 2));
        stuck.returns(Ok(1)).unwrap();
    });
}

#[test]
fn a_call_that_never_waits_takes_over_too() {
    // S34 S36: on the instant, and later.
    watched(|| {
        for late in [Duration::ZERO, NS] {
            let clock = ManualClock::new();
            let group = impatient(&clock);
            let stuck = lead(&group, "k");
            clock.advance(TIMEOUT + late);
            assert_eq!(*group.try_execute("k", || Ok(2)).unwrap(), 2);
            stuck.returns(Ok(1)).unwrap();
        }
    });
}

#[test]
fn on_the_real_clock_an_arrival_takes_over_as_soon_as_it_may() {
    // S36: also one that would not wait, which a clock that lags would send away.
    watched(|| {
        for _ in 0..10 {
            let timeout = Duration::from_millis(1);
            let group: Numbers = Group::builder().leader_timeout(timeout).build();
            let stuck = lead(&group, "k");
            let begun = Instant::now();
            while begun.elapsed() < timeout {
                std::hint::spin_loop();
            }
            assert_eq!(*group.try_execute("k", || Ok(2)).expect("the leader is overdue"), 2);
            assert_eq!(*stuck.returns(Ok(1)).unwrap().value, 1);
        }
    });
}
