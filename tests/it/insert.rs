//! An inserted value takes the place of what began before it, and of nothing that began later.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use coalescer::{Coalescer, Group, ManualClock, Role, ShareWith, ToKey, at_rest};

use crate::support::{MS, Numbers, follow, lead, start, wait_until, watched};

fn endless() -> Numbers {
    Group::builder().window(Duration::MAX).build()
}

fn peeked(group: &Numbers, key: &str) -> Option<u32> {
    group.peek(key).as_deref().copied()
}

#[test]
fn an_inserted_value_is_served_until_its_window_ends() {
    // S111 S8
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().window(10 * MS).clock(clock.clone()).build();
        group.execute("k", || Ok(1)).unwrap();
        clock.advance(5 * MS);
        let inserted = group.insert("k", 2);
        clock.advance(9 * MS);
        let late = group.call("k").outcome(|| Ok(3)).unwrap();
        assert!(Arc::ptr_eq(&inserted, &late.value));
        assert_eq!((late.role, late.callers, late.age), (Role::Late, 1, 9 * MS));
        clock.advance(MS);
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 3);
    });
}

#[test]
fn an_insert_is_no_call() {
    // S111 S48
    watched(|| {
        let group = endless();
        group.insert("k", 1);
        group.insert("k", 2);
        assert_eq!(group.stats().total_requests, 0);
        assert_eq!(group.stats().in_flight, 0);
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 2);
        let stats = group.stats();
        assert_eq!((stats.total_requests, stats.late, stats.executed_requests), (1, 1, 0));
    });
}

#[test]
fn an_insert_takes_one_of_the_places_of_max_requests() {
    // S111 S13
    watched(|| {
        let group: Numbers = Group::builder().window(Duration::MAX).max_requests(3).build();
        group.insert("k", 1);
        let values = [2; 4].map(|value| *group.execute("k", move || Ok(value)).unwrap());
        assert_eq!(values, [1, 1, 2, 2]);
    });
}

#[test]
fn an_insert_detaches_an_execution_that_began_before() {
    // S111 S28 S29: with followers and without, beside a kept result and without.
    watched(|| {
        for (followers, has_result) in [(0, false), (2, false), (0, true), (2, true)] {
            let group = endless();
            if has_result {
                group.insert("k", 0);
            }
            let other = group.clone();
            let old = start(move |function| other.call("k").fresh().outcome(function)).begun();
            let fresh = || {
                let group = group.clone();
                start(move |function| group.call("k").fresh().outcome(function))
            };
            let waiting: Vec<_> = (0..followers).map(|_| fresh()).collect();
            wait_until(|| {
                group.in_flight().iter().map(|one| one.followers).sum::<usize>() == followers
            });
            group.insert("k", 7);
            assert_eq!(*group.execute("k", || Ok(9)).unwrap(), 7, "it is not joined");
            assert_eq!(*old.returns(Ok(1)).unwrap().value, 1);
            let waiting: Vec<_> = waiting.into_iter().map(|waits| waits.ends(|| Ok(2))).collect();
            waiting.into_iter().for_each(|waits| assert_eq!(*waits.join().unwrap().value, 2));
            assert_eq!(*group.execute("k", || Ok(9)).unwrap(), 7, "it is not replaced");
            let held = at_rest::of_group(&group);
            assert_eq!(held.slots, 1);
        }
    });
}

#[test]
fn a_zero_window_keeps_nothing_and_detaches_all_the_same() {
    // S111 S10
    watched(|| {
        let group: Numbers = Group::builder().error_window(Duration::MAX).build();
        group.execute("failed", || Err("down".into())).unwrap_err();
        let old = lead(&group, "k");
        let waiting = follow(&group, "k", 1);
        assert_eq!((*group.insert("k", 7), *group.insert("failed", 7)), (7, 7));
        assert_eq!((peeked(&group, "k"), peeked(&group, "failed")), (None, None));
        assert_eq!(*group.execute("k", || Ok(9)).unwrap(), 9, "it is not joined");
        assert_eq!(*group.execute("failed", || Ok(9)).unwrap(), 9);
        old.returns(Ok(1)).unwrap();
        waiting.into_iter().for_each(|waits| assert_eq!(*waits.join_unrun().unwrap().value, 1));
        assert_eq!(at_rest::of_group(&group).slots, 0);
    });
}

#[test]
fn max_retained_holds() {
    // S111 S47
    watched(|| {
        let group: Group<u32, u32, ()> =
            Group::builder().window(Duration::MAX).max_retained(2).shards(4).build();
        for key in 0..20 {
            group.insert(&key, key);
            group.insert(&key, key + 100);
            assert!(at_rest::of_group(&group).slots <= 2);
            assert_eq!(group.peek(&key).as_deref(), Some(&(key + 100)), "the newest stays");
        }
        assert_eq!(at_rest::of_group(&group).places, 2);
        assert_eq!(group.peek(&18).as_deref(), Some(&118), "the oldest has made space");
        assert_eq!(group.forget_all(), 2);
        let none: Numbers = Group::builder().window(Duration::MAX).max_retained(0).build();
        none.insert("k", 1);
        assert_eq!(peeked(&none, "k"), None);
    });
}

#[test]
fn inserts_drop_values_whose_window_is_over() {
    // S111 S47
    watched(|| {
        let clock = ManualClock::new();
        let group: Group<u32, u32, ()> =
            Group::builder().window(MS).clock(clock.clone()).shards(4).build();
        for key in 0..1000 {
            group.insert(&key, key);
            clock.advance(MS);
        }
        let slots = at_rest::of_group(&group).slots;
        assert!(slots < 20, "{slots} values are kept, of which one is in its window");
    });
}

