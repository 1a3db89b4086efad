//! Values that only the leader gets, and values that only the leader and its followers get.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use coalescer::{Error, Group, ManualClock, Role, ShareWith};

use crate::support::{MS, Numbers, follow, followers, lead, start, wait_until, watched};

/// Odd values are not shared.
fn even_only() -> Numbers {
    Group::builder().window(Duration::MAX).share_if(|value: &u32| value % 2 == 0).build()
}

#[test]
fn followers_of_an_unshareable_value_run_their_own_functions_all_at_once() {
    // S40: the barrier opens when all four run at the same time.
    watched(|| {
        let group = even_only();
        let leader = lead(&group, "k");
        let together = Arc::new(Barrier::new(4));
        let followers = follow(&group, "k", 4);
        let told: Vec<_> = (10..)
            .zip(followers)
            .map(|(own, follower)| {
                let together = Arc::clone(&together);
                follower.ends(move || {
                    together.wait();
                    Ok(own)
                })
            })
            .collect();
        let outcome = leader.returns(Ok(1)).unwrap();
        assert_eq!((*outcome.value, outcome.role), (1, Role::Leader));
        for (own, follower) in (10..).zip(told) {
            let outcome = follower.join().unwrap();
            assert_eq!((*outcome.value, outcome.role, outcome.callers), (own, Role::Leader, 1));
        }
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.coalesced_requests), (5, 0));
        assert_eq!(stats.in_flight, 0);
    });
}

#[test]
fn an_unshareable_value_is_not_kept_and_neither_are_its_followers_own() {
    // S40: even a value that could be shared is its caller's own there.
    watched(|| {
        let group = even_only();
        let leader = lead(&group, "k");
        let follower = follow(&group, "k", 1).remove(0);
        leader.returns(Ok(1)).unwrap();
        assert_eq!(*follower.returns(Ok(2)).unwrap().value, 2);
        assert!(!group.forget("k"));
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 3);
    });
}

#[test]
fn values_that_pass_the_rule_are_shared_and_kept() {
    // S40
    watched(|| {
        let group = even_only();
        let leader = lead(&group, "k");
        let followers = follow(&group, "k", 2);
        leader.returns(Ok(2)).unwrap();
        for follower in followers {
            assert_eq!(*follower.join_unrun().unwrap().value, 2);
        }
        assert_eq!(group.call("k").outcome(|| Ok(4)).unwrap().role, Role::Late);
    });
}

#[test]
fn the_rule_is_asked_once_for_each_value_and_not_for_errors() {
    // S40
    watched(|| {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let rule = move |_: &u32| {
            count.fetch_add(1, Ordering::SeqCst);
            true
        };
        let group: Numbers = Group::builder().window(Duration::MAX).share_if(rule).build();
        let leader = lead(&group, "k");
        let followers = follow(&group, "k", 3);
        leader.returns(Ok(1)).unwrap();
        followers.into_iter().for_each(|follower| drop(follower.join_unrun()));
        group.execute("k", || Ok(2)).unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        group.execute("other", || Err("down".into())).unwrap_err();
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn what_a_released_follower_does_is_its_own_affair() {
    // S40: an error or a panic of one reaches neither the leader nor the others.
    watched(|| {
        let group = even_only();
        let leader = lead(&group, "k");
        let mut followers = follow(&group, "k", 3);
        leader.returns(Ok(1)).unwrap();
        let [third, second, first] = [(); 3].map(|()| followers.pop().unwrap());
        let (first, second) = (first.begun(), second.begun());
        assert!(matches!(first.returns(Err("down".into())), Err(Error::Failed(_))));
        second.panics(|| panic!("on purpose"));
        assert_eq!(*third.returns(Ok(3)).unwrap().value, 3);
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.failed, stats.panicked), (4, 1, 1));
    });
}

#[test]
fn released_followers_do_not_hold_up_the_next_flight() {
    // S40: they lead nothing that others could join.
    watched(|| {
        let group = even_only();
        let leader = lead(&group, "k");
        let released = follow(&group, "k", 1).remove(0);
        leader.returns(Ok(1)).unwrap();
        let released = released.begun();
        assert!(group.in_flight().is_empty());
        assert_eq!(group.stats().in_flight, 1);
        assert_eq!(*group.execute("k", || Ok(4)).unwrap(), 4);
        released.returns(Ok(3)).unwrap();
    });
}

#[test]
fn an_unshareable_success_decides_a_flight_that_was_taken_over() {
    // S37 S40
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder()
            .leader_timeout(MS)
            .share_if(|value: &u32| value % 2 == 0)
            .clock(clock.clone())
            .build();
        let stuck = lead(&group, "k");
        clock.advance(MS);
        let second = lead(&group, "k");
        let released = follow(&group, "k", 1).remove(0);
        second.returns(Ok(1)).unwrap();
        assert_eq!(*released.returns(Ok(3)).unwrap().value, 3);
        assert_eq!(*stuck.returns(Ok(2)).unwrap().value, 2);
        assert_eq!(group.stats().in_flight, 0);
    });
}

