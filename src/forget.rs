//! Forgetting, and what a table tells about itself.

use std::hash::Hash;

use hashbrown::Equivalent;

use crate::slot::{Place, Slot};
use crate::stats::Stats;
use crate::sync::Arc;
use crate::table::{Leaving, Table};

impl<K, V, E> Table<K, V, E> {
    /// Detaches the slot of a key (S27). A running one goes on for those that it has, and finds
    /// when it ends that it is not to be retained (S28).
    pub(crate) fn forget<Q>(&self, hash: u64, key: &Q) -> bool
    where
        Q: ?Sized + Hash + Equivalent<K>,
    {
        let now = self.clock.now();
        let mut leaving = Leaving::new();
        let mut shard = self.shard(hash).lock();
        let Some(slot) = shard.find(hash, key).map(Arc::clone) else { return false };
        let was_there = self.is_live(&slot, now);
        self.supersede(&mut shard, &slot, &mut leaving);
        drop(shard);
        was_there
    }

    /// Detaches every slot, shard by shard.
    pub(crate) fn forget_all(&self) -> usize {
        let now = self.clock.now();
        let mut forgotten = 0;
        for (place, shard) in self.shards().enumerate() {
            let mut shard = shard.lock();
            let detached = shard.detach_all();
            let live = |slot: &&Arc<Slot<K, V, E>>| self.is_within_window(slot, now);
            forgotten += detached.running.len() + detached.retained.iter().filter(live).count();
            self.retention.all_gone(&shard, place, detached.retained.len());
            for slot in detached.running {
                shard.put_aside(slot);
            }
            drop(shard);
            drop(detached.retained);
        }
        forgotten
    }

    fn is_live(&self, slot: &Slot<K, V, E>, now: u64) -> bool {
        !matches!(slot.place(), Place::Retained(..)) || self.is_within_window(slot, now)
    }

    fn is_within_window(&self, slot: &Slot<K, V, E>, now: u64) -> bool {
        let window = slot.ending().map_or(0, |ending| self.rules.window_after(ending));
        now < slot.started().saturating_add(window)
    }

    /// The counters of all shards. Each shard is read under its lock, so no end is counted whose
    /// call is not (S49).
    pub(crate) fn stats(&self) -> Stats {
        self.shards().map(|shard| shard.lock().tally.snapshot()).sum()
    }
}
