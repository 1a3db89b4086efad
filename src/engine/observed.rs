//! The engine's side of the observer: the gate and the clock that it is handed.
//!
//! Without a listener each of these is a load or nothing (`observe`).

use crate::engine::call::Follower;
use crate::engine::slot::SlotRef;
use crate::engine::table::Table;
use crate::observe::{EndedRun, Run, Wait, WaitEnd};
use crate::wait::clock::Nanos;

#[cfg(feature = "tracing")]
use {
    crate::wait::{gate::Gate, gate_state::Phase},
    std::sync::Arc,
};

impl<K, V, E> Table<K, V, E> {
    /// Observes a run of the function that is about to begin, on this thread; of a flight, or for one
    /// call alone.
    #[inline]
    pub(crate) fn begin_run(&self, slot: Option<SlotRef>) -> Run {
        let _ = slot;
        self.observer.begin_run(
            &self.clock,
            #[cfg(feature = "tracing")]
            || {
                let SlotRef { id, hash } = slot?;
                let mut shard = self.shard(hash).lock();
                Some(Arc::clone(self.flight_of(&mut shard, id).gate()))
            },
        )
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
    pub(crate) fn begin_wait(&self, follower: &Follower<V, E>) -> Wait {
        let _ = follower;
        self.observer.begin_wait(
            #[cfg(feature = "tracing")]
            || (Arc::clone(follower.flight.gate()), self.gate_that_runs(follower)),
        )
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
