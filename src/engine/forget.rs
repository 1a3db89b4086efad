//! `forget`: no call that begins afterwards gets a result that was computed before.

use crate::engine::slot::{Kept, ShortHash};
use crate::engine::table::Table;
use crate::key::ToKey;
use crate::wait::contain::drop_each;

impl<K, V, E> Table<K, V, E> {
    /// Removes the slot of a key from the map (S27). A flight goes on for the calls that it has, and
    /// finds when it ends that its result is not kept (S28).
    pub(crate) fn forget<Q>(&self, hash: ShortHash, key: &Q) -> bool
    where
        Q: ?Sized + ToKey<K>,
    {
        let now = self.clock.now();
        let mut shard = self.shard(hash).lock();
        let Some(id) = shard.find(hash, key) else { return false };
        let flight = shard.slot(id).kept().map_or(Some(id), Kept::flight);
        let has_flight = flight.is_some_and(|flight| !shard.slot(flight).is_stale());
        let was_live = has_flight || self.is_live(shard.slot(id), now);
        if let Some(flight) = flight {
            shard.unlink(flight);
        }
        let result = (flight != Some(id)).then(|| self.take_result(&mut shard, id));
        // Before the value is dropped: its destructor is the user's.
        drop(shard);
        drop(result);
        was_live
    }

    /// Forgets every key. All of them are unlinked before the first destructor runs; the first panic of
    /// a destructor goes on when all results are dropped.
    pub(crate) fn forget_all(&self) -> usize {
        let now = self.clock.now();
        let (mut forgotten, mut all) = (0, Vec::new());
        for (index, shard) in self.shards().enumerate() {
            let mut shard = shard.lock();
            let (flights, results) = shard.clear(|slot| self.is_live(slot, now));
            self.capacity.removed_all(index, results.len());
            drop(shard);
            forgotten += flights + results.iter().filter(|slot| self.is_live(slot, now)).count();
            all.push(results);
        }
        drop_each(all.into_iter().flatten());
        forgotten
    }
}
