//! [`Shard`]: one part of the table, with the slots of its keys and their counters.
//!
//! ```text
//! slots           every slot, by the number of its cell
//! map             the slot that a call on a key finds
//! values, errors  the slots that a window keeps, oldest first
//! ```
//!
//! A shard is data: it decides nothing and locks nothing. It returns whatever it removes, so that
//! the caller drops that after it has released the lock (S47).

use std::mem;

use hashbrown::HashTable;

use crate::engine::pauses::Pauses;
use crate::engine::rules::Kind;
use crate::engine::slab::{Queue, Slab, SlotId};
use crate::engine::slot::{Key, Place, Running, ShortHash, Slot, State, spread};
use crate::engine::tally::Tally;
use crate::key::ToKey;
use crate::stats::Stats;
use crate::wait::clock::Nanos;

// The order matters. A hit reads and writes one cache line here, with the lock before it. A leader
// without followers needs that line and the next. On a busy shard each line moves from processor to
// processor.
#[repr(C)]
pub(crate) struct Shard<K, V, E> {
    hits: u64,
    slots: Slab<Slot<K, V, E>>,
    pub(super) map: HashTable<SlotId>,
    values: Queue,
    errors: Queue,
    /// Counts the leads that may keep a result, to expire results of other shards in turn.
    leads: usize,
    pub(crate) tally: Tally,
    pub(super) pauses: Pauses,
}

/// Every n-th lead also expires results in one other shard. Small enough that they expire soon, large
/// enough to amortise a lock and cache lines that are cold.
const LEADS_PER_NEIGHBOUR: usize = 2;

/// An empty shard keeps the space of so many slots. It gives back what a burst took beyond that.
const SPARE_CELLS: usize = 64;

impl<K, V, E> Shard<K, V, E> {
    pub(crate) fn new() -> Self {
        Self {
            hits: 0,
            slots: Slab::new(),
            map: HashTable::new(),
            values: Queue::new(),
            errors: Queue::new(),
            tally: Tally::default(),
            leads: 0,
            pauses: Pauses::new(),
        }
    }

    /// The other shard whose results this lead expires, if it is its turn. Leads take all shards in
    /// turn, beginning with the next one.
    #[inline]
    pub(crate) fn next_neighbour(&mut self, own: usize, shards: usize) -> Option<usize> {
        self.leads = self.leads.wrapping_add(1);
        if self.leads % LEADS_PER_NEIGHBOUR != 0 {
            return None;
        }
        let index = (own + self.leads / LEADS_PER_NEIGHBOUR) & (shards - 1);
        (index != own).then_some(index)
    }

    #[inline]
    pub(crate) fn count_hit(&mut self) {
        self.hits += 1;
    }

    pub(crate) fn stats(&self) -> Stats {
        self.tally.snapshot(self.hits)
    }

    /// The slot of this key.
    // By `find_slot`, a hit would take 206 instructions and not 168 (D114).
    #[inline]
    pub(crate) fn find<Q>(&self, hash: ShortHash, key: &Q) -> Option<SlotId>
    where
        Q: ?Sized + ToKey<K>,
    {
        let is_it = |id: &SlotId| {
            let slot = self.slots.get(*id);
            slot.hash == hash && key.is_key(slot.key.get())
        };
        self.map.find(spread(hash), is_it).copied()
    }

    /// The slot that calls on a key of this hash find, if it is one that `is_it`.
    pub(crate) fn find_slot(
        &self,
        hash: ShortHash,
        is_it: impl Fn(&Slot<K, V, E>) -> bool,
    ) -> Option<SlotId> {
        let is_it = |id: &SlotId| {
            let slot = self.slots.get(*id);
            slot.hash == hash && is_it(slot)
        };
        self.map.find(spread(hash), is_it).copied()
    }

    #[inline]
    pub(crate) fn slot(&self, id: SlotId) -> &Slot<K, V, E> {
        self.slots.get(id)
    }

    #[inline]
    pub(crate) fn slot_mut(&mut self, id: SlotId) -> &mut Slot<K, V, E> {
        self.slots.get_mut(id)
    }

    #[inline]
    pub(crate) fn running(&mut self, id: SlotId) -> &mut Running<V, E> {
        self.slots.get_mut(id).expect_running()
    }

    /// Inserts a slot that calls do not find yet.
    #[inline]
    pub(crate) fn insert_with(&mut self, slot: impl FnOnce() -> Slot<K, V, E>) -> SlotId {
        self.slots.insert_with(slot)
    }

    /// Makes this the slot of its key. The caller has unlinked or removed any other.
    #[inline]
    pub(crate) fn link(&mut self, id: SlotId) {
        self.add_to_map(id);
        self.slots.get_mut(id).set_place(Place::LINKED);
    }

    #[inline]
    fn add_to_map(&mut self, id: SlotId) {
        let hash = spread(self.slots.get(id).hash);
        let slots = &self.slots;
        self.map.insert_unique(hash, id, |id| spread(slots.get(*id).hash));
    }

