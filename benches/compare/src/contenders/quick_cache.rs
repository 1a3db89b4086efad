//! quick_cache: `sync::Cache::get_value_or_guard`.
//!
//! It has no window: the adapter keeps each value's time and replaces what is too old, by `entry`.
//! Without a window the call that ran the function removes the key. Old results leave only when
//! their place is needed: the capacity is what the scenario says lives at once, and a third more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use quick_cache::sync::{Cache, EntryAction, EntryResult, GuardResult};

use crate::contender::{Contender, Load, Peer, Setup};

/// `get_value_or_guard`.
#[derive(Debug)]
pub enum QuickCache {}

/// The cache and its function.
#[derive(Debug)]
pub struct WithQuickCache<L> {
    cache: Cache<u64, Kept>,
    window: Duration,
    load: L,
}

/// A value and until when it is served, if it is kept at all.
#[derive(Clone, Debug)]
struct Kept {
    value: Arc<u64>,
    until: Option<Instant>,
}

impl Kept {
    fn is_old(&self) -> bool {
        self.until.is_some_and(|until| until <= Instant::now())
    }
}

impl Contender for QuickCache {
    const NAME: &'static str = "quick_cache";
    type Peer<L: Load> = WithQuickCache<L>;

    fn make<L: Load>(setup: Setup, load: L) -> Option<Self::Peer<L>> {
        let cache = Cache::new(setup.keys + setup.keys / 3 + 16);
        Some(WithQuickCache { cache, window: setup.window, load })
    }
}

impl<L: Load> WithQuickCache<L> {
    fn run(&self, key: u64) -> Kept {
        let until = (!self.window.is_zero()).then(|| Instant::now() + self.window);
        Kept { value: Arc::new((self.load)(key)), until }
    }

    /// A call that met an old value: it runs the function, or gets what another has put there.
    fn replace(&self, key: u64) -> Arc<u64> {
        let entry = self.cache.entry(&key, None, |_, kept: &mut Kept| {
            if kept.is_old() {
                EntryAction::ReplaceWithGuard
            } else {
                EntryAction::Retain(kept.value.clone())
            }
        });
        match entry {
            EntryResult::Retained(value) => value,
            EntryResult::Replaced(guard, _) | EntryResult::Vacant(guard) => {
                let kept = self.run(key);
                let _ = guard.insert(kept.clone());
                kept.value
            }
            EntryResult::Removed(..) | EntryResult::Timeout => {
                unreachable!("nothing is removed, and the wait has no end")
            }
        }
    }
}

impl<L: Load> Peer for WithQuickCache<L> {
    #[inline]
    fn call(&self, key: u64) -> Arc<u64> {
        match self.cache.get_value_or_guard(&key, None) {
            GuardResult::Value(kept) if kept.is_old() => self.replace(key),
            GuardResult::Value(kept) => kept.value,
            GuardResult::Guard(guard) => {
                let kept = self.run(key);
                let _ = guard.insert(kept.clone());
                if self.window.is_zero() {
                    self.cache.remove(&key);
                }
                kept.value
            }
            GuardResult::Timeout => unreachable!("the wait has no end"),
        }
    }
}
