//! The floor of what hits a table: a map in parts, each under a lock of its own. It has no window, no
//! clock, no counters and no care for panics.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashMap};
use parking_lot::Mutex;

pub(super) struct Locked {
    parts: Vec<Part>,
    hasher: DefaultHashBuilder,
}

#[derive(Default)]
#[repr(align(128))]
struct Part(Mutex<HashMap<u64, Arc<u64>>>);

impl Locked {
    pub(super) fn new(parts: usize, keys: u64) -> Self {
        let map = Self {
            parts: (0..parts).map(|_| Part::default()).collect(),
            hasher: DefaultHashBuilder::default(),
        };
        for key in 0..keys {
            map.part(key).lock().insert(key, Arc::new(key));
        }
        map
    }

    /// One part needs no hash of its own; the map makes one anyway.
    #[inline]
    fn part(&self, key: u64) -> &Mutex<HashMap<u64, Arc<u64>>> {
        if self.parts.len() == 1 {
            return &self.parts[0].0;
        }
        let hash = self.hasher.hash_one(key) >> 32;
        &self.parts[hash as usize & (self.parts.len() - 1)].0
    }

    #[inline]
    pub(super) fn get(&self, key: u64) -> Option<Arc<u64>> {
        self.part(key).lock().get(&key).cloned()
    }

    /// What it drops is dropped after the lock has been let go.
    pub(super) fn insert(&self, key: u64) -> Arc<u64> {
        let value = Arc::new(key);
        let before = self.part(key).lock().insert(key, value.clone());
        drop(before);
        value
    }

    pub(super) fn remove(&self, key: u64) {
        let value = self.part(key).lock().remove(&key);
        drop(value);
    }
}
