//! The hook for slow flights with submitted calls: the threads that call it.

use std::panic::panic_any;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use coalescer::{Group, ManualClock, SlowFlight};

use super::{Log, SLOW, hooked, lead_as};
use crate::jobs::{Jobs, NumberTicket, assert_at_rest};
use crate::support::{
    MS, NS, Numbers, followers, lead, unless_refused, until_refused, wait_until, watched,
};

fn stage() -> (ManualClock, Log, Numbers, Jobs) {
    let (clock, log) = (ManualClock::new(), Log::default());
    let (executor, jobs) = Jobs::new();
    let group = hooked(&clock, &log).executor(executor).build();
    (clock, log, group, jobs)
}

fn never() -> Result<u32, String> {
    unreachable!("a follower's function is not run")
}

/// Runs this on a thread of that name.
fn named<R: Send + 'static>(name: &str, run: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    thread::Builder::new().name(name.into()).spawn(run).unwrap()
}

fn own_name() -> Option<String> {
    thread::current().name().map(str::to_owned)
}

#[test]
fn who_waits_with_a_followers_ticket_tells_at_the_very_time_and_waits_on() {
    // S53: of a job that is queued, and so has no thread.
    watched(|| {
        let (clock, log, group, jobs) = stage();
        let leader = group.submit("k", || Ok(1)).unwrap();
        let ticket = group.submit("k", never).unwrap();
        let waiter = named("waiter", move || ticket.wait());
        clock.advance(SLOW - NS);
        assert!(group.try_execute("k", never).unwrap_err().would_block());
        assert_eq!(log.len(), 0);
        clock.advance(NS);
        wait_until(|| log.len() == 1);
        let told = log.only();
        assert_eq!((told.key.as_str(), told.age, told.followers), ("k", SLOW, 1));
        assert_eq!((told.leader, told.ended, told.by.as_deref()), (None, false, Some("waiter")));
        clock.advance(1000 * SLOW);
        assert!(!waiter.is_finished());
        jobs.next().run();
        assert!(Arc::ptr_eq(&waiter.join().unwrap().unwrap(), &leader.wait().unwrap()));
        assert_eq!(log.len(), 1, "once a flight");
        assert_eq!(group.stats().followers, 1);
        assert_at_rest(&group);
    });
}

#[test]
fn a_ticket_that_tells_keeps_its_deadline_and_its_seat() {
    // S32 S48 S54: a deadline that comes with it, and one that comes later.
    watched(|| {
        for later in [Duration::ZERO, MS] {
            let (clock, log, group, jobs) = stage();
            drop(group.submit("k", || Ok(1)).unwrap());
            let mut ticket = group.submit("k", never).unwrap();
            let until = clock.now() + SLOW + later;
            let waiter = thread::spawn(move || (ticket.wait_deadline(until), ticket));
            clock.advance(SLOW);
            wait_until(|| log.len() == 1);
            clock.advance(later);
            let (told, mut ticket) = waiter.join().unwrap();
            assert!(told.unwrap_err().is_timeout());
            assert_eq!((log.only().followers, followers(&group)), (1, 1));
            jobs.next().run();
            assert_eq!(*ticket.wait_timeout(Duration::ZERO).unwrap(), 1);
            assert_eq!((group.stats().timed_out, group.stats().followers), (0, 1));
            assert_at_rest(&group);
        }
    });
}

#[test]
fn a_ticket_that_tells_still_stands_in_the_graph() {
    // S42 S53: a leader that waits for its own flight would close a cycle, before the hook and after.
    watched(|| {
        let (clock, log, slow, _jobs) = stage();
        let outer = Numbers::new();
        let leader = lead(&slow, "b");
        let mut ticket = slow.submit("b", never).unwrap();
        let handle = outer.clone();
        let waiter = thread::spawn(move || {
            let mut wait = || unless_refused(|| ticket.wait_timeout(Duration::MAX));
            *handle.execute("a", || Ok(*wait().unwrap() + 1)).unwrap()
        });
        clock.advance(SLOW);
        wait_until(|| log.len() == 1);
        let leader = leader.ends(move || {
            until_refused(&outer, "a");
            Ok(1)
        });
        assert_eq!(*leader.join().unwrap().value, 1);
        assert_eq!(waiter.join().unwrap(), 2);
        assert_eq!(log.len(), 1);
    });
}

#[test]
fn a_submit_that_meets_a_slow_flight_tells() {
    // S53: `submit` does not wait, and its ticket may never wait either.
    watched(|| {
        let (clock, log, group, _jobs) = stage();
        let leader = lead_as(&group, "accountant", "k");
        clock.advance(2 * SLOW);
        let tickets = [group.submit("k", never), group.submit("k", never)];
        let told = log.only();
        assert_eq!((told.age, told.followers, told.ended), (2 * SLOW, 1, false));
        assert_eq!((told.leader.as_deref(), told.by), (Some("accountant"), own_name()));
        leader.returns(Ok(1)).unwrap();
        assert!(tickets.into_iter().all(|ticket| *ticket.unwrap().wait().unwrap() == 1));
        assert_eq!(log.len(), 1);
        assert_at_rest(&group);
    });
}