#[test]
fn a_fresh_call_is_no_follower_of_an_unshareable_value() {
    // S30 S40: it waits for the next flight, which it leads.
    watched(|| {
        let group = even_only();
        let leader = lead(&group, "k");
        let handle = group.clone();
        let fresh = start(move |function| handle.execute_fresh("k", function));
        wait_until(|| followers(&group) == 1);
        leader.returns(Ok(1)).unwrap();
        let fresh = fresh.begun();
        let joined = follow(&group, "k", 1).remove(0);
        assert_eq!(*fresh.returns(Ok(2)).unwrap(), 2);
        assert_eq!(*joined.join_unrun().unwrap().value, 2);
    });
}

/// 0 is not shared, odd values are shared with followers, and even ones are kept.
fn by_value() -> Numbers {
    let rule = |value: &u32| match value {
        0 => ShareWith::Nobody,
        odd if odd % 2 == 1 => ShareWith::Followers,
        _ => ShareWith::Everyone,
    };
    Group::builder().window(Duration::MAX).share_with(rule).build()
}

#[test]
fn a_value_for_followers_goes_to_all_who_wait_and_is_not_kept() {
    // S4 S40
    watched(|| {
        let group = by_value();
        let leader = lead(&group, "k");
        let followers = follow(&group, "k", 3);
        let led = leader.returns(Ok(1)).unwrap();
        assert_eq!((led.role, led.callers), (Role::Leader, 4));
        for follower in followers {
            let followed = follower.join_unrun().unwrap();
            assert_eq!(followed.role, Role::Follower);
            assert!(Arc::ptr_eq(&followed.value, &led.value));
        }
        assert!(!group.forget("k"), "it was kept");
        assert_eq!(group.call("k").outcome(|| Ok(2)).unwrap().role, Role::Leader);
        assert_eq!(group.call("k").outcome(|| Ok(4)).unwrap().role, Role::Late);
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.followers, stats.late), (2, 3, 1));
    });
}

#[test]
fn a_value_for_followers_takes_no_place_in_a_bounded_table() {
    // S40 S47: the result that is there stays.
    watched(|| {
        let rule = |value: &u32| match value % 2 == 0 {
            true => ShareWith::Everyone,
            false => ShareWith::Followers,
        };
        let group: Numbers =
            Group::builder().window(Duration::MAX).max_retained(1).share_with(rule).build();
        group.execute("kept", || Ok(2)).unwrap();
        group.execute("passing", || Ok(1)).unwrap();
        assert_eq!(group.call("kept").outcome(|| Ok(4)).unwrap().role, Role::Late);
    });
}

#[test]
fn the_rule_about_sharing_that_was_set_last_holds() {
    // S40
    let never = |_: &u32| ShareWith::Nobody;
    let builder = || Group::builder().window(Duration::MAX);
    let group: Numbers = builder().share_with(never).share_if(|_: &u32| true).build();
    group.execute("k", || Ok(1)).unwrap();
    assert!(group.forget("k"));
    let group: Numbers = builder().share_if(|_: &u32| true).share_with(never).build();
    group.execute("k", || Ok(1)).unwrap();
    assert!(!group.forget("k"));
}

#[test]
fn a_value_for_followers_decides_a_flight_that_was_taken_over() {
    // S37 S38 S40
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder()
            .window(Duration::MAX)
            .leader_timeout(MS)
            .share_with(|_: &u32| ShareWith::Followers)
            .clock(clock.clone())
            .build();
        let stuck = lead(&group, "k");
        clock.advance(MS);
        let second = lead(&group, "k");
        let follower = follow(&group, "k", 1).remove(0);
        second.returns(Ok(1)).unwrap();
        assert_eq!(*follower.join_unrun().unwrap().value, 1);
        assert_eq!(*stuck.returns(Ok(2)).unwrap().value, 2);
        assert!(!group.forget("k"), "it was kept");
        assert_eq!(group.stats().in_flight, 0);
    });
}
