//! Forgetting: later calls get neither a kept result nor the outcome of a running execution.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use coalescer::{Group, ManualClock, Role};

use crate::support::{MS, Numbers, follow, lead, watched};

fn endless() -> Numbers {
    Group::builder().window(Duration::MAX).build()
}

#[test]
fn forget_says_whether_there_was_something() {
    // S27
    watched(|| {
        let group = endless();
        assert!(!group.forget("k"));
        group.execute("k", || Ok(1)).unwrap();
        assert!(group.forget("k"));
        assert!(!group.forget("k"));
        assert_eq!(*group.execute("k", || Ok(2)).unwrap(), 2);
    });
}

#[test]
fn an_expired_result_is_nothing_to_forget() {
    // S27 S8
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().window(MS).clock(clock.clone()).build();
        group.execute("k", || Ok(1)).unwrap();
        clock.advance(MS);
        assert!(!group.forget("k"));
        group.execute("k", || Ok(1)).unwrap();
        clock.advance(MS);
        assert_eq!(group.forget_all(), 0);
    });
}

#[test]
fn forgetting_a_running_flight_leaves_its_participants_alone() {
    // S26 S27 S28
    watched(|| {
        let group = endless();
        let old = lead(&group, "k");
        let waiting = follow(&group, "k", 2);
        assert!(group.forget("k"));
        assert!(!group.forget("k"), "it has been detached already");
        let new = lead(&group, "k");
        assert_eq!(*old.returns(Ok(1)).unwrap().value, 1);
        for follower in waiting {
            assert_eq!(*follower.join_unrun().unwrap().value, 1);
        }
        assert_eq!(*new.returns(Ok(2)).unwrap().value, 2);
    });
}

#[test]
fn the_outcome_of_a_forgotten_flight_is_not_kept() {
    // S28, for values and errors, with followers and without
    watched(|| {
        for followers in [0, 2] {
            for outcome in [Ok(1), Err("down".to_string())] {
                let group: Numbers = Group::builder()
                    .window(Duration::MAX)
                    .error_window(Duration::MAX)
                    .max_retained(1)
                    .build();
                let old = lead(&group, "k");
                let waiting = follow(&group, "k", followers);
                group.forget("k");
                drop(old.returns(outcome));
                waiting.into_iter().for_each(|follower| drop(follower.join_unrun()));
                let next = group.call("k").outcome(|| Ok(2)).unwrap();
                assert_eq!((*next.value, next.role), (2, Role::Leader));
                assert_eq!(group.call("k").outcome(|| Ok(3)).unwrap().role, Role::Late);
            }
        }
    });
}

#[test]
fn the_late_end_of_a_forgotten_flight_leaves_a_newer_result_alone() {
    // S29
    watched(|| {
        let group = endless();
        let old = lead(&group, "k");
        group.forget("k");
        group.execute("k", || Ok(2)).unwrap();
        old.returns(Ok(1)).unwrap();
        let late = group.call("k").outcome(|| Ok(3)).unwrap();
        assert_eq!((*late.value, late.role), (2, Role::Late));
    });
}

#[test]
fn the_late_end_of_a_forgotten_flight_leaves_a_newer_flight_alone() {
    // S29
    watched(|| {
        let group = endless();
        let old = lead(&group, "k");
        group.forget("k");
        let new = lead(&group, "k");
        let waiting = follow(&group, "k", 1);
        old.panics(|| panic!("on purpose"));
        // Calls still find the new flight.
        let joined_later = follow(&group, "k", 1);
        new.returns(Ok(2)).unwrap();
        for follower in waiting.into_iter().chain(joined_later) {
            assert_eq!(*follower.join_unrun().unwrap().value, 2);
        }
    });
}

#[test]
fn a_function_may_forget_its_own_key() {
    // S31
    watched(|| {
        let group = endless();
        let own = group.execute("k", || {
            assert!(group.forget("k"));
            Ok(1)
        });
        assert_eq!(*own.unwrap(), 1);
        assert_eq!(*group.execute("k", || Ok(2)).unwrap(), 2);
    });
}

#[test]
fn a_function_that_forgot_its_own_key_may_call_it() {
    // S31 S41: the flight that the inner call starts is another one.
    watched(|| {
        let group = endless();
        let outer = group.execute("k", || {
            group.forget("k");
            let inner = group.execute("k", || Ok(1)).unwrap();
            Ok(*inner + 1)
        });
        assert_eq!(*outer.unwrap(), 2);
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 1, "the inner one is the newer");
    });
}

#[test]
fn forget_all_forgets_what_runs_and_what_is_kept() {
    // S27 S28
    watched(|| {
        let group = endless();
        group.execute("kept", || Ok(1)).unwrap();
        let running = lead(&group, "runs");
        let waiting = follow(&group, "runs", 1);
        assert_eq!(group.forget_all(), 2);
        assert_eq!(group.forget_all(), 0);
        assert_eq!(*group.execute("runs", || Ok(3)).unwrap(), 3);
        assert_eq!(*group.execute("kept", || Ok(4)).unwrap(), 4);
        running.returns(Ok(2)).unwrap();
        for follower in waiting {
            assert_eq!(*follower.join_unrun().unwrap().value, 2);
        }
        assert_eq!(*group.execute("runs", || Ok(5)).unwrap(), 3);
    });
}

#[test]
fn whoever_calls_after_a_write_was_committed_and_forgotten_sees_the_write() {
    // S28
    watched(|| {
        let group: Group<u32, u64, ()> = Group::builder().window(Duration::MAX).build();
        let (stored, forgotten) = (AtomicU64::new(0), AtomicU64::new(0));
        let written = AtomicBool::new(false);
        let read = || {
            let at_least = forgotten.load(Ordering::SeqCst);
            let seen = group.execute(&1, || Ok(stored.load(Ordering::SeqCst))).unwrap();
            assert!(*seen >= at_least, "{seen} is older than what was forgotten: {at_least}");
        };
        thread::scope(|s| {
            for _ in 0..3 {
                s.spawn(|| {
                    while !written.load(Ordering::SeqCst) {
                        read();
                    }
                });
            }
            for version in 1..=2000 {
                stored.store(version, Ordering::SeqCst);
                match version % 2 {
                    0 => drop(group.forget(&1)),
                    _ => drop(group.forget_all()),
                }
                forgotten.store(version, Ordering::SeqCst);
            }
            written.store(true, Ordering::SeqCst);
        });
        read();
    });
}
