//! The worked examples of the specification, word for word.
//!
//! Pauses and the times that functions take are on the manual clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use coalescer::{Coalescer, Error, Group, ManualClock};

use crate::support::{MS, Numbers, followers, wait_until, watched};

#[test]
fn example_1_three_calls_of_one_key_and_one_of_another() {
    // S8
    watched(|| {
        let f = Coalescer::builder()
            .window(100 * MS)
            .clock(ManualClock::new())
            .build(|key: &String| Ok::<usize, ()>(key.len()));
        for key in ["test", "test", "test", "other"] {
            f.execute(key).unwrap();
        }
        let stats = f.stats();
        assert_eq!((stats.total_requests, stats.executed_requests), (4, 2));
        assert_eq!(stats.coalesced_requests, 2);
    });
}

#[test]
fn example_2_a_pause_longer_than_the_window() {
    // S8
    watched(|| {
        let clock = ManualClock::new();
        let f = Coalescer::builder()
            .window(100 * MS)
            .clock(clock.clone())
            .build(|key: &String| Ok::<usize, ()>(key.len()));
        f.execute("test").unwrap();
        clock.advance(200 * MS);
        f.execute("test").unwrap();
        let stats = f.stats();
        assert_eq!((stats.executed_requests, stats.coalesced_requests), (2, 0));
    });
}

#[test]
fn example_3_ten_calls_with_a_limit_of_three() {
    // S14
    watched(|| {
        let executions = AtomicU64::new(0);
        let f = Coalescer::builder()
            .max_requests(3)
            .window(Duration::MAX)
            .build(move |_: &String| Ok::<u64, ()>(executions.fetch_add(1, Ordering::Relaxed) + 1));
        let values: Vec<u64> = (0..10).map(|_| *f.execute("test").unwrap()).collect();
        assert_eq!(values, [1, 1, 1, 2, 2, 2, 3, 3, 3, 4]);
        let stats = f.stats();
        assert_eq!((stats.executed_requests, stats.coalesced_requests), (4, 6));
    });
}

type Answer = Result<Arc<u32>, Error<String>>;

/// `callers` threads call one key at a barrier. The leader takes 50 ms, which start when all the other
/// threads wait.
fn herd(
    callers: usize,
    clock: &ManualClock,
    outcome: fn() -> Result<u32, String>,
) -> (Numbers, Vec<Answer>) {
    let group: Numbers = Group::builder().clock(clock.clone()).build();
    let barrier = Barrier::new(callers);
    let function = || {
        wait_until(|| followers(&group) == callers - 1);
        clock.advance(50 * MS);
        outcome()
    };
    let call = || {
        barrier.wait();
        group.execute("test", function)
    };
    let results = thread::scope(|s| {
        let threads: Vec<_> = (0..callers).map(|_| s.spawn(call)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    (group, results)
}

#[test]
fn example_4_sixty_four_threads_at_a_barrier() {
    // S1 S4
    watched(|| {
        let (group, results) = herd(64, &ManualClock::new(), || Ok(7));
        let first = results[0].as_ref().unwrap();
        assert!(results.iter().all(|result| Arc::ptr_eq(result.as_ref().unwrap(), first)));
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.coalesced_requests), (1, 63));
    });
}

#[test]
fn example_5_eight_callers_of_a_failing_function() {
    // S16 S17: a retry would show as 50 ms more on the clock, and as one more execution.
    watched(|| {
        let clock = ManualClock::new();
        let begin = clock.now();
        let (group, results) = herd(8, &clock, || Err("down".into()));
        let errors: Vec<_> = results.into_iter().map(Result::unwrap_err).collect();
        let first = errors[0].failed().unwrap();
        assert!(errors.iter().all(|error| Arc::ptr_eq(error.failed().unwrap(), first)));
        assert_eq!(clock.now() - begin, 50 * MS);
        assert_eq!(group.stats().executed_requests, 1);
    });
}

#[test]
fn example_6_two_threads_that_lead_one_key_and_call_the_others() {
    // S42
    watched(|| {
        let group = Numbers::new();
        let both_lead = Barrier::new(2);
        let thread = |own: &'static str, other: &'static str| {
            let (group, both_lead) = (&group, &both_lead);
            move || {
                let mut inner = None;
                let outer = group.execute(own, || {
                    both_lead.wait();
                    inner = Some(group.execute(other, || Ok(0)));
                    Ok(1)
                });
                assert_eq!(*outer.unwrap(), 1);
                inner.unwrap()
            }
        };
        let inner = thread::scope(|s| {
            let (one, two) = (s.spawn(thread("A", "B")), s.spawn(thread("B", "A")));
            [one.join().unwrap(), two.join().unwrap()]
        });
        let refused = inner.iter().filter(|answer| matches!(answer, Err(Error::WouldDeadlock)));
        assert_eq!(refused.count(), 1);
        assert_eq!(inner.iter().filter(|answer| answer.is_ok()).count(), 1);
    });
}
