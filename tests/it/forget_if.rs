//! Forgetting the keys that a function chooses.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use coalescer::{Coalescer, Group, ManualClock, Role, at_rest};

use crate::support::{MS, Numbers, OneHash, lead, start, text, wait_until, watched};

fn endless() -> Numbers {
    Group::builder().window(Duration::MAX).build()
}

/// The value of the key, and whether the window served it. Otherwise the call makes it 9.
fn served(group: &Numbers, key: &str) -> (u32, bool) {
    let outcome = group.call(key).outcome(|| Ok(9)).unwrap();
    (*outcome.value, outcome.role == Role::Late)
}

#[test]
fn the_keys_that_fit_are_forgotten_and_no_others() {
    // S75
    watched(|| {
        let squares =
            Coalescer::builder().window(Duration::MAX).build(|n: &u64| Ok::<_, ()>(n * n));
        (0..1000).for_each(|key| drop(squares.execute(&key)));
        let mut seen = Vec::new();
        let forgotten = squares.forget_if(|key| {
            seen.push(*key);
            key % 3 == 0
        });
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..1000), "each key is shown once");
        assert_eq!(forgotten, 334);
        assert_eq!((squares.forget(&3), squares.forget(&4)), (false, true));
        assert_eq!(squares.forget_if(|_| true), 665);
        assert_eq!((squares.forget_if(|_| true), squares.forget_all()), (0, 0));
    });
}

#[test]
fn keys_of_one_hash_are_told_apart() {
    // S75 S2
    watched(|| {
        let group: Group<u32, u32, (), OneHash> =
            Group::builder().window(Duration::MAX).hasher(OneHash).build();
        (0..9).for_each(|key| drop(group.execute(&key, || Ok(key))));
        assert_eq!(group.forget_if(|key| *key == 4), 1);
        assert_eq!(
            (0..9).filter(|key| group.forget(key)).collect::<Vec<_>>(),
            [0, 1, 2, 3, 5, 6, 7, 8]
        );
    });
}

#[test]
fn executions_under_way_are_forgotten_and_answer_their_calls() {
    // S75 S26 S28: of a flight, of one beside a result, and of one that waits for its turn.
    watched(|| {
        for is_refresh in [false, true] {
            let group = endless();
            if is_refresh {
                group.execute("k", || Ok(1)).unwrap();
            }
            let fresh = || {
                let group = group.clone();
                start(move |function| group.call("k").fresh().outcome(function))
            };
            let old = fresh().begun();
            let next = fresh();
            wait_until(|| group.in_flight().iter().any(|flight| flight.followers == 1));
            assert_eq!(group.forget_if(|key| key == "k"), 1);
            assert_eq!(*old.returns(Ok(2)).unwrap().value, 2);
            assert_eq!(*next.returns(Ok(3)).unwrap().value, 3);
            assert_eq!(served(&group, "k"), (9, false));
            assert_eq!(served(&group, "k"), (9, true));
        }
    });
}

#[test]
fn a_stuck_execution_and_the_one_that_took_over_are_forgotten() {
    // S75 S38: also if the take-over has ended, and has left a result.
    watched(|| {
        for has_ended in [false, true] {
            let clock = ManualClock::new();
            let group: Numbers = Group::builder()
                .window(Duration::MAX)
                .leader_timeout(MS)
                .clock(clock.clone())
                .build();
            let stuck = lead(&group, "k");
            clock.advance(MS);
            let second = lead(&group, "k");
            let mut second = Some(second);
            let mut end_second = || second.take().map(|second| second.returns(Ok(2)).unwrap());
            if has_ended {
                end_second();
            }
            assert_eq!(group.forget_if(|_| true), 1);
            end_second();
            assert_eq!(*stuck.returns(Ok(1)).unwrap().value, 1);
            assert_eq!(served(&group, "k"), (9, false));
        }
    });
}

#[test]
fn what_happens_between_the_look_and_the_removal_saves_nothing() {
    // S75 S28: the function that chooses lets the execution end before it answers.
    watched(|| {
        for is_refresh in [false, true] {
            let group = endless();
            if is_refresh {
                group.execute("k", || Ok(1)).unwrap();
            }
            let fresh = {
                let group = group.clone();
                start(move |function| group.call("k").fresh().outcome(function))
            };
            let mut leader = Some(fresh.begun());
            let forgotten = group.forget_if(|_| {
                let leader = leader.take().unwrap();
                assert_eq!(*leader.returns(Ok(2)).unwrap().value, 2);
                assert_eq!(served(&group, "k"), (2, true));
                true
            });
            assert_eq!(forgotten, 1);
            assert_eq!(served(&group, "k"), (9, false));
        }
    });
}

