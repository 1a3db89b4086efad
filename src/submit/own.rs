//! Where a ticket finds what came of its own execution.
//!
//! The room of a flight holds what its followers get. Whoever began an execution gets that one's
//! result, whatever the flight's is (S26); for a call that waits on its own thread it is simply
//! returned. A ticket's comes from a job, so it has a gate of its own to wait at, closed when the
//! job has ended. The gate's lock is taken without a shard's here: nothing of a table knows it.

use std::sync::Arc as StdArc;

use crate::error::Error;
use crate::outcome::Outcome;
use crate::sync::OnceCell;
use crate::wait::callbacks::Calls;
use crate::wait::deadlock::ThreadToken;
use crate::wait::gate::Gate;

/// What a call gets in the end.
pub(crate) type Answer<V, E> = Result<Outcome<V>, Error<E>>;

pub(crate) struct Own<V, E> {
    pub(crate) gate: StdArc<Gate>,
    /// Set once, before the gate is closed.
    answer: OnceCell<Answer<V, E>>,
}

impl<V, E> Own<V, E> {
    pub(crate) fn new() -> StdArc<Self> {
        StdArc::new(Self { gate: Gate::new_queued(), answer: OnceCell::new() })
    }

    /// The job has begun on this thread.
    pub(crate) fn begin(&self, leader: ThreadToken) {
        self.gate.begin_job(leader);
    }

    pub(crate) fn answer(&self) -> Option<Answer<V, E>> {
        self.answer.get().cloned()
    }

    /// The job has ended. Hands out what is to be called when no lock is held.
    #[must_use = "who waits without a thread is called by this"]
    pub(crate) fn close(&self, answer: Answer<V, E>) -> Calls {
        let is_first = self.answer.set(answer).is_ok();
        debug_assert!(is_first, "a job ends once");
        let calls = self.gate.close_own();
        self.gate.wake_one();
        calls
    }
}
