//! A flight's successor: the flight that starts when it ends (`execute_fresh`, S30).
//!
//! ```text
//! fresh calls ──▶ successor, Pending ──┬─ its predecessor ends ──▶ due at once
//!                                      └─ its predecessor is stuck for `leader_timeout` ──▶ due
//! ```
//!
//! All fresh calls that meet a running flight share one successor. A waiter or a new arrival claims
//! it when it is due (`takeover.rs`). The first execution of a successor makes it the flight of its
//! key.

use std::sync::Arc;

use crate::engine::call::{Admission, Call, Follower, NewKey, Refusal};
use crate::engine::flight::Flight;
use crate::engine::shard::Shard;
use crate::engine::slab::SlotId;
use crate::engine::slot::Slot;
use crate::engine::slot::SlotRef;
use crate::engine::table::{Deferred, Locked, Table};
use crate::wait::contain::contain;
use crate::wait::deadlock::ThreadToken;
use crate::wait::gate::Gate;
use crate::wait::gate_state::AT_ONCE;

impl<K, V, E> Table<K, V, E> {
    /// Lets a call on a running flight wait for its successor, with every other call that accepts
    /// nothing older. The successor begins when the flight at the gate `depends_on` ends, or earlier:
    /// when that is stuck; or, if the call waits for room alone, when another execution ends.
    pub(crate) fn follow_successor<'t, Q: ?Sized>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        (running, depends_on, waits_for): (SlotId, &Gate, WaitsFor),
        call: &Call<'_, Q>,
        new: &mut NewKey<K>,
        me: Option<ThreadToken>,
    ) -> Admission<'t, K, V, E> {
        let predecessor = self.flight_of(shard, running);
        let hash = call.hash;
        let successor = shard.successor_of(&predecessor);
        if successor.is_some_and(|id| !shard.slot(id).accepts_a_call(self.rules.max_requests)) {
            return self.start_flight(shard, Some(running), call, new);
        }
        if self.is_crowded(shard, &predecessor) {
            return Admission::refuse(shard, Refusal::Overloaded);
        }
        if let Some(id) = successor {
            if waits_for == WaitsFor::Room {
                self.need_only_room(shard, id);
            }
            return self.follow(shard, SlotRef { id, hash }, call, me, Some(depends_on));
        }
        let Some(key) = new.key.take() else { return Admission::Vacant };
        let state = predecessor.gate().lock();
        let due_at = match waits_for {
            WaitsFor::Room => AT_ONCE,
            WaitsFor::Flight => self.due_after(state.youngest),
        };
        let flight = Flight::new(Gate::new_pending(due_at, state.slow_at));
        drop(state);
        let start = new.start.unwrap_or(call.entry);
        let id = shard.insert_with(|| Slot::pending(Arc::clone(&flight), key, hash, start));
        shard.insert_into_chain((running, &predecessor), (id, &flight));
        let mut deferred = Deferred::new();
        self.reschedule(shard, &flight, &mut deferred);
        self.follow(shard, SlotRef { id, hash }, call, me, Some(depends_on))
    }

    /// Lets a successor begin as soon as there is room. There is, if a submitted call comes here because
    /// of queued jobs: then its calls are notified, and if only tickets wait, the new seat begins it.
    fn need_only_room(&self, shard: &Locked<'_, K, V, E>, id: SlotId) {
        let Some(flight) = shard.slot(id).flight() else { return };
        flight.gate().need_only_room();
        let mut deferred = Deferred::new();
        self.reschedule(shard, flight, &mut deferred);
        for due in &deferred.due {
            due.gate().notify_all();
        }
    }
}

/// The event that a successor waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitsFor {
    /// The end of the flight before it, or the time when that is stuck.
    Flight,
    /// Room in the chain: the flight before it is too old, or has ended for its calls.
    Room,
}

/// Makes the successor of an ended flight due, and returns its slot. Removes it if no call waits for
/// it. The caller gives it the place of the flight, and reschedules it.
pub(super) fn take_successor<K, V, E>(
    shard: &mut Locked<'_, K, V, E>,
    ended: &Flight<V, E>,
    deferred: &mut Deferred<K, V, E>,
) -> Option<SlotId> {
    let id = shard.successor_of(ended)?;
    let flight = shard.slot(id).flight().expect("a successor has its flight from the start");
    if flight.gate().make_due() {
        return Some(id);
    }
    let flight = Arc::clone(flight);
    shard.leave_chain(&flight);
    deferred.removed.push(shard.remove(id));
    None
}

