//! [`Led`]: one of the executions that a thread leads together, for a call of many keys.
//!
//! An execution marks its thread as a leader while it lives. The executions of one call begin and end in
//! any order, and what depends on one of them depends on the whole run. So the call marks its thread once
//! for all of them, at the depth that each of them was begun at.

use std::mem::ManuallyDrop;

use crate::engine::completion::Completion;
use crate::engine::execution::Execution;
use crate::engine::queued::Queued;
use crate::engine::slot::SlotRef;
use crate::engine::tally::Departure;
use crate::wait::clock::Nanos;
use crate::wait::deadlock::ThreadToken;

/// An execution that does not mark its thread. Dropped without a completion it is lost.
#[must_use = "dropping an execution abandons its followers"]
pub(crate) struct Led<'t, K, V, E>(ManuallyDrop<Execution<'t, K, V, E>>);

impl<'t, K, V, E> Led<'t, K, V, E> {
    /// Takes the mark of this execution off the thread.
    pub(crate) fn of(execution: Execution<'t, K, V, E>) -> Self {
        execution.leave_thread();
        Self(ManuallyDrop::new(execution))
    }

    pub(crate) fn slot(&self) -> SlotRef {
        self.0.slot
    }

    pub(crate) fn start(&self) -> Nanos {
        self.0.start
    }

    /// The thread that leads, at the depth of the call's run.
    pub(crate) fn leader(&self) -> ThreadToken {
        self.0.leader
    }

    /// Takes the execution off this thread, for one that will run it.
    pub(crate) fn queue(self) -> Queued<V, E> {
        let led = ManuallyDrop::new(self);
        let Execution { table, slot, start, leader } = *led.0;
        Execution { table, slot, start, leader }.queue_off_thread()
    }

    /// Publishes like [`Execution::end`].
    pub(crate) fn end(self, completion: &Completion<V, E>) -> usize {
        // It owns nothing; the work of its drop is done here.
        let led = ManuallyDrop::new(self);
        led.0.table.end(&led.0, completion)
    }
}

impl<K, V, E> Drop for Led<'_, K, V, E> {
    fn drop(&mut self) {
        self.0.table.lose(&self.0, Departure::Refused);
    }
}
