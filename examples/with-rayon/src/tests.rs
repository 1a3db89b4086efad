#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[path = "../../../tests/support/watchdog.rs"]
mod watchdog;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, OnceLock};
use std::time::Duration;

use coalescer::{Error, ManualClock, OnDeadlock};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::reports::{Half, MAX_WAIT, NoRecords, Report, Reports, settings};
use crate::scenes;
use watchdog::{wait_until, watched};

fn pool(threads: usize) -> Arc<ThreadPool> {
    Arc::new(ThreadPoolBuilder::new().num_threads(threads).build().unwrap())
}

#[test]
fn a_stolen_job_that_asks_for_the_key_of_its_own_thread_is_refused_at_once() {
    // S41, S44. With a mutex instead of the coalescer, this is the hang of rayon#592.
    watched(|| {
        let seen = scenes::stolen(OnDeadlock::Refuse).unwrap();
        assert!(seen.same_thread, "the job was not stolen by the leader");
        assert!(matches!(seen.stolen, Err(Error::WouldDeadlock)), "{:?}", seen.stolen);
        assert_eq!(*seen.leader.unwrap(), Report { total: 2 });
        assert_eq!((seen.stats.executed_requests, seen.stats.refused), (1, 1));
    });
}

#[test]
fn with_bypass_the_stolen_job_computes_its_own_report() {
    // S41.
    watched(|| {
        let seen = scenes::stolen(OnDeadlock::Bypass).unwrap();
        assert!(seen.same_thread, "the job was not stolen by the leader");
        let (leader, stolen) = (seen.leader.unwrap(), seen.stolen.unwrap());
        assert_eq!(leader, stolen);
        assert!(!Arc::ptr_eq(&leader, &stolen), "the job shares the report of its leader");
        assert_eq!((seen.stats.executed_requests, seen.stats.refused), (2, 0));
    });
}

#[test]
fn max_wait_ends_a_wait_for_a_job() {
    // S44.
    watched(|| {
        let seen = scenes::crowded().unwrap();
        // The first follower that times out frees its thread. The leader may then end before the other
        // follower has looked at the clock, and a result has precedence over a deadline.
        let (timed_out, served): (Vec<_>, Vec<_>) =
            seen.followers.iter().partition(|answer| matches!(answer, Err(Error::TimedOut)));
        assert!(!timed_out.is_empty() && timed_out.len() + served.len() == 2);
        assert!(served.iter().all(|answer| matches!(answer, Ok(report) if report.total == 2)));
        assert_eq!(*seen.leader.unwrap(), Report { total: 2 });
        assert_eq!(seen.stats.executed_requests, 1);
        assert_eq!(seen.stats.timed_out, timed_out.len() as u64);
    });
}

#[test]
fn max_wait_ends_a_cycle_over_a_job_on_the_leaders_thread() {
    // S44. The leader waits for its second half, and runs another job. That waits for a third job, which
    // runs on the third thread and follows the leader.
    watched(|| {
        let (pool, clock) = (pool(3), ManualClock::new());
        let [apart, busy, done, there, begun, spread] = [(); 6].map(|()| Arc::new(Barrier::new(2)));
        let (is_busy, is_done) = (Arc::clone(&busy), Arc::clone(&done));
        let settings = settings().clock(clock.clone());
        let reports = Reports::new(settings, Arc::clone(&pool), move |_, half| {
            apart.wait();
            if half == Half::Second {
                is_busy.wait();
                is_done.wait();
            }
            Ok(1)
        });

        // Holds the third thread until the leader's thread has taken the outer job.
        let (is_there, has_begun) = (Arc::clone(&there), Arc::clone(&begun));
        pool.spawn(move || {
            is_there.wait();
            has_begun.wait();
        });
        there.wait();
        let asked = reports.clone();
        let leader = scenes::spawn(&pool, move || asked.get(2026));
        busy.wait();
        let (asked, inside) = (reports.clone(), Arc::clone(&pool));
        let outer = scenes::spawn(&pool, move || {
            begun.wait();
            inside.join(|| spread.wait(), || (spread.wait(), asked.get(2026)).1).1
        });
        wait_until(|| reports.under_way().1 == 1);
        done.wait(); // the second half ends, but the leader still waits for its own stack
        clock.advance(MAX_WAIT);
        let (follower, _) = scenes::within_limit(&outer).unwrap();
        assert!(matches!(follower, Err(Error::TimedOut)), "{follower:?}");
        assert_eq!(scenes::within_limit(&leader).unwrap().0.unwrap().total, 2);
    });
}

#[test]
fn a_parallel_iterator_over_few_keys_ends_and_each_answer_is_right_or_a_timeout() {
    for threads in [1, 2, 8] {
        watched(move || {
            let pool = pool(threads);
            // Without a window, requests lead and follow all the time.
            let settings = settings().window(Duration::ZERO).max_wait(Duration::from_millis(50));
            let reports = Reports::new(settings, Arc::clone(&pool), |year, half| match half {
                Half::First => Ok(u64::from(year)),
                Half::Second => Ok(1),
            });
            let timed_out = AtomicU64::new(0);
            let is_right = |n: u32| match reports.get(n % 4) {
                Ok(report) => report.total == u64::from(n % 4) + 1,
                Err(error) => {
                    timed_out.fetch_add(1, Ordering::Relaxed);
                    error.is_timeout()
                }
            };
            assert!(pool.install(|| (0..20_000).into_par_iter().all(is_right)));
            let (stats, timed_out) = (reports.stats(), timed_out.into_inner());
            assert_eq!((stats.total_requests, stats.timed_out), (20_000, timed_out));
            assert_eq!(stats.executed_requests + stats.coalesced_requests + timed_out, 20_000);
            assert_eq!(reports.under_way(), (0, 0));
        });
    }
}

#[test]
fn a_half_on_another_thread_that_asks_for_its_own_report_is_refused_or_computes_its_own() {
    // S67: without `Lead::enter` the half would wait for the report, which waits for the half.
    for on_deadlock in [OnDeadlock::Refuse, OnDeadlock::Bypass] {
        watched(move || {
            let own = Arc::new(OnceLock::<Reports>::new());
            let (asks, apart) = (Arc::clone(&own), Barrier::new(2));
            let asked = AtomicU64::new(0);
            let records = move |year, half| {
                if asked.fetch_add(1, Ordering::Relaxed) >= 2 {
                    return Ok(7); // the report that a half computes for itself
                }
                apart.wait(); // opens when both halves run, each on its own thread
                match half {
                    Half::First => Ok(1),
                    Half::Second => match asks.get().unwrap().get(year) {
                        Ok(report) => Ok(report.total),
                        Err(error) => Ok(u64::from(error.would_deadlock())),
                    },
                }
            };
            let settings = settings().on_deadlock(on_deadlock).clock(ManualClock::new());
            let reports = Reports::new(settings, pool(2), records);
            own.set(reports.clone()).ok();
            let total = reports.get(2026).unwrap().total;
            assert_eq!(total, if on_deadlock == OnDeadlock::Bypass { 15 } else { 2 });
        });
    }
}

#[test]
fn an_error_of_a_half_is_the_error_of_the_report() {
    watched(|| {
        let reports = Reports::new(settings(), pool(2), |year, half| match half {
            Half::First => Ok(1),
            Half::Second => Err(NoRecords { year }),
        });
        let error = reports.get(1999).unwrap_err();
        assert_eq!(**error.failed().unwrap(), NoRecords { year: 1999 });
        assert_eq!(error.failed().expect("its own").to_string(), "there are no records of 1999");
    });
}
