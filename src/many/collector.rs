//! [`Collector`]: gathers the keys of calls that come one by one, for one run of the function (S154 to S159).
//!
//! ```text
//!                    ┌── nothing runs, and no batch is open ──▶ runs at once
//! a call that leads ─┼── opens ── waits ─┬─ the last run ends ──┐
//!                    │                   ├─ the delay is over ──┼─▶ closes the batch, and runs it
//!                    │                   └─ its own deadline ───┘
//!                    └── joins ─┬─ fills the batch ────────────────▶ closes the batch, and runs it
//!                               └─ waits for the run
//! ```
//!
//! A call that takes the open batch out of the collector closes it, and runs it. So a batch is closed once, nobody runs it
//! after its own answer is there, and there is no thread and no timer. That nothing waits while nothing runs is
//! the idea of Nagle's algorithm (RFC 896).
//!
//! **Locks:** the collector's lock comes before those of a shard and of a gate. No code of the user's runs under it.

use std::mem;
use std::sync::Arc;

use crate::engine::led::Led;
use crate::engine::promise::Promise;
use crate::engine::queued::Queued;
use crate::sync::{Mutex, below};
use crate::wait::clock::Nanos;
use crate::wait::deadlock::{self, ThreadToken};
use crate::wait::gate::Gate;

pub(crate) struct Collector<K, V, E> {
    rule: Gathering,
    max_batch: usize,
    state: Mutex<State<K, V, E>>,
}

/// When keys are gathered, and how long at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gathering {
    /// While a run of the function is under way.
    WhileBusy(Nanos),
    /// Always.
    For(Nanos),
}

struct State<K, V, E> {
    /// The threads of the runs that are under way.
    running: Vec<ThreadToken>,
    /// The batch that takes keys; empty if none is open. The call of the first one has opened it.
    open: Vec<Member<K, V, E>>,
}

/// A key that waits for its run. Its owner must end it.
pub(crate) struct Member<K, V, E> {
    pub(crate) key: K,
    pub(crate) queued: Queued<V, E>,
    /// Where its call waits.
    pub(crate) promise: Arc<Promise<V, E>>,
    /// In which of the batch's runs it is: equal keys are in different ones.
    pub(crate) run: usize,
}

/// How a key goes on.
pub(super) enum Entered<'c, 't, K, V, E> {
    /// The call runs the function for it at once.
    AtOnce(Busy<'c, K, V, E>, K, Led<'t, K, V, E>),
    /// Its call waits for the run of its batch. It runs these keys before, if it has closed the batch.
    Gathers(Place<V, E>, Vec<Member<K, V, E>>),
}

/// Where a call waits for the run of its batch.
pub(super) struct Place<V, E> {
    pub(super) promise: Arc<Promise<V, E>>,
    /// The gate of its flight.
    pub(super) flight: Arc<Gate>,
    /// True for the call that has opened the batch, until that is closed.
    pub(super) opens: bool,
}

/// A run that is under way, until it is dropped.
pub(crate) struct Busy<'c, K, V, E> {
    collector: &'c Collector<K, V, E>,
    leader: ThreadToken,
}

impl<K, V, E> Collector<K, V, E> {
    pub(crate) fn new(rule: Gathering, max_batch: usize) -> Self {
        let state = State { running: Vec::new(), open: Vec::new() };
        Self { rule, max_batch, state: Mutex::new(state) }
    }

    /// Begins a run of this thread.
    pub(super) fn begin_run(&self, leader: ThreadToken) -> Busy<'_, K, V, E> {
        self.state.lock().running.push(leader);
        Busy { collector: self, leader }
    }

    /// Takes in the key of a call that leads. A thread that runs the function gathers nothing, as the end of its own run would
    /// wait for it.
    pub(super) fn enter<'t>(&self, key: K, led: Led<'t, K, V, E>) -> Entered<'_, 't, K, V, E> {
        let state = &mut *self.state.lock();
        let opens = state.open.is_empty();
        let is_alone = (opens && self.is_idle(state)) || self.max_batch == 1;
        if is_alone || deadlock::stands_for(led.leader(), &state.running) {
            state.running.push(led.leader());
            return Entered::AtOnce(Busy { collector: self, leader: led.leader() }, key, led);
        }
        let hash = led.slot().hash;
        // They may be equal. If they are not, there is a run more.
        let may_be_equal = |other: &&Member<K, V, E>| other.queued.slot.hash == hash;
        let run =
            state.open.iter().filter(may_be_equal).map(|other| other.run + 1).max().unwrap_or(0);
        // Under the lock: a call that is seen to wait is in a batch.
        let (promise, queued) = (Promise::of_job(), below(|| led.queue()));
        let flight = Arc::clone(queued.flight.gate());
        if opens {
            promise.gate.begin_job_at(queued.start.saturating_add(self.delay()));
        }
        state.open.push(Member { key, queued, promise: Arc::clone(&promise), run });
        let is_full = state.open.len() >= self.max_batch;
        let closed = if is_full { mem::take(&mut state.open) } else { Vec::new() };
        Entered::Gathers(Place { promise, flight, opens }, closed)
    }

    /// True if a call that comes now finds no reason to wait.
    fn is_idle(&self, state: &State<K, V, E>) -> bool {
        matches!(self.rule, Gathering::WhileBusy(_)) && state.running.is_empty()
    }

    /// How long a batch takes keys at most.
    fn delay(&self) -> Nanos {
        match self.rule {
            Gathering::WhileBusy(delay) | Gathering::For(delay) => delay,
        }
    }

    /// Closes the batch that the call has opened which waits at this gate, and returns its keys. None if another call has
    /// closed it.
    pub(super) fn close(&self, opener: &Arc<Gate>) -> Vec<Member<K, V, E>> {
        let mut state = self.state.lock();
        match state.open.first() {
            Some(first) if Arc::ptr_eq(&first.promise.gate, opener) => mem::take(&mut state.open),
            _ => Vec::new(),
        }
    }
}

impl<K, V, E> Drop for Busy<'_, K, V, E> {
    fn drop(&mut self) {
        let mut state = self.collector.state.lock();
        let own = state.running.iter().position(|leader| *leader == self.leader);
        state.running.swap_remove(own.expect("it began"));
        if self.collector.is_idle(&state) {
            if let Some(opener) = state.open.first() {
                opener.promise.gate.begin_job_now();
            }
        }
    }
}
