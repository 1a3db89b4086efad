//! Fresh calls: they accept only an execution that starts after the call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use coalescer::{Error, Group, ManualClock};

use crate::support::{Call, MS, Numbers, follow, followers, lead, start, wait_until, watched};

type Fresh = Call<u32, String, Result<Arc<u32>, Error<String>>>;

fn endless() -> Numbers {
    Group::builder().window(Duration::MAX).build()
}

fn begin_fresh(group: &Numbers, key: &'static str) -> Fresh {
    let group = group.clone();
    start(move |function| group.execute_fresh(key, function))
}

/// Starts fresh calls, and returns them when this many more calls wait.
fn wait_fresh(group: &Numbers, key: &'static str, count: usize) -> Vec<Fresh> {
    let before = followers(group);
    let calls = (0..count).map(|_| begin_fresh(group, key)).collect();
    wait_until(|| followers(group) == before + count);
    calls
}

/// Lets the call that runs its function return `value`, and collects the results of all calls.
fn all_return(calls: Vec<Fresh>, value: u32) -> Vec<Result<Arc<u32>, Error<String>>> {
    let told: Vec<Fresh> = calls.into_iter().map(|call| call.ends(move || Ok(value))).collect();
    told.into_iter().map(Call::join).collect()
}

#[test]
fn a_fresh_call_passes_by_what_the_window_keeps() {
    // S30
    watched(|| {
        let group = endless();
        group.execute("k", || Ok(1)).unwrap();
        assert_eq!(*group.execute_fresh("k", || Ok(2)).unwrap(), 2);
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 2, "the fresh result is kept");
    });
}

#[test]
fn fresh_calls_during_one_flight_share_one_successor() {
    // S30
    watched(|| {
        let group = endless();
        let running = lead(&group, "k");
        let fresh = wait_fresh(&group, "k", 8);
        let ordinary = follow(&group, "k", 1);
        assert_eq!(*running.returns(Ok(1)).unwrap().value, 1);
        let values = all_return(fresh, 2);
        let first = values[0].as_ref().unwrap();
        assert_eq!(**first, 2);
        assert!(values.iter().all(|value| Arc::ptr_eq(value.as_ref().unwrap(), first)));
        for call in ordinary {
            assert_eq!(*call.join_unrun().unwrap().value, 1);
        }
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.followers), (2, 8));
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 2, "the successor's result is kept");
    });
}

#[test]
fn a_successor_begins_when_the_flight_before_it_ends_and_not_earlier() {
    // S30
    watched(|| {
        let group = endless();
        let running = lead(&group, "k");
        let mut fresh = wait_fresh(&group, "k", 1);
        let pending = group.in_flight().into_iter().find(|flight| flight.executions == 0).unwrap();
        assert_eq!((pending.followers, pending.leader.is_none()), (1, true));
        assert_eq!(group.stats().in_flight, 1);
        running.returns(Ok(1)).unwrap();
        let successor = fresh.remove(0).begun();
        // Until it has ended, the window serves the result before it.
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 1);
        assert_eq!(*successor.returns(Ok(2)).unwrap(), 2);
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 2);
    });
}

#[test]
fn without_a_window_calls_join_a_successor_that_runs() {
    // S1 S30
    watched(|| {
        let group = Numbers::new();
        let running = lead(&group, "k");
        let mut fresh = wait_fresh(&group, "k", 1);
        running.returns(Ok(1)).unwrap();
        let successor = fresh.remove(0).begun();
        // It is the flight of its key now.
        let joined = follow(&group, "k", 1);
        assert_eq!(*successor.returns(Ok(2)).unwrap(), 2);
        for call in joined {
            assert_eq!(*call.join_unrun().unwrap().value, 2);
        }
    });
}

