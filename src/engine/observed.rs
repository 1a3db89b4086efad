//! The engine's side of the observer: the gate and the clock that it is handed.
//!
//! Without a listener each of these is a load or nothing (`observe`).

use std::sync::Arc;

use crate::engine::call::Follower;
use crate::engine::slot::{ShortHash, SlotRef};
use crate::engine::table::Table;
use crate::engine::waiter::GraphWait;
use crate::observe::{EndedRun, Origin, Run, Wait, WaitEnd};
use crate::wait::clock::Nanos;
use crate::wait::deadlock;
use crate::wait::gate::Gate;

#[cfg(feature = "tracing")]
use {
    crate::observe::{RunGates, WaitGates},
    crate::wait::gate_state::Phase,
};

/// A run of the function, as its span shows it.
#[derive(Clone, Copy)]
pub(crate) struct RunOf<'a> {
    /// The slot of its flight. `None` if it shares nothing.
    pub(crate) slot: Option<SlotRef>,
    /// The call that asked for it. `None` if it runs on the thread of that call.
    pub(crate) origin: Option<&'a Origin>,
    /// The gate of its job.
    pub(crate) job: Option<&'a Arc<Gate>>,
}

impl RunOf<'_> {
    /// The run of a call on its own thread.
    #[inline]
    pub(crate) fn call(slot: Option<SlotRef>) -> Self {
        Self { slot, origin: None, job: None }
    }
}

impl<K, V, E> Table<K, V, E> {
    /// Observes a run of the function that is about to begin, on this thread.
    #[inline]
    pub(crate) fn begin_run(&self, run: RunOf<'_>) -> Run {
        let _ = (run.slot, run.job);
        self.observer.begin_run(
            &self.clock,
            run.origin,
            #[cfg(feature = "tracing")]
            || RunGates {
                flight: run.slot.map(|SlotRef { id, hash }| {
                    let mut shard = self.shard(hash).lock();
                    Arc::clone(self.flight_of(&mut shard, id).gate())
                }),
                job: run.job.map(Arc::clone),
                others: Vec::new(),
            },
        )
    }

    /// Observes a run for many keys that is about to begin, on this thread.
    /// `jobs` are the gates at which the calls of gathered keys wait.
    pub(crate) fn begin_batch<'g>(
        &self,
        slots: impl Iterator<Item = SlotRef>,
        jobs: impl Iterator<Item = &'g Arc<Gate>>,
    ) -> Run {
        let _ = (&slots, &jobs);
        self.observer.begin_run(
            &self.clock,
            None,
            #[cfg(feature = "tracing")]
            || {
                let mut gates = slots.map(|SlotRef { id, hash }| {
                    let mut shard = self.shard(hash).lock();
                    Arc::clone(self.flight_of(&mut shard, id).gate())
                });
                let flight = gates.next();
                RunGates { flight, job: None, others: gates.chain(jobs.cloned()).collect() }
            },
        )
    }

    /// Counts a run for many keys, of which one has this hash.
    pub(crate) fn count_batch(&self, hash: ShortHash) {
        self.shard(hash).lock().tally.count_batch();
    }

    /// Observes that the function has returned, before its outcome is published.
    #[inline]
    pub(crate) fn end_run(&self, run: Run, result: impl FnOnce() -> &'static str) -> EndedRun {
        self.observer.end_run(run, &self.clock, result)
    }

    /// Records a run whose outcome is published: it answered so many calls.
    #[inline]
    pub(crate) fn record_run(&self, run: EndedRun, callers: usize) {
        self.observer.record_run(run, callers);
    }

    /// Observes a wait for an execution of others, on this thread.
    #[inline]
    ///
    /// A subscriber may call any coalescer, so the wait leaves the graph before.
    pub(crate) fn begin_wait(&self, follower: &Follower<V, E>, graph: &mut GraphWait) -> Wait {
        let _ = follower;
        if self.observer.hears_waits() {
            graph.leave();
        }
        self.observer.begin_wait(
            #[cfg(feature = "tracing")]
            || {
                let own = Arc::clone(follower.flight.gate());
                let flight = Some(Arc::clone(&own));
                WaitGates { flight, own, running: self.gate_that_runs(follower) }
            },
        )
    }

    /// Observes a ticket's wait for its own job, on this thread. `flight` is the job's flight, if it has
    /// one. The wait leaves the graph before, as in [`begin_wait`](Self::begin_wait).
    #[inline]
    pub(crate) fn begin_job_wait(
        &self,
        job: &Arc<Gate>,
        flight: Option<&Arc<Gate>>,
        graph: &mut Option<deadlock::Wait>,
    ) -> Wait {
        let _ = (job, flight);
        if self.observer.hears_waits() {
            drop(graph.take());
        }
        self.observer.begin_wait(
            #[cfg(feature = "tracing")]
            || {
                let [own, running] = [(); 2].map(|()| Arc::clone(job));
                WaitGates { flight: flight.map(Arc::clone), own, running }
            },
        )
    }

    /// Records that a ticket's wait for its own job is over.
    #[inline]
    pub(crate) fn record_job_wait(&self, wait: Wait, end: WaitEnd, waited: impl Fn() -> Nanos) {
        self.observer.record_job_wait(wait, end, waited);
    }

    /// Records that a wait is over.
    #[inline]
    pub(crate) fn record_wait(&self, wait: Wait, end: WaitEnd, waited: impl Fn() -> Nanos) {
        self.observer.record_wait(wait, end, waited);
    }

    /// Publishes the counters to the recorder.
    #[cfg(feature = "metrics")]
    pub(crate) fn publish_metrics(&self) {
        self.observer.publish_metrics(|| self.stats());
    }

    /// The gate of the flight that runs for a follower: its own, or its predecessor's while its own
    /// has not begun.
    #[cfg(feature = "tracing")]
    fn gate_that_runs(&self, follower: &Follower<V, E>) -> Arc<Gate> {
        let own = follower.flight.gate();
        let mut shard = self.shard(follower.slot.hash).lock();
        if own.lock().phase != Phase::Pending {
            return Arc::clone(own);
        }
        let predecessor = shard.predecessor_of(follower.slot.id);
        let flight = predecessor.and_then(|id| shard.running(id).flight.as_ref());
        Arc::clone(flight.map_or(own, |flight| flight.gate()))
    }
}