#[test]
fn a_submit_that_takes_over_tells_before_its_job_is_handed_over() {
    // S36 S53
    watched(|| {
        let clock = ManualClock::new();
        let (tell, told) = channel();
        let (queue, jobs) = channel();
        let (tell_job, tell) = (tell.clone(), Mutex::new(tell));
        let group: Numbers = Group::builder()
            .clock(clock.clone())
            .leader_timeout(SLOW)
            .executor(move |job: coalescer::Job| {
                tell_job.send("job").unwrap();
                queue.send(job)
            })
            .on_slow(SLOW, move |slow: &SlowFlight<'_, String>| {
                assert!(!slow.ended);
                tell.lock().unwrap().send("slow").unwrap();
            })
            .build();
        let stuck = lead(&group, "k");
        clock.advance(SLOW);
        let ticket = group.submit("k", || Ok(2)).unwrap();
        assert_eq!(told.try_iter().collect::<Vec<_>>(), ["slow", "job"]);
        clock.advance(SLOW);
        jobs.try_recv().unwrap().run();
        assert_eq!(*ticket.wait().unwrap(), 2);
        stuck.returns(Ok(1)).unwrap();
        assert!(told.try_recv().is_err(), "once a flight");
        assert_at_rest(&group);
    });
}

#[test]
fn a_ticket_that_tells_and_takes_over_does_both() {
    // S36 S53: both times are reached at once.
    watched(|| {
        let (clock, log) = (ManualClock::new(), Log::default());
        let (executor, jobs) = Jobs::new();
        let group: Numbers = hooked(&clock, &log).leader_timeout(SLOW).executor(executor).build();
        let stuck = lead_as(&group, "accountant", "k");
        let ticket = group.submit("k", || Ok(2)).unwrap();
        let waiter = named("waiter", move || ticket.wait());
        clock.advance(SLOW);
        let mut job = None;
        wait_until_some(&mut job, || jobs.try_next());
        let told = log.only();
        assert_eq!(
            (told.leader.as_deref(), told.by.as_deref()),
            (Some("accountant"), Some("waiter"))
        );
        clock.advance(SLOW);
        job.unwrap().run();
        assert_eq!(*waiter.join().unwrap().unwrap(), 2);
        stuck.returns(Ok(1)).unwrap();
        assert_eq!(log.len(), 1, "it is one flight");
        assert_at_rest(&group);
    });
}

/// The hook is called before the job is handed over.
fn wait_until_some<T>(found: &mut Option<T>, mut look: impl FnMut() -> Option<T>) {
    while found.is_none() {
        *found = look();
        thread::yield_now();
    }
}

/// A hook's message: is the ticket finished, and the `ended`, `followers` and `leader` of the report and
/// the name of the hook's thread.
type Told = (bool, bool, usize, Option<String>, Option<String>);

fn watching_a_ticket(
    clock: &ManualClock,
) -> (Numbers, Jobs, Arc<Mutex<Option<NumberTicket>>>, std::sync::mpsc::Receiver<Told>) {
    let (executor, jobs) = Jobs::new();
    let ticket: Arc<Mutex<Option<NumberTicket>>> = Arc::default();
    let (tell, told) = channel();
    let (seen, tell) = (Arc::clone(&ticket), Mutex::new(tell));
    let group = Group::builder()
        .clock(clock.clone())
        .executor(executor)
        .on_slow(SLOW, move |slow: &SlowFlight<'_, String>| {
            let is_finished = seen.lock().unwrap().as_ref().is_some_and(|own| own.is_finished());
            let leader = slow.leader.as_ref().and_then(|leader| leader.name().map(str::to_owned));
            let told = (is_finished, slow.ended, slow.followers, leader, own_name());
            tell.lock().unwrap().send(told).unwrap();
        })
        .build();
    (group, jobs, ticket, told)
}

#[test]
fn a_job_that_nobody_saw_tells_when_its_ticket_has_the_outcome() {
    // S53 S54: one that ran for so long, and one that only queued for so long, whatever it returns.
    watched(|| {
        let endings: [fn() -> Result<u32, String>; 3] =
            [|| Ok(1), || Err("down".into()), || panic!("on purpose")];
        for (in_queue, ending) in [(SLOW, endings[0]), (MS, endings[1]), (SLOW - NS, endings[2])] {
            let clock = ManualClock::new();
            let (group, jobs, ticket, told) = watching_a_ticket(&clock);
            let passes = clock.clone();
            let function = move || {
                passes.advance(SLOW - in_queue);
                ending()
            };
            *ticket.lock().unwrap() = Some(group.submit("k", function).unwrap());
            clock.advance(in_queue);
            let job = jobs.next();
            named("worker", || job.run()).join().unwrap();
            let worker = Some("worker".to_owned());
            assert_eq!(told.try_recv().unwrap(), (true, true, 0, worker.clone(), worker));
            assert!(told.try_recv().is_err());
            ticket.lock().unwrap().take();
            assert_at_rest(&group);
        }
    });
}

