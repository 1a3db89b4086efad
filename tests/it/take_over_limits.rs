//! Take-overs and successors together with what counts: `max_requests`, and what was forgotten.

use std::time::Duration;

use coalescer::{Group, ManualClock, Role};

use crate::support::{Numbers, begin, follow, followers, lead, start, wait_until, watched};

const TIMEOUT: Duration = Duration::from_millis(30);

fn limited(clock: &ManualClock, max: usize) -> Numbers {
    Group::builder()
        .window(Duration::MAX)
        .max_requests(max)
        .leader_timeout(TIMEOUT)
        .clock(clock.clone())
        .build()
}

#[test]
fn a_waiter_that_takes_over_keeps_the_place_that_it_had() {
    // S13 S36: the leader, the waiter and one more are three.
    watched(|| {
        let clock = ManualClock::new();
        let group = limited(&clock, 3);
        let stuck = lead(&group, "k");
        let waiter = follow(&group, "k", 1).remove(0);
        clock.advance(TIMEOUT);
        let second = waiter.begun();
        let third = follow(&group, "k", 1).remove(0);
        assert_eq!(*second.returns(Ok(2)).unwrap().value, 2);
        let third = third.join_unrun().unwrap();
        assert_eq!((*third.value, third.role), (2, Role::Follower));
        assert_eq!(*group.execute("k", || Ok(4)).unwrap(), 4, "the flight is full");
        stuck.returns(Ok(1)).unwrap();
    });
}

#[test]
fn a_result_kept_beside_a_stuck_leader_knows_how_many_calls_it_has_taken_on() {
    // S13 S38
    watched(|| {
        let clock = ManualClock::new();
        let group = limited(&clock, 3);
        let stuck = lead(&group, "k");
        clock.advance(TIMEOUT);
        assert_eq!(*group.execute("k", || Ok(2)).unwrap(), 2);
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 2, "the third call of the flight");
        assert_eq!(*group.execute("k", || Ok(4)).unwrap(), 4, "the fourth");
        stuck.returns(Ok(1)).unwrap();
    });
}

#[test]
fn an_arrival_that_begins_a_successor_counts_towards_its_max_requests() {
    // S13 S30: one waits for the successor and one arrives when it is due. Whichever of the two
    // begins it, it serves two calls, or each has one of its own.
    watched(|| {
        for _ in 0..if cfg!(miri) { 3 } else { 100 } {
            let clock = ManualClock::new();
            let group = limited(&clock, 2);
            let stuck = lead(&group, "k");
            let fresh = || {
                let group = group.clone();
                start(move |function| group.execute_fresh("k", function)).ends(|| Ok(2))
            };
            let waiting = fresh();
            wait_until(|| followers(&group) == 1);
            clock.advance(TIMEOUT);
            let arrives = fresh();
            assert_eq!((*waiting.join().unwrap(), *arrives.join().unwrap()), (2, 2));
            let is_full = group.stats().executed_requests == 1;
            assert_eq!(*group.execute("k", || Ok(3)).unwrap(), if is_full { 3 } else { 2 });
            stuck.returns(Ok(1)).unwrap();
        }
    });
}

#[test]
fn a_flight_that_was_forgotten_and_taken_over_keeps_nothing() {
    // S28 S38: whichever of its executions ends first.
    watched(|| {
        for first_ends_first in [true, false] {
            let clock = ManualClock::new();
            let group = limited(&clock, 9);
            let first = lead(&group, "k");
            clock.advance(TIMEOUT);
            let second = lead(&group, "k");
            assert!(group.forget("k"));
            let (one, other) = if first_ends_first { (first, second) } else { (second, first) };
            one.returns(Ok(1)).unwrap();
            assert!(!group.forget("k"), "nothing is kept of what was forgotten");
            other.returns(Ok(2)).unwrap();
            assert!(!group.forget("k"));
            assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 3);
        }
    });
}

#[test]
fn the_successor_of_a_forgotten_flight_is_not_found() {
    // S28 S30: neither while it waits nor when it has begun.
    watched(|| {
        let group: Numbers = Group::builder().window(Duration::MAX).build();
        let forgotten = lead(&group, "k");
        let g = group.clone();
        let fresh = start(move |f| g.execute_fresh("k", f));
        wait_until(|| followers(&group) == 1);
        assert!(group.forget("k"));
        forgotten.returns(Ok(1)).unwrap();
        let fresh = fresh.begun();
        let own = lead(&group, "k");
        assert_eq!(*own.returns(Ok(3)).unwrap().value, 3);
        assert_eq!(*fresh.returns(Ok(2)).unwrap(), 2);
        assert_eq!(*group.execute("k", || Ok(4)).unwrap(), 3, "the newer flight's is kept");
    });
}

#[test]
fn a_full_flight_that_is_stuck_is_not_taken_over_by_a_call_that_it_cannot_serve() {
    // S13 S36
    watched(|| {
        let clock = ManualClock::new();
        let group = limited(&clock, 1);
        let stuck = lead(&group, "k");
        clock.advance(TIMEOUT);
        let own = begin(&group, "k").begun();
        assert_eq!(group.in_flight().len(), 2, "a flight of its own");
        assert_eq!(own.returns(Ok(2)).unwrap().callers, 1);
        stuck.returns(Ok(1)).unwrap();
        assert_eq!(group.stats().takeovers, 0);
    });
}
