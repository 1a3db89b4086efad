//! The keys of one table that are in flight or kept: a message names a digest, and the table wants the key.

use std::collections::hash_map::Entry as Slot;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use coalescer::ToKey;
use coalescer::shared::Local;

use crate::engine::{Digest, FlightId};
use crate::sync::Mutex;

/// So many entries are looked at, whenever one enters.
const SWEPT: usize = 4;

/// A table, as messages reach it.
pub(super) trait Member: Send + Sync {
    /// Forgets a key in this process.
    fn forget(&self, digest: Digest);

    /// Forgets all keys in this process.
    fn forget_all(&self);
}

pub(super) struct Held<K> {
    pub(super) local: Local<K>,
    keys: Mutex<Keys<K>>,
}

struct Keys<K> {
    entries: HashMap<Digest, Entry<K>>,
    /// The entries that have an end, each once, in the order in which they were looked at.
    ends: VecDeque<(Instant, Digest)>,
}

struct Entry<K> {
    key: Arc<K>,
    /// Questions and runs that have not ended.
    flights: u32,
    /// The end of what may be kept. `None`: it has none.
    until: Option<Instant>,
    is_queued: bool,
    /// The last flight whose outcome this process has had.
    last: Option<FlightId>,
}

impl<K: ToKey<K>> Held<K> {
    pub(super) fn new(local: Local<K>) -> Self {
        let keys = Keys { entries: HashMap::new(), ends: VecDeque::new() };
        Self { local, keys: Mutex::new(keys) }
    }

    /// A flight of the key begins. Returns the last flight whose outcome this process has had.
    pub(super) fn enter(&self, digest: Digest, key: &K, now: Instant) -> Option<FlightId> {
        // Copies and destructors of keys are user code, so they run without the lock.
        let mut new = Some(Arc::new(key.to_key()));
        let mut keys = self.keys.lock();
        let over = keys.sweep(now);
        let entry = match keys.entries.entry(digest) {
            Slot::Occupied(entry) => entry.into_mut(),
            Slot::Vacant(vacant) => {
                let key = new.take().expect("it is taken once");
                let (flights, until, is_queued, last) = (0, Some(now), false, None);
                vacant.insert(Entry { key, flights, until, is_queued, last })
            }
        };
        entry.flights += 1;
        let last = entry.last.clone();
        drop(keys);
        drop((over, new));
        last
    }

    /// The flight has ended. What it left may be kept until that time. `None`: without an end.
    pub(super) fn leave(&self, digest: Digest, until: Option<Instant>, outcome: Option<FlightId>) {
        let mut keys = self.keys.lock();
        let Keys { entries, ends } = &mut *keys;
        let Some(entry) = entries.get_mut(&digest) else { return };
        entry.flights = entry.flights.saturating_sub(1);
        entry.until = entry.until.zip(until).map(|(old, new)| old.max(new));
        entry.last = outcome.or(entry.last.take());
        if let (Some(until), false) = (entry.until, entry.is_queued) {
            entry.is_queued = true;
            ends.push_back((until, digest));
        }
    }
}

impl<K> Keys<K> {
    /// Takes out some entries that are over.
    fn sweep(&mut self, now: Instant) -> Vec<Arc<K>> {
        let mut over = Vec::new();
        for _ in 0..SWEPT {
            let is_due = self.ends.front().is_some_and(|(end, _)| *end <= now);
            let Some((_, digest)) = self.ends.pop_front().filter(|_| is_due) else { break };
            let Slot::Occupied(mut entry) = self.entries.entry(digest) else { continue };
            match entry.get().until {
                Some(until) if until <= now && entry.get().flights == 0 => {
                    over.push(entry.remove().key);
                }
                Some(until) if until > now => self.ends.push_back((until, digest)),
                // The end of its flight queues it again.
                _ => entry.get_mut().is_queued = false,
            }
        }
        over
    }
}

impl<K: ToKey<K> + Send + Sync + 'static> Member for Held<K> {
    fn forget(&self, digest: Digest) {
        let key = self.keys.lock().entries.get(&digest).map(|entry| Arc::clone(&entry.key));
        let Some(key) = key else { return };
        self.local.forget(&key);
    }

    fn forget_all(&self) {
        self.local.forget_all();
    }
}
