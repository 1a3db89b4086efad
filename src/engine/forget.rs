//! `forget`: no call that begins afterwards gets a result that was computed before.

use crate::key::ToKey;

use crate::engine::slab::SlotId;
use crate::engine::slot::{ShortHash, Slot};
use crate::engine::table::{Deferred, Locked, Table};
use crate::wait::clock::Nanos;

impl<K, V, E> Table<K, V, E> {
    /// Removes the slot of a key from the map (S27). A flight goes on for the calls that it has, and
    /// finds when it ends that its result is not kept (S28).
    pub(crate) fn forget<Q>(&self, hash: ShortHash, key: &Q) -> bool
    where
        Q: ?Sized + ToKey<K>,
    {
        let now = self.clock.now();
        let mut deferred = Deferred::new();
        let mut shard = self.shard(hash).lock();
        let Some(id) = shard.find(hash, key) else { return false };
        let was_live = self.is_live(shard.slot(id), now);
        self.supersede(&mut shard, id, &mut deferred);
        // Before `deferred`: the value's destructor is the user's.
        drop(shard);
        was_live
    }

    /// Forgets every key, shard by shard.
    pub(crate) fn forget_all(&self) -> usize {
        let now = self.clock.now();
        let mut forgotten = 0;
        for (index, shard) in self.shards().enumerate() {
            let mut shard = shard.lock();
            let (flights, results) = shard.clear();
            self.capacity.removed_all(index, results.len());
            drop(shard);
            forgotten += flights + results.iter().filter(|slot| self.is_live(slot, now)).count();
        }
        forgotten
    }

    /// True if calls can still get something from a slot: a flight, or a result in its window.
    fn is_live(&self, slot: &Slot<K, V, E>, now: Nanos) -> bool {
        slot.kind().is_none_or(|kind| self.rules.is_within_window(kind, slot.start, now))
    }

    /// Removes a slot from the map. A flight goes on for the calls that it has; a result goes.
    pub(super) fn supersede(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        old: SlotId,
        deferred: &mut Deferred<K, V, E>,
    ) {
        match shard.slot(old).kind() {
            None => shard.unlink(old),
            Some(kind) => {
                let slot = shard.remove(old);
                let index = self.shard_index(slot.hash);
                self.capacity.removed(index, kind, shard.oldest_start(kind));
                deferred.push(slot);
            }
        }
    }
}
