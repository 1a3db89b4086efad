//! A call of many keys takes over from leaders that are stuck or lost.

use std::thread;
use std::time::Duration;

use coalescer::{Group, Job, ManualClock, ShareWith};

use super::{Ids, Runs, followers, leading, many, squares, values};
use crate::support::{MS, wait_until, watched};

const TIMEOUT: Duration = Duration::from_millis(30);

fn impatient(clock: &ManualClock) -> Ids {
    Group::builder().leader_timeout(TIMEOUT).clock(clock.clone()).build()
}

/// A call for these keys, on a thread of its own, which notes what it asks for.
fn noted(group: &Ids, runs: &Runs, keys: &'static [u32]) -> thread::JoinHandle<super::Told> {
    let (group, runs) = (group.clone(), runs.clone());
    thread::spawn(move || {
        group.execute_many(keys, |keys| {
            runs.note(keys);
            squares(keys)
        })
    })
}

#[test]
fn keys_that_are_due_are_run_together() {
    // S151 S36
    watched(|| {
        let clock = ManualClock::new();
        let (group, runs) = (impatient(&clock), Runs::default());
        let stuck = leading(&group, &[1, 2, 3]);
        let call = noted(&group, &runs, &[3, 4, 1]);
        wait_until(|| followers(&group, 1) == 1 && runs.of() == [[4]]);
        clock.advance(TIMEOUT);
        assert_eq!(values(call.join().unwrap()), [9, 16, 1]);
        assert_eq!(runs.of(), [vec![4], vec![3, 1]]);
        assert_eq!(group.stats().takeovers, 2);
        assert_eq!(values(stuck.returns(Ok(vec![(1, 0), (2, 0), (3, 0)]))), [0, 0, 0]);
        assert!(group.in_flight().is_empty());
    });
}

#[test]
fn a_call_that_comes_when_keys_are_due_takes_over_in_its_first_run() {
    // S151 S36
    watched(|| {
        let clock = ManualClock::new();
        let (group, runs) = (impatient(&clock), Runs::default());
        let stuck = leading(&group, &[1, 2]);
        clock.advance(TIMEOUT);
        assert_eq!(values(noted(&group, &runs, &[5, 2, 1]).join().unwrap()), [25, 4, 1]);
        assert_eq!(runs.of(), [[5, 2, 1]]);
        stuck.returns(squares(&[1, 2]));
        assert!(group.in_flight().is_empty());
    });
}

#[test]
fn a_key_that_comes_due_while_the_call_sleeps_for_another_is_taken_over_in_time() {
    // S151 S36: the call sleeps for 2, which is young, when 1 is stuck.
    watched(|| {
        let clock = ManualClock::new();
        let (group, runs) = (impatient(&clock), Runs::default());
        let stuck = leading(&group, &[1]);
        clock.advance(20 * MS);
        let young = leading(&group, &[2]);
        let call = noted(&group, &runs, &[1, 2]);
        wait_until(|| followers(&group, 2) == 1);
        clock.advance(10 * MS);
        wait_until(|| runs.of() == [[1]]);
        // A follower of 1 has its answer although the call still waits for 2.
        young.returns(squares(&[2]));
        assert_eq!(values(call.join().unwrap()), [1, 4]);
        stuck.returns(squares(&[1]));
        assert_eq!((group.stats().takeovers, group.stats().batches), (1, 3));
    });
}

#[test]
fn a_flight_whose_leader_is_lost_goes_on_with_a_ticket_although_a_call_of_many_waits_elsewhere() {
    // S71 S151: a place in a flight is no thread that sleeps there.
    watched(|| {
        let (queue, jobs) = std::sync::mpsc::channel::<Job>();
        let group: Ids = Group::builder().executor(move |job: Job| queue.send(job)).build();
        let first = group.submit(&1, || Ok(0)).unwrap();
        let leader = leading(&group, &[2]);
        let call = many(&group, &[1, 2]);
        wait_until(|| followers(&group, 1) == 1 && followers(&group, 2) == 1);
        let ticket = group.submit(&1, || Ok(11)).unwrap();
        // The leader is lost. Its flight goes on with the ticket, whose job runs on this thread (S71).
        drop(jobs.recv().unwrap());
        assert!(first.wait().unwrap_err().is_abandoned());
        assert_eq!(*ticket.wait().unwrap(), 11);
        leader.returns(squares(&[2]));
        assert_eq!(values(call.join_unrun()), [11, 4]);
        assert!(group.in_flight().is_empty());
    });
}

#[test]
fn a_call_of_many_begins_a_flight_that_nobody_else_can_begin() {
    // S71 S151
    watched(|| {
        let (queue, jobs) = std::sync::mpsc::channel::<Job>();
        let (group, runs) =
            (Group::builder().executor(move |job: Job| queue.send(job)).build(), Runs::default());
        let first = Ids::submit(&group, &1, || Ok(0)).unwrap();
        let call = noted(&group, &runs, &[1]);
        wait_until(|| followers(&group, 1) == 1);
        drop(jobs.recv().unwrap());
        assert!(first.wait().unwrap_err().is_abandoned());
        assert_eq!(values(call.join().unwrap()), [1]);
        assert_eq!(runs.of(), [[1]]);
    });
}

#[test]
fn one_of_those_that_wait_leads_next_after_an_error_that_is_its_leaders_own() {
    // S72 S151
    watched(|| {
        let group: Ids = Group::builder().share_error_with(|_: &String| ShareWith::Nobody).build();
        let runs = Runs::default();
        let leader = leading(&group, &[1, 2]);
        let call = noted(&group, &runs, &[2, 1]);
        wait_until(|| followers(&group, 1) == 1 && followers(&group, 2) == 1);
        assert!(leader.returns(Err("own".into())).iter().all(Result::is_err));
        assert_eq!(values(call.join().unwrap()), [4, 1]);
        assert_eq!(runs.of().concat().len(), 2);
        assert!(group.in_flight().is_empty());
    });
}

#[test]
fn a_call_that_has_timed_out_is_no_ticket() {
    // S149 S71: a call that leaves takes its place along, so the one that sleeps here is told to begin.
    watched(|| {
        let clock = ManualClock::new();
        let (queue, jobs) = std::sync::mpsc::channel::<Job>();
        let group: Ids = Group::builder()
            .max_wait(TIMEOUT)
            .clock(clock.clone())
            .executor(move |job: Job| queue.send(job))
            .build();
        let first = group.submit(&1, || Ok(0)).unwrap();
        let call = many(&group, &[1]);
        wait_until(|| followers(&group, 1) == 1);
        clock.advance(20 * MS);
        let own = group.clone();
        let other = thread::spawn(move || own.execute(&1, || Ok(11)));
        wait_until(|| followers(&group, 1) == 2);
        clock.advance(10 * MS);
        assert!(call.join_unrun()[0].as_ref().unwrap_err().is_timeout());
        drop(jobs.recv().unwrap());
        assert!(first.wait().unwrap_err().is_abandoned());
        assert_eq!(*other.join().unwrap().unwrap(), 11);
        assert!(group.in_flight().is_empty());
    });
}
