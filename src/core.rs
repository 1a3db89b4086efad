//! [`Core`]: what all handles of a group share.

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::call::Mode;
use crate::engine::slot::ShortHash;
use crate::engine::table::Table;
use crate::executor::Chosen;
use crate::share::ShareRule;
use crate::wait::clock::{Clock, FOREVER, Nanos, nanos};

pub(crate) struct Core<K, V, E, S: ?Sized> {
    pub(crate) table: Table<K, V, E>,
    pub(crate) share_if: Option<Arc<ShareRule<V>>>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) executor: Option<Chosen>,
    /// Last, so that a ticket can do without its type: see [`AnyCore`].
    pub(crate) hasher: S,
}

/// A core as tickets and jobs hold it, which hash nothing and so need not know the hasher.
pub(crate) type AnyCore<K, V, E> = Core<K, V, E, dyn Send + Sync>;

impl<K, V, E, S: BuildHasher> Core<K, V, E, S> {
    /// Both halves of the key's hash go into the short one.
    #[inline]
    pub(crate) fn hash<Q: ?Sized + Hash>(&self, key: &Q) -> ShortHash {
        let hash = self.hasher.hash_one(key);
        (hash ^ (hash >> 32)) as ShortHash
    }
}

/// The choices of one call: which result it accepts, and how long it waits for other calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Want {
    /// As [`Call::max_age`](crate::engine::call::Call::max_age).
    pub(crate) max_age: Nanos,
    pub(crate) mode: Mode,
    pub(crate) patience: Patience,
}

impl Want {
    /// Any result, however long it takes.
    pub(crate) const ANY: Self =
        Self { max_age: FOREVER, mode: Mode::Wait, patience: Patience::Endless };
    pub(crate) const FRESH: Self = Self { max_age: 0, ..Self::ANY };
    pub(crate) const TRY: Self = Self { mode: Mode::Try, ..Self::ANY };

    #[inline]
    pub(crate) fn patient(patience: Patience) -> Self {
        Self { patience, ..Self::ANY }
    }
}

/// The end of a call's wait for other calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience {
    Endless,
    For(Duration),
    Until(Instant),
}

impl Patience {
    #[inline]
    pub(crate) fn deadline(self, clock: &Clock, entry: Nanos, max_wait: Nanos) -> Nanos {
        if matches!(self, Self::Endless) && max_wait == FOREVER {
            return FOREVER;
        }
        let entry = clock.refine(entry);
        let own = match self {
            Self::Endless => FOREVER,
            Self::For(timeout) => entry.saturating_add(nanos(timeout)),
            Self::Until(deadline) => clock.at(deadline),
        };
        own.min(entry.saturating_add(max_wait))
    }
}
