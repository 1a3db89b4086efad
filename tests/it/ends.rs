//! The steps at the end of a flight: the order of wake-ups, answers and callbacks.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use coalescer::Group;

use crate::jobs::{Jobs, never, queued};
use crate::support::{Numbers, begin, followers, wait_until, watched};

/// How long a callback waits for what must have happened before it. Only a broken library needs it.
const PATIENCE: Duration = Duration::from_secs(3);

/// Submits a leader and a follower whose callback waits until `waiting` threads have returned.
/// Returns whether they had.
fn callback_finds_them_woken(
    waiting: impl FnOnce(&Numbers) -> Vec<thread::JoinHandle<()>>,
) -> bool {
    let (group, jobs) = queued();
    let leader = group.submit("k", || Ok(1)).unwrap();
    let before = waiting(&group);
    let (returned, has_returned) = channel();
    let (called, was_called) = channel();
    let count = before.len();
    group.submit("k", never).unwrap().when_done(move |_| {
        let all = (0..count).all(|_| has_returned.recv_timeout(PATIENCE).is_ok());
        called.send(all).unwrap();
    });
    let job = jobs.next();
    let runs = thread::spawn(move || job.run());
    for thread in before {
        let returned = returned.clone();
        thread::spawn(move || {
            thread.join().unwrap();
            returned.send(()).ok();
        });
    }
    let all = was_called.recv().unwrap();
    runs.join().unwrap();
    assert_eq!(*leader.wait().unwrap(), 1);
    all
}

#[test]
fn a_call_that_waits_is_woken_before_a_callback_is_made() {
    // S46 S90: a callback that waits for such a thread does not hang.
    watched(|| {
        let waits = |group: &Numbers| {
            let calls: Vec<_> = (0..3).map(|_| begin(group, "k")).collect();
            wait_until(|| followers(group) == 3);
            let join = |call: crate::support::Call<u32, String>| {
                thread::spawn(move || drop(call.join_unrun().unwrap()))
            };
            calls.into_iter().map(join).collect()
        };
        assert!(callback_finds_them_woken(waits), "a follower slept while the call was made");
    });
}

#[test]
fn a_ticket_that_waits_is_woken_before_a_callback_is_made() {
    // S46 S90
    watched(|| {
        let waits = |group: &Numbers| {
            let ticket = group.submit("k", never).unwrap();
            vec![thread::spawn(move || drop(ticket.wait().unwrap()))]
        };
        assert!(callback_finds_them_woken(waits), "a ticket slept while the call was made");
    });
}

#[test]
fn the_ticket_of_a_job_is_answered_before_a_callback_is_made() {
    // S46 S90
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let group: Numbers = Group::builder().executor(executor).build();
        let leader = group.submit("k", || Ok(1)).unwrap();
        let (called, was_called) = channel();
        let (answered, is_answered) = channel::<()>();
        group.submit("k", never).unwrap().when_done(move |_| {
            called.send(is_answered.recv_timeout(PATIENCE).is_ok()).unwrap();
        });
        let waits = thread::spawn(move || leader.wait());
        let job = jobs.next();
        let runs = thread::spawn(move || job.run());
        assert_eq!(*waits.join().unwrap().unwrap(), 1);
        answered.send(()).ok();
        assert!(was_called.recv().unwrap(), "the leader's ticket slept while the call was made");
        runs.join().unwrap();
    });
}

#[test]
fn nobody_gets_an_outcome_after_a_participant_has_returned() {
    // S5: by call and by ticket, with a zero window.
    watched(|| {
        let (group, jobs) = queued();
        let rounds = if cfg!(miri) { 5 } else { 200 };
        for n in 0..rounds {
            let leader = group.submit("k", move || Ok(n)).unwrap();
            let job = jobs.next();
            let runs = thread::spawn(move || job.run());
            assert_eq!(*leader.wait().unwrap(), n);
            let next = group.execute("k", move || Ok(1000 + n)).unwrap();
            assert_eq!(*next, 1000 + n, "it began after the ticket's wait had returned");
            runs.join().unwrap();
        }
    });
}
