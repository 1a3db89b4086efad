//! [`Queued`]: an execution on its way to the thread that will run it, as its job holds it.
//!
//! ```text
//! Execution ── queue ──▶ Queued ── begin, on the job's thread ──▶ Queued ── end ──▶ (published)
//!  led by the submitter   led by no thread                        led by the job's thread
//! ```
//!
//! An [`Execution`] borrows the table. A job holds the core that the table is in, and passes the table
//! to each step. The leader is written under the locks of shard and gate, as always: a wait that began
//! while no thread led depends on the job's thread from the moment that the job begins (S42).

use std::mem::ManuallyDrop;
use std::sync::Arc;

use crate::engine::completion::Completion;
use crate::engine::execution::Execution;
use crate::engine::flight::Flight;
use crate::engine::slot::SlotRef;
use crate::engine::table::Table;
use crate::wait::clock::Nanos;
use crate::wait::deadlock::ThreadToken;

/// An [`Execution`] without the table. Its owner must end it.
#[must_use = "its flight does not end without it"]
pub(crate) struct Queued<V, E> {
    pub(crate) slot: SlotRef,
    pub(crate) start: Nanos,
    pub(crate) leader: ThreadToken,
    pub(crate) flight: Arc<Flight<V, E>>,
}

impl<K, V, E> Execution<'_, K, V, E> {
    /// Takes the execution off this thread, which does not lead it any more.
    pub(crate) fn queue(self) -> Queued<V, E> {
        self.leave_thread();
        let mut shard = self.table.shard(self.slot.hash).lock();
        let flight = self.table.flight_of(&mut shard, self.slot.id);
        flight.gate().lose_leader(self.leader);
        drop(shard);
        // It goes on as the value that is built here.
        let Self { slot, start, .. } = *ManuallyDrop::new(self);
        Queued { slot, start, leader: ThreadToken::NONE, flight }
    }
}

impl<V, E> Queued<V, E> {
    /// Begins the job on this thread.
    pub(crate) fn begin<K>(&mut self, table: &Table<K, V, E>, leader: ThreadToken) {
        let shard = table.shard(self.slot.hash).lock();
        self.leader = leader;
        self.flight.gate().begin_job(leader);
        drop(shard);
    }

    /// Publishes like [`Execution::end`], then calls `published(callers)`; no user code runs before
    /// that.
    pub(crate) fn end<K>(
        self,
        table: &Table<K, V, E>,
        completion: &Completion<V, E>,
        published: impl FnOnce(usize),
    ) {
        let Self { slot, start, leader, flight } = self;
        let execution = ManuallyDrop::new(Execution { table, slot, start, leader });
        table.end_job(&execution, &flight, completion, |followers| published(followers + 1));
    }
}
