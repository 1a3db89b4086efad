//! [`Slot`]: a shard's entry for one flight of one key, running, or ended and kept by the window.
//!
//! ```text
//!            the outcome is published, and a window keeps it
//!   linked ──────────────────────────────────────────────▶ Value | Error ──▶ (dropped)
//!   Running ─── it is published, and nothing is kept ──────▶ (dropped)
//!      │ forgotten or superseded
//!      ▼
//!   detached ── the last execution returns ───────────────▶ (dropped)
//!   Running
//! ```
//!
//! A call finds a linked slot by its key, and every `Value` and `Error` is linked. A flight of a key
//! that has a kept result stands beside that: the window serves the result until the flight replaces
//! it. A slot is plain data under the shard's lock. The part that outlives that lock is the [`Flight`].

use std::sync::Arc;

use crate::engine::completion::{Completion, RunResult};
use crate::engine::flight::Flight;
use crate::engine::reach::Life;
use crate::engine::rules::Kind;
use crate::engine::slab::{NONE, SlotId};
use crate::sync::Handle;
use crate::wait::clock::Nanos;
use crate::wait::deadlock::ThreadToken;

pub(crate) struct Slot<K, V, E> {
    pub(crate) key: Key<K>,
    /// The key's hash, so that the key's own `Hash` never runs under a lock.
    pub(crate) hash: ShortHash,
    /// Calls that this slot has admitted; counted only where `max_requests` limits them.
    admitted: u32,
    /// The start that the window counts from: of the slot, then of the published computation.
    pub(crate) start: Nanos,
    pub(crate) state: State<V, E>,
}

/// The number of a slot whose flight has not ended, and the hash that leads to its shard.
#[derive(Clone, Copy)]
pub(crate) struct SlotRef {
    pub(crate) id: SlotId,
    pub(crate) hash: ShortHash,
}

/// Half of a hash: enough to tell keys apart in one shard, and four bytes less in each slot.
pub(crate) type ShortHash = u32;

/// Spreads the bits that a slot keeps of a hash over the 64 that a map wants.
#[inline]
pub(crate) fn spread(hash: ShortHash) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// A key that its slot has alone, until a call must see it while no lock is held.
pub(crate) enum Key<K> {
    Own(K),
    Shared(Arc<K>),
    /// Only for a moment, between the two.
    Moving,
}

pub(crate) enum State<V, E> {
    // The small fields stand here, and not in `Running`: beside the tag they take no space.
    Running { run: Running<V, E>, place: Place, marks: Marks },
    Value(Handle<V>, Kept),
    Error(Handle<E>, Kept),
}

/// Two facts about a flight in one byte. Most flights have none, and one comparison tells that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks(u8);

impl Marks {
    const NONE: Self = Self(0);
    /// It admits no call: the flight has ended, or a younger one has, and it has executions that still run.
    /// They count for `max_leaders`.
    const STALE: u8 = 1;
    /// It refreshes a value that the window still served when it began.
    const REFRESH: u8 = 2;
}

/// The state of a result that a window keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    /// The calls that the execution answered when it ended.
    pub(crate) callers: u32,
    /// How long it serves calls, within its window.
    pub(crate) life: Life,
    /// The slot of the flight that is to replace the result, or [`NONE`].
    flight: SlotId,
}

/// How calls find the slot of a flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(SlotId);

impl Place {
    /// Not at all: it was forgotten, superseded, or is a successor.
    pub(crate) const DETACHED: Self = Self(NONE);
    /// By its key.
    pub(crate) const LINKED: Self = Self(NONE - 1);

    /// By this kept result of its key. The window serves the result until the flight replaces it.
    pub(crate) fn beside(result: SlotId) -> Self {
        Self(result)
    }

    pub(crate) fn is_detached(self) -> bool {
        self == Self::DETACHED
    }

    pub(crate) fn is_linked(self) -> bool {
        self == Self::LINKED
    }

    /// The kept result that the flight stands beside.
    pub(crate) fn result(self) -> Option<SlotId> {
        (!self.is_detached() && !self.is_linked()).then_some(self.0)
    }
}

