//! What a call brings to the table, and what the table makes of it.

use std::sync::Arc as StdArc;

use crate::engine::slab::At;
use crate::engine::slot::{Key, Room, ShortHash};
use crate::engine::table::{Locked, Table};
use crate::sync::Arc;
use crate::wait::clock::Nanos;
use crate::wait::deadlock::{self, ThreadToken};

/// One call, as the table sees it.
pub(crate) struct Call<'q, Q: ?Sized> {
    pub(crate) key: &'q Q,
    pub(crate) hash: ShortHash,
    /// A coarse reading of the clock when the call began. It decides which results may serve the call (S8).
    pub(crate) entry: Nanos,
    pub(crate) manner: Manner,
}

impl<Q: ?Sized> Clone for Call<'_, Q> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Q: ?Sized> Copy for Call<'_, Q> {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Any outcome that may be shared will do.
    Ordinary,
    /// Only outcomes of executions that begin after the call (S30).
    Fresh,
    /// Never waits (S34).
    Try,
    /// Waits by a ticket, later and perhaps on another thread, or not at all.
    Submit,
}

/// A key that a call brings in case it starts a flight, and that flight's start.
pub(crate) struct Spare<K> {
    pub(crate) key: Option<Key<K>>,
    /// Read after the key was made, if that took user code; otherwise when the flight starts.
    pub(crate) start: Option<Nanos>,
}

/// A result from within its window, as all calls share it.
pub(crate) struct Late<V, E> {
    pub(crate) result: Result<Arc<V>, Arc<E>>,
    /// How many calls had waited for it.
    pub(crate) callers: u32,
    pub(crate) started: Nanos,
}

/// A call's shard, locked, and the slot of its key, if there is one.
pub(crate) struct Found<'t, K, V, E> {
    pub(crate) shard: Locked<'t, K, V, E>,
    pub(crate) at: Option<At>,
}

/// What a call turned out to be that no result answers.
pub(crate) enum Admission<'t, K, V, E> {
    /// It runs the function and publishes.
    Lead(Execution<'t, K, V, E>),
    /// It begins an execution of a flight that was there, and may be slow.
    Claim(Execution<'t, K, V, E>),
    /// It waits for the outcome of a flight.
    Follow(Follower<V, E>),
    /// It runs the function for itself alone.
    Alone,
    /// It is told why it cannot be answered.
    Refused(Refusal),
    /// It would start a flight: admit it again, with a key for it.
    Vacant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    WouldBlock,
    WouldDeadlock,
}

/// A call that counts as waiting at its flight's gate.
pub(crate) struct Follower<V, E> {
    /// Its flight's place, as long as the gate is not closed.
    pub(crate) at: At,
    pub(crate) hash: ShortHash,
    pub(crate) room: StdArc<Room<V, E>>,
    /// When its flight started.
    pub(crate) started: Nanos,
    /// By which the gate knows what it is to call for it; zero if nothing.
    pub(crate) call: u64,
    /// Its wait in the graph, if its thread leads something.
    pub(crate) wait: Option<deadlock::Wait>,
}

/// Where the flight of an execution is, as long as that has not ended.
#[derive(Clone, Copy)]
pub(crate) struct Whereabouts {
    pub(crate) at: At,
    pub(crate) hash: ShortHash,
}

impl<K, V, E> Execution<'_, K, V, E> {
    #[inline]
    pub(crate) fn whereabouts(&self) -> Whereabouts {
        Whereabouts { at: self.at, hash: self.hash }
    }
}

/// The right, and the duty, to end one execution. Dropped without an ending it is abandoned.
#[must_use = "dropping an execution abandons its followers"]
pub(crate) struct Execution<'t, K, V, E> {
    pub(crate) table: &'t Table<K, V, E>,
    /// Its flight's place, which is there as long as any execution of it runs.
    pub(crate) at: At,
    pub(crate) hash: ShortHash,
    pub(crate) start: Nanos,
    pub(crate) leader: ThreadToken,
}

impl<K> Spare<K> {
    pub(crate) fn none() -> Self {
        Self { key: None, start: None }
    }

    pub(crate) fn new(key: Key<K>, start: Option<Nanos>) -> Self {
        Self { key: Some(key), start }
    }
}