#[test]
fn a_slow_job_that_is_dropped_tells() {
    // S25 S53: no thread ran the job.
    watched(|| {
        let clock = ManualClock::new();
        let (group, jobs, ticket, told) = watching_a_ticket(&clock);
        let leader = group.submit("k", never).unwrap();
        *ticket.lock().unwrap() = Some(group.submit("k", never).unwrap());
        clock.advance(SLOW);
        drop(jobs.next());
        // This execution has ended, and the flight goes on: the follower is to begin it.
        assert_eq!(told.try_recv().unwrap(), (false, true, 1, None, own_name()));
        assert!(leader.wait().unwrap_err().is_abandoned());
        drop(jobs.next());
        let follower = ticket.lock().unwrap().take().unwrap();
        assert!(follower.wait().unwrap_err().is_abandoned());
        assert_at_rest(&group);
    });
}

#[test]
fn a_job_that_is_fast_enough_or_serves_one_call_alone_is_not_told_of() {
    // S40 S53
    watched(|| {
        let (clock, log) = (ManualClock::new(), Log::default());
        let (executor, jobs) = Jobs::new();
        let group: Numbers =
            hooked(&clock, &log).share_if(|_: &u32| false).executor(executor).build();
        let leader = group.submit("k", || Ok(1)).unwrap();
        let released = group.submit("k", || Ok(2)).unwrap();
        clock.advance(SLOW - NS);
        jobs.next().run();
        clock.advance(2 * SLOW);
        jobs.next().run();
        assert_eq!((*leader.wait().unwrap(), *released.wait().unwrap()), (1, 2));
        assert_eq!(log.len(), 0);
        assert_at_rest(&group);
    });
}

#[test]
fn a_panic_of_the_hook_harms_no_ticket_and_no_job() {
    // S24 S54: the hook is called by a ticket, a submit, a job that ran, and a job that was dropped.
    struct Nasty;
    impl Drop for Nasty {
        fn drop(&mut self) {
            panic!("a payload that panics");
        }
    }
    watched(|| {
        let clock = ManualClock::new();
        let (executor, jobs) = Jobs::new();
        let group: Numbers = Group::builder()
            .clock(clock.clone())
            .executor(executor)
            .on_slow(SLOW, |_: &SlowFlight<'_, String>| panic_any(Nasty))
            .build();
        for told_by_ticket in [true, false] {
            let leader = group.submit("k", || Ok(1)).unwrap();
            let mut ticket = group.submit("k", never).unwrap();
            clock.advance(SLOW);
            if told_by_ticket {
                assert!(ticket.wait_timeout(Duration::ZERO).unwrap_err().is_timeout());
            } else {
                drop(group.submit("k", never).unwrap());
            }
            jobs.next().run();
            assert_eq!((*leader.wait().unwrap(), *ticket.wait().unwrap()), (1, 1));
        }
        let alone = group.submit("k", || Ok(2)).unwrap();
        clock.advance(SLOW);
        jobs.next().run();
        assert_eq!(*alone.wait().unwrap(), 2);
        let dropped = group.submit("k", never).unwrap();
        clock.advance(SLOW);
        drop(jobs.next());
        assert!(dropped.wait().unwrap_err().is_abandoned());
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.followers, stats.refused), (3, 3, 1));
        assert_eq!(stats.panicked, 0);
        assert_at_rest(&group);
    });
}

#[test]
fn a_hook_may_submit_its_own_key_and_others() {
    // S2 S53: in the middle of a ticket's wait, and of a submit.
    watched(|| {
        let clock = ManualClock::new();
        let (executor, jobs) = Jobs::new();
        let own: Arc<Mutex<Option<Numbers>>> = Arc::default();
        let (tell, told) = channel();
        let (handle, tell) = (Arc::clone(&own), Mutex::new(tell));
        let group: Numbers = Group::builder()
            .clock(clock.clone())
            .executor(executor)
            .on_slow(SLOW, move |slow: &SlowFlight<'_, String>| {
                let group = handle.lock().unwrap().clone().unwrap();
                let same = group.submit(slow.key.as_str(), never).unwrap();
                let other = group.submit("other", || Ok(5)).unwrap();
                tell.lock().unwrap().send([same, other]).unwrap();
            })
            .build();
        *own.lock().unwrap() = Some(group.clone());
        for waits in [true, false] {
            let leader = lead(&group, "k");
            let mut ticket = group.submit("k", never).unwrap();
            clock.advance(SLOW);
            if waits {
                assert!(ticket.wait_timeout(Duration::ZERO).unwrap_err().is_timeout());
            } else {
                drop(group.submit("k", never).unwrap());
            }
            let [same, other] = told.try_recv().unwrap();
            leader.returns(Ok(1)).unwrap();
            jobs.next().run();
            let values = [same, other, ticket].map(|ticket| *ticket.wait().unwrap());
            assert_eq!(values, [1, 5, 1]);
        }
        assert!(told.try_recv().is_err());
        *own.lock().unwrap() = None;
        assert_at_rest(&group);
    });
}