#[test]
fn the_rule_decides_about_an_inserted_value() {
    // S111 S40 S74
    watched(|| {
        let clock = ManualClock::new();
        let rule = |value: &u32| match value {
            1 => ShareWith::Nobody,
            2 => ShareWith::Followers,
            3 => ShareWith::For(5 * MS),
            _ => ShareWith::Everyone,
        };
        let group: Numbers =
            Group::builder().window(Duration::MAX).clock(clock.clone()).share_with(rule).build();
        for (value, kept) in [(1, None), (2, None), (3, Some(3)), (4, Some(4))] {
            group.insert("k", 9);
            assert_eq!(*group.insert("k", value), value);
            assert_eq!(peeked(&group, "k"), kept);
        }
        group.insert("k", 3);
        clock.advance(5 * MS);
        assert_eq!(peeked(&group, "k"), None);
    });
}

#[test]
fn a_rule_that_panics_leaves_the_key_forgotten() {
    // S111 S28: the write is committed, so the old value must go.
    watched(|| {
        let rule = |value: &u32| match value {
            1 => resume_unwind(Box::new("on purpose")),
            _ => true,
        };
        let group: Numbers = Group::builder().window(Duration::MAX).share_if(rule).build();
        group.insert("k", 2);
        let panic = catch_unwind(AssertUnwindSafe(|| group.insert("k", 1))).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"));
        assert_eq!(peeked(&group, "k"), None);
        assert_eq!(*group.insert("k", 3), 3);
    });
}

#[test]
fn a_function_may_insert_its_own_key() {
    // S111 S31
    watched(|| {
        let group = endless();
        let own = group.execute("k", || {
            group.insert("k", 2);
            Ok(1)
        });
        assert_eq!((*own.unwrap(), peeked(&group, "k")), (1, Some(2)));
    });
}

/// A key that acts when an insert makes the owned key: after its entry, and before its step.
struct Acting<'a>(&'a dyn Fn(), Cell<bool>);

impl Hash for Acting<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        "k".hash(state);
    }
}

impl ToKey<String> for Acting<'_> {
    fn is_key(&self, key: &String) -> bool {
        key == "k"
    }

    fn to_key(&self) -> String {
        if !self.1.replace(true) {
            (self.0)();
        }
        "k".to_string()
    }
}

#[test]
fn a_younger_result_stays() {
    // S111: an execution that began after the insert did has ended before it.
    watched(|| {
        for lifetime in [None, Some(MS)] {
            let clock = ManualClock::new();
            let rule = move |value: &u32| match (value, lifetime) {
                (1, Some(time)) => ShareWith::For(time),
                _ => ShareWith::Everyone,
            };
            let group: Numbers = Group::builder()
                .window(Duration::MAX)
                .clock(clock.clone())
                .share_with(rule)
                .build();
            let act = || {
                clock.advance(MS);
                group.execute("k", || Ok(1)).unwrap();
                clock.advance(MS);
            };
            assert_eq!(*group.insert(&Acting(&act, Cell::new(false)), 7), 7);
            let expected = if lifetime.is_some() { 7 } else { 1 };
            assert_eq!(
                peeked(&group, "k"),
                Some(expected),
                "the younger one stays, unless it serves no call"
            );
            assert_eq!(at_rest::of_group(&group).slots, 1);
        }
    });
}

#[test]
fn a_younger_flight_goes_on_beside_the_value() {
    // S111 S70
    watched(|| {
        for keeps in [true, false] {
            let clock = ManualClock::new();
            let group: Numbers = Group::builder()
                .window(Duration::MAX)
                .clock(clock.clone())
                .share_if(move |value: &u32| keeps || *value != 7)
                .build();
            let young = Cell::new(None);
            let act = || {
                clock.advance(MS);
                young.set(Some(lead(&group, "k")));
            };
            group.insert(&Acting(&act, Cell::new(false)), 7);
            assert_eq!(peeked(&group, "k"), keeps.then_some(7));
            let other = group.clone();
            let max_age = move |function| other.call("k").max_age(Duration::ZERO).run(function);
            let joins = start(max_age);
            wait_until(|| group.in_flight().iter().any(|flight| flight.followers == 1));
            young.take().unwrap().returns(Ok(8)).unwrap();
            assert_eq!((*joins.join_unrun().unwrap(), peeked(&group, "k")), (8, Some(8)));
        }
    });
}

#[test]
fn a_younger_result_makes_no_space_for_an_older_value() {
    // S111 S47
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers =
            Group::builder().window(Duration::MAX).max_retained(1).clock(clock.clone()).build();
        let act = || {
            clock.advance(MS);
            group.execute("k", || Ok(1)).unwrap();
        };
        group.insert(&Acting(&act, Cell::new(false)), 7);
        assert_eq!(peeked(&group, "k"), Some(1));
        group.insert("k", 8);
        assert_eq!(peeked(&group, "k"), Some(8));
    });
}

#[test]
fn a_coalescer_serves_what_was_inserted() {
    // S111
    watched(|| {
        let lengths = Coalescer::builder()
            .window(Duration::MAX)
            .build(|word: &String| Ok::<usize, ()>(word.len()));
        lengths.insert("four", 5);
        assert_eq!(*lengths.execute("four").unwrap(), 5);
        assert_eq!(*lengths.execute_fresh("four").unwrap(), 4);
        assert_eq!(lengths.peek("four").as_deref(), Some(&4));
    });
}
