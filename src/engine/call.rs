//! The words of a call: the data that it brings to the table, and the answers of the table.

use crate::engine::alone::Alone;
use crate::engine::execution::Execution;
use crate::engine::slab::SlotId;
use crate::engine::slot::{Key, ShortHash};
use crate::engine::table::Locked;
pub(crate) use crate::engine::waiter::Follower;
use crate::engine::waiter::Waiter;
use crate::sync::Handle;
use crate::wait::clock::Nanos;

/// One call, as the table sees it.
pub(crate) struct Call<'q, Q: ?Sized> {
    pub(crate) key: &'q Q,
    pub(crate) hash: ShortHash,
    /// A coarse reading of the clock when the call began. It decides which results may serve the
    /// call (S8).
    pub(crate) entry: Nanos,
    /// The call accepts no result whose computation began longer ago. Zero for a fresh call (S30),
    /// [`FOREVER`](crate::wait::clock::FOREVER) without a limit.
    pub(crate) max_age: Nanos,
    pub(crate) mode: Mode,
}

impl<Q: ?Sized> Call<'_, Q> {
    /// The earliest start that a call of this age accepts, if it began `now`.
    #[inline]
    pub(crate) fn not_before(&self, now: Nanos) -> Nanos {
        (now + 1).saturating_sub(self.max_age)
    }
}

impl<Q: ?Sized> Clone for Call<'_, Q> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Q: ?Sized> Copy for Call<'_, Q> {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Waits for other calls' executions.
    Wait,
    /// Never waits (S34).
    Try,
    /// Waits by a ticket, later and perhaps on another thread, or not at all.
    Submit,
    /// Waits on its thread, after all keys of its call are admitted and those that it leads are published.
    Many,
}

impl Mode {
    /// True if the call does not wait as soon as it is admitted: it takes a place in its flight.
    pub(super) fn waits_later(self) -> bool {
        matches!(self, Self::Submit | Self::Many)
    }
}

/// The key that a call brings in case it starts a flight, and that flight's start.
pub(crate) struct NewKey<K> {
    pub(crate) key: Option<Key<K>>,
    /// Read after the key was created, if that ran user code. Otherwise the flight reads the clock.
    pub(crate) start: Option<Nanos>,
}

impl<K> NewKey<K> {
    pub(crate) fn none() -> Self {
        Self { key: None, start: None }
    }

    pub(crate) fn new(key: Key<K>, start: Option<Nanos>) -> Self {
        Self { key: Some(key), start }
    }
}

/// A result from within its window.
pub(crate) struct Hit<V, E> {
    pub(crate) result: Result<Handle<V>, Handle<E>>,
    /// How many calls the execution answered when it ended.
    pub(crate) callers: u32,
    pub(crate) start: Nanos,
}

/// A call's shard, locked, and the slot of its key, if there is one.
pub(crate) struct Entry<'t, K, V, E> {
    pub(crate) shard: Locked<'t, K, V, E>,
    pub(crate) id: Option<SlotId>,
}

/// The table's decision about a call that no result answers.
pub(crate) enum Admission<'t, K, V, E> {
    /// It runs the function and publishes.
    Lead(Execution<'t, K, V, E>),
    /// It begins one more execution of a flight, which may be slow.
    Claim(Execution<'t, K, V, E>),
    /// A value serves it whose refresh is not its affair.
    Hit(Hit<V, E>),
    /// It begins the refresh of a value that would serve it.
    Refresh(Execution<'t, K, V, E>, Hit<V, E>),
    /// It waits for the outcome of a flight.
    Follow(Waiter<'t, K, V, E>),
    /// It runs the function for itself alone.
    Bypass(Alone<'t, K, V, E>),
    Refused(Refusal),
    /// It would start a flight: admit it again, with a key.
    Vacant,
}

impl<K, V, E> Admission<'_, K, V, E> {
    /// Refuses a call, and counts it.
    pub(super) fn refuse(shard: &mut Locked<'_, K, V, E>, refusal: Refusal) -> Self {
        shard.tally.count_refused();
        Self::Refused(refusal)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    WouldBlock,
    WouldDeadlock,
    Overloaded,
}
