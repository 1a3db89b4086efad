//! The floor: a map under locks, the least work of any table of results.
//!
//! It has no window, no clock, no counters, and does not handle panics. So the library's additional time
//! is the cost of its promises. The floor uses the library's own locks, map and hasher, so they make no
//! difference.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use coalescer::{DefaultHashBuilder, ToKey};
use hashbrown::HashTable;
use parking_lot::Mutex;

/// The library's number of shards unless its builder says otherwise.
pub(crate) const SHARDS: usize = 64;

/// A map from keys to values behind an `Arc`, in parts with a lock each.
pub(crate) struct Floor<K, V> {
    parts: Box<[Padded<Part<K, V>>]>,
    hasher: DefaultHashBuilder,
}

struct Part<K, V> {
    map: HashTable<(K, Arc<V>)>,
    /// The keys in order of insertion, for benches that evict the oldest.
    oldest_first: VecDeque<K>,
}

/// Under its lock, on cache lines of its own, as the library's shards are.
#[repr(align(128))]
struct Padded<T>(Mutex<T>);

impl<K: Hash + Eq + Clone, V> Floor<K, V> {
    pub(crate) fn new(parts: usize) -> Self {
        assert!(parts.is_power_of_two());
        let part = || Part { map: HashTable::new(), oldest_first: VecDeque::new() };
        let parts = (0..parts).map(|_| Padded(Mutex::new(part()))).collect();
        Self { parts, hasher: DefaultHashBuilder::default() }
    }

    pub(crate) fn get<Q>(&self, key: &Q) -> Option<Arc<V>>
    where
        Q: ?Sized + ToKey<K>,
    {
        let hash = self.hasher.hash_one(key);
        let part = self.part(hash).lock();
        part.map.find(hash, |(other, _)| key.is_key(other)).map(|(_, value)| Arc::clone(value))
    }

    /// Inserts a new key.
    pub(crate) fn insert(&self, key: K, value: Arc<V>) {
        let hash = self.hasher.hash_one(&key);
        self.part(hash).lock().insert(&self.hasher, hash, (key, value));
    }

    pub(crate) fn remove(&self, key: &K) -> Option<Arc<V>> {
        let hash = self.hasher.hash_one(key);
        self.part(hash).lock().remove(hash, key)
    }

    /// Replaces the value of a key.
    pub(crate) fn replace(&self, key: &K, value: Arc<V>) -> Option<Arc<V>> {
        let hash = self.hasher.hash_one(key);
        let mut part = self.part(hash).lock();
        let old = part.map.find_mut(hash, |(other, _)| other == key)?;
        Some(std::mem::replace(&mut old.1, value))
    }

    /// Inserts a new key, and evicts the oldest of its part if the part has more than `keep`.
    pub(crate) fn rotate(&self, key: K, value: Arc<V>, keep: usize) -> Option<Arc<V>> {
        let hash = self.hasher.hash_one(&key);
        let mut part = self.part(hash).lock();
        part.oldest_first.push_back(key.clone());
        part.insert(&self.hasher, hash, (key, value));
        if part.oldest_first.len() <= keep {
            return None;
        }
        let oldest = part.oldest_first.pop_front()?;
        part.remove(self.hasher.hash_one(&oldest), &oldest)
    }

    /// The number of keys. Takes each lock once.
    pub(crate) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.0.lock().map.len()).sum()
    }

    /// Removes all keys, part by part, drops them outside the lock, and returns their number.
    pub(crate) fn clear(&self) -> usize {
        let clear = |part: &Padded<Part<K, V>>| {
            let entries: Vec<_> = part.0.lock().map.drain().collect();
            entries.len()
        };
        self.parts.iter().map(clear).sum()
    }

    /// The part of a key. It uses other bits of the hash than the map does.
    fn part(&self, hash: u64) -> &Mutex<Part<K, V>> {
        &self.parts[(hash >> 20) as usize & (self.parts.len() - 1)].0
    }
}

impl<K: Hash + Eq, V> Part<K, V> {
    fn insert(&mut self, hasher: &DefaultHashBuilder, hash: u64, entry: (K, Arc<V>)) {
        self.map.insert_unique(hash, entry, |(key, _)| hasher.hash_one(key));
    }

    fn remove(&mut self, hash: u64, key: &K) -> Option<Arc<V>> {
        let entry = self.map.find_entry(hash, |(other, _)| other == key).ok()?;
        Some(entry.remove().0.1)
    }
}
