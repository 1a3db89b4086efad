//! Batchers: calls of one key, which gather, together with calls of many, by every verb. The values are refreshed,
//! and the functions answer some keys, fail, panic, and call the batcher themselves.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use coalescer::{Batch, Batcher, Error, Stats, at_rest};

use crate::batch_plan::{Manner, Plan};
use crate::rng::Rng;
use crate::round::{THREADS, check_snapshots};
use crate::watchdog::watched;
use crate::{COVERING, ROUND, check_process, draw, number, turn};

const KEYS: u64 = 64;
const MOST: u64 = 32;

type Values = Batcher<u64, Value, String>;
type Answer = Result<Arc<Value>, Error<String>>;

/// The value of a key, and the tick at which its run began.
#[derive(Debug)]
struct Value {
    key: u64,
    began: u64,
}

/// The counts of the threads, to compare with [`Stats`].
#[derive(Default)]
struct Counted {
    calls: AtomicU64,
    executed: AtomicU64,
    failed: AtomicU64,
    panicked: AtomicU64,
    batches: AtomicU64,
    /// Runs of several keys, in rounds whose calls have one key each.
    gathered: AtomicU64,
}

struct Round {
    batcher: Values,
    plan: Plan,
    counted: Counted,
    /// The logical clock.
    ticks: AtomicU64,
    /// How many runs of each key have not ended.
    running: Vec<AtomicU64>,
    seeds: AtomicU64,
    ends: Instant,
}

/// The endings that a long run must have seen.
#[derive(Debug, Default)]
struct Seen {
    gathered: u64,
    timed_out: u64,
    refreshes: u64,
    refresh_failures: u64,
    panicked: u64,
    refused: u64,
}

/// The panic of a function.
struct Planned;

thread_local! {
    /// True while this thread is in a call that a function makes.
    static IS_WITHIN: Cell<bool> = const { Cell::new(false) };
}

#[test]
fn calls_of_batchers_that_gather_and_refresh_end() {
    // S48 S49 S141 S154 S156 S157 S160
    let _turn = turn();
    let seconds = number("COALESCER_STRESS_SECONDS").unwrap_or(10).div_ceil(2);
    let seen = Arc::new(Mutex::new(Seen::default()));
    let sum = || seen.lock().expect("a round that panics ends the test");
    let seed = draw(seconds, |seed| {
        println!("COALESCER_STRESS_SEED={seed}: {:?}", Plan::random(&Rng::new(seed)));
        let seen = Arc::clone(&seen);
        watched(move || {
            let round = play(seed);
            seen.lock().expect("a round that panics ends the test").add(&round);
        });
        check_process();
        2 * seconds < COVERING || sum().has_all()
    });
    println!("seed {seed}: {:?}", *sum());
    assert!(2 * seconds < COVERING || sum().has_all(), "never seen: {:?}", *sum());
}

