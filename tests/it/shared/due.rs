//! A refresh asks the other processes for a result that is young enough (S128).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use coalescer::shared::{Ended, Served, Wait};
use coalescer::{Builder, Coalescer, ForCoalescer, ManualClock, Role, ShareWith};

use super::desk::{Desk, FIRM, Question, Reply, Told, desk, desk_of};
use crate::jobs::Jobs;
use crate::support::{Call, MS, NS, Numbers, begin, start, watched};

type Coalesced = Coalescer<String, u32, String>;

/// A group with a window of 100 ms, whose values are due after 60, and its value 1 of the key, which is due now.
fn due() -> (ManualClock, Numbers, Desk) {
    let clock = ManualClock::new();
    // A result of another process can have begun before.
    clock.advance(1000 * MS);
    let (group, desk) =
        desk(true, |group| group.window(100 * MS).refresh_after(60 * MS).clock(clock.clone()));
    let leader = begin(&group, "k");
    desk.next().answer(Reply::Lead(FIRM));
    assert_eq!(*leader.begun().returns(Ok(1)).unwrap().value, 1);
    assert_eq!(desk.told.recv().unwrap(), Told::Value(1, ShareWith::Everyone));
    clock.advance(60 * MS);
    (clock, group, desk)
}

/// The value that the window serves, and its age.
fn late(group: &Numbers) -> (u32, Duration) {
    let late = group.call("k").outcome(|| unreachable!("it is in its window")).unwrap();
    assert_eq!(late.role, Role::Late);
    (*late.value, late.age)
}

/// Begins a call that refreshes, and returns it with its question.
fn refreshing(group: &Numbers, desk: &Desk) -> (Call<u32, String>, Question) {
    (begin(group, "k"), desk.next())
}

/// The age that a result has at most, to be accepted.
fn accepts(question: &Question) -> Option<Duration> {
    question.not_before.map(|time| question.asked.since(time))
}

/// A value of another process, which may be kept, and began so long before the question.
fn value(question: &Question, value: u32, age: Duration) -> Served<u32, String> {
    Served::new(Ended::Value(Arc::new(value)), question.asked.before(age)).keep(true)
}

#[test]
fn a_due_refresh_asks_for_a_result_that_is_not_due() {
    // S128 S76 S121
    watched(|| {
        let (clock, group, desk) = due();
        let (call, question) = refreshing(&group, &desk);
        assert_eq!((accepts(&question), question.wait), (Some(60 * MS - NS), Wait::Endless));
        assert_eq!(late(&group), (1, 60 * MS), "the old value is served meanwhile");
        assert!(desk.is_idle(), "nobody else asks");
        question.answer(Reply::Lead(FIRM));
        let call = call.begun();
        assert_eq!(late(&group), (1, 60 * MS));
        let led = call.returns(Ok(2)).unwrap();
        assert_eq!((*led.value, led.role), (2, Role::Leader));
        assert_eq!(desk.told.recv().unwrap(), Told::Value(2, ShareWith::Everyone));
        clock.advance(60 * MS - NS);
        assert_eq!(late(&group), (2, 60 * MS - NS));
        let stats = group.stats();
        assert_eq!((stats.refreshes, stats.refresh_failures, stats.executed_requests), (1, 0, 2));
    });
}

#[test]
fn a_result_that_another_process_has_refreshed_is_kept_and_nothing_runs() {
    // S128 S77 S120
    watched(|| {
        let (clock, group, desk) = due();
        let (call, question) = refreshing(&group, &desk);
        let served = value(&question, 2, 10 * MS);
        assert_eq!(late(&group), (1, 60 * MS), "the old value is served until the answer is there");
        question.answer(Reply::Served(served));
        let outcome = call.join_unrun().unwrap();
        assert_eq!((*outcome.value, outcome.role, outcome.age), (2, Role::Shared, 10 * MS));
        assert_eq!(late(&group), (2, 10 * MS));
        let stats = group.stats();
        assert_eq!((stats.refreshes, stats.refresh_failures), (1, 0));
        assert_eq!((stats.executed_requests, stats.shared, stats.in_flight), (1, 1, 0));
        // It is due by its own start.
        clock.advance(50 * MS - NS);
        assert_eq!(late(&group), (2, 60 * MS - NS));
        assert!(desk.is_idle());
        clock.advance(NS);
        let (call, question) = refreshing(&group, &desk);
        let served = value(&question, 3, Duration::ZERO);
        question.answer(Reply::Served(served));
        assert_eq!(*call.join_unrun().unwrap().value, 3);
    });
}

#[test]
fn a_call_with_a_deadline_refreshes_within_it() {
    // S128 S33 S122
    watched(|| {
        let (clock, group, desk) = due();
        let handle = group.clone();
        let call = start(move |function| handle.execute_timeout("k", 5 * MS, function));
        let question = desk.next();
        assert_eq!(accepts(&question), Some(60 * MS - NS));
        assert!(matches!(question.wait, Wait::Until(end) if end == question.asked.after(5 * MS)));
        clock.advance(5 * MS);
        question.answer(Reply::TimedOut);
        assert_eq!(*call.join_unrun().unwrap(), 1, "it was in its window when the call began");
        assert_eq!(late(&group), (1, 65 * MS), "the next refresh is due later");
        assert_eq!((group.stats().refreshes, group.stats().refresh_failures), (1, 1));
        assert!(desk.is_idle());
    });
}

