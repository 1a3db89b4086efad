//! [`Execution`]: the right to run a flight's function, and the obligation to end it.

use std::mem::ManuallyDrop;

use crate::engine::completion::Completion;
use crate::engine::slot::SlotRef;
use crate::engine::table::Table;
use crate::wait::clock::Nanos;
use crate::wait::deadlock::ThreadToken;

/// The right and the obligation to end one execution. Dropped without a completion it is lost.
#[must_use = "dropping an execution abandons its followers"]
pub(crate) struct Execution<'t, K, V, E> {
    pub(crate) table: &'t Table<K, V, E>,
    /// Its slot, which stays as long as any execution of the flight runs.
    pub(crate) slot: SlotRef,
    pub(crate) start: Nanos,
    pub(crate) leader: ThreadToken,
}

impl<K, V, E> Execution<'_, K, V, E> {
    /// Ends the execution, and returns how many calls its flight answered. The result goes to the
    /// followers if it decides the flight; to the leader it goes in any case (S26).
    #[inline]
    pub(crate) fn end(self, completion: &Completion<V, E>) -> usize {
        // It owns nothing; the work of its drop is done here.
        let execution = ManuallyDrop::new(self);
        execution.table.end(&execution, completion)
    }
}

impl<K, V, E> Drop for Execution<'_, K, V, E> {
    fn drop(&mut self) {
        self.table.lose(self);
    }
}
