//! One round: a group with random settings, 64 threads on it, and what must hold afterwards.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use coalescer::{Group, Stats, at_rest};

use crate::counts::Counts;
use crate::plan::Plan;
use crate::product::{Key, KeyRef, Live, Product, alive};
use crate::watch::{Board, What, watch};
use crate::worker::Worker;

pub(crate) const THREADS: usize = 64;

/// The most complaints of a round. The first few show the fault, and 64 threads would repeat them.
const MOST_COMPLAINTS: usize = 4;

/// The state that the threads of a round share.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) plan: Plan,
    pub(crate) group: Group<Key, Product, Product>,
    pub(crate) board: Board,
    pub(crate) live_keys: Live,
    pub(crate) live_products: Live,
    /// The logical clock: every reading is a new time.
    ticks: AtomicU64,
    /// For each key the begin of the latest `forget` that has returned, and then of `forget_all`.
    forgotten: Vec<AtomicU64>,
    all_forgotten: AtomicU64,
    /// For each key how many functions run now.
    running: Vec<AtomicUsize>,
    ends: Instant,
    is_over: AtomicBool,
    complaints: Mutex<Vec<String>>,
}

impl Round {
    pub(crate) fn new(plan: Plan, length: Duration) -> Self {
        Self {
            group: plan.group(),
            board: Board::new(),
            live_keys: Live::default(),
            live_products: Live::default(),
            ticks: AtomicU64::new(1),
            forgotten: (0..plan.keys).map(|_| AtomicU64::new(0)).collect(),
            all_forgotten: AtomicU64::new(0),
            running: (0..plan.keys).map(|_| AtomicUsize::new(0)).collect(),
            ends: Instant::now() + length,
            is_over: AtomicBool::new(false),
            complaints: Mutex::default(),
            plan,
        }
    }

    /// Runs the round and checks it under the watchdog.
    pub(crate) fn run(&self) -> Counts {
        let (done, is_done) = channel::<()>();
        thread::scope(|s| {
            s.spawn(move || watch(self, &is_done));
            // Dropped also if a check fails, so that the watchdog always ends.
            let _done = done;
            let mut counts = self.work();
            let stats = self.group.stats();
            counts.compare(&stats, &self.plan);
            counts.takeovers = stats.takeovers;
            self.check_rest();
            counts
        })
    }

    fn work(&self) -> Counts {
        let mut sum = Counts::default();
        thread::scope(|s| {
            let spawn = |id| s.spawn(move || Worker::new(self, id).run());
            let workers: Vec<_> = (0..THREADS).map(spawn).collect();
            let observer = s.spawn(|| self.observe());
            for worker in workers {
                sum += worker.join().expect("a worker catches what its calls throw");
            }
            self.is_over.store(true, Ordering::Relaxed);
            observer.join().expect("an observer only complains");
        });
        let complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(complaints.is_empty(), "{complaints:#?}");
        sum
    }

    /// Reads counters and flights as long as the round lasts (S49).
    fn observe(&self) {
        let mut before = Stats::default();
        while !self.is_over() {
            let _line = self.board.write(THREADS, What::Observe);
            let now = self.group.stats();
            self.check_snapshot(&before, &now);
            before = now;
            for flight in self.group.in_flight() {
                let may_be = flight.executions <= self.plan.settings.max_leaders
                    && flight.followers < THREADS
                    && (flight.executions > 0 || flight.followers > 0);
                self.check(may_be, || format!("an impossible flight: {flight:?}"));
            }
            thread::yield_now();
        }
    }

    fn check_snapshot(&self, before: &Stats, now: &Stats) {
        if let Err(complaint) = check_snapshots(before, now) {
            self.check(false, || complaint);
        }
    }

