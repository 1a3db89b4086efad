//! `refresh(&key)` (S125).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use coalescer::{Builder, Coalescer, Error, ForCoalescer, Job, ManualClock, Role};

use crate::jobs::Jobs;
use crate::support::{MS, wait_until, watched};

type Numbers = Coalescer<u32, u32, String>;

/// A coalescer whose values are the numbers of its runs. A run of 13 fails.
fn numbers(
    set: impl FnOnce(Builder<ForCoalescer, u32, u32>) -> Builder<ForCoalescer, u32, u32>,
) -> Numbers {
    let runs = AtomicU32::new(0);
    set(Coalescer::builder().window(100 * MS)).build(move |key: &u32| {
        let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
        if *key == 13 && run > 1 { Err("down".into()) } else { Ok(run) }
    })
}

#[test]
fn a_refresh_by_the_executor_keeps_the_old_value_served() {
    // S125
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let numbers = numbers(|builder| builder.executor(executor));
        numbers.execute(&7).unwrap();
        assert!(numbers.refresh(&7).unwrap());
        assert!(!numbers.refresh(&7).unwrap(), "one is in the queue");
        assert_eq!(*numbers.execute(&7).unwrap(), 1);
        let job = jobs.next();
        assert!(job.is_wanted(), "though nobody waits");
        job.run();
        assert_eq!(*numbers.execute(&7).unwrap(), 2);
        assert!(jobs.is_empty());
        let stats = numbers.stats();
        assert_eq!((stats.refreshes, stats.total_requests, stats.executed_requests), (1, 4, 2));
    });
}

#[test]
fn a_refresh_without_an_executor_is_run_by_its_caller() {
    // S125
    watched(|| {
        let numbers = numbers(|builder| builder);
        assert_eq!(*numbers.execute(&7).unwrap(), 1);
        assert!(numbers.refresh(&7).unwrap());
        assert_eq!(
            numbers.call(&7).outcome().map(|it| (*it.value, it.role)).unwrap(),
            (2, Role::Late)
        );
        assert_eq!(numbers.stats().refreshes, 1);
    });
}

#[test]
fn a_failure_is_returned_and_leaves_the_old_value() {
    // S125
    watched(|| {
        let numbers = numbers(|builder| builder);
        assert_eq!(*numbers.execute(&13).unwrap(), 1);
        assert!(numbers.refresh(&13).unwrap_err().is_failed());
        assert_eq!(*numbers.execute(&13).unwrap(), 1);
        assert_eq!(numbers.stats().refresh_failures, 1);
        assert!(numbers.refresh(&13).is_err(), "nothing delays it");
        assert_eq!(numbers.stats().refresh_failures, 2);
    });
}

/// A key without a value: whoever comes meanwhile joins.
#[test]
fn a_key_without_a_value_is_made_ready() {
    // S125
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let numbers = Arc::new(numbers(|builder| builder.executor(executor)));
        assert!(numbers.refresh(&7).unwrap());
        let joins = std::thread::spawn({
            let numbers = Arc::clone(&numbers);
            move || numbers.call(&7).outcome().unwrap().role
        });
        wait_until(|| numbers.in_flight().iter().any(|flight| flight.followers == 1));
        jobs.next().run();
        assert_eq!(joins.join().unwrap(), Role::Follower);
        assert_eq!(
            (*numbers.execute(&7).unwrap(), numbers.stats().refreshes),
            (1, 0),
            "it replaced none"
        );
    });
}

/// Its slot may still be there, or not: the counters do not tell.
#[test]
fn a_key_whose_result_has_expired_is_without_a_value() {
    // S125 S123
    watched(|| {
        let clock = ManualClock::new();
        let numbers = numbers(|builder| builder.error_window(Duration::MAX).clock(clock.clone()));
        numbers.execute(&13).unwrap();
        clock.advance(100 * MS);
        assert!(numbers.refresh(&13).is_err());
        assert!(numbers.refresh(&13).is_err(), "an error is kept, and is no value");
        assert_eq!((numbers.stats().refreshes, numbers.stats().refresh_failures), (0, 0));
    });
}

#[test]
fn a_refresh_waits_for_no_execution() {
    // S125
    watched(|| {
        let (go, gate): (_, Receiver<()>) = channel();
        let (begun, begins) = channel();
        let gate = std::sync::Mutex::new(gate);
        let numbers: Numbers = Coalescer::builder().window(Duration::MAX).build(move |_: &u32| {
            begun.send(()).unwrap();
            gate.lock().unwrap().recv().map_err(|error| error.to_string())?;
            Ok(1)
        });
        std::thread::scope(|scope| {
            let leader = scope.spawn(|| numbers.execute(&7));
            begins.recv().unwrap();
            assert!(!numbers.refresh(&7).unwrap());
            go.send(()).unwrap();
            assert_eq!(*leader.join().unwrap().unwrap(), 1);
        });
        assert_eq!(numbers.stats().total_requests, 1, "it is no call");
    });
}

#[test]
fn a_job_that_is_not_taken_is_told() {
    // S125 S24
    watched(|| {
        let numbers = numbers(|builder| builder.executor(|_: Job| Err(coalescer::Rejected)));
        numbers.execute(&7).unwrap();
        assert!(matches!(numbers.refresh(&7), Err(Error::Rejected)));
        assert_eq!(*numbers.execute(&7).unwrap(), 1);
        assert_eq!((numbers.stats().refresh_failures, numbers.in_flight().len()), (1, 0));
    });
}

/// The time that failures add is for refreshes that fall due.
#[test]
fn a_failure_delays_what_falls_due_and_not_the_verb() {
    // S125 S123
    watched(|| {
        let clock = ManualClock::new();
        let numbers = numbers(|builder| builder.refresh_after(60 * MS).clock(clock.clone()));
        numbers.execute(&13).unwrap();
        clock.advance(30 * MS);
        assert!(numbers.refresh(&13).is_err());
        clock.advance(30 * MS);
        numbers.execute(&13).unwrap();
        assert_eq!(numbers.stats().refreshes, 1, "due 60 ms after the one that failed");
        assert!(numbers.refresh(&13).is_err());
        assert_eq!(numbers.stats().refreshes, 2);
    });
}