    /// Inserts the slot of a new flight, which calls find at this place.
    #[inline]
    pub(crate) fn insert_at(
        &mut self,
        place: Place,
        slot: impl FnOnce() -> Slot<K, V, E>,
    ) -> SlotId {
        let id = self.slots.insert_with(|| slot().at(place));
        match place.result() {
            None => self.add_to_map(id),
            Some(result) => self.slots.get_mut(result).set_kept_flight(Some(id)),
        }
        id
    }

    /// Lets calls find a flight by a result that is kept for its key.
    pub(crate) fn link_beside(&mut self, id: SlotId, result: SlotId) {
        self.slots.get_mut(result).set_kept_flight(Some(id));
        self.slots.get_mut(id).set_place(Place::beside(result));
    }

    /// Gives a flight the place that another flight of its key has left.
    pub(crate) fn take_place(&mut self, id: SlotId, place: Place) {
        match place.result() {
            Some(result) => self.link_beside(id, result),
            None if place.is_linked() => self.link(id),
            None => {}
        }
    }

    /// Hides a flight from further calls. It goes on for those that it has.
    pub(crate) fn unlink(&mut self, id: SlotId) {
        let slot = self.slots.get(id);
        let (hash, place) = (slot.hash, slot.place());
        match place.result() {
            Some(result) => self.slots.get_mut(result).set_kept_flight(None),
            None if place.is_linked() => self.remove_from_map(hash, id),
            None => {}
        }
        self.slots.get_mut(id).set_place(Place::DETACHED);
    }

    #[inline]
    fn remove_from_map(&mut self, hash: ShortHash, id: SlotId) {
        if let Ok(entry) = self.map.find_entry(spread(hash), |other| *other == id) {
            entry.remove();
        }
    }

    /// Lets calls find a flight where they found the result that it stands beside.
    #[inline]
    fn replace_in_map(&mut self, result: SlotId, flight: SlotId) {
        let hash = spread(self.slots.get(result).hash);
        if let Ok(mut entry) = self.map.find_entry(hash, |other| *other == result) {
            *entry.get_mut() = flight;
        }
        self.slots.get_mut(flight).set_place(Place::LINKED);
    }

    /// Lets a linked slot, whose flight has ended, keep its result for a window.
    pub(crate) fn keep(&mut self, id: SlotId, start: Nanos, result: State<V, E>) {
        let slot = self.slots.get_mut(id);
        slot.start = start;
        slot.state = result;
        let queue = match slot.kind() {
            Some(Kind::Value) => &mut self.values,
            Some(Kind::Error) => &mut self.errors,
            None => unreachable!("only a result is kept"),
        };
        self.slots.enqueue(queue, id, |new, other| new.start < other.start);
    }

    /// Removes a slot in whatever state it is. A flight beside a result takes the result's place.
    #[inline]
    pub(crate) fn remove(&mut self, id: SlotId) -> Slot<K, V, E> {
        let slot = self.slots.get(id);
        let Some(kept) = slot.kept() else {
            self.unlink(id);
            return self.remove_slot(id);
        };
        slot.prefetch_value();
        let (hash, kind) = (slot.hash, slot.kind());
        match kept.flight() {
            None => self.remove_from_map(hash, id),
            Some(flight) => self.replace_in_map(id, flight),
        }
        let slot = self.remove_kept(id, kind);
        self.shrink_if_vacant();
        slot
    }

    /// Removes a kept result that no call finds any more.
    #[inline]
    pub(super) fn remove_result(&mut self, id: SlotId) -> Slot<K, V, E> {
        self.remove_kept(id, self.slots.get(id).kind())
    }

    #[inline(always)]
    fn remove_kept(&mut self, id: SlotId, kind: Option<Kind>) -> Slot<K, V, E> {
        let queue = match kind {
            Some(Kind::Value) => &mut self.values,
            Some(Kind::Error) | None => &mut self.errors,
        };
        self.pauses.remove(id);
        self.slots.remove_from(queue, id)
    }

    #[inline(always)]
    fn remove_slot(&mut self, id: SlotId) -> Slot<K, V, E> {
        let slot = self.slots.remove(id);
        self.shrink_if_vacant();
        slot
    }

    /// Gives back what a burst took, when no slot is left.
    #[inline]
    pub(super) fn shrink_if_vacant(&mut self) {
        let is_vacant = self.slots.is_larger_than(SPARE_CELLS)
            && self.slots.has_no_loose()
            && self.values.front().is_none()
            && self.errors.front().is_none();
        if is_vacant {
            self.shrink_to_fit();
        }
    }

    /// Gives back the space that no slot uses. Kept results move to lower cells for that. A flight stays
    /// where it is, since its execution knows the number of its cell.
    #[cold]
    pub(crate) fn shrink_to_fit(&mut self) {
        let mut lowest = 0;
        while let (Some(to), Some(from)) = (self.slots.unused_from(lowest), self.slots.last_used())
        {
            if to > from || !self.relocate(from, to) {
                break;
            }
            lowest = to;
        }
        self.slots.shrink_to_fit();
        let slots = &self.slots;
        self.map.shrink_to_fit(|id| spread(slots.get(*id).hash));
    }

