//! [`Promise`]: the cell where calls wait for one completion.
//!
//! A flight has one, for its followers. A job has one of its own, for the ticket that submitted it: a
//! call that began an execution gets that execution's result, which may differ from the flight's
//! (S26). So a ticket waits at one cell at a time, whichever it is.

use std::sync::Arc;

use crate::engine::answer::Answer;
use crate::engine::completion::Completion;
use crate::sync::OnceCell;
use crate::wait::callbacks::Callbacks;
use crate::wait::clock::Nanos;
use crate::wait::gate::Gate;

pub(crate) struct Promise<V, E> {
    pub(crate) gate: Arc<Gate>,
    /// Set once, before the gate closes.
    completion: OnceCell<Completion<V, E>>,
}

impl<V, E> Promise<V, E> {
    pub(crate) fn new(gate: Arc<Gate>) -> Self {
        Self { gate, completion: OnceCell::new() }
    }

    /// A promise of one job, which no thread runs yet.
    pub(crate) fn of_job() -> Arc<Self> {
        Arc::new(Self::new(Gate::new_of_job()))
    }

    /// Sets the completion. Called before the gate closes, since a call that finds the gate closed
    /// reads it (S46).
    pub(crate) fn set(&self, completion: Completion<V, E>) {
        let is_first = self.completion.set(completion).is_ok();
        debug_assert!(is_first, "a flight ends once");
    }

    pub(crate) fn completion(&self) -> Option<&Completion<V, E>> {
        self.completion.get()
    }

    /// The completion of a promise whose gate the caller has found closed.
    pub(crate) fn expect(&self) -> &Completion<V, E> {
        self.completion.get().expect("it is set before the gate is closed")
    }

    /// Closes the promise of a job, whose flight answered `callers`. Returns the callbacks to run
    /// after all locks are released.
    #[must_use = "calls that wait without a thread are called by these"]
    pub(crate) fn close(&self, completion: Completion<V, E>, callers: usize) -> Callbacks {
        self.set(completion);
        self.gate.close_job(callers)
    }

    /// The answer to the call that led, once the gate has closed.
    pub(crate) fn answer_to_leader(&self, waited: Nanos) -> Option<Answer<V, E>> {
        let callers = self.gate.callers_if_closed()?;
        let completion = self.expect();
        completion.answer(completion.leaders_role(), callers, waited)
    }
}
