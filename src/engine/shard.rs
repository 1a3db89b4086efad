//! One part of the table: the slots of the keys whose hash falls into it, and their counters.
//!
//! ```text
//! slots           every slot, by the number of its place
//! map             the slot that a call on a key finds
//! values, errors  the slots that a window keeps, oldest first
//! ```
//!
//! A shard is data: it decides nothing and locks nothing. What leaves it is handed out, so that
//! the caller drops it after letting the lock go (S47).

use std::hash::Hash;

use hashbrown::{Equivalent, HashTable};

use crate::engine::slab::{At, Queue, Slab};
use crate::engine::slot::{Flight, Key, Kind, Room, ShortHash, Slot, State};
use crate::stats::{Stats, Tally};
use crate::wait::clock::Nanos;
use crate::wait::gate::Phase;

// In this order, so that all that a late call reads and writes here is on one cache line, with the
// lock before it, and what a leader without followers does is on that and the next: on a busy shard
// each line goes from processor to processor.
#[repr(C)]
pub(crate) struct Shard<K, V, E> {
    late: u64,
    slots: Slab<Slot<K, V, E>>,
    map: HashTable<At>,
    values: Queue,
    errors: Queue,
    /// Counts the leads that keep results, to look after another shard from time to time.
    leads: usize,
    pub(crate) tally: Tally,
}

/// One of so many leads looks after another shard: often enough that what expired there is gone
/// soon, and so seldom that its lock and its cache lines, which are cold, are no part of the cost.
const LEADS_A_NEIGHBOUR: usize = 2;