#[test]
fn a_fresh_call_during_the_successor_gets_another_one() {
    // S30
    watched(|| {
        let group = endless();
        let running = lead(&group, "k");
        let first = wait_fresh(&group, "k", 1).remove(0);
        running.returns(Ok(1)).unwrap();
        let first = first.begun();
        let second = wait_fresh(&group, "k", 2);
        assert_eq!(*first.returns(Ok(2)).unwrap(), 2);
        for value in all_return(second, 3) {
            assert_eq!(*value.unwrap(), 3);
        }
        assert_eq!(group.stats().executed_requests, 3);
    });
}

#[test]
fn a_successor_begins_however_the_flight_before_it_ends() {
    // S6 S30
    watched(|| {
        let endings: [fn() -> Result<u32, String>; 3] =
            [|| Ok(1), || Err("no".into()), || panic!("on purpose")];
        for ending in endings {
            for forgotten in [false, true] {
                let group = endless();
                let running = lead(&group, "k");
                let fresh = wait_fresh(&group, "k", 2);
                assert!(!forgotten || group.forget("k"));
                drop(running.ends(ending).try_join());
                for value in all_return(fresh, 2) {
                    assert_eq!(*value.unwrap(), 2);
                }
                assert!(group.in_flight().is_empty());
            }
        }
    });
}

#[test]
fn a_fresh_call_after_forget_does_not_wait_for_what_was_forgotten() {
    // S28 S30
    watched(|| {
        let group = endless();
        let forgotten = lead(&group, "k");
        group.forget("k");
        assert_eq!(*group.execute_fresh("k", || Ok(2)).unwrap(), 2);
        forgotten.returns(Ok(1)).unwrap();
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 2);
    });
}

#[test]
fn max_requests_bounds_a_successor_too() {
    // S13 S30: a successor is a flight.
    watched(|| {
        let group: Numbers = Group::builder().max_requests(2).build();
        let running = lead(&group, "k");
        let fresh = wait_fresh(&group, "k", 2);
        assert_eq!(*group.execute_fresh("k", || Ok(3)).unwrap(), 3, "the successor is full");
        running.returns(Ok(1)).unwrap();
        for value in all_return(fresh, 2) {
            assert_eq!(*value.unwrap(), 2);
        }
        assert_eq!(group.stats().executed_requests, 3);
    });
}

#[test]
fn a_successor_that_everyone_left_never_begins() {
    // S33 S50: `max_wait` also bounds fresh calls.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().max_wait(10 * MS).clock(clock.clone()).build();
        let running = lead(&group, "k");
        let fresh = wait_fresh(&group, "k", 2);
        clock.advance(10 * MS);
        for call in fresh {
            assert!(call.join_unrun().unwrap_err().is_timeout());
        }
        assert_eq!(group.in_flight().len(), 1);
        running.returns(Ok(1)).unwrap();
        assert!(group.in_flight().is_empty());
        assert_eq!(*group.execute("k", || Ok(2)).unwrap(), 2);
    });
}

#[test]
fn a_successor_does_not_wait_for_ever_for_a_stuck_leader() {
    // S30 S36
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers =
            Group::builder().leader_timeout(10 * MS).max_leaders(2).clock(clock.clone()).build();
        let stuck = lead(&group, "k");
        let fresh = wait_fresh(&group, "k", 3);
        clock.advance(10 * MS);
        for value in all_return(fresh, 2) {
            assert_eq!(*value.unwrap(), 2);
        }
        assert_eq!(*stuck.returns(Ok(1)).unwrap().value, 1);
        assert!(group.in_flight().is_empty());
    });
}

#[test]
fn a_fresh_call_does_not_share_a_successor_that_began_before_it_called() {
    // S30: the successor did not wait for the end of the stuck flight.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers =
            Group::builder().leader_timeout(10 * MS).max_leaders(2).clock(clock.clone()).build();
        let stuck = lead(&group, "k");
        let early = wait_fresh(&group, "k", 1).remove(0);
        clock.advance(10 * MS);
        let early = early.begun();
        let later = begin_fresh(&group, "k");
        wait_until(|| group.stats().total_requests == 3);
        assert_eq!(*early.returns(Ok(2)).unwrap(), 2);
        let later = later.ends(|| Ok(3));
        stuck.returns(Ok(1)).unwrap();
        assert_eq!(*later.join().unwrap(), 3);
        assert!(group.in_flight().is_empty());
    });
}

