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

use crate::engine::call::{Admission, Call, NewKey};
use crate::engine::flight::Flight;
use crate::engine::shard::Shard;
use crate::engine::slab::SlotId;
use crate::engine::slot::Slot;
use crate::engine::slot::SlotRef;
use crate::engine::table::{Deferred, Locked, Table};
use crate::wait::deadlock::ThreadToken;
use crate::wait::gate::Gate;
use crate::wait::gate_state::Phase;

impl<K, V, E> Table<K, V, E> {
    /// Lets a call on a running flight wait for its successor, with every other call that accepts
    /// nothing older.
    pub(crate) fn follow_successor<'t, Q: ?Sized>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        running: SlotId,
        call: &Call<'_, Q>,
        new: &mut NewKey<K>,
        me: Option<ThreadToken>,
        deferred: &mut Deferred<K, V, E>,
    ) -> Admission<'t, K, V, E> {
        let predecessor = self.flight_of(shard, running);
        let hash = call.hash;
        if let Some(id) = shard.successor_of(&predecessor) {
            return match shard.slot(id).accepts_a_call(self.rules.max_requests) {
                true => self.follow(shard, SlotRef { id, hash }, me, Some(predecessor.gate())),
                false => self.start_flight(shard, Some(running), call, new, deferred),
            };
        }
        let Some(key) = new.key.take() else { return Admission::Vacant };
        let state = predecessor.gate().lock();
        let stuck_at = state.youngest.saturating_add(self.rules.leader_timeout);
        let flight = Flight::new(Gate::new_pending(stuck_at, state.slow_at));
        drop(state);
        let start = new.start.unwrap_or(call.entry);
        let id = shard.insert_with(|| Slot::pending(Arc::clone(&flight), key, hash, start));
        predecessor.set_successor(running, &flight, id);
        self.follow(shard, SlotRef { id, hash }, me, Some(predecessor.gate()))
    }
}

/// Makes the successor of an ended flight due, and returns its slot. Removes it if no call waits for
/// it.
pub(super) fn take_successor<K, V, E>(
    shard: &mut Locked<'_, K, V, E>,
    ended: &Flight<V, E>,
    deferred: &mut Deferred<K, V, E>,
) -> Option<SlotId> {
    let id = shard.successor_of(ended)?;
    let flight = shard.slot(id).flight().expect("a successor has its flight from the start");
    let flight = Arc::clone(flight);
    if flight.gate().make_due() {
        deferred.due = Some(flight);
        return Some(id);
    }
    deferred.push(shard.remove(id));
    None
}

impl<K, V, E> Shard<K, V, E> {
    /// The slot of this flight's successor, if no execution of that has begun.
    pub(super) fn successor_of(&self, flight: &Flight<V, E>) -> Option<SlotId> {
        let (id, gate) = flight.successor();
        let its = self.try_slot(id)?.flight()?.gate();
        (its.id == gate && its.lock().phase == Phase::Pending).then_some(id)
    }

    /// The slot of the flight that this one waits for, if that still runs.
    pub(crate) fn predecessor_of(&self, id: SlotId) -> Option<SlotId> {
        let flight = self.slot(id).flight()?;
        let predecessor = flight.predecessor();
        let its = self.try_slot(predecessor)?.flight()?;
        (its.successor() == (id, flight.gate().id)).then_some(predecessor)
    }

    /// Lets a successor that has begun before its predecessor ended take that one's place: it is
    /// younger, and its predecessor seems to be stuck.
    pub(super) fn overtake(&mut self, id: SlotId) {
        let Some(predecessor) = self.predecessor_of(id) else { return };
        if self.slot(predecessor).is_linked() {
            self.unlink(predecessor);
            self.link(id);
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
        flight.set_successor(stuck, &next, successor);
        shard.overtake(successor);
        assert_eq!(shard.find(7, &1), Some(successor));
        assert!(!shard.slot(stuck).is_linked());
    }

    #[test]
    fn a_successor_leaves_another_flight_in_that_slot_alone() {
        let mut shard = Numbers::new();
        insert(&mut shard, 0);
        let (ended, flight) = insert(&mut shard, 1);
        let (successor, next) = insert(&mut shard, 1);
        flight.set_successor(ended, &next, successor);
        drop(shard.remove(ended));
        let (other, _) = insert(&mut shard, 2);
        assert_eq!(other, ended, "the slot is reused");
        shard.link(other);
        shard.overtake(successor);
        assert_eq!((shard.find(7, &1), shard.find(7, &2)), (None, Some(other)));
    }
}
