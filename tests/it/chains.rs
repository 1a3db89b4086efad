//! The flights of one key that run side by side, and what waits for them.

use std::time::Duration;

use coalescer::{Group, ManualClock};

use crate::support::{MS, Numbers, begin, followers, lead, start, wait_until, watched};

/// No call joins a flight, and two executions of a key run at a time.
fn two_at_a_time() -> Numbers {
    Group::builder().max_join_age(Duration::ZERO).max_leaders(2).build()
}

#[test]
fn a_flight_that_starts_before_a_waiting_one_is_what_that_one_depends_on() {
    // S42: the wait for the next flight stands in the graph before a flight starts in between. The
    // function of that flight calls its own key, and would wait for itself.
    watched(|| {
        let group = two_at_a_time();
        let first = lead(&group, "k");
        let second = lead(&group, "k");
        let g = group.clone();
        let outer = start(move |function| {
            // Its thread leads a flight, so its wait is in the graph.
            g.execute("outer", || {
                g.execute("k", function).map(|value| *value).map_err(|_| "no".into())
            })
        });
        wait_until(|| followers(&group) == 1);
        first.returns(Ok(1)).unwrap();
        let g = group.clone();
        let third = std::thread::spawn(move || {
            let inner = |_| g.execute("k", || Ok(9)).map(|value| *value);
            g.execute("k", || inner(()).map_err(|error| error.to_string()))
        });
        let outer = outer.ends(|| Ok(4));
        wait_until(|| followers(&group) == 2 || third.is_finished());
        second.returns(Ok(2)).unwrap();
        wait_until(|| third.is_finished());
        assert!(third.join().unwrap().is_err(), "it waited for itself");
        assert_eq!(*outer.join().unwrap(), 4);
        assert!(group.in_flight().is_empty());
    });
}

#[test]
fn a_call_without_room_waits_for_the_next_flight() {
    // S39
    watched(|| {
        let group = two_at_a_time();
        let [first, second] = [lead(&group, "k"), lead(&group, "k")];
        assert!(group.try_execute("k", || Ok(0)).unwrap_err().would_block());
        let waits = begin(&group, "k");
        wait_until(|| followers(&group) == 1);
        first.returns(Ok(1)).unwrap();
        second.returns(Ok(2)).unwrap();
        assert_eq!(*waits.begun().returns(Ok(3)).unwrap().value, 3);
        assert!(group.in_flight().is_empty());
    });
}

#[test]
fn what_is_stuck_counts_for_the_flights_after_it() {
    // S39: two stuck executions leave no room, and one that ends gives its place back.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers =
            Group::builder().leader_timeout(MS).max_leaders(2).clock(clock.clone()).build();
        let stuck = lead(&group, "k");
        clock.advance(MS);
        let g = group.clone();
        let fresh = start(move |function| g.execute_fresh("k", function)).begun();
        clock.advance(MS);
        let told = group.execute_timeout("k", Duration::ZERO, || Ok(0));
        assert!(told.unwrap_err().is_timeout(), "a third one has no room");
        stuck.returns(Ok(1)).unwrap();
        let third = lead(&group, "k");
        assert_eq!(*third.returns(Ok(3)).unwrap().value, 3);
        assert_eq!(*fresh.returns(Ok(2)).unwrap(), 2);
        assert!(group.in_flight().is_empty());
    });
}
