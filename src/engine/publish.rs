//! How an execution ends: which result becomes the flight's, which calls get it, and what
//! the slot keeps.
//!
//! The first success of any execution decides a flight. A failure decides it when no other execution
//! of it runs (S37). Deciding, unlinking or keeping, and counting happen under the shard's lock. The
//! followers are notified after it is released.

use std::mem;
use std::sync::Arc;

use crate::engine::completion::Completion;
use crate::engine::execution::Execution;
use crate::engine::flight::Flight;
use crate::engine::rules::Kind;
use crate::engine::slab::SlotId;
use crate::engine::slot::{ShortHash, SlotRef, State};
use crate::engine::successor::take_successor;
use crate::engine::table::{Deferred, Locked, Table};
use crate::wait::callbacks::Callbacks;

impl<K, V, E> Table<K, V, E> {
    #[inline]
    pub(super) fn end(
        &self,
        execution: &Execution<'_, K, V, E>,
        completion: &Completion<V, E>,
    ) -> usize {
        // Dropped last: a destructor that is slow, or panics, must not keep the followers waiting.
        let mut evicted = Vec::new();
        let kept = self.reserve(execution, completion, &mut evicted);
        let mut shard = self.shard(execution.slot.hash).lock();
        shard.tally.count_execution(completion);
        if let Some(flight) = &shard.running(execution.slot.id).flight {
            let flight = Arc::clone(flight);
            return self.end_attended(shard, execution, &flight, completion, kept, |_| ()) + 1;
        }
        // The key of a leader that stayed alone goes, unless its slot keeps the result.
        let is_kept = self.retain(&mut shard, execution, completion, kept, 1);
        let key = (!is_kept).then(|| shard.remove_running(execution.slot.id));
        drop(shard);
        drop(key);
        1
    }

    /// Ends the execution of a job, whose flight exists in any case.
    pub(super) fn end_job(
        &self,
        execution: &Execution<'_, K, V, E>,
        flight: &Arc<Flight<V, E>>,
        completion: &Completion<V, E>,
        published: impl FnOnce(usize),
    ) {
        let mut evicted = Vec::new();
        let kept = self.reserve(execution, completion, &mut evicted);
        let mut shard = self.shard(execution.slot.hash).lock();
        shard.tally.count_execution(completion);
        self.end_attended(shard, execution, flight, completion, kept, published);
    }

    /// Ends the run of a call for itself alone: counts it. Returns how many calls it answered.
    pub(crate) fn end_bypass(&self, hash: ShortHash, completion: &Completion<V, E>) -> usize {
        self.shard(hash).lock().tally.count_execution(completion);
        1
    }

    /// Ends an execution of a flight that has followers, had some, or has several leaders. Calls
    /// `published` with the number of followers after they are notified, and before any user code
    /// runs.
    #[inline(never)]
    fn end_attended(
        &self,
        mut shard: Locked<'_, K, V, E>,
        execution: &Execution<'_, K, V, E>,
        flight: &Arc<Flight<V, E>>,
        completion: &Completion<V, E>,
        kept: Option<Kind>,
        published: impl FnOnce(usize),
    ) -> usize {
        let mut deferred = Deferred::new();
        let (followers, callbacks) =
            self.end_locked(&mut shard, execution, flight, completion, kept, &mut deferred);
        drop(shard);
        deferred.notify();
        published(followers);
        callbacks.run();
        followers
    }

    /// Ends an execution under the shard's lock. Returns how many followers it answered, and the
    /// callbacks to run after the lock is released.
    fn end_locked(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        execution: &Execution<'_, K, V, E>,
        flight: &Arc<Flight<V, E>>,
        completion: &Completion<V, E>,
        kept: Option<Kind>,
        deferred: &mut Deferred<K, V, E>,
    ) -> (usize, Callbacks) {
        let mut state = flight.gate().lock();
        state.end_execution(execution.leader);
        let (decides, others) = (state.decides(completion.is_success()), state.running > 0);
        let followers = if decides { state.waiting } else { 0 };
        if followers > 0 {
            // Before the gate closes: a call that finds it closed reads the completion (S46).
            flight.promise.set(completion.clone());
        }
        flight.gate().close_or_lose(&mut state, execution.leader, decides);
        let callbacks = if decides { mem::take(&mut state.callbacks) } else { Callbacks::new() };
        drop(state);
        if !decides {
            self.capacity.unreserve(kept);
            if !others {
                deferred.push(shard.remove(execution.slot.id));
            }
            return (0, callbacks);
        }
        deferred.closed = Some(Arc::clone(flight));
        shard.tally.count_followers(followers, completion);
        let callers = followers + 1;
        match (take_successor(shard, flight, deferred), others) {
            (None, false) => self.settle(shard, execution, completion, kept, callers, deferred),
            (None, true) => self.settle_beside(shard, execution, completion, kept, callers),
            (Some(next), _) => {
                self.hand_over(shard, execution.slot.id, next, others, kept, deferred);
            }
        }
        (followers, callbacks)
    }

    /// Lets the slot of an ended flight keep the result, if it is kept. A flight that was forgotten
    /// or superseded leaves the newer slot alone (S28, S29).
    #[inline]
    fn retain(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        execution: &Execution<'_, K, V, E>,
        completion: &Completion<V, E>,
        kept: Option<Kind>,
        callers: usize,
    ) -> bool {
        let id = execution.slot.id;
        let Some(kind) = kept.filter(|_| shard.running(id).linked) else {
            self.capacity.unreserve(kept);
            return false;
        };
        self.keep(shard, id, kind, execution.slot, completion, callers);
        true
    }

    /// Lets slot `id` keep the result for its window.
    #[inline]
    fn keep(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        id: SlotId,
        kind: Kind,
        slot: SlotRef,
        completion: &Completion<V, E>,
        callers: usize,
    ) {
        shard.keep(id, completion.start, State::of(completion, callers));
        self.capacity.set_oldest(self.shard_index(slot.hash), kind, shard.oldest_start(kind));
    }

    /// Settles a flight of which no execution runs: its slot keeps the result, or goes.
    fn settle(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        execution: &Execution<'_, K, V, E>,
        completion: &Completion<V, E>,
        kept: Option<Kind>,
        callers: usize,
        deferred: &mut Deferred<K, V, E>,
    ) {
        if !self.retain(shard, execution, completion, kept, callers) {
            deferred.push(shard.remove(execution.slot.id));
        }
    }

    /// Settles a flight of which another execution still runs: that one keeps the slot, unlinked, and
    /// the result gets a slot of its own.
    fn settle_beside(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        execution: &Execution<'_, K, V, E>,
        completion: &Completion<V, E>,
        kept: Option<Kind>,
        callers: usize,
    ) {
        let was_linked = shard.running(execution.slot.id).linked;
        if was_linked {
            shard.unlink(execution.slot.id);
        }
        let Some(kind) = kept.filter(|_| was_linked) else {
            return self.capacity.unreserve(kept);
        };
        let id = shard.split(execution.slot.id);
        shard.link(id);
        self.keep(shard, id, kind, execution.slot, completion, callers);
    }

    /// Lets the successor of an ended flight take its place.
    fn hand_over(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        ended: SlotId,
        successor: SlotId,
        others: bool,
        kept: Option<Kind>,
        deferred: &mut Deferred<K, V, E>,
    ) {
        self.capacity.unreserve(kept);
        let was_linked = shard.running(ended).linked;
        if was_linked {
            shard.unlink(ended);
        }
        if !others {
            deferred.push(shard.remove(ended));
        }
        if was_linked {
            shard.link(successor);
        }
    }
}
