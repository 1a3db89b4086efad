//! Refreshes that leave the old value (S122, S123).

use std::panic::{AssertUnwindSafe, catch_unwind};

use coalescer::Role;

use super::{called, due, refreshing};
use crate::support::{MS, NS, follow, watched};

#[test]
fn the_call_of_a_refresh_that_fails_gets_the_old_value() {
    // S122 S123
    watched(|| {
        let (_clock, group) = due();
        let outcome = refreshing(&group).returns(Err("down".into())).unwrap();
        assert_eq!((*outcome.value, outcome.role), (1, Role::Late));
        let stats = group.stats();
        assert_eq!((stats.failed, stats.refreshes, stats.refresh_failures), (1, 1, 1));
        assert_eq!(called(&group), (1, Role::Late), "the next is not due");
    });
}

#[test]
fn those_who_join_at_the_windows_end_get_the_error() {
    // S122 S16
    watched(|| {
        let (clock, group) = due();
        let refresh = refreshing(&group);
        clock.advance(40 * MS);
        let mut joins = follow(&group, "k", 1);
        let outcome = refresh.returns(Err("down".into())).unwrap();
        assert_eq!(*outcome.value, 1, "it was in its window when the call began");
        assert!(joins.remove(0).join_unrun().unwrap_err().is_failed());
        assert_eq!(called(&group), (9, Role::Leader), "the window is over, so nothing delays it");
    });
}

/// Of each failure, the next refresh is due after `refresh_after`, then after twice the time, up to the window.
#[test]
fn failures_delay_the_next_refresh() {
    // S123
    watched(|| {
        let (clock, group) = super::long(10 * MS, 100 * MS);
        for (failures, delay) in (1..).zip([10, 20, 40]) {
            let outcome = group.call("k").outcome(|| Err("down".into())).unwrap();
            assert_eq!(*outcome.value, 1);
            assert_eq!(group.stats().refresh_failures, failures, "it is due");
            clock.advance(delay * MS - NS);
            assert_eq!(called(&group), (1, Role::Late), "after {failures} failures");
            clock.advance(NS);
        }
    });
}

#[test]
fn what_is_not_for_late_calls_leaves_the_old_value() {
    // S123 S70
    watched(|| {
        for value in [100, 200] {
            let (_clock, group) = due();
            assert_eq!(*refreshing(&group).returns(Ok(value)).unwrap().value, value, "its own");
            assert_eq!(called(&group), (1, Role::Late));
            assert_eq!(group.stats().refresh_failures, 1);
        }
    });
}

#[test]
fn a_panic_is_resumed_and_leaves_the_old_value() {
    // S122 S123
    watched(|| {
        let (clock, group) = due();
        let panic = catch_unwind(AssertUnwindSafe(|| group.execute("k", || panic!("on purpose"))));
        assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"on purpose"));
        assert_eq!(called(&group), (1, Role::Late));
        assert_eq!((group.stats().panicked, group.stats().refresh_failures), (1, 1));
        clock.advance(40 * MS);
        assert_eq!(called(&group), (9, Role::Leader), "its window is over");
    });
}

/// A value with a time of its own is due no earlier for that, and is over by it.
#[test]
fn a_short_life_ends_before_a_refresh_is_due() {
    // S120 S74
    watched(|| {
        let (clock, group) = due();
        assert_eq!(*refreshing(&group).returns(Ok(300)).unwrap().value, 300);
        clock.advance(30 * MS - NS);
        assert_eq!(called(&group), (300, Role::Late));
        clock.advance(NS);
        assert_eq!(called(&group), (9, Role::Leader));
        assert_eq!(group.stats().refreshes, 1);
    });
}

/// The next value in the same place of the table has nothing of it.
#[test]
fn a_delay_goes_with_its_value() {
    // S123
    watched(|| {
        let (clock, group) = super::long(10 * MS, 1000 * MS);
        for delay in [10, 20, 0] {
            group.execute("k", || Err("down".into())).unwrap();
            clock.advance(delay * MS);
        }
        assert!(group.forget("k"));
        group.execute("other", || Ok(1)).unwrap();
        clock.advance(10 * MS);
        assert_eq!(*group.execute("other", || Ok(2)).unwrap(), 2, "it is due");
    });
}

/// A success begins anew: the first failure after it delays by `refresh_after`.
#[test]
fn a_success_ends_the_delay() {
    // S123
    watched(|| {
        let (clock, group) = super::long(10 * MS, 1000 * MS);
        for delay in [10, 20] {
            group.execute("k", || Err("down".into())).unwrap();
            clock.advance(delay * MS);
        }
        assert_eq!(called(&group), (9, Role::Leader));
        clock.advance(10 * MS);
        group.execute("k", || Err("down".into())).unwrap();
        clock.advance(10 * MS - NS);
        assert_eq!(called(&group), (9, Role::Late));
        clock.advance(NS);
        assert_eq!(called(&group), (9, Role::Leader));
        assert_eq!((group.stats().refreshes, group.stats().refresh_failures), (5, 3));
    });
}
