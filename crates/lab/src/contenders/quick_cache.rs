//! quick_cache: `sync::Cache::get_value_or_guard`, and `get_or_insert_with` where it is watched.
//!
//! It has no window: the adapter keeps each value's time and replaces values that are too old, by `entry`.
//! Without a window the call that ran the function removes the key. Old results leave only when
//! their place is needed: the capacity is what the scenario says lives at once, and a third more.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quick_cache::sync::{Cache, DefaultLifecycle, EntryAction, EntryResult, GuardResult};
use quick_cache::{DefaultHashBuilder, UnitWeighter};

use crate::contender::{Answer, Contender, Load, Peer, Run, Same, Setup, Watched, Wish};

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

/// A value and the end of its window, if it is kept at all.
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

/// Far more than any situation has keys, so that nothing is evicted.
const ROOM: usize = 1000;

type Plain<B> = Cache<u32, u64, UnitWeighter, B>;

/// A cache that is set up so.
pub fn watched(wish: Wish) -> Option<Arc<dyn Watched>> {
    match wish {
        Wish::Plain | Wish::Keeping => Some(plain(DefaultHashBuilder::default())),
        Wish::EqualHashes => Some(plain(Same)),
        Wish::Window(_) | Wish::LeaderTimeout(_) => None,
    }
}

fn plain<B: BuildHasher + Clone + Send + Sync + 'static>(hasher: B) -> Arc<dyn Watched> {
    let lifecycle = DefaultLifecycle::default();
    Arc::new(Plain::with(ROOM, ROOM as u64, UnitWeighter, hasher, lifecycle))
}

impl<B: BuildHasher + Clone + Send + Sync> Watched for Plain<B> {
    fn load(&self, key: u32, f: Run<'_>) -> Answer {
        self.get_or_insert_with(&key, f).map_or(Answer::Failed, Answer::Value)
    }

    fn load_for(&self, key: u32, timeout: Duration, f: Run<'_>) -> Option<Answer> {
        Some(match self.get_value_or_guard(&key, Some(timeout)) {
            GuardResult::Value(value) => Answer::Value(value),
            GuardResult::Timeout => Answer::TimedOut,
            GuardResult::Guard(guard) => f().map_or(Answer::Failed, |value| {
                // An error only says that the key was removed in the meantime.
                let _ = guard.insert(value);
                Answer::Value(value)
            }),
        })
    }

    fn forget(&self, key: u32) -> Option<()> {
        self.remove(&key);
        Some(())
    }
}