fn play(seed: u64) -> Seen {
    let rng = Rng::new(seed);
    let round = Round::new(&rng);
    thread::scope(|s| {
        let round = &*round;
        let workers: Vec<_> = (0..THREADS)
            .map(|_| {
                let rng = Rng::new(rng.next());
                s.spawn(move || round.work(&rng))
            })
            .collect();
        let mut before = Stats::default();
        while !round.is_over() {
            let now = round.batcher.stats();
            check_snapshots(&before, &now).expect("S49");
            before = now;
            thread::yield_now();
        }
        for worker in workers {
            worker.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
    round.check()
}

impl Round {
    fn new(rng: &Rng) -> Arc<Self> {
        let plan = Plan::random(rng);
        Arc::new_cyclic(|round: &Weak<Self>| {
            let round = Weak::clone(round);
            let load = move |batch: &mut Batch<'_, u64, Value, String>| {
                round.upgrade().expect("a call is under way").run(batch)
            };
            Self {
                batcher: plan
                    .builder()
                    .share_if(move |value: &Value| plan.shares(value.key))
                    .build_with(load),
                plan,
                counted: Counted::default(),
                ticks: AtomicU64::new(0),
                running: (0..KEYS).map(|_| AtomicU64::new(0)).collect(),
                seeds: AtomicU64::new(rng.next()),
                ends: Instant::now() + ROUND,
            }
        })
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.ends
    }

    fn work(&self, rng: &Rng) {
        while !self.is_over() {
            match catch_unwind(AssertUnwindSafe(|| self.call(rng))) {
                Ok(()) => {}
                Err(panic) if panic.is::<Planned>() => {}
                Err(unplanned) => resume_unwind(unplanned),
            }
            if self.plan.forgets && rng.percent(5) {
                self.batcher.forget(&rng.below(KEYS));
            }
        }
    }

    fn call(&self, rng: &Rng) {
        let manner = Plan::manner(rng);
        let timeout = Duration::from_micros(rng.below(1_000));
        let began = self.ticks.fetch_add(1, SeqCst);
        let is_single = self.plan.singles_only || rng.percent(70);
        if is_single {
            let key = rng.below(KEYS);
            self.counted.calls.fetch_add(1, SeqCst);
            let answer = match manner {
                Manner::Patient => self.batcher.execute(&key),
                Manner::Bounded => self.batcher.execute_timeout(&key, timeout),
                Manner::Fresh => self.batcher.execute_fresh(&key),
                Manner::Try => self.batcher.try_execute(&key),
            };
            return self.judge(&[key], &[answer], (manner, began));
        }
        let keys: Vec<u64> = (0..=rng.below(MOST)).map(|_| rng.below(KEYS)).collect();
        let mut distinct = keys.clone();
        distinct.sort_unstable();
        distinct.dedup();
        self.counted.calls.fetch_add(distinct.len() as u64, SeqCst);
        let answers = match manner {
            Manner::Patient | Manner::Try => self.batcher.execute_many(&keys),
            Manner::Bounded => self.batcher.execute_many_timeout(&keys, timeout),
            Manner::Fresh => self.batcher.execute_many_fresh(&keys),
        };
        self.judge(&keys, &answers, (manner, began));
    }

    fn judge(&self, keys: &[u64], answers: &[Answer], (manner, began): (Manner, u64)) {
        assert_eq!(answers.len(), keys.len());
        for (key, answer) in keys.iter().zip(answers) {
            match answer {
                Ok(value) => {
                    assert_eq!(value.key, *key);
                    let is_fresh = value.began > began;
                    assert!(is_fresh || manner != Manner::Fresh, "S30: {value:?} for {began}");
                    let first = keys.iter().position(|other| other == key).expect("it is there");
                    assert!(Arc::ptr_eq(value, answers[first].as_ref().expect("equal keys")));
                }
                Err(error) => self.judge_error(error, manner),
            }
        }
    }

    fn judge_error(&self, error: &Error<String>, manner: Manner) {
        let is_possible = match error {
            Error::Failed(_) | Error::Missing | Error::LeaderPanicked { .. } => {
                self.plan.troubles > 0
            }
            Error::TimedOut => manner == Manner::Bounded,
            Error::WouldBlock => manner == Manner::Try,
            Error::WouldDeadlock => self.plan.nested > 0,
            _ => false,
        };
        assert!(is_possible, "{error:?} for {manner:?}");
    }

    /// The function of the batcher.
    fn run(&self, batch: &mut Batch<'_, u64, Value, String>) -> Result<(), String> {
        let rng = Rng::new(self.seeds.fetch_add(1, SeqCst));
        let began = self.begin(batch.keys());
        let mut open = batch.keys().to_vec();
        for _ in 0..rng.below(open.len() as u64 + 1) {
            let place = usize::try_from(rng.below(open.len() as u64)).expect("a place in memory");
            let key = open.swap_remove(place);
            self.answer(batch, key, began, rng.percent(self.plan.troubles));
            self.call_within(&rng);
            (0..rng.below(4)).for_each(|_| thread::yield_now());
        }
        if !rng.percent(self.plan.troubles) {
            open.iter().for_each(|key| self.answer(batch, *key, began, false));
            return Ok(());
        }
        open.iter().for_each(|key| self.leave(*key));
        if rng.percent(30) {
            self.counted.panicked.fetch_add(open.len() as u64, SeqCst);
            resume_unwind(Box::new(Planned));
        }
        self.counted.failed.fetch_add(open.len() as u64, SeqCst);
        if rng.percent(50) { Ok(()) } else { Err("down".to_owned()) }
    }

    /// Counts a run, and checks what it is asked for. Returns its tick.
    fn begin(&self, keys: &[u64]) -> u64 {
        let mut distinct = keys.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), keys.len(), "S141: a run has a key twice");
        assert!((1..=self.plan.max_batch).contains(&keys.len()), "S141 S156: {}", keys.len());
        self.counted.batches.fetch_add(1, SeqCst);
        self.counted.executed.fetch_add(keys.len() as u64, SeqCst);
        if self.plan.singles_only && keys.len() > 1 {
            self.counted.gathered.fetch_add(1, SeqCst);
        }
        for key in keys {
            let others = self.running[place_of(*key)].fetch_add(1, SeqCst);
            assert!(others == 0 || self.plan.may_overlap(), "S1: key {key} runs twice");
        }
        self.ticks.fetch_add(1, SeqCst)
    }

    fn answer(&self, batch: &mut Batch<'_, u64, Value, String>, key: u64, began: u64, fails: bool) {
        // Before the answer: the next run of the key may begin at once.
        self.leave(key);
        let result = match fails {
            true => {
                self.counted.failed.fetch_add(1, SeqCst);
                Err("no".to_owned())
            }
            false => Ok(Value { key, began }),
        };
        assert!(batch.answer(&key, result), "a key is open until it is answered");
    }

    fn leave(&self, key: u64) {
        self.running[place_of(key)].fetch_sub(1, SeqCst);
    }

    /// Calls the batcher from its function, for a key that may be led by anybody.
    fn call_within(&self, rng: &Rng) {
        if !rng.percent(self.plan.nested) || IS_WITHIN.replace(true) {
            return;
        }
        // Its own panic would end the function of the outer call, which has counted its keys as open.
        let called = catch_unwind(AssertUnwindSafe(|| self.call(rng)));
        IS_WITHIN.set(false);
        match called {
            Err(unplanned) if !unplanned.is::<Planned>() => resume_unwind(unplanned),
            _ => {}
        }
    }

    fn check(&self) -> Seen {
        let stats = self.batcher.stats();
        let ends =
            stats.executed_requests + stats.coalesced_requests + stats.timed_out + stats.refused;
        assert_eq!(stats.total_requests, ends, "S48: {stats}");
        let Counted { calls, executed, failed, panicked, batches, gathered } = &self.counted;
        let count = |counted: &AtomicU64| counted.load(SeqCst);
        assert_eq!(
            [stats.total_requests, stats.executed_requests, stats.batches],
            [calls, executed, batches].map(count),
            "{stats}"
        );
        assert_eq!([stats.failed, stats.panicked], [failed, panicked].map(count), "{stats}");
        assert!(stats.refresh_failures <= stats.refreshes, "{stats}");
        assert_eq!(stats.in_flight, 0);
        assert!(self.batcher.in_flight().is_empty(), "something is under way");
        assert!(self.running.iter().all(|runs| count(runs) == 0));
        self.batcher.forget_all();
        let held = at_rest::of_batcher(&self.batcher);
        assert_eq!((held.slots, held.places, held.handles), (0, 0, 1), "something stayed behind");
        Seen {
            gathered: count(gathered),
            timed_out: stats.timed_out,
            refreshes: stats.refreshes,
            refresh_failures: stats.refresh_failures,
            panicked: stats.panicked,
            refused: stats.refused,
        }
    }
}

impl Seen {
    fn add(&mut self, other: &Self) {
        self.gathered += other.gathered;
        self.timed_out += other.timed_out;
        self.refreshes += other.refreshes;
        self.refresh_failures += other.refresh_failures;
        self.panicked += other.panicked;
        self.refused += other.refused;
    }

    fn has_all(&self) -> bool {
        let Self { gathered, timed_out, refreshes, refresh_failures, panicked, refused } = *self;
        ![gathered, timed_out, refreshes, refresh_failures, panicked, refused].contains(&0)
    }
}

fn place_of(key: u64) -> usize {
    usize::try_from(key).expect("keys are few")
}
