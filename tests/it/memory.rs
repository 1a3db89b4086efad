//! The results that are kept, for how long, and which are evicted first.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use coalescer::{Group, ManualClock};

use crate::support::{MS, Numbers, OneHash, follow, lead, watched};

const WINDOW: Duration = Duration::from_millis(100);

/// A value or an error whose destruction a test can observe.
#[derive(Clone, Debug)]
struct Tracked(#[expect(dead_code, reason = "it is held, not read")] Arc<()>);

/// Makes tracked values and counts those that are alive.
#[derive(Default)]
struct Tracker(Vec<Weak<()>>);

impl Tracker {
    fn make(&mut self) -> Tracked {
        let value = Arc::new(());
        self.0.push(Arc::downgrade(&value));
        Tracked(value)
    }

    /// The numbers of the values that are alive, in the order of their creation.
    fn left(&self) -> Vec<usize> {
        let is_left = |n: &usize| self.0[*n].strong_count() > 0;
        (0..self.0.len()).filter(is_left).collect()
    }
}

type TrackedGroup = Group<u32, Tracked, Tracked>;

#[test]
fn without_a_window_a_value_goes_with_its_last_caller() {
    // S47
    watched(|| {
        let group: Group<String, Arc<()>, Arc<()>> = Group::new();
        let value = Arc::new(());
        for outcome in [Ok(Arc::clone(&value)), Err(Arc::clone(&value))] {
            let leader = lead(&group, "k");
            let followers = follow(&group, "k", 2);
            let own = leader.returns(outcome);
            let shared: Vec<_> = followers.into_iter().map(|call| call.join_unrun()).collect();
            assert_eq!(Arc::strong_count(&value), if own.is_ok() { 3 } else { 2 });
            drop((own, shared));
        }
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn a_key_goes_with_its_flight() {
    // S47
    watched(|| {
        let group: Group<Arc<str>, u32, ()> = Group::new();
        let key: Arc<str> = "k".into();
        group.execute(&key, || Ok(1)).unwrap();
        assert_eq!(Arc::strong_count(&key), 1);
    });
}

#[test]
fn what_is_not_to_be_kept_goes_with_its_last_caller() {
    // S8 S28 S47: a result that is as old as the window, and one that was forgotten.
    watched(|| {
        for (pause, forgets) in [(WINDOW, false), (MS, true)] {
            for followers in [0, 2] {
                let clock = ManualClock::new();
                let group: Group<String, Arc<()>, Arc<()>> =
                    Group::builder().window(WINDOW).clock(clock.clone()).build();
                let value = Arc::new(());
                let leader = lead(&group, "k");
                let followers = follow(&group, "k", followers);
                clock.advance(pause);
                assert!(!forgets || group.forget("k"));
                drop(leader.returns(Ok(Arc::clone(&value))));
                followers.into_iter().for_each(|call| drop(call.join_unrun()));
                assert_eq!(Arc::strong_count(&value), 1);
            }
        }
    });
}

#[test]
fn the_results_of_a_flight_that_was_taken_over_go_too() {
    // S38 S47
    watched(|| {
        let clock = ManualClock::new();
        let group: Group<String, Arc<()>, ()> =
            Group::builder().leader_timeout(MS).clock(clock.clone()).build();
        let value = Arc::new(());
        let stuck = lead(&group, "k");
        clock.advance(MS);
        let second = lead(&group, "k");
        let follower = follow(&group, "k", 1).remove(0);
        drop(second.returns(Ok(Arc::clone(&value))));
        drop(follower.join_unrun());
        drop(stuck.returns(Ok(Arc::clone(&value))));
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

/// Makes results of 300 keys, lets them expire, and calls only one other key from then on.
fn expire_beside_one_busy_key(group: &TrackedGroup, clock: &ManualClock, calls: u32) -> usize {
    let mut tracker = Tracker::default();
    for key in 0..300 {
        let result = if key % 2 == 0 { Ok(tracker.make()) } else { Err(tracker.make()) };
        drop(group.execute(&key, || result));
    }
    assert_eq!(tracker.left().len(), 300);
    clock.advance(WINDOW);
    for _ in 0..calls {
        group.execute_fresh(&1000, || Ok(Tracker::default().make())).unwrap();
    }
    tracker.left().len()
}

#[test]
fn expired_results_go_as_work_goes_on_though_nobody_calls_their_keys() {
    // S47: in the busy key's own shard and in all the others.
    watched(|| {
        for shards in [1, 2, 64] {
            let clock = ManualClock::new();
            let group: TrackedGroup = Group::builder()
                .window(WINDOW)
                .error_window(WINDOW)
                .shards(shards)
                .clock(clock.clone())
                .build();
            let left = expire_beside_one_busy_key(&group, &clock, 1500);
            assert_eq!(left, 0, "of 300 with {shards} shards");
        }
    });
}

#[test]
fn an_expired_result_goes_with_the_next_execution_in_its_shard() {
    // S47: keys of one hash share a shard, whichever that is.
    watched(|| {
        let clock = ManualClock::new();
        let group: Group<u32, Tracked, Tracked, OneHash> = Group::builder()
            .window(WINDOW)
            .error_window(WINDOW)
            .hasher(OneHash)
            .clock(clock.clone())
            .build();
        let mut tracker = Tracker::default();
        drop(group.execute(&1, || Ok(tracker.make())));
        drop(group.execute(&2, || Err(tracker.make())));
        clock.advance(WINDOW);
        drop(group.execute(&3, || Ok(tracker.make())));
        assert_eq!(tracker.left(), [2]);
    });
}

#[test]
fn one_call_drops_no_more_than_its_share() {
    // S47: there is no sweep over the whole table.
    watched(|| {
        let clock = ManualClock::new();
        let group: TrackedGroup = Group::builder()
            .window(WINDOW)
            .error_window(WINDOW)
            .shards(1)
            .clock(clock.clone())
            .build();
        assert!(expire_beside_one_busy_key(&group, &clock, 1) >= 300 - 6);
    });
}

#[test]
fn a_bounded_table_never_keeps_more_than_its_bound() {
    // S47, for values and errors together
    watched(|| {
        let group: TrackedGroup = Group::builder()
            .window(Duration::MAX)
            .error_window(Duration::MAX)
            .max_retained(5)
            .build();
        let mut tracker = Tracker::default();
        for key in 0..200 {
            let made = tracker.make();
            drop(group.execute(&key, || if key % 3 == 0 { Err(made) } else { Ok(made) }));
            assert_eq!(tracker.left().len(), 5.min(tracker.0.len()));
        }
        // The oldest went first, over all shards and both kinds.
        assert_eq!(tracker.left(), [195, 196, 197, 198, 199]);
        assert!(group.forget(&197));
        drop(group.execute(&1000, || Ok(tracker.make())));
        assert_eq!(tracker.left(), [195, 196, 198, 199, 200], "forgetting made room");
        assert_eq!(group.forget_all(), 5);
        assert!(tracker.left().is_empty());
    });
}

#[test]
fn the_bound_holds_while_many_threads_publish() {
    // S47: a value that is being made is not yet kept, so each thread may have one more.
    watched(|| {
        const THREADS: usize = 4;
        let alive = Arc::new(AtomicUsize::new(0));
        struct Counted(Arc<AtomicUsize>);
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let group: Group<usize, Counted, ()> =
            Group::builder().window(Duration::MAX).max_retained(8).build();
        let work = |thread: usize| {
            for n in 0..2000 {
                let run = || {
                    alive.fetch_add(1, Ordering::SeqCst);
                    Ok(Counted(Arc::clone(&alive)))
                };
                drop(group.execute(&((n * 7 + thread) % 100), run));
                assert!(alive.load(Ordering::SeqCst) <= 8 + 2 * THREADS);
            }
        };
        let work = &work;
        thread::scope(|s| (0..THREADS).for_each(|thread| drop(s.spawn(move || work(thread)))));
        assert_eq!(alive.load(Ordering::SeqCst), 8);
    });
}

#[test]
fn an_expired_result_makes_room_before_an_older_one_that_is_not() {
    // S47
    watched(|| {
        let clock = ManualClock::new();
        let group: TrackedGroup = Group::builder()
            .window(Duration::MAX)
            .error_window(WINDOW)
            .max_retained(2)
            .clock(clock.clone())
            .build();
        let mut tracker = Tracker::default();
        drop(group.execute(&0, || Ok(tracker.make())));
        clock.advance(MS);
        drop(group.execute(&1, || Err(tracker.make())));
        clock.advance(WINDOW);
        drop(group.execute(&2, || Ok(tracker.make())));
        assert_eq!(tracker.left(), [0, 2]);
        drop(group.execute(&3, || Ok(tracker.make())));
        assert_eq!(tracker.left(), [2, 3]);
    });
}

#[test]
fn what_began_first_makes_room_first_though_it_was_published_last() {
    // S47 S7: a result's age counts from its start.
    watched(|| {
        let clock = ManualClock::new();
        let group: Group<String, Tracked, ()> =
            Group::builder().window(WINDOW).max_retained(2).shards(1).clock(clock.clone()).build();
        let mut tracker = Tracker::default();
        let (slow, quick, last) = (tracker.make(), tracker.make(), tracker.make());
        let leader = lead(&group, "slow");
        clock.advance(50 * MS);
        drop(group.execute("quick", || Ok(quick)));
        drop(leader.returns(Ok(slow)));
        clock.advance(50 * MS);
        // The slow one's window is over, the quick one's is not.
        drop(group.execute("last", || Ok(last)));
        assert_eq!(tracker.left(), [1, 2]);
    });
}

#[test]
fn running_flights_are_never_evicted() {
    // S47
    watched(|| {
        for max in [0, 1] {
            let group: Numbers = Group::builder().window(Duration::MAX).max_retained(max).build();
            let running = lead(&group, "k");
            for key in ["a", "b", "c", "d"] {
                group.execute(key, || Ok(0)).unwrap();
            }
            let joined = follow(&group, "k", 1);
            running.returns(Ok(1)).unwrap();
            for follower in joined {
                assert_eq!(*follower.join_unrun().unwrap().value, 1);
            }
        }
    });
}

#[test]
fn a_bound_of_zero_keeps_nothing() {
    // S47
    watched(|| {
        let group: TrackedGroup = Group::builder().window(Duration::MAX).max_retained(0).build();
        let mut tracker = Tracker::default();
        for _ in 0..3 {
            drop(group.execute(&1, || Ok(tracker.make())));
        }
        assert_eq!((tracker.0.len(), tracker.left().len()), (3, 0));
    });
}

#[test]
fn the_results_go_with_the_last_handle() {
    // S47
    watched(|| {
        let group: TrackedGroup = Group::builder().window(Duration::MAX).build();
        let mut tracker = Tracker::default();
        drop(group.execute(&1, || Ok(tracker.make())));
        let other = group.clone();
        drop(group);
        assert_eq!(tracker.left(), [0]);
        drop(other);
        assert!(tracker.left().is_empty());
    });
}

#[test]
fn purge_expired_drops_what_is_out_of_its_window_and_nothing_else() {
    // S47
    watched(|| {
        let clock = ManualClock::new();
        let mut tracker = Tracker::default();
        let group: TrackedGroup = Group::builder()
            .window(WINDOW)
            .error_window(2 * WINDOW)
            .max_retained(2000)
            .clock(clock.clone())
            .build();
        for key in 0..1000 {
            group.execute(&key, || Ok(tracker.make())).unwrap();
        }
        group.execute(&1000, || Err(tracker.make())).unwrap_err();
        assert_eq!(group.purge_expired(), 0);
        clock.advance(WINDOW);
        assert_eq!(group.purge_expired(), 1000);
        assert_eq!(tracker.left(), [1000], "the error is in its window");
        clock.advance(WINDOW);
        assert_eq!(group.purge_expired(), 1);
        group.shrink_to_fit();
        assert!(tracker.left().is_empty());
    });
}
