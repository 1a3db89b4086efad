//! The chain of a key: its flights that still have executions, the oldest first.
//!
//! ```text
//! stuck flight ──▶ flight that runs ──▶ successor, Pending
//!                        ▲ the map finds this one
//! ```
//!
//! A key has several flights after `execute_fresh` and after `max_join_age`. `max_leaders` bounds the
//! executions of the whole chain that run (S39), or each stuck flight would have a stuck flight after
//! it. So the room of a flight depends on the others, and each execution that begins or ends changes
//! when the next one may begin, in all of them.
//!
//! All flights of a key are in one shard, and the links are under its lock. A flight leaves the chain
//! when its slot is removed. A flight that is forgotten stays linked to those before it, and no new
//! flight finds the chain.

use std::sync::Arc;

use crate::engine::flight::Flight;
use crate::engine::shard::Shard;
use crate::engine::slab::SlotId;
use crate::engine::table::{Deferred, Locked, Table};
use crate::wait::clock::{FOREVER, Nanos};
use crate::wait::deadlock::ThreadToken;
use crate::wait::gate_state::{GateState, Phase};

impl<K, V, E> Table<K, V, E> {
    /// True if `max_leaders` leaves no room for one more execution in the chain of this flight.
    pub(super) fn is_full(&self, shard: &Locked<'_, K, V, E>, flight: &Arc<Flight<V, E>>) -> bool {
        shard.sum_of_chain(flight, |state| state.running) >= self.rules.max_leaders
    }

    /// True if so many executions of the chain run or wait for the threads of their jobs. One more
    /// submitted call would add to the queue, and nothing would be younger for it.
    pub(super) fn is_full_of_jobs(
        &self,
        shard: &Locked<'_, K, V, E>,
        flight: &Arc<Flight<V, E>>,
    ) -> bool {
        let executions = |state: &GateState| state.running + state.queued;
        shard.sum_of_chain(flight, executions) >= self.rules.max_leaders
    }

    /// Sets when one more execution may begin in each flight of a chain, after one has begun, ended,
    /// or was queued.
    pub(super) fn reschedule(
        &self,
        shard: &Locked<'_, K, V, E>,
        flight: &Arc<Flight<V, E>>,
        deferred: &mut Deferred<K, V, E>,
    ) {
        let is_alone = flight.predecessor().is_none() && flight.successor().is_none();
        if is_alone && self.rules.leader_timeout == FOREVER && !flight.gate().is_due_at_once() {
            return;
        }
        let has_room = !self.is_full(shard, flight);
        let leaders = if has_room { Vec::new() } else { shard.leaders_of_chain(flight) };
        shard.for_each_in_chain(flight, |flight| {
            // Beyond the bound, if every execution that could make room waits for this flight (S42).
            let has_room = flight.gate().finds_room(has_room, &leaders);
            if flight.gate().set_room(has_room, self.rules.leader_timeout) {
                deferred.due.push(Arc::clone(flight));
            }
        });
    }

    /// When one more execution is due, after the youngest began at `start`.
    pub(super) fn due_after(&self, start: Nanos) -> Nanos {
        start.saturating_add(self.rules.leader_timeout)
    }

    /// Removes the slot of a flight that has no execution any more. If calls found it by its key, they
    /// find the flight before it, which admits none: it has executions that count.
    pub(super) fn remove_flight(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        id: SlotId,
        deferred: &mut Deferred<K, V, E>,
    ) {
        let flight = shard.slot(id).flight().map(Arc::clone);
        let predecessor = flight.as_ref().and_then(|flight| flight.predecessor());
        let neighbour = predecessor.or(flight.as_ref().and_then(|flight| flight.successor()));
        if let Some(flight) = &flight {
            shard.leave_chain(flight);
        }
        let place = shard.slot(id).place();
        if let (Some(predecessor), false) = (predecessor, place.is_detached()) {
            shard.unlink(id);
            shard.take_place(predecessor, place);
            shard.slot_mut(predecessor).set_stale();
        }
        deferred.removed.push(shard.remove(id));
        if let Some(rest) = neighbour.and_then(|id| shard.slot(id).flight()).map(Arc::clone) {
            self.reschedule(shard, &rest, deferred);
        }
    }
}

