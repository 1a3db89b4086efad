//! Take-overs that come to nothing, and leaders that are lost: an execution that does not run uses up no
//! right to run, and no call waits for one.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use coalescer::{ForGroup, Group, Job, ManualClock, NeverBlocks};

use crate::jobs::{Jobs, assert_at_rest, never};
use crate::support::{Numbers, follow, followers, lead, watched};

const TIMEOUT: Duration = Duration::from_millis(30);

const FAILURES: [fn() -> Result<u32, String>; 2] = [|| Err("down".into()), || panic!("on purpose")];

fn impatient(clock: &ManualClock) -> coalescer::Builder<ForGroup, String, u32> {
    Group::builder().leader_timeout(TIMEOUT).clock(clock.clone())
}

/// The fate of the job of a ticket that tries to take over.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Rejected,
    Dropped,
    Panicked,
    DroppedLater,
    Queued,
}

const FATES: [Fate; 5] =
    [Fate::Rejected, Fate::Dropped, Fate::Panicked, Fate::DroppedLater, Fate::Queued];

/// A group whose jobs have that fate, and the jobs that are queued.
fn fated(clock: &ManualClock, fate: Fate) -> (Numbers, Jobs) {
    let (queue, jobs) = channel();
    let executor = move |job: Job| match fate {
        Fate::Rejected => Err(()),
        Fate::Dropped => {
            drop(job);
            Ok(())
        }
        Fate::Panicked => panic!("no threads left"),
        Fate::DroppedLater | Fate::Queued => queue.send(job).map_err(drop),
    };
    (impatient(clock).executor(executor).build(), Jobs::of(jobs))
}

#[test]
fn a_take_over_that_does_not_run_leaves_its_place_to_a_call_with_a_thread() {
    // S36 S39
    watched(|| {
        for fate in FATES {
            let clock = ManualClock::new();
            let (group, jobs) = fated(&clock, fate);
            let stuck = lead(&group, "k");
            let ticket = group.submit("k", || Ok(2)).unwrap();
            clock.advance(TIMEOUT);
            let wait = thread::spawn(move || ticket.wait());
            let told = match fate {
                Fate::Panicked => {
                    assert!(wait.join().is_err(), "the executor's panic goes on");
                    None
                }
                Fate::DroppedLater | Fate::Queued => Some((jobs.wait_next(), wait)),
                Fate::Rejected | Fate::Dropped => {
                    let error = wait.join().unwrap().unwrap_err();
                    assert_eq!(error.is_rejected(), fate == Fate::Rejected, "{error:?}");
                    None
                }
            };
            assert_eq!(group.stats().takeovers, 0, "none has run");
            let told = match (fate, told) {
                (Fate::DroppedLater, Some((job, wait))) => {
                    drop(job);
                    assert!(wait.join().unwrap().unwrap_err().is_abandoned());
                    None
                }
                (_, told) => told,
            };
            assert_eq!(*group.try_execute("k", || Ok(3)).unwrap(), 3, "the place is free");
            assert_eq!(group.stats().takeovers, 1);
            if let Some((job, wait)) = told {
                assert_eq!(*wait.join().unwrap().unwrap(), 3, "it follows");
                job.run();
            }
            assert_eq!(*stuck.returns(Ok(1)).unwrap().value, 1);
            assert_eq!(group.stats().executed_requests, 2);
            assert_at_rest(&group);
        }
    });
}

#[test]
fn after_a_take_over_that_is_lost_another_ticket_tries() {
    // S36
    watched(|| {
        let clock = ManualClock::new();
        let (group, jobs) = fated(&clock, Fate::Queued);
        let stuck = lead(&group, "k");
        let waits: Vec<_> = (0..3)
            .map(|_| {
                let ticket = group.submit("k", || Ok(2)).unwrap();
                thread::spawn(|| ticket.wait())
            })
            .collect();
        clock.advance(TIMEOUT);
        drop(jobs.wait_next());
        drop(jobs.wait_next());
        jobs.wait_next().run();
        let told: Vec<_> = waits.into_iter().map(|wait| wait.join().unwrap()).collect();
        let lost =
            told.iter().filter(|told| told.as_ref().is_err_and(|error| error.is_abandoned()));
        assert_eq!(lost.count(), 2);
        assert_eq!(
            told.iter().filter(|told| told.as_ref().is_ok_and(|value| **value == 2)).count(),
            1
        );
        stuck.returns(Ok(1)).unwrap();
        assert_at_rest(&group);
    });
}

