//! The flights of one key that run side by side, and what waits for them.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use coalescer::{Error, Group, ManualClock};

use crate::jobs::{Jobs, assert_at_rest, never};
use crate::support::{MS, Numbers, begin, followers, lead, start, wait_until, watched};

type Refused = Error<String>;

/// No call joins a flight, and two executions of a key run at a time.
fn two_at_a_time() -> Numbers {
    Group::builder().max_join_age(Duration::ZERO).max_leaders(2).build()
}

#[test]
fn a_flight_that_starts_before_a_waiting_one_is_what_that_one_depends_on() {
    // S42: a flight waits for the first one, and stands in the graph. One more starts in between, since
    // the first is too old, and the waiting flight depends on that one from then on.
    watched(|| {
        let clock = ManualClock::new();
        let group: Numbers =
            Group::builder().max_join_age(5 * MS).max_leaders(2).clock(clock.clone()).build();
        let nested = |outer: &'static str, inner: fn(&Numbers) -> Result<u32, Refused>| {
            let (g, (go, told_to_go)) = (group.clone(), channel::<()>());
            let call = thread::spawn(move || {
                g.execute(outer, || {
                    told_to_go.recv().ok();
                    inner(&g).map_err(|error| error.to_string())
                })
            });
            wait_until(|| group.in_flight().iter().any(|flight| flight.key == outer));
            (go, call)
        };
        let first = lead(&group, "k");
        let fresh = |group: &Numbers| group.execute_fresh("k", || Ok(4)).map(|value| *value);
        let (go, waits) = nested("a", fresh);
        go.send(()).unwrap();
        wait_until(|| followers(&group) == 1);
        clock.advance(5 * MS);
        let (go_between, between) =
            nested("k", |group| group.execute("b", || Ok(9)).map(|value| *value));
        wait_until(|| group.stats().in_flight == 3);
        let (go, other) = nested("b", fresh);
        go.send(()).unwrap();
        wait_until(|| followers(&group) == 2);
        go_between.send(()).unwrap();
        wait_until(|| between.is_finished());
        assert!(between.join().unwrap().is_err(), "it waited for itself");
        first.returns(Ok(1)).unwrap();
        assert_eq!((*waits.join().unwrap().unwrap(), *other.join().unwrap().unwrap()), (4, 4));
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

#[test]
fn a_waiting_flight_that_needs_only_room_begins_if_there_is_some() {
    // S30 S39: a job in the queue is no execution. So of two there may be, one runs.
    watched(|| {
        let clock = ManualClock::new();
        let (executor, jobs) = Jobs::new();
        let group: Numbers = Group::builder()
            .max_join_age(5 * MS)
            .max_leaders(2)
            .executor(executor)
            .clock(clock.clone())
            .build();
        let first = lead(&group, "k");
        let g = group.clone();
        let fresh = start(move |function| g.execute_fresh("k", function));
        wait_until(|| followers(&group) == 1);
        clock.advance(5 * MS);
        let queued = group.submit("k", || Ok(2)).unwrap();
        clock.advance(5 * MS);
        // It adds no job to the queue, and waits for the next flight, which needs not wait any more.
        let waits = group.submit("k", never).unwrap();
        wait_until(|| group.stats().in_flight == 3);
        assert_eq!(*fresh.begun().returns(Ok(3)).unwrap(), 3);
        assert_eq!(*waits.wait().unwrap(), 3);
        first.returns(Ok(1)).unwrap();
        jobs.next().run();
        queued.wait().unwrap();
        assert_at_rest(&group);
    });
}