impl Kept {
    /// The flight that is to replace the result.
    pub(crate) fn flight(self) -> Option<SlotId> {
        (self.flight != NONE).then_some(self.flight)
    }
}

/// The state of a slot whose last execution has not ended.
pub(crate) struct Running<V, E> {
    /// The thread of the first execution. Once there is a flight, its gate knows all of them.
    pub(crate) leader: ThreadToken,
    pub(crate) flight: Option<Arc<Flight<V, E>>>,
}

impl<V, E> State<V, E> {
    /// The state of a slot that keeps this result, which `callers` calls have shared so far.
    pub(crate) fn of(completion: &Completion<V, E>, callers: usize) -> Self {
        let callers = u32::try_from(callers).unwrap_or(u32::MAX);
        let life = completion.reach.life().expect("it is for late calls");
        let kept = Kept { callers, life, flight: NONE };
        match &completion.result {
            RunResult::Value(value) => Self::Value(Handle::clone(value), kept),
            RunResult::Failed(error) => Self::Error(Handle::clone(error), kept),
            RunResult::Missing | RunResult::Panicked(_) | RunResult::Abandoned => {
                unreachable!("no window keeps a call without a result")
            }
        }
    }

    /// True if this keeps the result of this very completion.
    pub(crate) fn keeps(&self, completion: &Completion<V, E>) -> bool {
        match (self, &completion.result) {
            (Self::Value(kept, _), RunResult::Value(value)) => Handle::ptr_eq(value, kept),
            (Self::Error(kept, _), RunResult::Failed(error)) => Handle::ptr_eq(error, kept),
            _ => false,
        }
    }
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

    /// A handle to the key, for use while no lock is held.
    pub(crate) fn share(&mut self) -> Arc<K> {
        let shared = match std::mem::replace(self, Self::Moving) {
            Self::Own(key) => Arc::new(key),
            Self::Shared(key) => key,
            Self::Moving => unreachable!("a key is moved under the lock that it is read under"),
        };
        *self = Self::Shared(Arc::clone(&shared));
        shared
    }
}

impl<K, V, E> Slot<K, V, E> {
    /// A slot that calls do not find yet, whose leader is the one call that it has admitted.
    #[inline]
    pub(crate) fn led_by(leader: ThreadToken, key: Key<K>, hash: ShortHash, start: Nanos) -> Self {
        Self { admitted: 1, ..Self::new(key, hash, start, leader, None) }
    }

    /// The slot of a new flight, at this place.
    #[inline]
    pub(crate) fn at(mut self, place: Place) -> Self {
        self.set_place(place);
        self
    }

    /// A slot of a successor, which no thread leads and which has admitted no call.
    pub(crate) fn pending(
        flight: Arc<Flight<V, E>>,
        key: Key<K>,
        hash: ShortHash,
        start: Nanos,
    ) -> Self {
        Self::new(key, hash, start, ThreadToken::NONE, Some(flight))
    }

    /// A second slot for the same key, which holds nothing yet.
    pub(crate) fn twin(&mut self) -> Self {
        let key = Key::Shared(self.key.share());
        let twin = Self::new(key, self.hash, self.start, ThreadToken::NONE, None);
        Self { admitted: self.admitted, ..twin }
    }

    #[inline]
    fn new(
        key: Key<K>,
        hash: ShortHash,
        start: Nanos,
        leader: ThreadToken,
        flight: Option<Arc<Flight<V, E>>>,
    ) -> Self {
        let run = Running { leader, flight };
        let state = State::Running { run, place: Place::DETACHED, marks: Marks::NONE };
        Self { key, hash, admitted: 0, start, state }
    }

    /// True if `max_requests` leaves room for one more call (S13).
    #[inline]
    pub(crate) fn accepts_a_call(&self, max_requests: u32) -> bool {
        self.admitted < max_requests
    }

    /// Counts a call that the slot admits. Without a limit there is nothing to count.
    #[inline]
    pub(crate) fn admit_a_call(&mut self, max_requests: u32) {
        if max_requests != u32::MAX {
            self.admitted = self.admitted.saturating_add(1);
        }
    }

