//! How a table gives memory back: results whose window is over, and the space that a burst took.
//!
//! ```text
//! purge_expired    drops expired results now, which calls would drop step by step
//! shrink_to_fit    gives back space that no slot uses
//! ```
//!
//! A shard that becomes empty after a burst gives its space back by itself (`shard.rs`).

use crate::engine::rules::Kind;
use crate::engine::slot::Slot;
use crate::engine::table::{Locked, Table};
use crate::wait::clock::Nanos;
use crate::wait::contain::drop_each;

/// How many results are removed while a shard is locked. Calls of its other keys wait meanwhile.
const BATCH: usize = 256;

impl<K, V, E> Table<K, V, E> {
    /// Drops every result whose window is over, and returns how many there were.
    pub(crate) fn purge_expired(&self) -> usize {
        let now = self.clock.now();
        let mut purged = 0;
        for shard in self.shards() {
            loop {
                let mut batch = Vec::new();
                self.take_expired(&mut shard.lock(), now, &mut batch);
                let count = batch.len();
                drop_each(batch.into_iter());
                purged += count;
                if count < BATCH {
                    break;
                }
            }
        }
        purged
    }

    fn take_expired(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        now: Nanos,
        batch: &mut Vec<Slot<K, V, E>>,
    ) {
        for kind in [Kind::Value, Kind::Error] {
            while batch.len() < BATCH {
                let Some((oldest, start)) = shard.oldest(kind) else { break };
                if self.rules.is_within_window(kind, start, now) {
                    break;
                }
                batch.push(self.take_result(shard, oldest));
            }
        }
    }

    /// Gives back the space that no slot uses, shard by shard.
    pub(crate) fn shrink_to_fit(&self) {
        for shard in self.shards() {
            shard.lock().shrink_to_fit();
        }
    }
}
