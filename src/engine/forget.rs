//! Forgetting, and what a table tells about itself.

use std::hash::Hash;

use hashbrown::Equivalent;

use crate::engine::slot::{ShortHash, Slot};
use crate::engine::table::{Leaving, Table};
use crate::stats::Stats;
use crate::wait::clock::Nanos;

impl<K, V, E> Table<K, V, E> {
    /// Takes the slot of a key out of the map (S27). A flight goes on for those that it has, and
    /// finds when it ends that its result is not to be kept (S28).
    pub(crate) fn forget<Q>(&self, hash: ShortHash, key: &Q) -> bool
    where
        Q: ?Sized + Hash + Equivalent<K>,
    {
        let now = self.clock.now();
        let mut leaving = Leaving::new();
        let mut shard = self.shard(hash).lock();
        let Some(at) = shard.find(hash, key) else { return false };
        let was_there = self.is_live(shard.slot(at), now);
        self.supersede(&mut shard, at, &mut leaving);
        drop(shard);
        was_there
    }

    /// Forgets every key, shard by shard.
    pub(crate) fn forget_all(&self) -> usize {
        let now = self.clock.now();
        let mut forgotten = 0;
        for (place, shard) in self.shards().enumerate() {
            let mut shard = shard.lock();
            let (flights, results) = shard.clear();
            self.retention.all_gone(place, results.len());
            drop(shard);
            forgotten += flights + results.iter().filter(|slot| self.is_live(slot, now)).count();
        }
        forgotten
    }

    /// Whether calls could still get something from a slot: a flight, or a result in its window.
    fn is_live(&self, slot: &Slot<K, V, E>, now: Nanos) -> bool {
        let window = slot.kind().map(|kind| self.rules.window_of(kind));
        window.is_none_or(|window| now < slot.started.saturating_add(window))
    }

    /// The counters of all shards. Each shard is read under its lock, so no end is counted whose
    /// call is not (S49).
    pub(crate) fn stats(&self) -> Stats {
        self.shards().map(|shard| shard.lock().stats()).sum()
    }
}