#[test]
fn a_job_that_begins_when_the_places_are_taken_follows() {
    // S36 S39: the bound is on what runs at a time, also if jobs begin late.
    watched(|| {
        let clock = ManualClock::new();
        let (group, jobs) = fated(&clock, Fate::Queued);
        // A leader that is queued, and runs nothing.
        let queued = group.submit("k", never).unwrap();
        let queued_job = jobs.next();
        clock.advance(TIMEOUT);
        let first = lead(&group, "k");
        clock.advance(TIMEOUT);
        let second = lead(&group, "k");
        queued_job.run();
        assert_eq!((group.in_flight()[0].executions, followers(&group)), (2, 1));
        assert_eq!(*second.returns(Ok(7)).unwrap().value, 7);
        assert_eq!(*queued.wait().unwrap(), 7);
        first.returns(Ok(1)).unwrap();
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.followers, stats.takeovers), (2, 1, 2));
        assert_at_rest(&group);
    });
}

#[test]
fn an_execution_that_has_failed_gives_its_place_back() {
    // S36 S39: the next is due `leader_timeout` after the youngest began.
    watched(|| {
        for failure in FAILURES {
            let clock = ManualClock::new();
            let group: Numbers = impatient(&clock).build();
            let first = lead(&group, "k");
            clock.advance(TIMEOUT);
            let second = lead(&group, "k");
            let waiter = follow(&group, "k", 1).remove(0);
            assert!(!matches!(first.ends(failure).try_join(), Ok(Ok(_))));
            assert!(group.try_execute("k", never).unwrap_err().would_block());
            clock.advance(TIMEOUT);
            let waiter = waiter.begun();
            assert_eq!(group.in_flight()[0].executions, 2);
            assert_eq!(*waiter.returns(Ok(3)).unwrap().value, 3);
            second.returns(Ok(2)).unwrap();
            assert_eq!(group.stats().takeovers, 2);
            assert!(group.in_flight().is_empty());
        }
    });
}

#[test]
fn a_failure_decides_if_only_stuck_executions_are_left() {
    // S37: the calls that wait are told at once, and the next call runs its function at once.
    watched(|| {
        for failure in FAILURES {
            let clock = ManualClock::new();
            let group: Numbers = impatient(&clock).build();
            let stuck = lead(&group, "k");
            clock.advance(TIMEOUT);
            let second = lead(&group, "k");
            let waiters = follow(&group, "k", 2);
            assert!(!matches!(second.ends(failure).try_join(), Ok(Ok(_))));
            for waiter in waiters {
                let error = waiter.join_unrun().unwrap_err();
                assert!(error.is_failed() || error.is_panic(), "{error:?}");
            }
            assert_eq!(*group.try_execute("k", || Ok(3)).unwrap(), 3);
            assert_eq!(*stuck.returns(Ok(1)).unwrap().value, 1);
            assert!(group.in_flight().is_empty());
        }
    });
}

#[test]
fn a_lost_leader_lets_one_blocking_call_begin_the_flight_and_the_others_follow_it() {
    // S71 S25: rejected while its submitter is in `spawn`, and dropped from the queue.
    watched(|| {
        let (group, jobs) = crate::jobs::queued();
        let lost = group.submit("k", never).unwrap();
        let calls = follow(&group, "k", 3);
        let tickets = [(); 2].map(|()| group.submit("k", never).unwrap());
        drop(jobs.next());
        assert!(lost.wait().unwrap_err().is_abandoned());
        let told: Vec<_> = calls.into_iter().map(|call| call.ends(|| Ok(5))).collect();
        let values: Vec<u32> = told.into_iter().map(|call| *call.join().unwrap().value).collect();
        assert_eq!(values, [5; 3]);
        assert!(tickets.into_iter().all(|ticket| *ticket.wait().unwrap() == 5));
        assert!(jobs.is_empty(), "no ticket had to begin it");
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.followers, stats.refused), (1, 4, 1));
        assert_eq!(stats.takeovers, 0, "nothing was stuck");
        assert_at_rest(&group);
    });
}

