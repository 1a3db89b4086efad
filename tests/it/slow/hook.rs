//! The freedom of the hook: it calls the group, waits, panics, and changes no outcome.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use coalescer::{Group, ManualClock, SlowFlight};

use crate::support::{Call, MS, Numbers, follow, followers, lead, wait_until, watched};

use super::{Log, SLOW};

#[test]
fn the_hook_finds_the_outcome_published_and_may_call_the_group() {
    // S2 S41 S53: the leader's hook asks for the same key.
    watched(|| {
        let clock = ManualClock::new();
        let own: Arc<Mutex<Option<Numbers>>> = Arc::default();
        let (tell, told) = channel();
        let (handle, tell) = (Arc::clone(&own), Mutex::new(tell));
        let group: Numbers = Group::builder()
            .window(Duration::MAX)
            .clock(clock.clone())
            .on_slow(SLOW, move |slow: &SlowFlight<'_, String>| {
                let group = handle.lock().unwrap().clone().unwrap();
                let value = group.call(slow.key.as_str()).outcome(|| Ok(0)).unwrap();
                tell.lock().unwrap().send((*value.value, value.role)).unwrap();
            })
            .build();
        *own.lock().unwrap() = Some(group.clone());
        let leader = lead(&group, "k");
        clock.advance(SLOW);
        leader.returns(Ok(1)).unwrap();
        assert_eq!(told.recv().unwrap(), (1, coalescer::Role::Late));
        *own.lock().unwrap() = None;
    });
}

#[test]
fn a_panic_of_the_hook_changes_no_outcome() {
    // S24 S54: of a follower's, a leader's, and an arrival's; not even if the payload is nasty.
    struct Nasty;
    impl Drop for Nasty {
        fn drop(&mut self) {
            panic!("a payload that panics");
        }
    }
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder()
            .clock(clock.clone())
            .on_slow(SLOW, |_: &SlowFlight<'_, String>| std::panic::panic_any(Nasty))
            .build();
        let leader = lead(&group, "k");
        let waiting = follow(&group, "k", 2);
        clock.advance(SLOW);
        wait_until(|| followers(&group) == 2);
        leader.returns(Ok(1)).unwrap();
        for follower in waiting {
            assert_eq!(*follower.join_unrun().unwrap().value, 1);
        }

        let leader = lead(&group, "k");
        clock.advance(SLOW);
        assert_eq!(*leader.returns(Ok(2)).unwrap().value, 2);

        let leader = lead(&group, "k");
        clock.advance(SLOW);
        assert!(group.try_execute("k", || Ok(0)).unwrap_err().would_block());
        leader.returns(Ok(3)).unwrap();
        let stats = group.stats();
        assert_eq!((stats.total_requests, stats.executed_requests), (6, 3));
        assert_eq!((stats.followers, stats.refused, stats.panicked), (2, 1, 0));
    });
}

#[test]
fn a_follower_that_tells_still_has_its_deadline() {
    // S33 S54: a deadline that comes with it, and one that passes while the hook runs.
    watched(|| {
        for wait in [SLOW, SLOW + MS] {
            let clock = ManualClock::new();
            let (log, passed) = (Log::default(), clock.clone());
            let note = log.hook();
            let group: Numbers = Group::builder()
                .name("reports")
                .max_wait(wait)
                .clock(clock.clone())
                .on_slow(SLOW, move |slow: &SlowFlight<'_, String>| {
                    note(slow);
                    passed.advance(MS);
                })
                .build();
            let leader = lead(&group, "k");
            let waiting = follow(&group, "k", 1).remove(0);
            clock.advance(SLOW);
            assert!(waiting.join_unrun().unwrap_err().is_timeout());
            assert_eq!(log.only().followers, 1);
            leader.returns(Ok(1)).unwrap();
        }
    });
}

/// The return of a call that was refused as a deadlock.
const REFUSED: u32 = 100;
/// The value of the hook's own execution.
const HOOKS: u32 = 3;

/// A group whose hook calls `c` of another group when the flight of `b` is slow. If the hook leads `c`,
/// its function ends when the sender is dropped.
fn calls_when_slow(clock: &ManualClock, third: &Numbers, end: Receiver<()>) -> Numbers {
    let (called, end) = (third.clone(), Mutex::new(end));
    let function = move || {
        end.lock().unwrap().recv().unwrap_err();
        Ok(HOOKS)
    };
    let hook = move |slow: &SlowFlight<'_, String>| {
        if slow.key == "b" {
            called.execute("c", &function).unwrap();
        }
    };
    Group::builder().clock(clock.clone()).on_slow(SLOW, hook).build()
}

/// A flight of `a` is led by a thread that waits for `b`, which is slow. Hands out the thread that leads
/// `b`, and the other one.
fn waits_in_a_hook(
    outer: &Numbers,
    slow: &Numbers,
) -> (Call<u32, String>, thread::JoinHandle<u32>) {
    let leader = lead(slow, "b");
    let (outer, inner) = (outer.clone(), slow.clone());
    let led = thread::spawn(move || {
        let value = outer.execute("a", || match inner.execute("b", || Ok(0)) {
            Ok(value) => Ok(*value + 1),
            Err(error) => {
                assert!(error.would_deadlock());
                Ok(REFUSED)
            }
        });
        *value.unwrap()
    });
    wait_until(|| followers(slow) == 1);
    (leader, led)
}

#[test]
fn a_cycle_that_closes_while_a_hook_runs_is_found_when_the_hook_returns() {
    // S42 S66: the thread that leads `a` waits for `b`, and its hook for `c`. Meanwhile it does not wait
    // for `b`, so the leader of `b` may wait for `a`. The wait for `b` would then never end.
    watched(|| {
        let (outer, third) = (Numbers::new(), Numbers::new());
        let clock = ManualClock::new();
        let slow = calls_when_slow(&clock, &third, channel().1);
        let other = lead(&third, "c");
        let (leader, led) = waits_in_a_hook(&outer, &slow);
        clock.advance(SLOW);
        wait_until(|| followers(&third) == 1);
        let handle = outer.clone();
        let leader = leader.ends(move || Ok(*handle.execute("a", || Ok(0)).unwrap() + 10));
        wait_until(|| followers(&outer) == 1);
        other.returns(Ok(3)).unwrap();
        assert_eq!(led.join().unwrap(), REFUSED);
        assert_eq!(*leader.join().unwrap().value, REFUSED + 10);
        let stats = slow.stats();
        assert_eq!((stats.refused, stats.followers, stats.in_flight), (1, 0, 0));
    });
}

#[test]
fn a_leader_may_wait_for_what_a_hook_leads() {
    // S43: the thread that leads `a` waits for `b`, and its hook leads `c`. The leader of `b` may wait
    // for `c`, which ends by itself.
    watched(|| {
        let (outer, third) = (Numbers::new(), Numbers::new());
        let clock = ManualClock::new();
        let (end, told_to_end) = channel();
        let slow = calls_when_slow(&clock, &third, told_to_end);
        let (leader, led) = waits_in_a_hook(&outer, &slow);
        clock.advance(SLOW);
        wait_until(|| third.in_flight().len() == 1);
        let inner = third.clone();
        let leader = leader.ends(move || Ok(*inner.execute("c", || Ok(0)).unwrap() + 10));
        wait_until(|| followers(&third) == 1);
        drop(end);
        assert_eq!(*leader.join().unwrap().value, HOOKS + 10);
        assert_eq!(led.join().unwrap(), HOOKS + 11);
        assert_eq!(third.stats().refused + slow.stats().refused, 0);
    });
}
