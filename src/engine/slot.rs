//! What a shard holds for one flight of one key: running, or ended and kept by the window.
//!
//! ```text
//!            the outcome is there, and a window keeps it
//!   linked ──────────────────────────────────────────────▶ Value | Error ──▶ (dropped)
//!   Flight ──── it is there, and nothing is kept ─────────▶ (dropped)
//!      │ forgotten, superseded, or decided while another execution of it still runs
//!      ▼
//!   unlinked ── the last execution returns ───────────────▶ (dropped)
//!   Flight
//! ```
//!
//! What is linked, and every `Value` and `Error`, is found by key. All of it is plain data under
//! the shard's lock. What outlives that lock is the [`Room`]: it is made when a second call comes
//! into a flight, and shared by those who wait in it.

use std::sync::Arc as StdArc;

use crate::engine::slab::At;
use crate::sync::{Arc, LockedCell, OnceCell};
use crate::wait::clock::Nanos;
use crate::wait::deadlock::{FlightId, ThreadToken};
use crate::wait::gate::Gate;

pub(crate) struct Slot<K, V, E> {
    pub(crate) key: Key<K>,
    /// The key's hash, so that the key's own `Hash` never runs under a lock.
    pub(crate) hash: ShortHash,
    /// Calls that this flight has taken on; late ones only where `max_requests` limits them.
    pub(crate) admitted: u32,
    /// The start that the window counts from: of the slot, then of the published execution.
    pub(crate) started: Nanos,
    pub(crate) state: State<V, E>,
}

/// Half of a hash: enough to tell keys apart in one shard, and four bytes less in each slot.
pub(crate) type ShortHash = u32;

/// A key that its slot has alone, until somebody must see it while no lock is held.
pub(crate) enum Key<K> {
    Own(K),
    Shared(StdArc<K>),
    /// Only for a moment, between the two.
    Moving,
}

pub(crate) enum State<V, E> {
    Flight(Flight<V, E>),
    /// With the number of calls that the execution answered when it was done.
    Value(Arc<V>, u32),
    Error(Arc<E>, u32),
}

/// A flight that is under way, or whose last execution is.
pub(crate) struct Flight<V, E> {
    /// The thread of the first execution. Once there is a room, its gate knows all of them.
    pub(crate) leader: ThreadToken,
    pub(crate) room: Option<StdArc<Room<V, E>>>,
    /// Whether calls find it by its key.
    pub(crate) linked: bool,
}

/// Where the followers of a flight wait, and find its outcome.
pub(crate) struct Room<V, E> {
    pub(crate) gate: StdArc<Gate>,
    /// Set once, before the gate is closed.
    pub(crate) ending: OnceCell<Ending<V, E>>,
    /// The flight that starts when this one ends (`execute_fresh`): where it is, and its gate, since
    /// another may have come into that place. Under the shard's lock.
    successor: LockedCell,
    successor_gate: LockedCell,
    /// Where the flight is whose end this one waits for. Under the shard's lock.
    predecessor: LockedCell,
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

/// Which window keeps a result, and so which queue it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Value,
    Error,
}

impl<K> Key<K> {
    #[inline]
    pub(crate) fn get(&self) -> &K {
        match self {
            Self::Own(key) => key,
            Self::Shared(key) => key,
            Self::Moving => unreachable!("a key is moved under the lock that it is read under"),
        }
    }

    /// A handle to the key, for use when no lock is held.
    pub(crate) fn share(&mut self) -> StdArc<K> {
        let shared = match std::mem::replace(self, Self::Moving) {
            Self::Own(key) => StdArc::new(key),
            Self::Shared(key) => key,
            Self::Moving => unreachable!("a key is moved under the lock that it is read under"),
        };
        *self = Self::Shared(StdArc::clone(&shared));
        shared
    }
}

impl<K, V, E> Slot<K, V, E> {
    #[inline]
    pub(crate) fn flight(&self) -> Option<&Flight<V, E>> {
        match &self.state {
            State::Flight(flight) => Some(flight),
            State::Value(..) | State::Error(..) => None,
        }
    }

    /// The flight of a slot that is known to be under way.
    #[inline]
    pub(crate) fn expect_flight(&mut self) -> &mut Flight<V, E> {
        match &mut self.state {
            State::Flight(flight) => flight,
            State::Value(..) | State::Error(..) => unreachable!("its execution has not returned"),
        }
    }

    /// Whether calls find it by its key.
    #[inline]
    pub(crate) fn is_linked(&self) -> bool {
        self.flight().is_none_or(|flight| flight.linked)
    }

    /// Has the value's count brought into the cache. A value that has stood in its window is cold,
    /// and its drop would wait for that after the map has waited for the slot's bucket.
    #[inline]
    pub(crate) fn fetch_value(&self) {
        if let State::Value(value, _) = &self.state {
            std::hint::black_box(Arc::strong_count(value));
        }
    }

    /// Which window keeps this, if one does.
    pub(crate) fn kind(&self) -> Option<Kind> {
        match &self.state {
            State::Value(..) => Some(Kind::Value),
            State::Error(..) => Some(Kind::Error),
            State::Flight(_) => None,
        }
    }
}

impl<V, E> Room<V, E> {
    pub(crate) fn new(gate: StdArc<Gate>) -> StdArc<Self> {
        StdArc::new(Self {
            gate,
            ending: OnceCell::new(),
            successor: LockedCell::new(0),
            successor_gate: LockedCell::new(0),
            predecessor: LockedCell::new(0),
        })
    }

    pub(crate) fn successor(&self) -> (At, FlightId) {
        (place(&self.successor), self.successor_gate.get())
    }

    pub(crate) fn predecessor(&self) -> At {
        place(&self.predecessor)
    }

    /// Lets the flight of `next`, which is at `next_at`, wait for the end of this one at `at`.
    pub(crate) fn precede(&self, at: At, next: &Self, next_at: At) {
        self.successor.set(u64::from(next_at));
        self.successor_gate.set(next.gate.id);
        next.predecessor.set(u64::from(at));
    }

    pub(crate) fn set_ending(&self, ending: Ending<V, E>) {
        let first = self.ending.set(ending).is_ok();
        debug_assert!(first, "a flight ends once");
    }
}

fn place(cell: &LockedCell) -> At {
    At::try_from(cell.get()).expect("made from the number of a place")
}