#[test]
fn a_rejected_submit_does_not_fail_the_calls_that_followed_it() {
    // S71 S25
    watched(|| {
        let (inside, in_executor) = channel();
        let (go, goes) = channel();
        let goes = Mutex::new(goes);
        let executor = move |_: Job| {
            inside.send(()).unwrap();
            goes.lock().unwrap().recv().unwrap();
            Err::<(), _>("the queue is full")
        };
        let group: Numbers = Group::builder().executor(executor).build();
        let submitter = thread::spawn({
            let group = group.clone();
            move || group.submit("k", never).map(drop)
        });
        in_executor.recv().unwrap();
        let call = follow(&group, "k", 1).remove(0);
        go.send(()).unwrap();
        assert!(submitter.join().unwrap().unwrap_err().is_rejected());
        assert_eq!(*call.begun().returns(Ok(2)).unwrap().value, 2);
        assert_at_rest(&group);
    });
}

#[test]
fn a_lost_leader_lets_a_ticket_begin_the_flight_if_no_call_has_a_thread() {
    // S71: no thread waits with the tickets; one of them is a receiver's.
    watched(|| {
        let (group, jobs) = crate::jobs::queued();
        let lost = group.submit("k", never).unwrap();
        let tickets: Vec<_> = (0..4).map(|_| group.submit("k", || Ok(5)).unwrap()).collect();
        let (tell, told) = channel();
        group.submit("k", || Ok(5)).unwrap().when_done(move |answer| tell.send(answer).unwrap());
        drop(jobs.next());
        assert!(lost.wait().unwrap_err().is_abandoned());
        let begins = jobs.next();
        assert!(jobs.is_empty(), "exactly one begins it");
        begins.run();
        assert!(tickets.into_iter().all(|ticket| *ticket.wait().unwrap() == 5));
        assert_eq!(*told.recv().unwrap().unwrap(), 5);
        assert_eq!((group.stats().executed_requests, group.stats().followers), (1, 4));
        assert_at_rest(&group);
    });
}

#[test]
fn if_no_call_can_begin_the_flight_of_a_lost_leader_all_are_told() {
    // S71 S25: an executor that runs out of room, with more tickets than a stack has frames.
    watched(|| {
        const TICKETS: usize = 50_000;
        let (queue, jobs) = std::sync::mpsc::sync_channel(1);
        let executor = NeverBlocks(move |job: Job| queue.try_send(job));
        let group: Numbers = Group::builder().executor(executor).build();
        let lost = group.submit("k", never).unwrap();
        let tickets: Vec<_> = (0..TICKETS).map(|_| group.submit("k", never).unwrap()).collect();
        let job = jobs.recv().unwrap();
        drop(jobs);
        drop(job);
        assert!(lost.wait().unwrap_err().is_abandoned());
        for ticket in tickets {
            assert!(ticket.wait().unwrap_err().is_abandoned());
        }
        assert_eq!(group.stats().refused, TICKETS as u64 + 1);
        assert_at_rest(&group);
    });
}

#[test]
fn the_last_call_with_a_thread_leaves_the_flight_to_a_ticket() {
    // S71 S33: the call that was to begin the flight reaches its deadline instead.
    watched(|| {
        let clock = ManualClock::new();
        let (executor, jobs) = Jobs::new();
        let group: Numbers = Group::builder()
            .max_join_age(TIMEOUT)
            .max_leaders(1)
            .clock(clock.clone())
            .executor(executor)
            .build();
        let old = lead(&group, "k");
        clock.advance(TIMEOUT);
        // Both wait for the next flight, as there is no room beside the old one.
        let call = thread::spawn({
            let group = group.clone();
            move || group.execute_timeout("k", TIMEOUT, never)
        });
        crate::support::wait_until(|| followers(&group) == 1);
        let ticket = group.submit("k", || Ok(2)).unwrap();
        clock.advance(TIMEOUT);
        assert!(call.join().unwrap().unwrap_err().is_timeout());
        assert!(jobs.is_empty());
        old.returns(Ok(1)).unwrap();
        jobs.next().run();
        assert_eq!(*ticket.wait().unwrap(), 2);
        assert_at_rest(&group);
    });
}
