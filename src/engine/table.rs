//! [`Table`]: the map from keys to slots, in shards.
//!
//! ```text
//! look_up ─▶ a hit: the result in its window
//! admit ───▶ Lead | Claim | Follow | Bypass | Refused | Vacant
//! Execution::end ─▶ publishes to the followers, and lets the slot keep the result or go
//! ```
//!
//! | the rule for | stands in |
//! |---|---|
//! | which call is served, leads, follows or is refused | [`admit`](super::admit) |
//! | `leader_timeout`, `max_leaders` | [`takeover`](super::takeover) |
//! | `execute_fresh` | [`successor`](super::successor) |
//! | which result becomes the flight's | [`publish`](super::publish) |
//! | windows and `max_retained` | [`expire`](super::expire) |
//! | `forget` | [`forget`](super::forget) |
//!
//! Admitting and publishing both hold the lock of the key's shard, so publishing an outcome and
//! unlinking its slot look like one step to every call (S5).
//!
//! **Lock order:** shard, gate, wait-for graph. Never two shards and never two gates at once. The
//! only user code that runs under a lock is the key's `Eq`: a caller hashes and creates keys before
//! it locks, and drops whatever leaves the table after it has released the lock ([`Deferred`]).

use std::mem;
use std::sync::Arc;

use crate::engine::capacity::Capacity;
use crate::engine::flight::Flight;
use crate::engine::rules::Rules;
use crate::engine::shard::Shard;
use crate::engine::slab::SlotId;
use crate::engine::slot::{ShortHash, Slot, spread};
use crate::observe::Observer;
use crate::stats::Stats;
use crate::sync::{Mutex, MutexGuard, Padded, assert_unlocked};
use crate::wait::clock::{Clock, Nanos};
use crate::wait::contain::contain;
use crate::wait::gate::Gate;
use crate::wait::seats::Seats;

pub(crate) struct Table<K, V, E> {
    shards: Box<[PaddedShard<K, V, E>]>,
    pub(crate) capacity: Capacity,
    pub(crate) rules: Rules,
    pub(crate) clock: Clock,
    pub(crate) observer: Observer<K>,
    /// Cached `rules.counts_from_start()`.
    counts_from_start: bool,
}

type PaddedShard<K, V, E> = Padded<Mutex<Shard<K, V, E>>>;

pub(crate) type Locked<'a, K, V, E> = MutexGuard<'a, Shard<K, V, E>>;

impl<K, V, E> Table<K, V, E> {
    pub(crate) fn new(rules: Rules, clock: Clock, shards: usize, observer: Observer<K>) -> Self {
        let shards = shards.next_power_of_two();
        let shard = |_| Padded(Mutex::new(Shard::new()));
        Self {
            shards: (0..shards).map(shard).collect(),
            capacity: Capacity::new(&rules, shards),
            counts_from_start: rules.counts_from_start(),
            rules,
            clock,
            observer,
        }
    }

    /// The index of a hash's shard, from all its bits: a custom hasher may leave some empty.
    #[inline]
    pub(crate) fn shard_index(&self, hash: ShortHash) -> usize {
        (spread(hash) >> 32) as usize & (self.shards.len() - 1)
    }

    #[inline]
    pub(crate) fn shard(&self, hash: ShortHash) -> &Mutex<Shard<K, V, E>> {
        self.shard_at(self.shard_index(hash))
    }

    #[inline]
    pub(crate) fn shard_at(&self, index: usize) -> &Mutex<Shard<K, V, E>> {
        assert_unlocked();
        &self.shards[index].0
    }

    pub(crate) fn shards(&self) -> impl Iterator<Item = &Mutex<Shard<K, V, E>>> {
        assert_unlocked();
        self.shards.iter().map(|shard| &shard.0)
    }

    pub(crate) fn number_of_shards(&self) -> usize {
        self.shards.len()
    }

    /// The start of a flight, from a coarse reading of the clock just before.
    #[inline]
    pub(crate) fn start_at(&self, coarse: Nanos) -> Nanos {
        if self.counts_from_start { self.clock.refine(coarse) } else { coarse }
    }

    /// The flight of a slot that runs. The first call that needs one creates it.
    pub(crate) fn flight_of(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        id: SlotId,
    ) -> Arc<Flight<V, E>> {
        let start = shard.slot(id).start;
        let running = shard.running(id);
        let leader = running.leader;
        let flight = running.flight.get_or_insert_with(|| {
            let (next_start, slow_at) = (self.second_start(start), self.slow_at(start));
            Flight::new(Gate::new_running(leader, start, next_start, slow_at))
        });
        Arc::clone(flight)
    }

    /// The counters of all shards. Each shard is read under its lock, so an end is never counted
    /// before its call (S49).
    pub(crate) fn stats(&self) -> Stats {
        self.shards().map(|shard| shard.lock().stats()).sum()
    }
}

/// The work that a step leaves for after its locks: slots to drop, and flights to notify.
pub(crate) struct Deferred<K, V, E> {
    pub(super) removed: Removed<K, V, E>,
    /// A flight that has closed, and how many threads are to be notified.
    pub(super) closed: Option<(Arc<Flight<V, E>>, usize)>,
    /// Flights without an execution that a call must be told to begin.
    pub(super) due: Vec<Arc<Flight<V, E>>>,
}

impl<K, V, E> Deferred<K, V, E> {
    pub(crate) const fn new() -> Self {
        Self::with(Removed::new())
    }

    pub(super) const fn with(removed: Removed<K, V, E>) -> Self {
        Self { removed, closed: None, due: Vec::new() }
    }

    /// Notifies the calls that wait for what has happened, and drops what was removed. Returns the seats
    /// that are to begin flights. Called after all locks are released.
    pub(super) fn finish(mut self) -> Seats {
        self.notify()
    }

    /// Notifies the calls that wait for what has happened, and returns the seats that are to begin
    /// flights. Called after all locks are released.
    pub(super) fn notify(&mut self) -> Seats {
        if let Some((flight, sleeping)) = &self.closed {
            flight.gate().notify_closed(*sleeping);
        }
        let mut seats = Seats::none();
        for flight in mem::take(&mut self.due) {
            seats.add(flight.gate().begin_due());
        }
        seats
    }
}

/// Slots that a step has removed. They are dropped after its locks are released and its outcome is
/// published: their destructors are a stranger's, and a panic there ends there.
pub(crate) struct Removed<K, V, E> {
    slots: [Option<Slot<K, V, E>>; 4],
    count: usize,
    /// Slots beyond the four that one step removes at most.
    more_slots: Vec<Slot<K, V, E>>,
}

impl<K, V, E> Removed<K, V, E> {
    #[inline]
    pub(super) const fn new() -> Self {
        Self { slots: [const { None }; 4], count: 0, more_slots: Vec::new() }
    }

    #[inline]
    pub(super) fn push(&mut self, slot: Slot<K, V, E>) {
        match self.slots.get_mut(self.count) {
            Some(space) => {
                *space = Some(slot);
                self.count += 1;
            }
            None => self.more_slots.push(slot),
        }
    }

    #[inline]
    pub(super) fn clear(&mut self) {
        if self.count > 0 {
            self.drop_slots();
        }
    }

    fn drop_slots(&mut self) {
        let count = mem::take(&mut self.count);
        for space in &mut self.slots[..count] {
            contain(|| drop(space.take()));
        }
        for slot in mem::take(&mut self.more_slots) {
            contain(|| drop(slot));
        }
    }
}

/// A step that leaves early clears them too.
impl<K, V, E> Drop for Removed<K, V, E> {
    #[inline]
    fn drop(&mut self) {
        self.clear();
    }
}