#[test]
fn a_refresh_that_another_process_fails_leaves_the_old_value() {
    // S128 S122 S123
    watched(|| {
        type Failure = fn(&Question) -> Reply;
        let failures: [Failure; 4] = [
            |question| {
                let ended = Ended::Failed(Arc::new("down".to_owned()));
                Reply::Served(Served::new(ended, question.asked))
            },
            |question| {
                let ended = Ended::Panicked(Some("on purpose".into()));
                Reply::Served(Served::new(ended, question.asked))
            },
            |_| Reply::TimedOut,
            |_| Reply::WouldBlock,
        ];
        for fails in failures {
            let (clock, group, desk) = due();
            let (call, question) = refreshing(&group, &desk);
            let reply = fails(&question);
            question.answer(reply);
            let outcome = call.join_unrun().unwrap();
            assert_eq!((*outcome.value, outcome.role), (1, Role::Late));
            clock.advance(40 * MS - NS);
            assert_eq!(late(&group), (1, 100 * MS - NS), "the next refresh would be due later");
            let stats = group.stats();
            assert_eq!((stats.refreshes, stats.refresh_failures), (1, 1));
            assert_eq!((stats.executed_requests, stats.in_flight), (1, 0));
            assert!(desk.is_idle());
        }
    });
}

#[test]
fn a_served_result_that_must_not_be_kept_is_its_callers_alone() {
    // S128 S80 S123
    watched(|| {
        let (_clock, group, desk) = due();
        let (call, question) = refreshing(&group, &desk);
        question.serve(2, 10 * MS, false);
        let outcome = call.join_unrun().unwrap();
        assert_eq!((*outcome.value, outcome.role), (2, Role::Shared));
        assert_eq!(late(&group), (1, 60 * MS), "the old value stays");
        assert_eq!((group.stats().refreshes, group.stats().refresh_failures), (1, 1));
    });
}

/// A coalescer with the settings of [`due`], whose value is the number of its run, and its value 1 of the key.
fn coalescer(
    set: impl FnOnce(Builder<ForCoalescer, String, u32>) -> Builder<ForCoalescer, String, u32>,
    in_background: bool,
) -> (ManualClock, Coalesced, Desk) {
    let (clock, runs) = (ManualClock::new(), AtomicU32::new(0));
    clock.advance(1000 * MS);
    let load = move |_: &String| Ok::<_, String>(runs.fetch_add(1, Ordering::SeqCst) + 1);
    let (coalescer, desk) = desk_of(true, |line| {
        let builder = Coalescer::builder().window(100 * MS).refresh_after(60 * MS);
        let builder = set(builder.clock(clock.clone())).shared(line);
        if in_background { builder.build_refreshing(load) } else { builder.build(load) }
    });
    let own = coalescer.clone();
    let first = thread::spawn(move || *own.execute("k").unwrap());
    desk.next().answer(Reply::Lead(FIRM));
    assert_eq!(first.join().unwrap(), 1);
    (clock, coalescer, desk)
}

/// The value that the window serves.
fn late_of(coalescer: &Coalesced) -> u32 {
    let late = coalescer.call("k").outcome().unwrap();
    assert_eq!(late.role, Role::Late);
    *late.value
}

#[test]
fn a_refresh_in_the_background_asks_when_its_job_begins() {
    // S128 S124
    watched(|| {
        for is_served in [true, false] {
            let (executor, jobs) = Jobs::new();
            let (clock, coalescer, desk) = coalescer(|builder| builder.executor(executor), true);
            clock.advance(60 * MS);
            assert_eq!(late_of(&coalescer), 1, "the caller of the refresh");
            assert!(desk.is_idle());
            let job = jobs.next();
            clock.advance(10 * MS);
            let worker = thread::spawn(move || job.run());
            let question = desk.next();
            assert_eq!((accepts(&question), question.wait), (Some(60 * MS - NS), Wait::Endless));
            assert_eq!(late_of(&coalescer), 1, "the old value is served meanwhile");
            let served = value(&question, 9, 50 * MS);
            question.answer(if is_served { Reply::Served(served) } else { Reply::Lead(FIRM) });
            worker.join().unwrap();
            assert_eq!(coalescer.peek("k").as_deref(), Some(if is_served { &9 } else { &2 }));
            let stats = coalescer.stats();
            assert_eq!((stats.refreshes, stats.refresh_failures), (1, 0));
            assert_eq!(
                (stats.shared, stats.executed_requests),
                if is_served { (1, 1) } else { (0, 2) }
            );
            assert!(jobs.is_empty() && desk.is_idle());
        }
    });
}

#[test]
fn the_verb_asks_for_a_result_that_begins_after_it_was_called() {
    // S128 S125
    watched(|| {
        for waits in [Duration::ZERO, 10 * MS] {
            let (executor, jobs) = Jobs::new();
            let has_executor = !waits.is_zero();
            let (clock, coalescer, desk) = coalescer(
                |builder| if has_executor { builder.executor(executor) } else { builder },
                false,
            );
            clock.advance(30 * MS);
            let own = coalescer.clone();
            let verb = thread::spawn(move || own.refresh("k").unwrap());
            let worker = has_executor.then(|| {
                let job = jobs.wait_next();
                clock.advance(waits);
                thread::spawn(move || job.run())
            });
            let question = desk.next();
            // Its own moment is too early, however young the value in the window is.
            let called = question.asked.before(waits);
            assert!(question.not_before.unwrap() > called);
            assert_eq!((late_of(&coalescer), question.wait), (1, Wait::Endless));
            let served = Served::new(Ended::Value(Arc::new(9)), question.not_before.unwrap());
            question.answer(Reply::Served(served.keep(true)));
            assert!(verb.join().unwrap());
            worker.into_iter().for_each(|worker| worker.join().unwrap());
            assert_eq!(late_of(&coalescer), 9);
            let stats = coalescer.stats();
            assert_eq!((stats.refreshes, stats.refresh_failures), (1, 0));
            assert_eq!((stats.executed_requests, stats.in_flight), (1, 0));
            assert!(desk.is_idle());
        }
    });
}