    #[inline]
    pub(crate) fn running(&self) -> Option<&Running<V, E>> {
        match &self.state {
            State::Running { run, .. } => Some(run),
            State::Value(..) | State::Error(..) => None,
        }
    }

    /// The flight of a slot that runs, if a second call has created it.
    #[inline]
    pub(crate) fn flight(&self) -> Option<&Arc<Flight<V, E>>> {
        self.running()?.flight.as_ref()
    }

    /// The state of a slot that the caller knows to run.
    #[inline]
    pub(crate) fn expect_running(&mut self) -> &mut Running<V, E> {
        match &mut self.state {
            State::Running { run, .. } => run,
            State::Value(..) | State::Error(..) => unreachable!("its execution has not returned"),
        }
    }

    /// How calls find the slot. Every result is found by its key.
    #[inline]
    pub(crate) fn place(&self) -> Place {
        match &self.state {
            State::Running { place, .. } => *place,
            State::Value(..) | State::Error(..) => Place::LINKED,
        }
    }

    /// Sets how calls find the slot of a flight.
    #[inline]
    pub(crate) fn set_place(&mut self, new: Place) {
        match &mut self.state {
            State::Running { place, .. } => *place = new,
            State::Value(..) | State::Error(..) => unreachable!("a result is linked"),
        }
    }

    #[inline]
    fn is_marked(&self, as_what: u8) -> bool {
        matches!(&self.state, State::Running { marks, .. } if marks.0 & as_what != 0)
    }

    /// True if it is a flight that admits no call, or that refreshes.
    #[inline]
    pub(crate) fn is_stale_or_refresh(&self) -> bool {
        self.is_marked(u8::MAX)
    }

    /// True if it is a flight that admits no call.
    #[inline]
    pub(crate) fn is_stale(&self) -> bool {
        self.is_marked(Marks::STALE)
    }

    /// True if it is the flight of a refresh.
    pub(crate) fn is_refresh(&self) -> bool {
        self.is_marked(Marks::REFRESH)
    }

    /// Lets a flight admit no more calls.
    pub(crate) fn set_stale(&mut self) {
        self.mark(Marks::STALE);
    }

    /// Marks a flight that refreshes.
    pub(crate) fn set_refresh(&mut self) {
        self.mark(Marks::REFRESH);
    }

    fn mark(&mut self, as_what: u8) {
        match &mut self.state {
            State::Running { marks, .. } => marks.0 |= as_what,
            State::Value(..) | State::Error(..) => unreachable!("its executions still run"),
        }
    }

    /// The kept result's own data, if it is one.
    pub(crate) fn kept(&self) -> Option<Kept> {
        match &self.state {
            State::Value(_, kept) | State::Error(_, kept) => Some(*kept),
            State::Running { .. } => None,
        }
    }

    /// Sets the flight that is to replace this kept result.
    pub(crate) fn set_kept_flight(&mut self, flight: Option<SlotId>) {
        match &mut self.state {
            State::Value(_, kept) | State::Error(_, kept) => kept.flight = flight.unwrap_or(NONE),
            State::Running { .. } => unreachable!("it is a kept result"),
        }
    }

    /// Brings the value's count into the cache. A value that has stood in its window is cold, and its
    /// drop would wait for that after the map has waited for the slot's bucket.
    #[inline]
    pub(crate) fn prefetch_value(&self) {
        if let State::Value(value, _) = &self.state {
            std::hint::black_box(Handle::strong_count(value));
        }
    }

    /// The window that keeps this slot, if one does.
    pub(crate) fn kind(&self) -> Option<Kind> {
        match &self.state {
            State::Value(..) => Some(Kind::Value),
            State::Error(..) => Some(Kind::Error),
            State::Running { .. } => None,
        }
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    /// A slot of a number and its cell's three numbers are one cache line.
    #[test]
    fn a_slot_of_a_small_key_has_56_bytes() {
        assert_eq!(size_of::<State<u64, u64>>(), 24);
        assert_eq!(size_of::<Option<Slot<u64, u64, u64>>>(), 56);
    }
}
