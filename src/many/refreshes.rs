//! [`Refreshes`]: gathers the keys of a batcher that have fallen due, for the jobs of its executor (S163 to S165).
//!
//! ```text
//!                        ┌─ no job of the batcher runs ────────────────┐
//! a key is due ── list ──┼─ the list has max_batch keys ───────────────┼─▶ a job goes to the executor,
//!                        └─ a call waits for a flight without a leader ─┘   unless one is on its way
//!
//! a job takes the list, max_batch keys at a time, until it is empty
//! ```
//!
//! So the keys that fall due while a job is in the executor's queue, or runs, are asked for together. Nobody waits behind a
//! function that is stuck: a call that is to wait hurries the list, and another job takes it.
//!
//! **A call that waits before its flight is in the list.** It has joined while the call led that has found the key due, or it
//! has hurried for the flight after that one. So who adds flights passes a job on if one of them is awaited, or if there was a
//! hurry since before they began.
//!
//! **Locks:** the lock of the list is taken alone.

use std::collections::HashMap;
use std::mem;

use crate::engine::call::Mode;
use crate::engine::promise::Promise;
use crate::engine::queued::Queued;
use crate::engine::table::Table;
use crate::many::call::{LoadMany, Many};
use crate::many::collector::Member;
use crate::many::gathered::Gathered;
use crate::share::ShareRules;
use crate::sync::{AtomicU64, Mutex, Ordering};
use crate::wait::clock::{FOREVER, Nanos};
use crate::wait::contain::contain;

pub(crate) struct Refreshes<K, V, E> {
    max_batch: usize,
    /// Beside the lock, since each call of many keys reads it. It grows under the lock.
    hurries: AtomicU64,
    state: Mutex<State<K, V, E>>,
}

/// A key that is due, and its flight.
pub(crate) type Due<K, V, E> = (K, Queued<V, E>);

struct State<K, V, E> {
    /// The list.
    due: Vec<Due<K, V, E>>,
    /// True while a job is on its way that will take the list.
    is_coming: bool,
    /// The number of jobs that run. Each takes the list before it ends.
    running: usize,
}

impl<K, V, E> Refreshes<K, V, E> {
    pub(crate) fn new(max_batch: usize) -> Self {
        let state = State { due: Vec::new(), is_coming: false, running: 0 };
        Self { max_batch, hurries: AtomicU64::new(0), state: Mutex::new(state) }
    }

    /// Takes in keys. `hurries` is the number from before their flights began. Returns true if the caller is to pass a
    /// job to the executor.
    pub(crate) fn add(&self, due: Vec<Due<K, V, E>>, hurries: u64) -> bool {
        let is_awaited = due.iter().any(|(_, queued)| queued.flight.gate().is_awaited());
        let mut state = self.state.lock();
        state.due.extend(due);
        let is_full = state.due.len() >= self.max_batch;
        let is_urgent = is_awaited || self.hurries() != hurries;
        let is_time = state.running == 0 || is_full || is_urgent;
        state.sends_a_job(is_time)
    }

    /// Notes that a call is to wait. Returns as [`add`](Self::add).
    pub(crate) fn hurry(&self) -> bool {
        let mut state = self.state.lock();
        self.hurries.fetch_add(1, Ordering::Relaxed);
        let has_keys = !state.due.is_empty();
        state.sends_a_job(has_keys)
    }

    pub(crate) fn hurries(&self) -> u64 {
        self.hurries.load(Ordering::Relaxed)
    }

    /// The work of a job: runs the function for all keys that are due, until none is. It does not panic.
    pub(crate) fn run(
        &self,
        table: &Table<K, V, E>,
        rules: &ShareRules<V, E>,
        load: &mut LoadMany<'_, K, V, E>,
    ) {
        self.begin();
        let (entry, max_age, deadline): (Nanos, _, _) = (0, FOREVER, FOREVER);
        let (mode, max_batch, collector, background) = (Mode::Many, self.max_batch, None, None);
        let many =
            Many { table, rules, entry, max_age, mode, deadline, max_batch, collector, background };
        while let Some(due) = self.next() {
            contain(|| many.run_gathered(members(due), load));
        }
    }

    /// The end of a job that does not run: the refreshes have failed.
    pub(crate) fn lose(&self, table: &Table<K, V, E>) {
        let mut state = self.state.lock();
        state.is_coming = false;
        let due = mem::take(&mut state.due);
        drop(state);
        for (key, queued) in due {
            let lost = Gathered::new(table, queued, Promise::of_job());
            // Destructors of keys are the users'.
            contain(|| drop((lost, key)));
        }
    }

    fn begin(&self) {
        let mut state = self.state.lock();
        state.is_coming = false;
        state.running += 1;
    }

    /// The keys of the next run. `None` ends the job.
    fn next(&self) -> Option<Vec<Due<K, V, E>>> {
        let mut state = self.state.lock();
        if state.due.is_empty() {
            state.running -= 1;
            return None;
        }
        let count = state.due.len().min(self.max_batch);
        let rest = state.due.split_off(count);
        Some(mem::replace(&mut state.due, rest))
    }
}

impl<K, V, E> State<K, V, E> {
    fn sends_a_job(&mut self, is_time: bool) -> bool {
        let sends = is_time && !self.is_coming;
        self.is_coming |= sends;
        sends
    }
}

/// The members of a batch. Keys that may be equal are in different runs.
fn members<K, V, E>(due: Vec<Due<K, V, E>>) -> Vec<Member<K, V, E>> {
    let mut runs = HashMap::new();
    let member = |(key, queued): Due<K, V, E>| {
        let next = runs.entry(queued.slot.hash).or_insert(0);
        let run = *next;
        *next += 1;
        Member { key, queued, promise: Promise::of_job(), run }
    };
    due.into_iter().map(member).collect()
}
