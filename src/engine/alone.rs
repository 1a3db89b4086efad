//! [`Alone`]: a call that runs its own function for itself, and is counted until that has ended.

use std::mem::ManuallyDrop;

use crate::engine::completion::Completion;
use crate::engine::slot::ShortHash;
use crate::engine::table::Table;

/// The right to run a function whose result nobody shares, and the obligation to count its end. Dropped
/// without an end it counts as refused: the function never ran.
#[must_use = "dropping it counts a call whose function never ran"]
pub(crate) struct Alone<'t, K, V, E> {
    table: &'t Table<K, V, E>,
    hash: ShortHash,
}

impl<'t, K, V, E> Alone<'t, K, V, E> {
    /// A call that has been counted as running.
    pub(crate) fn new(table: &'t Table<K, V, E>, hash: ShortHash) -> Self {
        Self { table, hash }
    }

    pub(crate) fn hash(&self) -> ShortHash {
        self.hash
    }

    /// Counts the run. Returns how many calls it answered.
    pub(crate) fn end(self, completion: &Completion<V, E>) -> usize {
        // It owns nothing; the work of its drop is done here.
        let alone = ManuallyDrop::new(self);
        alone.table.end_bypass(alone.hash, completion)
    }
}

impl<K, V, E> Drop for Alone<'_, K, V, E> {
    fn drop(&mut self) {
        self.table.lose_bypass(self.hash);
    }
}
