//! [`Flight`]: the part of a flight that outlives the shard's lock.
//!
//! The second call of a flight creates it, and all calls that wait share it. A flight whose leader is
//! alone has none.

use std::sync::Arc;

use crate::engine::promise::Promise;
use crate::engine::slab::{NONE, SlotId};
use crate::sync::LockedCell;
use crate::wait::clock::Nanos;
use crate::wait::gate::Gate;

pub(crate) struct Flight<V, E> {
    pub(crate) promise: Promise<V, E>,
    /// The slots of the flights before and after this one in the chain of its key. Under the shard's
    /// lock.
    predecessor: LockedCell,
    successor: LockedCell,
    /// The time from which on a result must have begun for all calls of the flight to accept it. Under
    /// the shard's lock.
    not_before: LockedCell,
    /// Bits of [`door`]. Under the shard's lock.
    door: LockedCell,
}

/// The bits of a door, for flights whose results another process may forget.
mod door {
    /// Further calls wait for the next flight: this one's result will not be for them.
    pub(super) const SHUT: u64 = 1;
    /// A call has joined since the flight began to ask.
    pub(super) const JOINED: u64 = 2;
}

impl<V, E> Flight<V, E> {
    pub(crate) fn new(gate: Arc<Gate>) -> Arc<Self> {
        Arc::new(Self {
            promise: Promise::new(gate),
            predecessor: LockedCell::new(u64::from(NONE)),
            successor: LockedCell::new(u64::from(NONE)),
            not_before: LockedCell::new(0),
            door: LockedCell::new(0),
        })
    }

    #[inline]
    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.promise.gate
    }

    pub(crate) fn predecessor(&self) -> Option<SlotId> {
        slot_id(&self.predecessor)
    }

    pub(crate) fn successor(&self) -> Option<SlotId> {
        slot_id(&self.successor)
    }

    pub(super) fn not_before(&self) -> Nanos {
        self.not_before.get()
    }

    /// Counts a call that accepts no result that began before this time.
    pub(super) fn accept_not_before(&self, time: Nanos) {
        self.not_before.set(time.max(self.not_before.get()));
    }

    /// The flight begins to ask. With `shuts`, further calls wait for the next flight. If no other execution
    /// has asked, all calls of the flight came before.
    pub(super) fn begin_to_ask(&self, shuts: bool, is_first: bool) {
        let joined = if is_first { 0 } else { self.door.get() & door::JOINED };
        self.door.set(if shuts { joined | door::SHUT } else { joined });
    }

    /// True if further calls wait for the next flight: this one's result will not be for them.
    pub(super) fn is_shut(&self) -> bool {
        self.door.get() & door::SHUT != 0
    }

    /// Lets further calls join, or wait for the next flight. Returns true if a call has joined since the flight
    /// began to ask.
    pub(super) fn set_door(&self, opens: bool) -> bool {
        let joined = self.door.get() & door::JOINED;
        self.door.set(if opens { joined } else { joined | door::SHUT });
        joined != 0
    }

    /// A call has joined.
    #[inline]
    pub(super) fn note_join(&self) {
        self.door.set(self.door.get() | door::JOINED);
    }

    pub(super) fn set_predecessor(&self, id: Option<SlotId>) {
        self.predecessor.set(u64::from(id.unwrap_or(NONE)));
    }

    pub(super) fn set_successor(&self, id: Option<SlotId>) {
        self.successor.set(u64::from(id.unwrap_or(NONE)));
    }
}

fn slot_id(cell: &LockedCell) -> Option<SlotId> {
    let id = SlotId::try_from(cell.get()).expect("made from the number of a slot");
    (id != NONE).then_some(id)
}
