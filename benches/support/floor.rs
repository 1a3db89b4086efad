//! The floor: a map under locks and nothing else, the least that any table of results must do.
//!
//! No window, no clock, no counters, and no care for panics: what the library takes beyond this is
//! the price of what it promises. Its locks, map and hasher are the library's own, so that the
//! difference is in nothing but that.

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
    /// The keys in order of insertion, for those who let the oldest go.
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

    /// Takes in a key that is not there yet.
    pub(crate) fn insert(&self, key: K, value: Arc<V>) {
        let hash = self.hasher.hash_one(&key);
        self.part(hash).lock().insert(&self.hasher, hash, (key, value));
    }

    pub(crate) fn remove(&self, key: &K) -> Option<Arc<V>> {
        let hash = self.hasher.hash_one(key);
        self.part(hash).lock().remove(hash, key)
    }

    /// Puts another value in the place of a key's.
    pub(crate) fn replace(&self, key: &K, value: Arc<V>) -> Option<Arc<V>> {
        let hash = self.hasher.hash_one(key);
        let mut part = self.part(hash).lock();
        let old = part.map.find_mut(hash, |(other, _)| other == key)?;
        Some(std::mem::replace(&mut old.1, value))
    }

    /// Takes in a new key, and lets the oldest of its part go if that holds more than `keep`.
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

    /// How many there are: each lock is taken once.
    pub(crate) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.0.lock().map.len()).sum()
    }

    /// Takes everything out, part by part, and drops it outside the lock. Says how much it was.
    pub(crate) fn clear(&self) -> usize {
        let clear = |part: &Padded<Part<K, V>>| {
            let entries: Vec<_> = part.0.lock().map.drain().collect();
            entries.len()
        };
        self.parts.iter().map(clear).sum()
    }

    /// Taken from other bits than those that the map goes by.
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
