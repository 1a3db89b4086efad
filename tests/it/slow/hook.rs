//! What the hook may do: call the group, wait, panic. It changes no outcome.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
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

/// Three flights of three groups: `a` is led by a thread that waits for `b`, which is slow; its hook
/// waits for `c`. Hands out the threads that lead `b` and `c`.
fn waits_in_a_hook(
    outer: &Numbers,
    slow: &Numbers,
) -> (Call<u32, String>, thread::JoinHandle<u32>) {
    let leader = lead(slow, "b");
    let (outer, inner) = (outer.clone(), slow.clone());
    let led = thread::spawn(move || {
        let value = outer.execute("a", || Ok(*inner.execute("b", || Ok(0)).unwrap() + 1));
        *value.unwrap()
    });
    wait_until(|| followers(slow) == 1);
    (leader, led)
}

#[test]
fn a_wait_within_a_hook_takes_no_wait_out_of_the_graph() {
    // S42: the thread that leads `a` waits for `b`, and its hook for `c`. The thread that leads `b` would
    // close a cycle by waiting for `a`, while the hook waits and afterwards.
    watched(|| {
        let clock = ManualClock::new();
        let (outer, third) = (Numbers::new(), Numbers::new());
        let called = third.clone();
        let slow: Numbers = Group::builder()
            .clock(clock.clone())
            .on_slow(SLOW, move |slow: &SlowFlight<'_, String>| {
                if slow.key == "b" {
                    called.execute("c", || Ok(0)).unwrap();
                }
            })
            .build();
        let other = lead(&third, "c");
        let (leader, led) = waits_in_a_hook(&outer, &slow);
        clock.advance(SLOW);
        wait_until(|| followers(&third) == 1);
        let (asked, answer): (Sender<bool>, Receiver<bool>) = channel();
        let (handle, go) = (outer.clone(), Arc::new(Barrier::new(2)));
        let again = Arc::clone(&go);
        let leader = leader.ends(move || {
            let ask = || handle.execute("a", || Ok(0)).unwrap_err().would_deadlock();
            asked.send(ask()).unwrap();
            again.wait();
            asked.send(ask()).unwrap();
            Ok(1)
        });
        assert!(answer.recv().unwrap(), "while the hook waits");
        other.returns(Ok(3)).unwrap();
        wait_until(|| third.stats().followers == 1);
        go.wait();
        assert!(answer.recv().unwrap(), "afterwards");
        assert_eq!(*leader.join().unwrap().value, 1);
        assert_eq!(led.join().unwrap(), 2);
    });
}
