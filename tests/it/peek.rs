//! A peek sees what a late call would get, and changes nothing.

use std::time::Duration;

use coalescer::{Coalescer, Group, ManualClock, Role, ShareWith};

use crate::support::{MS, Numbers, follow, lead, watched};

fn peeked(group: &Numbers, key: &str) -> Option<u32> {
    group.peek(key).as_deref().copied()
}

#[test]
fn a_peek_sees_a_value_until_its_window_ends() {
    // S110 S8
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().window(10 * MS).clock(clock.clone()).build();
        assert_eq!(peeked(&group, "k"), None);
        let made = group.execute("k", || Ok(1)).unwrap();
        clock.advance(9 * MS);
        assert!(std::sync::Arc::ptr_eq(&group.peek("k").unwrap(), &made));
        assert_eq!(peeked(&group, "other"), None);
        clock.advance(MS);
        assert_eq!(peeked(&group, "k"), None);
    });
}

#[test]
fn a_peek_tells_the_age_of_the_value_as_a_late_call_does() {
    // S110
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().window(10 * MS).clock(clock.clone()).build();
        assert!(group.peek_outcome("k").is_none());
        group.execute("k", || Ok(1)).unwrap();
        clock.advance(9 * MS);
        let [peeked, late] =
            [group.peek_outcome("k").unwrap(), group.call("k").outcome(|| Ok(2)).unwrap()];
        assert_eq!((peeked.role, peeked.age, peeked.callers), (Role::Late, 9 * MS, 1));
        assert_eq!((late.role, late.age, late.callers), (Role::Late, 9 * MS, 1));
        assert_eq!((*peeked.value, peeked.waited), (1, Duration::ZERO));
        assert_eq!(group.stats().total_requests, 2);
        clock.advance(MS);
        assert!(group.peek_outcome("k").is_none());
    });
}

#[test]
fn a_peek_sees_no_error_and_no_forgotten_value() {
    // S110 S18 S27
    watched(|| {
        let group: Numbers =
            Group::builder().window(Duration::MAX).error_window(Duration::MAX).build();
        group.execute("k", || Err("down".to_string())).unwrap_err();
        assert_eq!(peeked(&group, "k"), None);
        group.execute_fresh("k", || Ok(1)).unwrap();
        assert_eq!(peeked(&group, "k"), Some(1));
        group.forget("k");
        assert_eq!(peeked(&group, "k"), None);
    });
}

#[test]
fn a_peek_is_no_call_and_takes_no_place() {
    // S110 S13 S48
    watched(|| {
        let group: Numbers = Group::builder().window(Duration::MAX).max_requests(2).build();
        group.execute("k", || Ok(1)).unwrap();
        let before = group.stats();
        for _ in 0..9 {
            assert_eq!(peeked(&group, "k"), Some(1));
        }
        assert_eq!(group.stats(), before);
        assert_eq!(*group.execute("k", || Ok(2)).unwrap(), 1, "the second of its two calls");
        assert_eq!(peeked(&group, "k"), None, "no call would be served this value");
        assert_eq!(*group.execute("k", || Ok(2)).unwrap(), 2);
    });
}

#[test]
fn a_peek_waits_for_no_execution() {
    // S110 S70: it sees the old value beside the new execution, and nothing of one without.
    watched(|| {
        let group: Numbers = Group::builder().window(Duration::MAX).build();
        let first = lead(&group, "k");
        let followers = follow(&group, "k", 1);
        assert_eq!(peeked(&group, "k"), None);
        first.returns(Ok(1)).unwrap();
        followers.into_iter().for_each(|follower| drop(follower.join_unrun()));
        group
            .execute_fresh("k", || {
                assert_eq!(peeked(&group, "k"), Some(1));
                Ok(2)
            })
            .unwrap();
        assert_eq!(peeked(&group, "k"), Some(2));
    });
}

#[test]
fn a_peek_sees_a_value_for_as_long_as_its_rule_says() {
    // S110 S74
    watched(|| {
        let clock = ManualClock::new();
        let briefly = Coalescer::builder()
            .window(Duration::MAX)
            .clock(clock.clone())
            .share_with(|_: &u64| ShareWith::For(5 * MS))
            .build(|n: &u64| Ok::<u64, ()>(n * n));
        briefly.execute(&7).unwrap();
        clock.advance(4 * MS);
        assert_eq!(briefly.peek(&7).as_deref(), Some(&49));
        clock.advance(MS);
        assert_eq!(briefly.peek(&7), None);
    });
}
