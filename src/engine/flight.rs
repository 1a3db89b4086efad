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
    /// One of [`door`]. Under the shard's lock.
    door: LockedCell,
}

/// Tells if calls join a flight, where the answer of another process decides for whom its result is.
mod door {
    /// They join, as they do any flight.
    pub(super) const OPEN: u64 = 0;
    /// They wait for the next flight: this one's result will not be for them.
    pub(super) const SHUT: u64 = 1;
    /// They join again, and none has.
    pub(super) const REOPENED: u64 = 2;
    /// A call has joined since.
    pub(super) const JOINED: u64 = 3;
    /// Shut once more, after a call has joined.
    pub(super) const SHUT_AGAIN: u64 = 4;
}

impl<V, E> Flight<V, E> {
    pub(crate) fn new(gate: Arc<Gate>) -> Arc<Self> {
        Arc::new(Self {
            promise: Promise::new(gate),
            predecessor: LockedCell::new(u64::from(NONE)),
            successor: LockedCell::new(u64::from(NONE)),
            not_before: LockedCell::new(0),
            door: LockedCell::new(door::OPEN),
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

    /// True if further calls wait for the next flight: this one's result will not be for them.
    pub(super) fn is_shut(&self) -> bool {
        matches!(self.door.get(), door::SHUT | door::SHUT_AGAIN)
    }

    /// Lets further calls wait for the next flight. Returns true if a call has joined since the door was
    /// opened again.
    pub(super) fn shut(&self) -> bool {
        let has_joined = matches!(self.door.get(), door::JOINED | door::SHUT_AGAIN);
        self.door.set(if has_joined { door::SHUT_AGAIN } else { door::SHUT });
        has_joined
    }

    /// Lets further calls join again.
    pub(super) fn reopen(&self) {
        match self.door.get() {
            door::SHUT => self.door.set(door::REOPENED),
            door::SHUT_AGAIN => self.door.set(door::JOINED),
            _ => {}
        }
    }

    /// A call has joined.
    #[inline]
    pub(super) fn note_join(&self) {
        if self.door.get() == door::REOPENED {
            self.door.set(door::JOINED);
        }
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