#[test]
fn a_flight_that_takes_the_place_of_a_result_meanwhile_is_forgotten() {
    // S75: the result that the look has found is evicted while the flight beside it goes on.
    watched(|| {
        let group: Numbers = Group::builder().window(Duration::MAX).max_retained(1).build();
        group.execute("k", || Ok(1)).unwrap();
        let refresh = {
            let group = group.clone();
            start(move |function| group.call("k").fresh().outcome(function))
        };
        let refresh = refresh.begun();
        let forgotten = group.forget_if(|key| {
            if key == "k" {
                group.execute("other", || Ok(5)).unwrap();
            }
            key == "k"
        });
        assert_eq!(forgotten, 1);
        assert_eq!(*refresh.returns(Ok(2)).unwrap().value, 2);
        assert_eq!(served(&group, "other"), (5, true));
        assert_eq!(served(&group, "k"), (9, false));
    });
}

#[test]
fn what_outlived_its_window_and_what_nobody_joins_does_not_count() {
    // S75 S27
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers =
            Group::builder().window(MS).leader_timeout(MS).clock(clock.clone()).build();
        group.execute("old", || Ok(1)).unwrap();
        let stuck = lead(&group, "k");
        clock.advance(MS);
        // The result of the take-over is kept for no time, and the stuck execution goes on.
        let second = lead(&group, "k");
        clock.advance(MS);
        second.returns(Ok(2)).unwrap();
        assert_eq!(group.forget_if(|_| true), 0);
        stuck.returns(Ok(1)).unwrap();
        assert_eq!(at_rest::of_group(&group).slots, 0);
    });
}

#[test]
fn the_function_that_chooses_runs_under_no_lock_and_may_call_the_group() {
    // S75 S2
    watched(|| {
        let group: Numbers = Group::builder().window(Duration::MAX).shards(1).build();
        for key in ["a", "b", "c"] {
            group.execute(key, || Ok(1)).unwrap();
        }
        let forgotten = group.forget_if(|key| {
            assert_eq!(coalescer::locks_held(), 0);
            assert_eq!(served(&group, key), (1, true));
            assert!(group.forget(key));
            assert_eq!(group.forget_if(|_| false), 0);
            true
        });
        assert_eq!(forgotten, 0, "they are forgotten already");
    });
}

#[test]
fn a_panic_of_the_function_that_chooses_passes_through() {
    // S75 S23
    watched(|| {
        let group: Numbers = Group::builder().window(Duration::MAX).shards(1).build();
        (0..9).for_each(|key| drop(group.execute(&key.to_string(), || Ok(1))));
        let mut shown = 0;
        let chooses = AssertUnwindSafe(|| {
            group.forget_if(|_| {
                shown += 1;
                assert!(shown < 4, "no more");
                true
            })
        });
        let panic = catch_unwind(chooses).unwrap_err();
        assert!(text(&*panic).contains("no more"));
        assert_eq!(group.forget_if(|_| true), 6);
    });
}

/// A value whose destructor panics, once.
struct Fragile(Arc<AtomicUsize>);

impl Drop for Fragile {
    fn drop(&mut self) {
        if self.0.fetch_add(1, Ordering::SeqCst) == 0 {
            panic!("of a destructor");
        }
    }
}

#[test]
fn a_panic_of_a_destructor_goes_on_when_everything_is_forgotten() {
    // S75 S47
    watched(|| {
        let group: Group<u32, Fragile, ()> = Group::builder().window(Duration::MAX).build();
        let dropped = Arc::new(AtomicUsize::new(0));
        (0..20).for_each(|key| drop(group.execute(&key, || Ok(Fragile(dropped.clone())))));
        let forgets = AssertUnwindSafe(|| group.forget_if(|key| *key < 15));
        let panic = catch_unwind(forgets).unwrap_err();
        assert_eq!(text(&*panic), "of a destructor");
        assert_eq!(dropped.load(Ordering::SeqCst), 15);
        assert_eq!((group.forget_all(), dropped.load(Ordering::SeqCst)), (5, 20));
        assert_eq!(at_rest::of_group(&group).slots, 0);
    });
}