/// A hash as long as the map wants it, from what a slot keeps of it.
#[inline]
pub(crate) fn stretch(hash: ShortHash) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl<K, V, E> Shard<K, V, E> {
    pub(crate) fn new() -> Self {
        Self {
            late: 0,
            slots: Slab::new(),
            map: HashTable::new(),
            values: Queue::new(),
            errors: Queue::new(),
            tally: Tally::default(),
            leads: 0,
        }
    }

    /// The other shard that this lead is to look after, if it is its turn to. They go round all
    /// shards, beginning with the next one.
    #[inline]
    pub(crate) fn next_neighbour(&mut self, own: usize, shards: usize) -> Option<usize> {
        self.leads = self.leads.wrapping_add(1);
        if !self.leads.is_multiple_of(LEADS_A_NEIGHBOUR) {
            return None;
        }
        let place = (own + self.leads / LEADS_A_NEIGHBOUR) & (shards - 1);
        (place != own).then_some(place)
    }

    #[inline]
    pub(crate) fn count_late(&mut self) {
        self.late += 1;
    }

    pub(crate) fn stats(&self) -> Stats {
        self.tally.snapshot(self.late)
    }

    /// The slot of this key.
    #[inline]
    pub(crate) fn find<Q>(&self, hash: ShortHash, key: &Q) -> Option<At>
    where
        Q: ?Sized + Hash + Equivalent<K>,
    {
        let is_it = |at: &At| {
            let slot = self.slots.get(*at);
            slot.hash == hash && key.equivalent(slot.key.get())
        };
        self.map.find(stretch(hash), is_it).copied()
    }

    #[inline]
    pub(crate) fn slot(&self, at: At) -> &Slot<K, V, E> {
        self.slots.get(at)
    }

    #[inline]
    pub(crate) fn slot_mut(&mut self, at: At) -> &mut Slot<K, V, E> {
        self.slots.get_mut(at)
    }

    #[inline]
    pub(crate) fn flight(&mut self, at: At) -> &mut Flight<V, E> {
        self.slots.get_mut(at).expect_flight()
    }

    /// Takes a slot in that calls do not find yet.
    #[inline]
    pub(crate) fn insert_with(&mut self, slot: impl FnOnce() -> Slot<K, V, E>) -> At {
        self.slots.insert_with(slot)
    }

    /// Makes this the slot of its key. Whatever was there has been unlinked or removed before.
    #[inline]
    pub(crate) fn link(&mut self, at: At) {
        let hash = stretch(self.slots.get(at).hash);
        let slots = &self.slots;
        self.map.insert_unique(hash, at, |at| stretch(slots.get(*at).hash));
        self.flight(at).linked = true;
    }

    /// Hides a flight from further calls. It goes on for those that it has.
    pub(crate) fn unlink(&mut self, at: At) {
        self.take_from_map(at);
        self.flight(at).linked = false;
    }

    #[inline]
    fn take_from_map(&mut self, at: At) {
        let hash = stretch(self.slots.get(at).hash);
        if let Ok(entry) = self.map.find_entry(hash, |other| *other == at) {
            entry.remove();
        }
    }

    /// The flight of a linked slot has ended with a result that a window keeps.
    pub(crate) fn keep(&mut self, at: At, start: Nanos, result: State<V, E>) {
        let slot = self.slots.get_mut(at);
        slot.started = start;
        slot.state = result;
        let queue = match slot.kind() {
            Some(Kind::Value) => &mut self.values,
            Some(Kind::Error) => &mut self.errors,
            None => unreachable!("only a result is kept"),
        };
        self.slots.enqueue(queue, at, |new, other| new.started < other.started);
    }

    /// Takes a slot out, whatever it is.
    #[inline]
    pub(crate) fn remove(&mut self, at: At) -> Slot<K, V, E> {
        self.slots.get(at).fetch_value();
        match self.slots.get(at).kind() {
            Some(Kind::Value) => self.slots.dequeue(&mut self.values, at),
            Some(Kind::Error) => self.slots.dequeue(&mut self.errors, at),
            None => {}
        }
        if self.slots.get(at).is_linked() {
            self.take_from_map(at);
        }
        self.slots.remove(at)
    }

    /// Takes out a flight that has no room. Its key is all there is to it.
    #[inline]
    pub(crate) fn remove_flight(&mut self, at: At) -> Key<K> {
        let slot = self.slots.get(at);
        if slot.is_linked() {
            self.take_from_map(at);
        }
        self.slots.remove(at).key
    }

    /// The kept slot of a kind that has been there the longest, and its start.
    pub(crate) fn oldest(&self, kind: Kind) -> Option<(At, Nanos)> {
        let queue = match kind {
            Kind::Value => &self.values,
            Kind::Error => &self.errors,
        };
        let at = queue.front()?;
        Some((at, self.slots.get(at).started))
    }

    /// The flight that waits for this room's to end, if nobody has begun it.
    pub(crate) fn successor_of(&self, room: &Room<V, E>) -> Option<At> {
        let (at, gate) = room.successor();
        let its = self.slots.try_get(at)?.flight()?.room.as_ref()?;
        (its.gate.id == gate && its.gate.lock().phase == Phase::Pending).then_some(at)
    }

    /// A flight that waited for another to end has begun before that: it is the younger one, so
    /// calls are to find it and no longer the other, which seems to be stuck.
    pub(crate) fn overtake(&mut self, at: At) {
        if let Some(before) = self.predecessor_of(at)
            && self.slot(before).is_linked()
        {
            self.unlink(before);
            self.link(at);
        }
    }

    /// The flight that this one waits for, if that is under way.
    pub(crate) fn predecessor_of(&self, at: At) -> Option<At> {
        let room = self.slot(at).flight()?.room.as_ref()?;
        let (before, gate) = (room.predecessor(), room.gate.id);
        let its = self.slots.try_get(before)?.flight()?.room.as_ref()?;
        (its.successor() == (at, gate)).then_some(before)
    }

    /// A second slot for the key of this one, as yet without anything to it.
    pub(crate) fn split(&mut self, at: At) -> At {
        let slot = self.slots.get_mut(at);
        let twin = Slot {
            key: Key::Shared(slot.key.share()),
            hash: slot.hash,
            admitted: slot.admitted,
            started: slot.started,
            state: State::Flight(Flight { leader: 0, room: None, linked: false }),
        };
        self.slots.insert_with(|| twin)
    }

    pub(crate) fn oldest_start(&self, kind: Kind) -> Option<Nanos> {
        self.oldest(kind).map(|(_, start)| start)
    }

    pub(crate) fn slots_mut(&mut self) -> impl Iterator<Item = &mut Slot<K, V, E>> {
        self.slots.iter_mut()
    }

    /// Unlinks every flight and takes out every result. Says how many flights there were.
    pub(crate) fn clear(&mut self) -> (usize, Vec<Slot<K, V, E>>) {
        let linked: Vec<At> = self.map.drain().collect();
        let (mut flights, mut results) = (0, Vec::new());
        for at in linked {
            match &mut self.slots.get_mut(at).state {
                State::Flight(flight) => {
                    flight.linked = false;
                    flights += 1;
                }
                State::Value(..) | State::Error(..) => results.push(self.slots.remove(at)),
            }
        }
        (self.values, self.errors) = (Queue::new(), Queue::new());
        (flights, results)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::wait::gate::Gate;

    type Numbers = Shard<u32, u32, ()>;

    fn take_in(shard: &mut Numbers, key: u32) -> (At, Arc<Room<u32, ()>>) {
        let room = Room::new(Gate::new_pending(0, 0));
        let flight = Flight { leader: 0, room: Some(Arc::clone(&room)), linked: false };
        let (key, state) = (Key::Own(key), State::Flight(flight));
        (shard.insert_with(|| Slot { key, hash: 7, admitted: 0, started: 0, state }), room)
    }

    #[test]
    fn a_successor_takes_the_place_of_the_flight_that_it_waited_for() {
        let mut shard = Numbers::new();
        take_in(&mut shard, 0);
        let (stuck, room) = take_in(&mut shard, 1);
        shard.link(stuck);
        let (successor, next) = take_in(&mut shard, 1);
        room.precede(stuck, &next, successor);
        shard.overtake(successor);
        assert_eq!(shard.find(7, &1), Some(successor));
        assert!(!shard.slot(stuck).is_linked());
    }

    #[test]
    fn a_successor_leaves_another_flight_in_that_place_alone() {
        let mut shard = Numbers::new();
        take_in(&mut shard, 0);
        let (ended, room) = take_in(&mut shard, 1);
        let (successor, next) = take_in(&mut shard, 1);
        room.precede(ended, &next, successor);
        drop(shard.remove(ended));
        let (other, _) = take_in(&mut shard, 2);
        assert_eq!(other, ended, "the place is used again");
        shard.link(other);
        shard.overtake(successor);
        assert_eq!((shard.find(7, &1), shard.find(7, &2)), (None, Some(other)));
    }
}