    /// S47, S50: what is left when all calls have returned.
    fn check_rest(&self) {
        let under_way = self.group.in_flight();
        assert!(under_way.is_empty(), "under way after the end: {under_way:?}");
        let kept = alive(&self.live_products);
        let limit = self.plan.settings.max_retained.unwrap_or(usize::MAX).min(self.plan.keys);
        assert!(kept <= limit, "{kept} results are kept, and {limit} may be");
        let forgotten = self.group.forget_all();
        assert!(forgotten <= kept, "{forgotten} were forgotten, and {kept} were there");
        assert_eq!(alive(&self.live_products), 0, "results outlived forget_all");
        assert_eq!(alive(&self.live_keys), 0, "keys outlived forget_all");
        self.check_places();
    }

    /// S91: the table is empty, and all its places are there.
    fn check_places(&self) {
        let held = at_rest::of_group(&self.group);
        assert_eq!((held.slots, held.places, held.handles), (0, 0, 1), "something stayed behind");
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// True if a worker should begin no further call.
    pub(crate) fn is_time_up(&self) -> bool {
        self.is_over() || Instant::now() >= self.ends
    }

    pub(crate) fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::SeqCst)
    }

    pub(crate) fn key(&self, id: usize) -> KeyRef<'_> {
        KeyRef { id, live: &self.live_keys }
    }

    /// Forgets a key, and notes afterwards that calls from now on must not see what began before.
    pub(crate) fn forget(&self, key: usize) -> usize {
        let begin = self.tick();
        let was_there = self.group.forget(&self.key(key));
        self.forgotten[key].fetch_max(begin, Ordering::SeqCst);
        usize::from(was_there)
    }

    pub(crate) fn forget_all(&self) -> usize {
        let begin = self.tick();
        let forgotten = self.group.forget_all();
        self.all_forgotten.fetch_max(begin, Ordering::SeqCst);
        forgotten
    }

    /// A call that begins now must not get what began before this (S28).
    pub(crate) fn floor(&self, key: usize) -> u64 {
        let forgotten = self.forgotten[key].load(Ordering::SeqCst);
        forgotten.max(self.all_forgotten.load(Ordering::SeqCst))
    }

    /// Notes that a function runs, until the guard is dropped.
    pub(crate) fn enter_function(&self, key: usize) -> Running<'_> {
        let others = self.running[key].fetch_add(1, Ordering::SeqCst);
        self.check(others == 0 || !self.plan.is_exclusive(), || {
            format!("{} functions of key {key} run at a time", others + 1)
        });
        Running { round: self, key }
    }

    /// Complains, and ends the round, unless `holds`. Panics would be the library's to catch.
    pub(crate) fn check(&self, holds: bool, complaint: impl FnOnce() -> String) {
        if holds {
            return;
        }
        self.is_over.store(true, Ordering::Relaxed);
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        if complaints.len() < MOST_COMPLAINTS {
            complaints.push(complaint());
        }
    }
}

#[must_use = "the function counts as running until this is dropped"]
pub(crate) struct Running<'r> {
    round: &'r Round,
    key: usize,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.round.running[self.key].fetch_sub(1, Ordering::SeqCst);
    }
}

/// S49: what holds of a snapshot, and of two of them. A take-over whose job never ran is refused.
pub(crate) fn check_snapshots(before: &Stats, now: &Stats) -> Result<(), String> {
    let ends = now.executed_requests + now.coalesced_requests + now.timed_out + now.refused;
    let is_sound = ends <= now.total_requests
        && now.coalesced_requests == now.followers + now.late
        && now.failed + now.panicked <= now.executed_requests
        && now.takeovers <= now.executed_requests + now.in_flight + now.refused;
    if !is_sound {
        return Err(format!("more ends than calls: {now:?}"));
    }
    match counters(before).into_iter().zip(counters(now)).any(|(b, n)| n < b) {
        true => Err(format!("a counter went back: {before:?} and then {now:?}")),
        false => Ok(()),
    }
}

/// Those that never go back.
fn counters(stats: &Stats) -> [u64; 10] {
    [
        stats.total_requests,
        stats.executed_requests,
        stats.coalesced_requests,
        stats.followers,
        stats.late,
        stats.failed,
        stats.panicked,
        stats.timed_out,
        stats.refused,
        stats.takeovers,
    ]
}