impl<K, V, E> Table<K, V, E> {
    /// Lets a flight begin whose predecessor has ended.
    pub(super) fn begin_successor(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        successor: Option<SlotId>,
        deferred: &mut Deferred<K, V, E>,
    ) {
        let Some(id) = successor else { return };
        if let Some(next) = shard.slot(id).flight().map(Arc::clone) {
            self.reschedule(shard, &next, deferred);
            self.let_pass(shard, (id, &next), deferred);
        }
    }

    /// Lets the flight of a call that is here to begin it pass one before it that is left alone.
    pub(super) fn arrive(&self, follower: &Follower<V, E>) {
        let mut deferred = Deferred::new();
        let mut shard = self.shard(follower.slot.hash).lock();
        let mut before = follower.flight.predecessor();
        while let Some((id, flight)) = before.and_then(|id| Some((id, shard.slot(id).flight()?))) {
            if flight.gate().is_left_alone() {
                let flight = Arc::clone(flight);
                self.let_pass(&mut shard, (id, &flight), &mut deferred);
                break;
            }
            before = flight.predecessor();
        }
        drop(shard);
        // The executor of a ticket may panic, and the call is in the middle of its way to sleep.
        contain(|| deferred.finish().begin());
    }

    /// Lets the first flight that a call is here to begin pass a flight that is due and left alone: the calls of that one have
    /// places in other flights, or run their functions, and may wait for the one that passes (S151).
    pub(super) fn let_pass(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        (due, flight): (SlotId, &Arc<Flight<V, E>>),
        deferred: &mut Deferred<K, V, E>,
    ) {
        if flight.successor().is_none() || !flight.gate().is_left_alone() {
            return;
        }
        let mut next = flight.successor();
        while let Some((id, later)) = next.and_then(|id| Some((id, shard.slot(id).flight()?))) {
            if later.gate().can_begin() {
                let later = Arc::clone(later);
                shard.move_before((id, &later), (due, flight));
                later.gate().pass(flight.gate(), self.due_after(self.clock.now()));
                return self.reschedule(shard, &later, deferred);
            }
            next = later.successor();
        }
    }
}

impl<K, V, E> Shard<K, V, E> {
    /// The slot of this flight's successor, if no execution of that has begun.
    pub(super) fn successor_of(&self, flight: &Flight<V, E>) -> Option<SlotId> {
        let id = flight.successor()?;
        self.slot(id).flight()?.gate().is_pending().then_some(id)
    }

    /// Moves a flight that has not begun before another one of its chain that has not. It takes that one's place.
    fn move_before(
        &mut self,
        (id, flight): (SlotId, &Flight<V, E>),
        (other, other_flight): (SlotId, &Flight<V, E>),
    ) {
        self.leave_chain(flight);
        self.insert_before((id, flight), (other, other_flight));
        let place = self.slot(other).place();
        if !place.is_detached() {
            self.unlink(other);
            self.take_place(id, place);
        }
    }

    /// Lets a successor that has begun before its predecessor ended take that one's place: it is
    /// younger, and its predecessor seems to be stuck.
    pub(super) fn overtake(&mut self, id: SlotId) {
        let Some(predecessor) = self.predecessor_of(id) else { return };
        let place = self.slot(predecessor).place();
        if !place.is_detached() {
            self.unlink(predecessor);
            self.take_place(id, place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::slot::Key;

    type Numbers = Shard<u32, u32, ()>;

    fn insert(shard: &mut Numbers, key: u32) -> (SlotId, Arc<Flight<u32, ()>>) {
        let flight = Flight::new(Gate::new_pending(0, 0));
        let slot = Slot::pending(Arc::clone(&flight), Key::Own(key), 7, 0);
        (shard.insert_with(|| slot), flight)
    }

    #[test]
    fn a_successor_takes_the_place_of_its_predecessor() {
        let mut shard = Numbers::new();
        insert(&mut shard, 0);
        let (stuck, flight) = insert(&mut shard, 1);
        shard.link(stuck);
        let (successor, next) = insert(&mut shard, 1);
        shard.insert_into_chain((stuck, &flight), (successor, &next));
        shard.overtake(successor);
        assert_eq!(shard.find(7, &1), Some(successor));
        assert!(shard.slot(stuck).place().is_detached());
    }

    #[test]
    fn a_flight_that_leaves_the_chain_connects_its_neighbours() {
        let mut shard = Numbers::new();
        let (first, one) = insert(&mut shard, 1);
        let (second, two) = insert(&mut shard, 1);
        let (third, three) = insert(&mut shard, 1);
        shard.insert_into_chain((first, &one), (third, &three));
        shard.insert_into_chain((first, &one), (second, &two));
        assert_eq!((one.successor(), two.successor()), (Some(second), Some(third)));
        shard.leave_chain(&two);
        assert_eq!((one.successor(), three.predecessor()), (Some(third), Some(first)));
        assert_eq!((two.successor(), two.predecessor()), (None, None));
    }
}