#[test]
fn fresh_calls_behind_a_stuck_leader_share_their_successors_too() {
    // S30: one successor has begun early, and the four calls after it want one more, not four.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers =
            Group::builder().leader_timeout(10 * MS).max_leaders(2).clock(clock.clone()).build();
        let stuck = lead(&group, "k");
        clock.advance(10 * MS);
        let early = begin_fresh(&group, "k").begun();
        let later: Vec<Fresh> = (0..4).map(|_| begin_fresh(&group, "k")).collect();
        wait_until(|| group.stats().total_requests == 6);
        early.returns(Ok(2)).unwrap();
        for value in all_return(later, 3) {
            assert_eq!(*value.unwrap(), 3);
        }
        assert_eq!(group.stats().executed_requests, 2);
        stuck.returns(Ok(1)).unwrap();
    });
}

#[test]
fn a_successor_whose_callers_leave_when_it_may_begin_leaves_nothing_behind() {
    // S33 S50: as a race of the end of a flight with the deadline of those who wait for the next.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().max_wait(MS).clock(clock.clone()).build();
        for _ in 0..300 {
            let running = lead(&group, "k");
            let fresh = wait_fresh(&group, "k", 2);
            let clock = clock.clone();
            let running = running.ends(move || {
                clock.advance(MS);
                Ok(1)
            });
            for result in all_return(fresh, 2) {
                assert!(matches!(result, Ok(_) | Err(Error::TimedOut)));
            }
            running.join().unwrap();
            assert!(group.in_flight().is_empty());
            assert!(!group.forget("k"));
        }
    });
}

#[test]
fn whatever_threads_do_a_fresh_value_is_younger_than_its_call() {
    // S30
    watched(|| {
        let group: Group<u32, u64, ()> = Group::builder().window(Duration::MAX).build();
        let time = AtomicU64::new(0);
        let tick = || time.fetch_add(1, Ordering::SeqCst);
        let run = || {
            let began = tick();
            thread::yield_now();
            Ok(began)
        };
        let (group, tick, run) = (&group, &tick, &run);
        thread::scope(|s| {
            for thread in 0..4 {
                s.spawn(move || {
                    for n in 0..1000 {
                        let called = tick();
                        match (n + thread) % 8 {
                            0 => drop(group.forget(&1)),
                            1 | 2 => drop(group.execute(&1, run)),
                            _ => assert!(*group.execute_fresh(&1, run).unwrap() > called),
                        }
                    }
                });
            }
        });
        assert!(group.stats().followers > 0, "nobody ever waited, so nothing was tested");
    });
}

#[test]
fn the_flight_before_a_successor_leaves_nothing_behind() {
    // S47: each flight holds a handle to the key as long as its slot is there.
    watched(|| {
        let group: Group<Arc<str>, u32, ()> = Group::new();
        let key: Arc<str> = Arc::from("k");
        let (finish, told_to_finish) = channel::<()>();
        thread::scope(|s| {
            let slow = move || {
                told_to_finish.recv().ok();
                Ok(1)
            };
            let running = s.spawn(|| group.execute(&key, slow));
            wait_until(|| group.in_flight().len() == 1);
            let fresh = s.spawn(|| group.execute_fresh(&key, || Ok(2)));
            wait_until(|| group.in_flight().len() == 2);
            finish.send(()).unwrap();
            assert_eq!(*running.join().unwrap().unwrap(), 1);
            assert_eq!(*fresh.join().unwrap().unwrap(), 2);
        });
        assert_eq!(Arc::strong_count(&key), 1);
    });
}
