//! quick_cache, by `get_or_insert_with`, and by its guard where a wait is to have a deadline.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::{Cache, DefaultLifecycle, GuardResult};
use quick_cache::{DefaultHashBuilder, UnitWeighter};

use crate::contender::{Answer, Load, Peer, Same, Setup};

/// Far more than any scenario has keys, so that nothing is evicted.
const ROOM: usize = 1000;

type Cached<B> = Cache<u32, u64, UnitWeighter, B>;

/// A cache that is set up so.
pub fn make(setup: Setup) -> Option<Arc<dyn Peer>> {
    match setup {
        Setup::Plain | Setup::Keeping => Some(cache(DefaultHashBuilder::default())),
        Setup::EqualHashes => Some(cache(Same)),
        Setup::Window(_) | Setup::LeaderTimeout(_) => None,
    }
}

fn cache<B: BuildHasher + Clone + Send + Sync + 'static>(hasher: B) -> Arc<dyn Peer> {
    let lifecycle = DefaultLifecycle::default();
    Arc::new(Cached::with(ROOM, ROOM as u64, UnitWeighter, hasher, lifecycle))
}

impl<B: BuildHasher + Clone + Send + Sync> Peer for Cached<B> {
    fn load(&self, key: u32, f: Load<'_>) -> Answer {
        self.get_or_insert_with(&key, f).map_or(Answer::Failed, Answer::Value)
    }

    fn load_for(&self, key: u32, timeout: Duration, f: Load<'_>) -> Option<Answer> {
        Some(match self.get_value_or_guard(&key, Some(timeout)) {
            GuardResult::Value(value) => Answer::Value(value),
            GuardResult::Timeout => Answer::TimedOut,
            GuardResult::Guard(guard) => f().map_or(Answer::Failed, |value| {
                // An error only says that the key was removed meanwhile.
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