    /// Moves a kept result to an unused cell. Returns false for a flight.
    fn relocate(&mut self, from: SlotId, to: SlotId) -> bool {
        let slot = self.slots.get(from);
        let (Some(kept), Some(kind)) = (slot.kept(), slot.kind()) else { return false };
        let hash = spread(slot.hash);
        let queue = match kind {
            Kind::Value => &mut self.values,
            Kind::Error => &mut self.errors,
        };
        self.slots.relocate(queue, from, to);
        if let Ok(mut entry) = self.map.find_entry(hash, |id| *id == from) {
            *entry.get_mut() = to;
        }
        if let Some(flight) = kept.flight() {
            self.slots.get_mut(flight).set_place(Place::beside(to));
        }
        self.pauses.moved(from, to);
        true
    }

    /// Removes a slot that runs, has no flight, and stands beside no result. Its key is all that it
    /// owns.
    #[inline]
    pub(crate) fn remove_running(&mut self, id: SlotId) -> Key<K> {
        let slot = self.slots.get(id);
        if slot.place().is_linked() {
            self.remove_from_map(slot.hash, id);
        }
        let key = self.slots.remove_with(id, |slot| mem::replace(&mut slot.key, Key::Moving));
        self.shrink_if_vacant();
        key
    }

    /// The oldest kept slot of a kind, and its start.
    pub(crate) fn oldest(&self, kind: Kind) -> Option<(SlotId, Nanos)> {
        let queue = match kind {
            Kind::Value => &self.values,
            Kind::Error => &self.errors,
        };
        let id = queue.front()?;
        Some((id, self.slots.get(id).start))
    }

    pub(crate) fn oldest_start(&self, kind: Kind) -> Option<Nanos> {
        self.oldest(kind).map(|(_, start)| start)
    }

    /// Adds a second slot for the key of this one, which holds nothing yet.
    pub(crate) fn split(&mut self, id: SlotId) -> SlotId {
        let twin = self.slots.get_mut(id).twin();
        self.slots.insert_with(|| twin)
    }

    pub(crate) fn number_of_slots(&self) -> usize {
        self.slots.count()
    }

    /// The slots that run. Each step costs the same, however many results are kept beside them.
    pub(crate) fn running_slots(&self) -> impl Iterator<Item = SlotId> {
        self.slots.loose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::completion::{Completion, RunResult};
    use crate::sync::Handle;
    use crate::wait::deadlock::ThreadToken;

    fn keep(shard: &mut Shard<u32, u32, ()>, key: u32) -> SlotId {
        let id = shard.insert_with(|| Slot::led_by(ThreadToken::NONE, Key::Own(key), key, 0));
        shard.link(id);
        let completion = Completion::new(RunResult::Value(Handle::new(key)), u64::from(key));
        shard.keep(id, completion.start, State::of(&completion, 1));
        id
    }

    #[test]
    fn the_flights_are_found_without_a_look_at_the_results() {
        let mut shard = Shard::<u32, u32, ()>::new();
        let flight = |key| move || Slot::led_by(ThreadToken::NONE, Key::Own(key), key, 0);
        let first = shard.insert_with(flight(5000));
        let kept: Vec<SlotId> = (0..1000).map(|key| keep(&mut shard, key)).collect();
        let second = shard.insert_with(flight(5001));
        assert_eq!(shard.running_slots().collect::<Vec<_>>(), [second, first]);
        drop(shard.remove(kept[500]));
        drop(shard.remove(second));
        assert_eq!(shard.running_slots().collect::<Vec<_>>(), [first]);
        drop(shard.remove(first));
        assert_eq!((shard.running_slots().count(), shard.number_of_slots()), (0, 999));
    }

    #[test]
    fn shrinking_moves_results_and_no_flight() {
        let mut shard = Shard::<u32, u32, ()>::new();
        let flight = shard.insert_with(|| Slot::led_by(ThreadToken::NONE, Key::Own(99), 99, 0));
        let kept: Vec<SlotId> = (0..100).map(|key| keep(&mut shard, key)).collect();
        shard.link_beside(flight, kept[99]);
        for id in &kept[..98] {
            drop(shard.remove(*id));
        }
        shard.shrink_to_fit();
        assert_eq!((shard.find(99, &99), shard.find(98, &98)), (Some(1), Some(2)));
        assert_eq!(shard.slot(flight).place(), Place::beside(1));
        assert_eq!(shard.oldest(Kind::Value), Some((2, 98)));
        drop(shard.remove(1));
        assert_eq!(shard.find(99, &99), Some(flight), "it takes the place of the result");
        assert_eq!(keep(&mut shard, 3), 1, "the cell is used again");
    }
}
