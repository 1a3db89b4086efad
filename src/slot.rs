//! One flight of one key: what the table holds, from the first call on it to the last.
//!
//! A slot is shared by the table, its leaders and its followers. The key is in it, so that a
//! leader can hand it to the function while no lock is held. The ending is set once, while the
//! shard is locked, and read without a lock; everything else changes only under the shard's lock.

use std::fmt;
use std::sync::Arc as StdArc;

use crate::clock::Nanos;
use crate::deadlock::ThreadToken;
use crate::gate::Gate;
use crate::sync::{Arc, LockedCell, OnceCell};

pub(crate) struct Slot<K, V, E> {
    pub(crate) key: K,
    /// The key's hash, so that the key's own `Hash` never runs under a lock.
    pub(crate) hash: u64,
    /// The start that the window counts from: of the slot, then of the published execution.
    started: LockedCell,
    /// Calls that this flight has taken on; late ones only where `max_requests` limits them.
    admitted: LockedCell,
    /// The first leader's thread; zero while there is none.
    leader: LockedCell,
    place: LockedCell,
    callers: LockedCell,
    ending: OnceCell<Ending<V, E>>,
    gate: OnceCell<StdArc<Gate>>,
}

/// How a flight ended, as its followers see it.
pub(crate) enum Ending<V, E> {
    Value(Arc<V>),
    Failed(Arc<E>),
    Panicked(Option<StdArc<str>>),
    Abandoned,
    /// The leader keeps its value, and everyone else runs the function alone.
    Unshared,
}

/// Where the shard keeps a slot, as far as calls can find it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Calls do not find it by its key. It may run on for those that hold it.
    Detached,
    /// In the table, without an outcome yet.
    Current,
    /// In the table with its outcome, and in the list of its kind under this number.
    Retained(Kind, u32),
}

/// Which window keeps a result, and so which list it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Value,
    Error,
}

impl<K, V, E> Slot<K, V, E> {
    pub(crate) fn new(key: K, hash: u64) -> Self {
        Self {
            key,
            hash,
            started: LockedCell::new(0),
            admitted: LockedCell::new(0),
            leader: LockedCell::new(0),
            place: LockedCell::new(Place::Detached.to_number()),
            callers: LockedCell::new(1),
            ending: OnceCell::new(),
            gate: OnceCell::new(),
        }
    }

    #[inline]
    pub(crate) fn ending(&self) -> Option<&Ending<V, E>> {
        self.ending.get()
    }

    pub(crate) fn set_ending(&self, ending: Ending<V, E>) {
        let first = self.ending.set(ending).is_ok();
        debug_assert!(first, "a flight ends once");
    }

    pub(crate) fn gate(&self) -> Option<&StdArc<Gate>> {
        self.gate.get()
    }

    pub(crate) fn set_gate(&self, gate: StdArc<Gate>) {
        let first = self.gate.set(gate).is_ok();
        debug_assert!(first, "a flight has one gate");
    }

    #[inline]
    pub(crate) fn started(&self) -> Nanos {
        self.started.get()
    }

    pub(crate) fn set_started(&self, start: Nanos) {
        self.started.set(start);
    }

    #[inline]
    pub(crate) fn admitted(&self) -> u64 {
        self.admitted.get()
    }

    #[inline]
    pub(crate) fn admit(&self) {
        self.admitted.set(self.admitted.get() + 1);
    }

    /// The thread of the first execution, unless it is a job that no thread has begun.
    pub(crate) fn leader(&self) -> Option<ThreadToken> {
        Some(self.leader.get()).filter(|token| *token != 0)
    }

    pub(crate) fn set_leader(&self, leader: ThreadToken) {
        self.leader.set(leader);
    }

    #[inline]
    pub(crate) fn place(&self) -> Place {
        Place::from_number(self.place.get())
    }

    pub(crate) fn set_place(&self, place: Place) {
        self.place.set(place.to_number());
    }

    /// The leader and the followers it had when it published.
    pub(crate) fn callers(&self) -> usize {
        usize::try_from(self.callers.get()).unwrap_or(usize::MAX)
    }

    pub(crate) fn set_callers(&self, callers: usize) {
        self.callers.set(callers as u64);
    }
}

impl<V, E> Ending<V, E> {
    /// Whether the function returned a value, shareable or not: that decides a flight at once.
    pub(crate) fn is_success(&self) -> bool {
        matches!(self, Self::Value(_) | Self::Unshared)
    }
}

impl Place {
    fn to_number(self) -> u64 {
        match self {
            Self::Detached => 0,
            Self::Current => 1,
            Self::Retained(Kind::Value, at) => 2 + 2 * u64::from(at),
            Self::Retained(Kind::Error, at) => 3 + 2 * u64::from(at),
        }
    }

    fn from_number(number: u64) -> Self {
        let at = || u32::try_from((number - 2) / 2).expect("made by to_number from a u32");
        match number {
            0 => Self::Detached,
            1 => Self::Current,
            n if n % 2 == 0 => Self::Retained(Kind::Value, at()),
            _ => Self::Retained(Kind::Error, at()),
        }
    }
}

impl<V, E> Clone for Ending<V, E> {
    fn clone(&self) -> Self {
        match self {
            Self::Value(value) => Self::Value(Arc::clone(value)),
            Self::Failed(error) => Self::Failed(Arc::clone(error)),
            Self::Panicked(message) => Self::Panicked(message.clone()),
            Self::Abandoned => Self::Abandoned,
            Self::Unshared => Self::Unshared,
        }
    }
}

impl<V, E> fmt::Debug for Ending<V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Value(_) => "Value",
            Self::Failed(_) => "Failed",
            Self::Panicked(_) => "Panicked",
            Self::Abandoned => "Abandoned",
            Self::Unshared => "Unshared",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_number() {
        let kinds = [Kind::Value, Kind::Error];
        let retained = kinds.into_iter().flat_map(|kind| {
            [0, 1, 7, u32::MAX].into_iter().map(move |at| Place::Retained(kind, at))
        });
        for place in retained.chain([Place::Detached, Place::Current]) {
            assert_eq!(Place::from_number(place.to_number()), place);
        }
    }
}
