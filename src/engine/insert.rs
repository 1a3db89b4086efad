//! `insert`: a value that no execution made takes the place of what a key has.
//!
//! ```text
//! what the key has              started at the insert's entry, or before    started later
//! a kept result                 is removed                                  stays: nothing is inserted
//! a flight                      is detached, as by `forget`                 stands beside the value
//! ```
//!
//! Finding, removing and inserting are one step to every call: all happen under the shard's lock. In a full
//! table, the old result of the key leaves in a step before, to make space.

use crate::engine::capacity::Reservation;
use crate::engine::completion::Completion;
use crate::engine::slot::{Kept, Key, ShortHash, Slot};
use crate::engine::table::{Locked, Removed, Table};
use crate::key::ToKey;
use crate::sync::ThreadToken;
use crate::wait::contain::drop_contained;

/// A value on its way into the table.
pub(crate) struct Insertion<'a, Q: ?Sized, V, E> {
    pub(crate) key: &'a Q,
    pub(crate) hash: ShortHash,
    /// The value, as if an execution that started at the insert's entry had returned it.
    pub(crate) completion: &'a Completion<V, E>,
}

impl<K, V, E> Table<K, V, E> {
    /// Replaces what a key has by a value, which is kept for its window (S111). It is no call.
    pub(crate) fn insert<Q: ?Sized + ToKey<K>>(&self, new: &Insertion<'_, Q, V, E>, key: K) {
        let (mut key, mut removed) = (Some(Key::Own(key)), Removed::new());
        let space = self.reserve_for(new, &mut removed);
        let start = new.completion.start;
        let mut shard = self.shard(new.hash).lock();
        self.replace(&mut shard, new, &mut key, space, &mut removed);
        let neighbour = self.expire_in_turn(&mut shard, (new.hash, start), &mut removed);
        drop(shard);
        drop_contained(key);
        removed.clear();
        self.expire_in(neighbour, start);
    }

    /// Reserves space for the value, if it is kept. In a full table, the result that it replaces goes first.
    fn reserve_for<Q: ?Sized + ToKey<K>>(
        &self,
        new: &Insertion<'_, Q, V, E>,
        removed: &mut Removed<K, V, E>,
    ) -> Option<Reservation<'_>> {
        let kind = self.kind_to_keep(new.completion)?;
        loop {
            if let Some(space) = self.capacity.reserve(kind) {
                return Some(space);
            }
            let mut shard = self.shard(new.hash).lock();
            let found = shard.find(new.hash, new.key);
            match found.filter(|id| shard.slot(*id).kept().is_some()) {
                Some(old) if self.is_younger(shard.slot(old), new) => return None,
                Some(old) => self.remove_result(&mut shard, old, removed),
                None => {
                    drop(shard);
                    if !self.evict(removed) {
                        return None;
                    }
                }
            }
        }
    }

    /// Puts the value in the place of what started at its own start or before. Takes the key if the value
    /// is kept.
    fn replace<Q: ?Sized + ToKey<K>>(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        new: &Insertion<'_, Q, V, E>,
        key: &mut Option<Key<K>>,
        space: Option<Reservation<'_>>,
        removed: &mut Removed<K, V, E>,
    ) {
        let start = new.completion.start;
        let found = shard.find(new.hash, new.key);
        let flight = found.and_then(|id| shard.slot(id).kept().map_or(Some(id), Kept::flight));
        let result = found.filter(|id| Some(*id) != flight);
        if result.is_some_and(|old| self.is_younger(shard.slot(old), new)) {
            return;
        }
        let (younger, older) = match flight {
            Some(flight) if shard.slot(flight).start > start => (Some(flight), None),
            older => (None, older),
        };
        if let Some(older) = older {
            shard.unlink(older);
        }
        if let Some(old) = result {
            self.remove_result(shard, old, removed);
        }
        let Some(space) = space else { return };
        let key = key.take().expect("it is inserted once");
        if let Some(younger) = younger {
            shard.unlink(younger);
        }
        let id = shard.insert_with(|| Slot::led_by(ThreadToken::NONE, key, new.hash, start));
        shard.link(id);
        self.keep(shard, id, space, (new.completion, 1));
        if let Some(younger) = younger {
            shard.link_beside(younger, id);
        }
    }

    /// True if a kept result started after the insert began, and serves calls.
    fn is_younger<Q: ?Sized>(&self, old: &Slot<K, V, E>, new: &Insertion<'_, Q, V, E>) -> bool {
        old.start > new.completion.start && self.is_live(old, self.clock.now())
    }
}
