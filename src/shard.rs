//! One part of the table: the slots of the keys whose hash falls into it, and their counters.
//!
//! ```text
//! slots       the slot that a call on a key finds: running, or retained with its result
//! aside       slots that still run but are not found by key: forgotten, superseded, outlived
//! successors  slots that wait for a running one to end (`execute_fresh`), by that one's gate
//! retained    the retained slots again, oldest first, values and errors apart
//! ```
//!
//! A shard is data: it decides nothing and locks nothing. What leaves it is handed out, so that
//! the caller drops it after letting the lock go (S47).

use std::collections::HashMap;
use std::hash::Hash;

use fxhash::FxBuildHasher;
use hashbrown::{Equivalent, HashTable};

use crate::deadlock::FlightId;
use crate::order::Order;
use crate::slot::{Kind, Place, Slot};
use crate::stats::Tally;
use crate::sync::Arc;

pub(crate) struct Shard<K, V, E> {
    slots: HashTable<Arc<Slot<K, V, E>>>,
    aside: Vec<Arc<Slot<K, V, E>>>,
    successors: HashMap<FlightId, Arc<Slot<K, V, E>>, FxBuildHasher>,
    values: Order<Arc<Slot<K, V, E>>>,
    errors: Order<Arc<Slot<K, V, E>>>,
    pub(crate) tally: Tally,
    /// The shard that the next lead here looks after; see `Table::tidy`.
    neighbour: usize,
}

impl<K, V, E> Shard<K, V, E> {
    pub(crate) fn new(neighbour: usize) -> Self {
        Self {
            slots: HashTable::new(),
            aside: Vec::new(),
            successors: HashMap::with_hasher(FxBuildHasher),
            values: Order::new(),
            errors: Order::new(),
            tally: Tally::default(),
            neighbour,
        }
    }

    /// Goes round all shards, so that each is looked after in its turn.
    pub(crate) fn next_neighbour(&mut self, shards: usize) -> usize {
        self.neighbour = (self.neighbour + 1) % shards;
        self.neighbour
    }

    /// The slot of this key.
    #[inline]
    pub(crate) fn find<Q>(&self, hash: u64, key: &Q) -> Option<&Arc<Slot<K, V, E>>>
    where
        Q: ?Sized + Hash + Equivalent<K>,
    {
        self.slots.find(hash, |slot| slot.hash == hash && key.equivalent(&slot.key))
    }

    /// Makes this the slot of its key. Whatever was there has been detached before.
    pub(crate) fn link(&mut self, slot: Arc<Slot<K, V, E>>) {
        slot.set_place(Place::Current);
        self.slots.insert_unique(slot.hash, slot, |slot| slot.hash);
    }

    /// Takes a slot out of the table, running or retained, so that no call finds it any more.
    pub(crate) fn detach(&mut self, slot: &Arc<Slot<K, V, E>>) -> Option<Arc<Slot<K, V, E>>> {
        let listed = match slot.place() {
            Place::Detached => return None,
            Place::Current => None,
            Place::Retained(kind, at) => self.list(kind).remove(at),
        };
        slot.set_place(Place::Detached);
        let same = |other: &Arc<Slot<K, V, E>>| Arc::ptr_eq(other, slot);
        let linked = self.slots.find_entry(slot.hash, same).ok().map(|entry| entry.remove().0);
        // Two handles to one slot, and the caller's is a third: this one is not the last.
        drop(listed);
        linked
    }

    /// Keeps a current slot, whose outcome is there, in the table as the newest of its kind.
    pub(crate) fn retain(&mut self, slot: &Arc<Slot<K, V, E>>, kind: Kind) {
        let at = self.list(kind).push_back(Arc::clone(slot));
        slot.set_place(Place::Retained(kind, at));
    }

    /// The retained slot of a kind that has been there the longest.
    pub(crate) fn oldest(&self, kind: Kind) -> Option<&Arc<Slot<K, V, E>>> {
        match kind {
            Kind::Value => self.values.front(),
            Kind::Error => self.errors.front(),
        }
    }

    fn list(&mut self, kind: Kind) -> &mut Order<Arc<Slot<K, V, E>>> {
        match kind {
            Kind::Value => &mut self.values,
            Kind::Error => &mut self.errors,
        }
    }

    /// Remembers a slot that runs on although no call finds it.
    pub(crate) fn put_aside(&mut self, slot: Arc<Slot<K, V, E>>) {
        self.aside.push(slot);
    }

    pub(crate) fn take_from_aside(
        &mut self,
        slot: &Arc<Slot<K, V, E>>,
    ) -> Option<Arc<Slot<K, V, E>>> {
        let place = self.aside.iter().rposition(|other| Arc::ptr_eq(other, slot))?;
        Some(self.aside.swap_remove(place))
    }

    /// The slot that starts when this flight ends.
    pub(crate) fn successor(&self, flight: FlightId) -> Option<&Arc<Slot<K, V, E>>> {
        self.successors.get(&flight)
    }

    pub(crate) fn set_successor(&mut self, flight: FlightId, slot: Arc<Slot<K, V, E>>) {
        self.successors.insert(flight, slot);
    }

    pub(crate) fn take_successor(&mut self, flight: FlightId) -> Option<Arc<Slot<K, V, E>>> {
        self.successors.remove(&flight)
    }

    /// Takes out a successor that did not wait for the end of the flight before it.
    pub(crate) fn take_early_successor(
        &mut self,
        slot: &Arc<Slot<K, V, E>>,
    ) -> Option<Arc<Slot<K, V, E>>> {
        let mut taken = self.successors.extract_if(|_, other| Arc::ptr_eq(other, slot));
        taken.next().map(|(_, slot)| slot)
    }

    /// Every slot without an outcome, and every one that has one and still runs.
    pub(crate) fn unfinished(&self) -> impl Iterator<Item = &Arc<Slot<K, V, E>>> {
        let current = self.slots.iter().filter(|slot| slot.place() == Place::Current);
        current.chain(&self.aside).chain(self.successors.values())
    }

    /// Empties the table: first the slots that had no outcome yet, then the retained ones.
    pub(crate) fn detach_all(&mut self) -> Detached<K, V, E> {
        let (mut running, mut retained) = (Vec::new(), Vec::new());
        for slot in self.slots.drain() {
            match slot.place() {
                Place::Retained(..) => retained.push(slot),
                Place::Current | Place::Detached => running.push(slot),
            }
        }
        for slot in running.iter().chain(&retained) {
            slot.set_place(Place::Detached);
        }
        // Only the links go: each slot is held by `retained` as well.
        self.values = Order::new();
        self.errors = Order::new();
        Detached { running, retained }
    }
}

pub(crate) struct Detached<K, V, E> {
    pub(crate) running: Vec<Arc<Slot<K, V, E>>>,
    pub(crate) retained: Vec<Arc<Slot<K, V, E>>>,
}
