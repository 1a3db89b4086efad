//! [`Flight`]: the part of a flight that outlives the shard's lock.
//!
//! The second call of a flight creates it, and all calls that wait share it. A flight whose leader is
//! alone has none.

use std::sync::Arc;

use crate::engine::promise::Promise;
use crate::engine::slab::SlotId;
use crate::sync::LockedCell;
use crate::wait::deadlock::FlightId;
use crate::wait::gate::Gate;

pub(crate) struct Flight<V, E> {
    pub(crate) promise: Promise<V, E>,
    /// The flight that starts when this one ends (`execute_fresh`): its slot, and its gate, since
    /// the slot may be reused. Under the shard's lock.
    successor: LockedCell,
    successor_gate: LockedCell,
    /// The slot of the flight whose end this one waits for. Under the shard's lock.
    predecessor: LockedCell,
}

impl<V, E> Flight<V, E> {
    pub(crate) fn new(gate: Arc<Gate>) -> Arc<Self> {
        Arc::new(Self {
            promise: Promise::new(gate),
            successor: LockedCell::new(0),
            successor_gate: LockedCell::new(0),
            predecessor: LockedCell::new(0),
        })
    }

    #[inline]
    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.promise.gate
    }

    pub(crate) fn successor(&self) -> (SlotId, FlightId) {
        (slot_id(&self.successor), self.successor_gate.get())
    }

    pub(crate) fn predecessor(&self) -> SlotId {
        slot_id(&self.predecessor)
    }

    /// Links this flight, in slot `id`, to the one that starts when it ends.
    pub(crate) fn set_successor(&self, id: SlotId, next: &Self, next_id: SlotId) {
        self.successor.set(u64::from(next_id));
        self.successor_gate.set(next.gate().id);
        next.predecessor.set(u64::from(id));
    }
}

fn slot_id(cell: &LockedCell) -> SlotId {
    SlotId::try_from(cell.get()).expect("made from the number of a slot")
}
