//! moka's blocking cache, by `try_get_with`: the one of its verbs that knows errors.

use std::hash::BuildHasher;
use std::sync::Arc;

use moka::sync::Cache;

use crate::contender::{Answer, Load, Peer, Same, Setup};

/// Far more than any scenario has keys, so that nothing is evicted.
const ROOM: u64 = 1000;

/// A cache that is set up so.
pub fn make(setup: Setup) -> Option<Arc<dyn Peer>> {
    let builder = Cache::<u32, u64>::builder().max_capacity(ROOM);
    Some(match setup {
        Setup::Plain | Setup::Keeping => Arc::new(builder.build()),
        Setup::EqualHashes => Arc::new(builder.build_with_hasher(Same)),
        Setup::Window(window) => Arc::new(builder.time_to_live(window).build()),
        Setup::LeaderTimeout(_) => return None,
    })
}

impl<S: BuildHasher + Clone + Send + Sync + 'static> Peer for Cache<u32, u64, S> {
    fn load(&self, key: u32, f: Load<'_>) -> Answer {
        self.try_get_with(key, f).map_or(Answer::Failed, Answer::Value)
    }

    fn forget(&self, key: u32) -> Option<()> {
        self.invalidate(&key);
        Some(())
    }
}
