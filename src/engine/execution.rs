//! [`Execution`]: the right to run a flight's function, and the obligation to end it.

use std::mem::ManuallyDrop;

use crate::engine::completion::Completion;
use crate::engine::slot::{ShortHash, SlotRef};
use crate::engine::table::Table;
use crate::engine::tally::Departure;
use crate::sync::this_thread;
use crate::wait::clock::Nanos;
use crate::wait::deadlock::ThreadToken;

/// The right and the obligation to end one execution. Dropped without a completion it is lost.
///
/// It marks its thread as the leader for as long as it lives, or until it is queued for another thread.
/// It can end on another thread than it began on, where a runtime moves calls between threads.
#[must_use = "dropping an execution abandons its followers"]
pub(crate) struct Execution<'t, K, V, E> {
    pub(crate) table: &'t Table<K, V, E>,
    /// Its slot, which stays as long as any execution of the flight runs.
    pub(crate) slot: SlotRef,
    pub(crate) start: Nanos,
    pub(crate) leader: ThreadToken,
}

impl<K, V, E> Execution<'_, K, V, E> {
    /// The hash of its key, and its start.
    #[inline]
    pub(super) fn key_and_start(&self) -> (ShortHash, Nanos) {
        (self.slot.hash, self.start)
    }

    /// Ends the mark. The end of the flight runs user code, to which this thread leads no more.
    #[inline]
    pub(super) fn leave_thread(&self) {
        this_thread(|me| me.ascend(self.leader));
    }

    /// Ends the execution, and returns how many calls its flight answered. The result goes to the
    /// followers if it decides the flight; to the leader it goes in any case (S26).
    #[inline]
    pub(crate) fn end(self, completion: &Completion<V, E>) -> usize {
        // It owns nothing; the work of its drop is done here.
        let execution = ManuallyDrop::new(self);
        execution.leave_thread();
        execution.table.end(&execution, completion)
    }
}

impl<K, V, E> Drop for Execution<'_, K, V, E> {
    fn drop(&mut self) {
        self.leave_thread();
        self.table.lose(self, Departure::Refused);
    }
}
