//! Keys and results that know their origin, and are counted while they are alive.

use std::hash::{Hash, Hasher};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::{Duration, Instant};

use coalescer::{ShareWith, ToKey};

use crate::unlocked::{at_most, no_lock};

/// An object of which none may be alive at the end. Its handles are the count.
pub(crate) type Live = Arc<()>;

/// How many are alive, besides the one that counts.
pub(crate) fn alive(live: &Live) -> usize {
    Arc::strong_count(live) - 1
}

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) id: usize,
    _live: Live,
}

/// A key as callers have it: the owned one is made by the library.
#[derive(Debug)]
pub(crate) struct KeyRef<'a> {
    pub(crate) id: usize,
    pub(crate) live: &'a Live,
}

/// A value or an error of one execution.
#[derive(Debug)]
pub(crate) struct Product {
    pub(crate) key: usize,
    /// The logical time at which the function began. No two executions share one, so it is also
    /// the execution's name.
    pub(crate) begun: u64,
    pub(crate) started: Instant,
    pub(crate) sharing: Sharing,
    /// How many calls got it.
    pub(crate) receivers: AtomicUsize,
    /// The logical time at which the first of those calls had returned.
    pub(crate) first_return: AtomicU64,
    pub(crate) _live: Live,
}

/// The answer of the rule about sharing for a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    Shared,
    /// With late calls for this time.
    For(Duration),
    /// With followers only.
    Passing,
    Private,
    /// It panics.
    Broken,
}

impl Sharing {
    pub(crate) fn of(product: &Product) -> ShareWith {
        no_lock("the rule");
        match product.sharing {
            Self::Shared => ShareWith::Everyone,
            Self::For(time) => ShareWith::For(time),
            Self::Passing => ShareWith::Followers,
            Self::Private => ShareWith::Nobody,
            Self::Broken => planned_panic(product.key, product.begun),
        }
    }
}

impl Product {
    /// How long after its start late calls may get it, beside the window.
    pub(crate) fn lifetime(&self) -> Option<Duration> {
        match self.sharing {
            Sharing::For(time) => Some(time),
            _ => None,
        }
    }
}

const PLANNED: &str = "planned";

/// Panics without the hook, which would print every one of them.
pub(crate) fn planned_panic(key: usize, begun: u64) -> ! {
    resume_unwind(Box::new(format!("{PLANNED} {key} {begun}")))
}

/// The key and the begin of the execution that panicked with this message.
pub(crate) fn parse_panic(message: &str) -> Option<(usize, u64)> {
    let mut words = message.strip_prefix(PLANNED)?.split_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

impl Drop for Key {
    fn drop(&mut self) {
        no_lock("the destructor of a key");
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        no_lock("the destructor of a value");
    }
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Half the keys have the hash of another one (S2).
        (self.id / 2).hash(state);
    }
}

impl ToKey<Key> for KeyRef<'_> {
    fn is_key(&self, key: &Key) -> bool {
        at_most(1, "is_key");
        self.id == key.id
    }

    fn to_key(&self) -> Key {
        no_lock("to_key");
        Key { id: self.id, _live: Live::clone(self.live) }
    }
}
