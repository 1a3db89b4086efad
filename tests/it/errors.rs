//! Functions that fail.

use std::sync::Arc;
use std::time::Duration;

use coalescer::{Group, ManualClock, Role};

use crate::support::{MS, NS, Numbers, follow, lead, watched};

#[test]
fn leader_and_followers_get_the_same_error() {
    // S16 S17: no follower runs the function again.
    watched(|| {
        let group = Numbers::new();
        let leader = lead(&group, "k");
        let followers = follow(&group, "k", 7);
        let own = leader.returns(Err("down".into())).unwrap_err();
        for follower in followers {
            let error = follower.join_unrun().unwrap_err();
            assert!(Arc::ptr_eq(error.failed().unwrap(), own.failed().unwrap()));
        }
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.failed, stats.followers), (1, 1, 7));
    });
}

#[test]
fn the_window_does_not_keep_errors() {
    // S18
    watched(|| {
        let group: Numbers = Group::builder().window(Duration::MAX).build();
        group.execute("k", || Err("down".into())).unwrap_err();
        let next = group.call("k").outcome(|| Ok(1)).unwrap();
        assert_eq!((*next.value, next.role), (1, Role::Leader));
    });
}

#[test]
fn a_new_error_takes_the_place_of_an_old_value() {
    // S18: the value's window was over, and the error is not kept.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().window(MS).clock(clock.clone()).build();
        group.execute("k", || Ok(1)).unwrap();
        clock.advance(MS);
        group.execute("k", || Err("down".into())).unwrap_err();
        assert!(!group.forget("k"));
        assert_eq!(*group.execute("k", || Ok(2)).unwrap(), 2);
    });
}

#[test]
fn an_error_window_keeps_errors_until_just_before_its_end() {
    // S18 applies S7 and S8 to errors.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().error_window(100 * MS).clock(clock.clone()).build();
        let fails = || {
            clock.advance(60 * MS);
            Err("down".to_string())
        };
        let own = group.execute("k", fails).unwrap_err();
        clock.advance(40 * MS - NS);
        let kept = group.execute("k", || Ok(1)).unwrap_err();
        assert!(Arc::ptr_eq(kept.failed().unwrap(), own.failed().unwrap()));
        clock.advance(NS);
        assert_eq!(*group.execute("k", || Ok(1)).unwrap(), 1);
    });
}

#[test]
fn a_failure_as_long_as_the_error_window_is_not_kept() {
    // S18 S8
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().error_window(100 * MS).clock(clock.clone()).build();
        let fails = || {
            clock.advance(100 * MS);
            Err("down".to_string())
        };
        group.execute("k", fails).unwrap_err();
        assert_eq!(*group.execute("k", || Ok(1)).unwrap(), 1);
    });
}

#[test]
fn the_two_windows_are_apart() {
    // S18: each keeps its own kind for its own time.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers =
            Group::builder().window(10 * MS).error_window(100 * MS).clock(clock.clone()).build();
        group.execute("value", || Ok(1)).unwrap();
        group.execute("error", || Err("down".into())).unwrap_err();
        clock.advance(10 * MS);
        assert_eq!(*group.execute("value", || Ok(2)).unwrap(), 2);
        assert!(group.execute("error", || Ok(2)).unwrap_err().is_failed());
        clock.advance(90 * MS);
        assert_eq!(*group.execute("error", || Ok(3)).unwrap(), 3);
    });
}

#[test]
fn a_kept_error_counts_against_max_requests_too() {
    // S13 S18
    watched(|| {
        let group: Numbers = Group::builder().error_window(Duration::MAX).max_requests(2).build();
        group.execute("k", || Err("first".into())).unwrap_err();
        let kept = group.execute("k", || Ok(0)).unwrap_err();
        assert_eq!(**kept.failed().unwrap(), "first");
        assert_eq!(*group.execute("k", || Ok(1)).unwrap(), 1);
    });
}
