//! Threads that work for a leader's function, and calls whose waits nobody looks at.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use coalescer::{Error, Group, Lead, ManualClock, OnDeadlock, leading};

use crate::jobs::{assert_at_rest, queued};
use crate::support::{Call, MS, Numbers, followers, lead, wait_until, watched};

/// The result of a call, with zero for one that was refused as a deadlock.
fn or_zero(answer: Result<Arc<u32>, Error<String>>) -> u32 {
    match answer {
        Ok(value) => *value,
        Err(error) if error.would_deadlock() => 0,
        Err(other) => panic!("{other}"),
    }
}

/// Lets a leader's function call `key` of a group from a thread of its own, and return its result.
fn calls_by_a_child(
    leader: Call<u32, String>,
    group: &Numbers,
    key: &'static str,
) -> Call<u32, String> {
    let group = group.clone();
    leader.ends(move || {
        let lead = leading();
        let call = || lead.enter(|| or_zero(group.execute(key, || Ok(7))));
        Ok(thread::scope(|s| s.spawn(call).join().unwrap()))
    })
}

#[test]
fn a_child_that_asks_for_its_parents_key_is_refused_at_once() {
    // S67: by every verb, for the own flight and for those around it, also from a grandchild.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().leader_timeout(MS).clock(clock.clone()).build();
        let ask = |key| {
            [
                group.execute(key, || Ok(7)),
                group.execute_timeout(key, MS, || Ok(7)),
                group.execute_fresh(key, || Ok(7)),
                group.try_execute(key, || Ok(7)),
            ]
            .map(or_zero)
        };
        let child = |lead: Lead| {
            lead.enter(|| {
                let own = leading();
                let grandchild = || own.enter(|| ask("outer"));
                let grandchild = thread::scope(|s| s.spawn(grandchild).join().unwrap());
                [ask("outer"), ask("inner"), grandchild]
            })
        };
        let inner = || {
            // A take-over is due, and it is not the parent's child that may take over.
            clock.advance(MS);
            let lead = leading();
            let asked = thread::scope(|s| s.spawn(|| child(lead)).join().unwrap());
            assert_eq!(asked, [[0; 4]; 3]);
            Ok(1)
        };
        let outer = group.execute("outer", || Ok(*group.execute("inner", inner).unwrap() + 1));
        assert_eq!(*outer.unwrap(), 2);
        assert_eq!((group.stats().executed_requests, group.stats().refused), (2, 12));
        assert_at_rest(&group);
    });
}

#[test]
fn with_bypass_a_child_runs_its_own_function() {
    // S41 S67
    watched(|| {
        let group: Numbers = Group::builder().on_deadlock(OnDeadlock::Bypass).build();
        let parent = calls_by_a_child(lead(&group, "k"), &group, "k");
        assert_eq!(*parent.join().unwrap().value, 7);
        assert_eq!(group.stats().executed_requests, 2);
        assert_at_rest(&group);
    });
}

#[test]
fn a_longer_cycle_through_a_child_is_found_whoever_closes_it() {
    // S42 S67: a's child waits for b, and the leader of b asks for a; or the other way round.
    watched(|| {
        let group = Numbers::new();
        let (a, b) = (lead(&group, "a"), lead(&group, "b"));
        let a = calls_by_a_child(a, &group, "b");
        wait_until(|| followers(&group) == 1);
        let inner = group.clone();
        let b = b.ends(move || Ok(or_zero(inner.execute("a", || Ok(7)))));
        assert_eq!((*b.join().unwrap().value, *a.join().unwrap().value), (0, 0));
        assert_eq!(group.stats().refused, 1);

        let (a, b) = (lead(&group, "a"), lead(&group, "b"));
        let inner = group.clone();
        let b = b.ends(move || Ok(or_zero(inner.execute("a", || Ok(7))) + 1));
        wait_until(|| followers(&group) == 1);
        let a = calls_by_a_child(a, &group, "b");
        assert_eq!((*a.join().unwrap().value, *b.join().unwrap().value), (0, 1));
        assert_eq!(group.stats().refused, 2);
        assert_at_rest(&group);
    });
}

#[test]
fn children_share_flights_with_each_other_and_with_their_parent() {
    // S43 S67: a flight that a child leads is not its parent's.
    watched(|| {
        let group = Numbers::new();
        let inner = group.clone();
        let parent = lead(&group, "k").ends(move || {
            let (lead, group) = (leading(), &inner);
            let ((begin, begun), (end, told_to_end)) = (channel(), channel::<()>());
            let part = move || {
                begin.send(()).unwrap();
                told_to_end.recv().unwrap_err();
                Ok(5)
            };
            Ok(thread::scope(|s| {
                let first = s.spawn(|| lead.enter(|| or_zero(group.execute("part", part))));
                begun.recv().unwrap();
                let second = s.spawn(|| lead.enter(|| or_zero(group.execute("part", || Ok(1)))));
                s.spawn(move || {
                    wait_until(|| followers(group) == 2);
                    drop(end);
                });
                let own = or_zero(group.execute("part", || Ok(1)));
                own + first.join().unwrap() + second.join().unwrap()
            }))
        });
        assert_eq!(*parent.join().unwrap().value, 15);
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.followers, stats.refused), (2, 2, 0));
    });
}

