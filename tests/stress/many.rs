//! Calls of many keys: 64 threads, sets of 1 to 32 of 64 keys in random orders, whose functions answer early,
//! late or not at all, fail, panic, and call the group themselves.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use coalescer::{Batch, Error, Group, OnDeadlock, Stats, at_rest};

use crate::rng::Rng;
use crate::round::{THREADS, check_snapshots};
use crate::watchdog::watched;
use crate::{ROUND, check_process, draw, number, turn};

const KEYS: u64 = 64;
const MOST: u64 = 32;

type Numbers = Group<u64, u64, String>;

/// The counts of the threads, to compare with [`Stats`].
#[derive(Default)]
struct Counted {
    calls: AtomicU64,
    executed: AtomicU64,
    batches: AtomicU64,
}

/// One round: a group, and what its functions do.
struct Round {
    group: Numbers,
    counted: Counted,
    /// How often a function calls the group, in percent. Without such calls no call is refused (S142).
    nested: u64,
    /// How often a run fails, panics, or leaves a key open, in percent.
    troubles: u64,
    has_deadlines: bool,
    ends: Instant,
}

#[test]
fn calls_of_many_keys_in_random_orders_end() {
    let _turn = turn();
    let seconds = number("COALESCER_STRESS_SECONDS").unwrap_or(10).div_ceil(3);
    let seed = draw(seconds, |seed| {
        println!("COALESCER_STRESS_SEED={seed}");
        watched(move || play(seed));
        check_process();
        true
    });
    println!("seed {seed}");
}

fn play(seed: u64) {
    let rng = Rng::new(seed);
    let round = Round::new(&rng);
    thread::scope(|s| {
        let round = &round;
        let workers: Vec<_> = (0..THREADS)
            .map(|_| {
                let rng = Rng::new(rng.next());
                s.spawn(move || round.work(&rng))
            })
            .collect();
        let mut before = Stats::default();
        while !round.is_over() {
            let now = round.group.stats();
            check_snapshots(&before, &now).expect("S49");
            before = now;
            thread::yield_now();
        }
        for worker in workers {
            worker.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
    round.check();
}

impl Round {
    fn new(rng: &Rng) -> Self {
        let micros = Duration::from_micros;
        let windows = [Duration::ZERO, Duration::ZERO, micros(200), micros(20_000), Duration::MAX];
        let max_wait = rng.pick(&[None, None, Some(micros(1_000))]);
        let mut builder = Group::builder()
            .window(rng.pick(&windows))
            .on_deadlock(rng.pick(&[OnDeadlock::Refuse, OnDeadlock::Refuse, OnDeadlock::Bypass]))
            .shards(rng.pick(&[1, 64]));
        if let Some(wait) = max_wait {
            builder = builder.max_wait(wait);
        }
        if let Some(timeout) = rng.pick(&[None, None, Some(micros(300))]) {
            builder = builder.leader_timeout(timeout);
        }
        if let Some(max) = rng.pick(&[None, None, Some(3)]) {
            builder = builder.max_requests(max);
        }
        if rng.percent(30) {
            builder = builder.share_if(|value: &u64| value % 7 != 0);
        }
        Self {
            group: builder.build(),
            counted: Counted::default(),
            nested: rng.pick(&[0, 0, 30]),
            troubles: rng.pick(&[0, 10]),
            has_deadlines: max_wait.is_some(),
            ends: Instant::now() + ROUND,
        }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.ends
    }

    fn work(&self, rng: &Rng) {
        while !self.is_over() {
            let keys: Vec<u64> = (0..=rng.below(MOST)).map(|_| rng.below(KEYS)).collect();
            let mut distinct = keys.clone();
            distinct.sort_unstable();
            distinct.dedup();
            self.counted.calls.fetch_add(distinct.len() as u64, Ordering::Relaxed);
            let call = || {
                self.group.execute_many_with(&keys, |batch| {
                    let asked = batch.keys();
                    assert!(asked.iter().all(|key| distinct.binary_search(key).is_ok()));
                    self.run(batch, rng)
                })
            };
            match catch_unwind(AssertUnwindSafe(call)) {
                Ok(told) => self.judge(&keys, &told),
                Err(panic) if panic.is::<Planned>() => {}
                Err(unplanned) => resume_unwind(unplanned),
            }
        }
    }

    fn run(&self, batch: &mut Batch<'_, u64, u64, String>, rng: &Rng) -> Result<(), String> {
        let count = batch.keys().len();
        let mut keys = batch.keys().to_vec();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count, "a run has a key twice");
        self.counted.batches.fetch_add(1, Ordering::Relaxed);
        self.counted.executed.fetch_add(count as u64, Ordering::Relaxed);
        for _ in 0..rng.below(count as u64 + 1) {
            let place = usize::try_from(rng.below(count as u64)).expect("a place in memory");
            let key = batch.keys()[place];
            batch.answer(&key, Ok(key));
            self.call_within(rng);
        }
        if rng.percent(self.troubles) {
            return match rng.below(3) {
                0 => Ok(()),
                1 => Err("down".to_owned()),
                _ => resume_unwind(Box::new(Planned)),
            };
        }
        batch.answer_rest(|key| Ok(*key));
        Ok(())
    }

    /// Calls the group from a function, for a key that may be led by anybody.
    fn call_within(&self, rng: &Rng) {
        if !rng.percent(self.nested) {
            return;
        }
        let key = rng.below(KEYS);
        self.counted.calls.fetch_add(1, Ordering::Relaxed);
        let run = || {
            self.counted.executed.fetch_add(1, Ordering::Relaxed);
            Ok(key)
        };
        match self.group.execute(&key, run) {
            Ok(value) => assert_eq!(*value, key),
            Err(error) => self.judge_error(&error),
        }
    }

    fn judge(&self, keys: &[u64], told: &[Result<Arc<u64>, Error<String>>]) {
        assert_eq!(told.len(), keys.len());
        for (key, answer) in keys.iter().zip(told) {
            match answer {
                Ok(value) => {
                    assert_eq!(**value, *key);
                    let first = keys.iter().position(|other| other == key).expect("it is there");
                    assert!(Arc::ptr_eq(value, told[first].as_ref().expect("equal keys")));
                }
                Err(error) => self.judge_error(error),
            }
        }
    }

    fn judge_error(&self, error: &Error<String>) {
        let is_possible = match error {
            Error::Failed(_) | Error::Missing | Error::LeaderPanicked { .. } => self.troubles > 0,
            Error::TimedOut => self.has_deadlines,
            Error::WouldDeadlock => self.nested > 0,
            _ => false,
        };
        assert!(is_possible, "{error:?}");
    }

    fn check(&self) {
        let stats = self.group.stats();
        let ends =
            stats.executed_requests + stats.coalesced_requests + stats.timed_out + stats.refused;
        assert_eq!(stats.total_requests, ends, "{stats}");
        let Counted { calls, executed, batches } = &self.counted;
        let [calls, executed, batches] =
            [calls, executed, batches].map(|count| count.load(Ordering::Relaxed));
        assert_eq!(
            (stats.total_requests, stats.executed_requests, stats.batches),
            (calls, executed, batches)
        );
        assert!(self.group.in_flight().is_empty(), "something is under way");
        self.group.forget_all();
        let held = at_rest::of_group(&self.group);
        assert_eq!((held.slots, held.places, held.handles), (0, 0, 1), "something stayed behind");
    }
}

/// The panic of a function.
struct Planned;
