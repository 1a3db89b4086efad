//! `forget`: no call that begins afterwards gets a result that was computed before.
//!
//! ```text
//! forget      the entry of one key
//! forget_if   the keys, under each shard's lock; then the user's function, under none; then each key that fits
//! forget_all  every entry, shard by shard
//! ```
//!
//! Between the look at a key and its removal, calls go on. An execution that began before the look is
//! removed by its key in any case: its flight, or the result that it has left. One that began later may
//! be removed too.

use std::sync::Arc;

use crate::engine::shard::Shard;
use crate::engine::slab::SlotId;
use crate::engine::slot::{Kept, Place, ShortHash, Slot};
use crate::engine::table::Table;
use crate::key::ToKey;
use crate::wait::contain::{FirstPanic, drop_each};

impl<K, V, E> Table<K, V, E> {
    /// Removes the slot of a key from the map (S27). A flight goes on for the calls that it has, and
    /// finds when it ends that its result is not kept (S28).
    pub(crate) fn forget<Q>(&self, hash: ShortHash, key: &Q) -> bool
    where
        Q: ?Sized + ToKey<K>,
    {
        let (was_live, _result) = self.unlink_entry(hash, |other| key.is_key(other));
        was_live
    }

    /// Forgets every key that fits (S75). All of them are unlinked before the first destructor runs.
    pub(crate) fn forget_if(&self, mut fits: impl FnMut(&K) -> bool) -> usize
    where
        K: Eq,
    {
        let (mut forgotten, mut results) = (0, Vec::new());
        let mut panic = FirstPanic::default();
        for shard in self.shards() {
            let keys = shard.lock().share_keys();
            for (hash, key) in keys.iter().filter(|(_, key)| fits(key)) {
                let (was_live, result) = self.unlink_entry(*hash, |other| *other == **key);
                forgotten += usize::from(was_live);
                results.extend(result);
            }
            panic.catch(|| drop(keys));
        }
        results.into_iter().for_each(|result| panic.catch(|| drop(result)));
        panic.resume();
        forgotten
    }

    /// Hides what calls find by a key. Returns true if it was there for them, and the kept result, which
    /// the caller drops: its destructor is the user's.
    fn unlink_entry(
        &self,
        hash: ShortHash,
        is_key: impl Fn(&K) -> bool,
    ) -> (bool, Option<Slot<K, V, E>>) {
        let now = self.clock.now();
        let mut shard = self.shard(hash).lock();
        let Some(id) = shard.find_slot(hash, |slot| is_key(slot.key.get())) else {
            return (false, None);
        };
        let flight = shard.slot(id).kept().map_or(Some(id), Kept::flight);
        let has_flight = flight.is_some_and(|flight| !shard.slot(flight).is_stale());
        let was_live = has_flight || self.is_live(shard.slot(id), now);
        if let Some(flight) = flight {
            shard.unlink(flight);
        }
        (was_live, (flight != Some(id)).then(|| self.take_result(&mut shard, id)))
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

impl<K, V, E> Shard<K, V, E> {
    /// Every key that calls find, for use while no lock is held.
    fn share_keys(&mut self) -> Vec<(ShortHash, Arc<K>)> {
        let linked: Vec<SlotId> = self.map.iter().copied().collect();
        let share = |id| {
            let slot = self.slot_mut(id);
            (slot.hash, slot.key.share())
        };
        linked.into_iter().map(share).collect()
    }

    /// Unlinks every flight and removes every result. Returns the results, and the number of keys that
    /// have a flight and no result that `is_live`.
    fn clear(&mut self, is_live: impl Fn(&Slot<K, V, E>) -> bool) -> (usize, Vec<Slot<K, V, E>>) {
        let linked: Vec<SlotId> = self.map.drain().collect();
        let (mut flights, mut results) = (0, Vec::new());
        for id in linked {
            let Some(kept) = self.slot(id).kept() else {
                flights += usize::from(self.detach(id));
                continue;
            };
            let has_flight = kept.flight().is_some_and(|flight| self.detach(flight));
            let result = self.remove_result(id);
            flights += usize::from(has_flight && !is_live(&result));
            results.push(result);
        }
        self.shrink_if_vacant();
        (flights, results)
    }

    /// Hides a flight whose key is not in the map any more. Returns true if it admitted calls.
    fn detach(&mut self, id: SlotId) -> bool {
        let slot = self.slot_mut(id);
        slot.set_place(Place::DETACHED);
        !slot.is_stale()
    }
}