#[test]
fn a_flight_that_the_parent_begins_later_does_not_wait_for_the_child() {
    // S43 S67: the function of "later" does not wait for the child, so the child may wait for it.
    watched(|| {
        let group = Numbers::new();
        let outer = group.execute("k", || {
            let lead = leading();
            thread::scope(|s| {
                let (tell, told) = channel();
                let ask = || lead.enter(|| or_zero(group.execute("later", || Ok(1))));
                let child = s.spawn(move || {
                    told.recv().unwrap();
                    ask()
                });
                let later = group.execute("later", || {
                    tell.send(()).unwrap();
                    wait_until(|| followers(&group) == 1);
                    Ok(5)
                });
                Ok(*later.unwrap() + child.join().unwrap())
            })
        });
        assert_eq!(*outer.unwrap(), 10);
        assert_eq!(group.stats().refused, 0);
    });
}

#[test]
fn after_enter_a_thread_works_for_nobody() {
    // S43 S67: when `f` has returned and when it has panicked.
    watched(|| {
        let group = Numbers::new();
        let (told, has_told) = channel::<Lead>();
        let (leader, inner) = (lead(&group, "k"), group.clone());
        let (go, told_to_go): (_, Receiver<()>) = channel();
        let leader = leader.ends(move || {
            told.send(leading()).unwrap();
            told_to_go.recv().unwrap_err();
            Ok(*inner.execute("other", || Ok(1)).unwrap())
        });
        let place = has_told.recv().unwrap();
        assert_eq!(place.enter(|| or_zero(group.execute("k", || Ok(7)))), 0);
        let unwinds = thread::scope(|s| {
            let panics =
                || place.clone().enter(|| std::panic::resume_unwind(Box::new("on purpose")));
            s.spawn(panics).join().is_err()
        });
        assert!(unwinds);
        let follower = crate::support::begin(&group, "k");
        wait_until(|| followers(&group) == 1);
        drop(go);
        assert_eq!(*leader.join().unwrap().value, 1);
        assert_eq!(*follower.join_unrun().unwrap().value, 1);
        assert_at_rest(&group);
    });
}

#[test]
fn a_lead_that_was_taken_outside_is_empty_and_one_that_is_entered_at_home_changes_nothing() {
    // S67
    watched(|| {
        let group = Numbers::new();
        let nobody = leading();
        assert_eq!(format!("{nobody:?}"), "Lead { leads: false }");
        let outer = group.execute("k", || {
            let here = leading();
            assert_eq!(format!("{here:?}"), "Lead { leads: true }");
            here.enter(|| or_zero(group.execute("k", || Ok(7)))); // as without it
            // A thread that works for nobody may wait.
            let stranger = || nobody.enter(|| group.try_execute("k", || Ok(7)).unwrap_err());
            assert!(thread::scope(|s| s.spawn(stranger).join().unwrap()).would_block());
            Ok(1)
        });
        assert_eq!(*outer.unwrap(), 1);
    });
}

#[test]
fn a_childs_ticket_of_the_parents_flight_is_refused() {
    // S42 S67: a follower's ticket, and the ticket of a job that waits for the parent's key.
    watched(|| {
        let (group, jobs) = queued();
        let inner = group.clone();
        let parent = lead(&group, "k").ends(move || {
            let lead = leading();
            let wait = || lead.enter(|| inner.submit("k", || Ok(7)).unwrap().wait());
            Ok(or_zero(thread::scope(|s| s.spawn(wait).join().unwrap())))
        });
        assert_eq!(*parent.join().unwrap().value, 0);
        assert!(jobs.is_empty());
        assert_at_rest(&group);
    });
}

#[test]
fn with_ignore_no_call_is_refused() {
    // S68: neither on the own key, nor in a cycle, nor by a ticket. Each waits until its deadline.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder()
            .clock(clock.clone())
            .max_wait(MS)
            .on_deadlock(OnDeadlock::Ignore)
            .executor(|job: coalescer::Job| job.run())
            .build();
        let outer = group.execute("k", || {
            assert!(group.try_execute("k", || Ok(0)).unwrap_err().would_block());
            let late = group.execute_timeout("k", Duration::ZERO, || Ok(0));
            assert!(late.unwrap_err().is_timeout());
            let mut ticket = group.submit("k", || Ok(0)).unwrap();
            assert!(ticket.wait_timeout(Duration::ZERO).unwrap_err().is_timeout());
            Ok(1)
        });
        assert_eq!(*outer.unwrap(), 1);

        let (a, b) = (lead(&group, "a"), lead(&group, "b"));
        let calls = |leader: Call<u32, String>, key: &'static str| {
            let group = group.clone();
            leader.ends(move || match group.execute(key, || Ok(0)) {
                Ok(value) => Ok(*value),
                Err(error) => Ok(u32::from(error.is_timeout())),
            })
        };
        let (a, b) = (calls(a, "b"), calls(b, "a"));
        wait_until(|| followers(&group) == 2);
        clock.advance(MS);
        assert_eq!((*a.join().unwrap().value, *b.join().unwrap().value), (1, 1));
        assert_at_rest(&group);
    });
}

#[test]
fn with_ignore_calls_that_one_thread_interleaves_share_a_flight() {
    // S68: a coroutine's flight goes on while another coroutine of its thread follows: here the thread
    // calls while it leads, and another thread ends what it waits for.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers = Group::builder()
            .leader_timeout(MS)
            .clock(clock.clone())
            .on_deadlock(OnDeadlock::Ignore)
            .build();
        let other = group.clone();
        let outer = group.execute("k", || {
            let helper = thread::spawn(move || {
                wait_until(|| followers(&other) == 1);
                clock.advance(MS);
                other.execute("k", || Ok(5)).map(|value| *value)
            });
            let own = group.execute("k", || Ok(5)).unwrap();
            assert_eq!((*own, helper.join().unwrap().unwrap()), (5, 5));
            Ok(1)
        });
        assert_eq!(*outer.unwrap(), 1);
        assert_eq!(group.stats().refused, 0);
        assert_at_rest(&group);
    });
}
