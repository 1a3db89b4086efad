//! Which call refreshes, and which value the others get (S120, S121, S126).

use std::time::Duration;

use coalescer::{Coalescer, Group, ManualClock, Role, Settings};

use super::{called, due, due_in, refreshing};
use crate::support::{MS, NS, Numbers, follow, followers, start, wait_until, watched};

#[test]
fn one_call_refreshes_and_the_others_are_served() {
    // S120 S121
    watched(|| {
        let (clock, group) = due_in(1);
        assert_eq!(called(&group), (1, Role::Late), "not due");
        clock.advance(MS);
        let refresh = refreshing(&group);
        for _ in 0..3 {
            assert_eq!(called(&group), (1, Role::Late));
        }
        clock.advance(40 * MS - NS);
        assert_eq!(called(&group), (1, Role::Late), "the last moment of the window");
        let outcome = refresh.returns(Ok(2)).unwrap();
        assert_eq!((*outcome.value, outcome.role, outcome.callers), (2, Role::Leader, 1));
        assert_eq!(called(&group), (2, Role::Late));
        let stats = group.stats();
        assert_eq!((stats.refreshes, stats.refresh_failures, stats.executed_requests), (1, 0, 2));
        assert_eq!((stats.total_requests, stats.late), (8, 6));
    });
}

/// The window of the new value counts from the start of the refresh.
#[test]
fn a_new_value_is_due_and_over_by_the_start_of_its_refresh() {
    // S120 S8
    watched(|| {
        let (clock, group) = due();
        let refresh = refreshing(&group);
        clock.advance(30 * MS);
        refresh.returns(Ok(2)).unwrap();
        clock.advance(30 * MS - NS);
        assert_eq!(called(&group), (2, Role::Late));
        clock.advance(NS);
        let refresh = refreshing(&group);
        clock.advance(40 * MS - NS);
        assert_eq!(called(&group), (2, Role::Late));
        clock.advance(NS);
        let mut joins = follow(&group, "k", 1);
        refresh.returns(Ok(3)).unwrap();
        assert_eq!(*joins.remove(0).join_unrun().unwrap().value, 3);
    });
}

#[test]
fn calls_join_the_refresh_when_the_window_is_over() {
    // S120 S1
    watched(|| {
        let (clock, group) = due();
        let refresh = refreshing(&group);
        clock.advance(40 * MS);
        let joins = follow(&group, "k", 3);
        assert!(group.try_execute("k", || Ok(9)).unwrap_err().would_block());
        assert_eq!(refresh.returns(Ok(2)).unwrap().callers, 4);
        for join in joins {
            let outcome = join.join_unrun().unwrap();
            assert_eq!((*outcome.value, outcome.role), (2, Role::Follower));
        }
    });
}

#[test]
fn looks_and_tries_refresh_nothing() {
    // S126
    watched(|| {
        let (_clock, group) = due();
        assert_eq!(*group.try_execute("k", || Ok(9)).unwrap(), 1);
        assert_eq!(group.peek("k").as_deref(), Some(&1));
        assert_eq!(group.stats().refreshes, 0);
        assert_eq!(
            *group.execute_within("k", 60 * MS, || Ok(2)).unwrap(),
            2,
            "due, and young enough"
        );
        assert_eq!(group.stats().refreshes, 1);
    });
}

#[test]
fn fresh_calls_wait_for_the_refresh_and_run_after_it() {
    // S126 S30
    watched(|| {
        let (_clock, group) = due();
        let refresh = refreshing(&group);
        let fresh = {
            let group = group.clone();
            start(move |function| group.call("k").fresh().outcome(function))
        };
        wait_until(|| followers(&group) == 1);
        let young = {
            let group = group.clone();
            start(move |function| group.execute_within("k", 10 * MS, function))
        };
        wait_until(|| followers(&group) == 2);
        refresh.returns(Ok(2)).unwrap();
        assert_eq!(*young.join_unrun().unwrap(), 2, "it joins what is young enough");
        assert_eq!(*fresh.begun().returns(Ok(3)).unwrap().value, 3);
        assert_eq!(called(&group), (3, Role::Late));
        assert_eq!(group.stats().refreshes, 1, "the fresh execution is none");
    });
}

