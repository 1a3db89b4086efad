//! Waits for a flight that has no room to begin: the wait-for graph knows what they depend on.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use coalescer::{Error, Group, ManualClock};

use crate::jobs::{Jobs, NumberTicket, assert_at_rest, never};
use crate::support::{
    Call, MS, Numbers, begin, followers, lead, unless_refused, until_refused, wait_until, watched,
};

fn or_zero(answer: Result<Arc<u32>, Error<String>>) -> Result<u32, String> {
    match answer {
        Ok(value) => Ok(*value + 10),
        Err(Error::WouldDeadlock) => Ok(0),
        Err(other) => Err(other.to_string()),
    }
}

/// Two executions of one flight of the key `k`, and a flight after it without room: the flight between
/// them has ended, and the second execution took its room.
struct Stage {
    group: Numbers,
    jobs: Jobs,
    first: Call<u32, String>,
    second: Call<u32, String>,
    /// Waits for the flight without room. Its job is in the executor's queue.
    ticket: NumberTicket,
}

impl Stage {
    /// Lets the flight between the others end when `end_of_between` has returned.
    fn new(end_of_between: impl FnOnce(&Numbers) + Send + 'static) -> Self {
        let clock = ManualClock::new();
        let (executor, jobs) = Jobs::new();
        let group: Numbers = Group::builder()
            .max_join_age(MS)
            .leader_timeout(2 * MS)
            .max_leaders(2)
            .executor(executor)
            .clock(clock.clone())
            .build();
        let first = lead(&group, "k");
        let second = begin(&group, "k");
        wait_until(|| followers(&group) == 1);
        clock.advance(MS);
        let between = lead(&group, "k");
        clock.advance(MS);
        let ticket = group.submit("k", || Ok(1)).unwrap();
        let inner = group.clone();
        let between = between.ends(move || {
            end_of_between(&inner);
            Ok(5)
        });
        between.join().unwrap();
        let second = second.begun();
        Self { group, jobs, first, second, ticket }
    }
}

/// Runs the jobs that are left, and ends the call of the ticket.
fn end(jobs: &Jobs, ticket: NumberTicket) {
    while let Some(job) = jobs.try_next() {
        job.run();
    }
    assert_eq!(*ticket.wait().unwrap(), 1);
}

/// Lets a function call `key` when it is told to, and return what [`or_zero`] makes of the answer.
fn calls_when_told(
    call: Call<u32, String>,
    group: &Numbers,
    key: &'static str,
) -> (Call<u32, String>, Sender<()>) {
    let (go, told_to_go) = channel();
    let group = group.clone();
    let call = call.ends(move || {
        told_to_go.recv().ok();
        or_zero(group.execute(key, || Ok(1)))
    });
    (call, go)
}

#[test]
fn a_leader_does_not_wait_with_a_ticket_for_the_flight_after_its_own() {
    // S41 S42: the ticket was the first to wait for that flight, and no thread waited there.
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let group: Numbers =
            Group::builder().max_join_age(Duration::ZERO).max_leaders(1).executor(executor).build();
        let inner = group.clone();
        let outer = lead(&group, "k").ends(move || {
            let ticket = inner.submit("k", never).unwrap();
            or_zero(ticket.wait())
        });
        assert_eq!(*outer.join().unwrap().value, 0);
        assert!(jobs.is_empty());
        assert_at_rest(&group);
    });
}

#[test]
fn a_flight_whose_room_was_taken_depends_on_the_executions_that_can_give_it_back() {
    // S39 S42 S43: one of two leaders may wait for the flight, since the other one's end makes room.
    watched(|| {
        let Stage { group, jobs, first, second, ticket } = Stage::new(|_| ());
        let (first, go_first) = calls_when_told(first, &group, "k");
        let (second, go_second) = calls_when_told(second, &group, "k");
        go_second.send(()).unwrap();
        wait_until(|| followers(&group) == 2);
        go_first.send(()).unwrap();
        assert_eq!(*first.join().unwrap().value, 0, "it closed the cycle");
        assert_eq!(*second.join().unwrap().value, 11, "it began the flight that it waited for");
        end(&jobs, ticket);
        assert_at_rest(&group);
    });
}

#[test]
fn a_wait_from_before_depends_on_an_execution_that_can_give_room() {
    // S42: the leader of another key waits, with a ticket, while the flight depends on the one between.
    // When that has ended, the two executions wait for the other key.
    watched(|| {
        let (send, other) = channel();
        let stage = Stage::new(move |group| {
            // A leader that gives up at once enters the flight that waits, with what it depends on.
            let enters = group.clone();
            let entered = begin(group, "x").ends(move || {
                let told = enters.execute_timeout("k", Duration::ZERO, never);
                assert!(told.unwrap_err().is_timeout());
                Ok(0)
            });
            entered.join().unwrap();
            let inner = group.clone();
            let call = lead(group, "other").ends(move || {
                or_zero(unless_refused(|| inner.submit("k", || Ok(2)).unwrap().wait()))
            });
            until_refused(group, "other");
            send.send(call).unwrap();
        });
        let Stage { group, jobs, first, second, ticket } = stage;
        let calls = [first, second].map(|call| calls_when_told(call, &group, "other"));
        for (_, go) in &calls {
            go.send(()).unwrap();
        }
        // The first to end gives its room to the flight.
        wait_until(|| calls.iter().any(|(call, _)| call.has_returned()));
        end(&jobs, ticket);
        assert_eq!(*other.recv().unwrap().join().unwrap().value, 11);
        let mut values = calls.map(|(call, _)| *call.join().unwrap().value);
        values.sort_unstable();
        assert_eq!(values, [0, 21], "exactly one closed the cycle");
        assert_at_rest(&group);
    });
}
