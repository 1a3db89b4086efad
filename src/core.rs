//! [`Core`]: the state that all handles of a group share.

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::call::Mode;
use crate::engine::slot::ShortHash;
use crate::engine::table::Table;
use crate::executor::Chosen;
use crate::key::ToKey;
use crate::refresh::Shares;
use crate::wait::clock::{Clock, FOREVER, Nanos, nanos};

pub(crate) struct Core<K, V, E, S: ?Sized> {
    pub(crate) table: Table<K, V, E>,
    pub(crate) sharing: Shares<K, V, E>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) executor: Option<Chosen>,
    /// The last field, so that it can be unsized: see [`AnyCore`].
    pub(crate) hasher: S,
}

/// A core without the hasher's type. Tickets and jobs hold it, because they hash nothing.
pub(crate) type AnyCore<K, V, E> = Core<K, V, E, dyn Send + Sync>;

impl<K, V, E, S: ?Sized> Core<K, V, E, S> {
    /// The executor that a submitted call went to.
    pub(crate) fn expect_executor(&self) -> &Chosen {
        self.executor.as_ref().expect("only what has an executor submits")
    }
}

impl<K, V, E, S: BuildHasher> Core<K, V, E, S> {
    /// The short hash of a key, which combines both halves of the full hash.
    #[inline]
    pub(crate) fn hash<Q: ?Sized + Hash>(&self, key: &Q) -> ShortHash {
        let hash = self.hasher.hash_one(key);
        (hash ^ (hash >> 32)) as ShortHash
    }

    /// Forgets a key in this process.
    pub(crate) fn forget_here<Q: ?Sized + ToKey<K>>(&self, key: &Q) -> bool {
        self.table.forget(self.hash(key), key)
    }
}

/// The choices of one call: which result it accepts, and how long it waits for other calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Want {
    /// See [`Call::max_age`](crate::engine::call::Call::max_age).
    pub(crate) max_age: Nanos,
    pub(crate) mode: Mode,
    pub(crate) patience: Patience,
}

impl Want {
    /// Accepts any result, and waits without a limit.
    pub(crate) const MANY: Self = Self { mode: Mode::Many, ..Self::ANY };
    pub(crate) const ANY: Self =
        Self { max_age: FOREVER, mode: Mode::Wait, patience: Patience::Endless };
    pub(crate) const FRESH: Self = Self { max_age: 0, ..Self::ANY };
    pub(crate) const TRY: Self = Self { mode: Mode::Try, ..Self::ANY };

    /// Accepts a result whose computation started at most this long before the call (S57).
    #[inline]
    pub(crate) fn within(age: Duration) -> Self {
        // The engine's bound is exclusive, and zero is a fresh call.
        Self { max_age: nanos(age).saturating_add(1), ..Self::ANY }
    }

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