impl<K, V, E> Table<K, V, E> {
    /// Takes a flight whose slot `id` keeps its result now out of the chain. What runs of the flights
    /// before it counts for those that start beside the result.
    pub(super) fn leave_chain(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        id: SlotId,
        flight: &Flight<V, E>,
        deferred: &mut Deferred<K, V, E>,
    ) {
        let predecessor = flight.predecessor();
        shard.leave_chain(flight);
        let Some(predecessor) = predecessor else { return };
        shard.link_beside(predecessor, id);
        shard.slot_mut(predecessor).set_stale();
        if let Some(rest) = shard.slot(predecessor).flight().map(Arc::clone) {
            self.reschedule(shard, &rest, deferred);
        }
    }
}

impl<K, V, E> Shard<K, V, E> {
    /// Links the flight in slot `next` behind the flight in slot `last`.
    pub(super) fn insert_into_chain(
        &self,
        (last, last_flight): (SlotId, &Flight<V, E>),
        (next, next_flight): (SlotId, &Flight<V, E>),
    ) {
        let after = last_flight.successor();
        next_flight.set_successor(after);
        if let Some(after) = self.flight_in(after) {
            after.set_predecessor(Some(next));
        }
        last_flight.set_successor(Some(next));
        next_flight.set_predecessor(Some(last));
    }

    /// Links the flight in slot `id` before the flight in slot `next`.
    pub(super) fn insert_before(
        &self,
        (id, flight): (SlotId, &Flight<V, E>),
        (next, next_flight): (SlotId, &Flight<V, E>),
    ) {
        let before = next_flight.predecessor();
        flight.set_predecessor(before);
        flight.set_successor(Some(next));
        if let Some(before) = self.flight_in(before) {
            before.set_successor(Some(id));
        }
        next_flight.set_predecessor(Some(id));
    }

    pub(super) fn leave_chain(&self, flight: &Flight<V, E>) {
        let (before, after) = (flight.predecessor(), flight.successor());
        if let Some(before) = self.flight_in(before) {
            before.set_successor(after);
        }
        if let Some(after) = self.flight_in(after) {
            after.set_predecessor(before);
        }
        flight.set_predecessor(None);
        flight.set_successor(None);
    }

    fn flight_in(&self, id: Option<SlotId>) -> Option<&Arc<Flight<V, E>>> {
        self.slot(id?).flight()
    }

    fn for_each_in_chain(
        &self,
        flight: &Arc<Flight<V, E>>,
        mut visit: impl FnMut(&Arc<Flight<V, E>>),
    ) {
        visit(flight);
        let mut before = flight.predecessor();
        while let Some(flight) = self.flight_in(before) {
            visit(flight);
            before = flight.predecessor();
        }
        let mut after = flight.successor();
        while let Some(flight) = self.flight_in(after) {
            visit(flight);
            after = flight.successor();
        }
    }

    /// The flight before this one in the chain.
    pub(super) fn flight_before(&self, flight: &Flight<V, E>) -> Option<&Arc<Flight<V, E>>> {
        self.flight_in(flight.predecessor())
    }

    /// The threads of all executions of a chain.
    pub(super) fn leaders_of_chain(&self, flight: &Arc<Flight<V, E>>) -> Vec<ThreadToken> {
        let mut leaders = Vec::new();
        self.for_each_in_chain(flight, |flight| {
            leaders.extend_from_slice(&flight.gate().lock().leaders);
        });
        leaders
    }

    /// How many calls wait for the flights of a chain.
    pub(super) fn followers_of_chain(&self, flight: &Arc<Flight<V, E>>) -> usize {
        self.sum_of_chain(flight, GateState::followers)
    }

    /// Adds up a number of each flight of a chain.
    fn sum_of_chain(
        &self,
        flight: &Arc<Flight<V, E>>,
        number: impl Fn(&GateState) -> usize,
    ) -> usize {
        let mut sum = 0;
        self.for_each_in_chain(flight, |flight| sum += number(&flight.gate().lock()));
        sum
    }

    /// The youngest flight of the chain up to this one that has not ended for its calls.
    pub(super) fn open_in_chain(&self, flight: &Arc<Flight<V, E>>) -> Option<Arc<Flight<V, E>>> {
        let mut candidate = Some(flight);
        while let Some(flight) = candidate {
            if flight.gate().lock().phase != Phase::Closed {
                return Some(Arc::clone(flight));
            }
            candidate = self.flight_in(flight.predecessor());
        }
        None
    }

    /// The slot of the flight that this one waits for, if that still runs.
    pub(crate) fn predecessor_of(&self, id: SlotId) -> Option<SlotId> {
        self.slot(id).flight()?.predecessor()
    }
}
