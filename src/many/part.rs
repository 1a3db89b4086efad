//! [`Part`]: one key of a run, and [`OfKey`], its answer.

use std::mem;

use crate::engine::alone::Alone;
use crate::engine::led::Led;
use crate::engine::slot::ShortHash;
use crate::engine::table::Table;
use crate::error::Error;
use crate::many::gathered::Gathered;
use crate::sync::Handle;
use crate::wait::clock::Nanos;
use crate::wait::deadlock::ThreadToken;

/// The answer to one key.
pub(crate) type OfKey<V, E> = Result<Handle<V>, Error<E>>;

/// The right to run the function for one key, and the duty to end it.
pub(super) enum Part<'t, K, V, E> {
    Led(Led<'t, K, V, E>),
    /// For this call alone.
    Alone(Alone<'t, K, V, E>),
    /// Of a call that waits for this run.
    // In a box: the others are small, and most runs have none.
    Gathered(Box<Gathered<'t, K, V, E>>),
}

/// A run that is to begin.
pub(super) struct Run<'t, K, V, E> {
    /// Its keys, in the order of its parts.
    pub(super) keys: Vec<K>,
    /// The parts of its keys, each with the place of its answer.
    pub(super) parts: Vec<(usize, Part<'t, K, V, E>)>,
    /// The answers that its call has so far, with space for those of the run.
    pub(super) answers: Vec<Option<OfKey<V, E>>>,
}

/// A part of a run that has begun.
pub(super) struct Open<'t, K, V, E> {
    /// The place of its answer.
    pub(super) at: usize,
    /// None as soon as the key has its answer.
    pub(super) part: Option<Part<'t, K, V, E>>,
}

impl<'t, K, V, E> Part<'t, K, V, E> {
    pub(super) fn hash(&self) -> ShortHash {
        match self {
            Self::Led(led) => led.slot().hash,
            Self::Alone(alone) => alone.hash(),
            Self::Gathered(gathered) => gathered.hash(),
        }
    }

    /// The start of its flight. A call for itself alone begins now.
    pub(super) fn start(&self, table: &Table<K, V, E>) -> Nanos {
        match self {
            Self::Led(led) => led.start(),
            Self::Alone(_) => table.clock.coarse_now(),
            Self::Gathered(gathered) => gathered.start(),
        }
    }

    /// The thread that leads it, if one does for its own call.
    fn leader(&self) -> Option<ThreadToken> {
        match self {
            Self::Led(led) => Some(led.leader()),
            Self::Alone(_) | Self::Gathered(_) => None,
        }
    }
}

/// The thread that leads these, or none if they are for its call alone.
pub(super) fn leader_of<K, V, E>(parts: &[(usize, Part<'_, K, V, E>)]) -> ThreadToken {
    parts.iter().find_map(|(_, part)| part.leader()).unwrap_or(ThreadToken::NONE)
}

/// Sets an answer that is not there.
// Always inline, and nothing to drop: the parts of the answer go to their places at once. By way of a copy they would take
// as long as a lock.
#[inline(always)]
pub(super) fn set<V, E>(answer: &mut Option<OfKey<V, E>>, it: OfKey<V, E>) {
    let none = answer.replace(it);
    debug_assert!(none.is_none(), "an answer is set once");
    mem::forget(none);
}