#[test]
fn forget_and_insert_detach_the_value_and_its_refresh() {
    // S126 S28 S111
    watched(|| {
        let changes: [fn(&Numbers); 2] =
            [|group| assert!(group.forget("k")), |group| assert_eq!(*group.insert("k", 5), 5)];
        for (change, after) in changes.into_iter().zip([(9, Role::Leader), (5, Role::Late)]) {
            let (_clock, group) = due();
            let refresh = refreshing(&group);
            change(&group);
            assert_eq!(*refresh.returns(Ok(2)).unwrap().value, 2);
            assert_eq!(called(&group), after);
        }
    });
}

#[test]
fn a_value_that_has_served_its_calls_is_replaced_as_ever() {
    // S121 S13
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder()
            .window(100 * MS)
            .refresh_after(60 * MS)
            .max_requests(2)
            .clock(clock.clone())
            .build();
        group.execute("k", || Ok(1)).unwrap();
        clock.advance(60 * MS);
        let refresh = refreshing(&group);
        assert_eq!(called(&group), (1, Role::Late), "the second of two");
        let mut joins = follow(&group, "k", 1);
        refresh.returns(Ok(2)).unwrap();
        assert_eq!(*joins.remove(0).join_unrun().unwrap().value, 2);
        assert_eq!(called(&group), (9, Role::Leader), "the refresh has served two calls");
    });
}

#[test]
fn a_function_that_calls_its_own_key_during_a_refresh_is_served() {
    // S120 S41
    watched(|| {
        let (_clock, group) = due();
        let inner = group.clone();
        let outcome = group.execute("k", move || {
            let old = *inner.execute("k", || unreachable!("it is served")).unwrap();
            Ok(old + 10)
        });
        assert_eq!(*outcome.unwrap(), 11);
    });
}

/// An execution of a former flight hangs: it counts for `max_leaders`, and no refresh waits for it.
#[test]
fn a_refresh_has_a_place_beside_a_stuck_execution_or_does_not_begin() {
    // S120 S39
    watched(|| {
        for (max_leaders, refreshes) in [(1, 0), (2, 1)] {
            let clock = ManualClock::new();
            let group: Numbers = Group::builder()
                .window(100 * MS)
                .refresh_after(60 * MS)
                .max_leaders(2)
                .leader_timeout(10 * MS)
                .clock(clock.clone())
                .build();
            let stuck = refreshing(&group);
            clock.advance(10 * MS);
            assert_eq!(called(&group), (9, Role::Leader), "it takes over");
            let second = (max_leaders == 1).then(|| {
                let group = group.clone();
                start(move |function| group.call("k").fresh().outcome(function)).begun()
            });
            clock.advance(60 * MS);
            assert_eq!(called(&group).1, if refreshes == 1 { Role::Leader } else { Role::Late });
            assert_eq!(group.stats().refreshes, refreshes);
            stuck.returns(Ok(1)).unwrap();
            drop(second.map(|call| call.returns(Ok(3))));
        }
    });
}

#[test]
fn settings_that_refresh_nothing_in_time_are_refused() {
    // S120
    let refused = |settings: fn() -> Settings| {
        let built = std::panic::catch_unwind(|| {
            Coalescer::builder().settings(settings()).build(|n: &u32| Ok::<u32, ()>(*n))
        });
        *built.unwrap_err().downcast::<String>().unwrap_or_else(|payload| {
            Box::new((*payload.downcast::<&str>().expect("a text")).to_string())
        })
    };
    let zero = refused(|| Settings::new().refresh_after(Duration::ZERO));
    assert!(zero.contains("refresh_after(0)") && zero.contains("leave refresh_after unset"));
    let late = refused(|| Settings::new().window(60 * MS).refresh_after(60 * MS));
    assert!(late.contains("refresh_after(60ms)") && late.contains("window of 60ms"), "{late}");
    let group = std::panic::catch_unwind(|| {
        let _: Numbers = Group::builder().refresh_after(MS).build();
    });
    assert!(group.is_err(), "a group has no window");
    let _: Numbers = Group::builder().window(Duration::MAX).refresh_after(60 * MS).build();
}
