//! A map from types to values that only grows: found without a lock, added under one.
//!
//! Every call of a function looks up its entry, so a look-up takes only a few loads. A program adds an
//! entry only at the first call of a function. So each bucket is a list whose links are set once:
//!
//! ```text
//! bucket ──▶ entry ──▶ entry ──▶ not set yet: the next one comes here, under `growing`
//! ```
//!
//! No entry is ever removed, so a reference to a value is valid as long as the map.

use std::any::TypeId;
use std::array;
use std::hash::BuildHasher;
use std::iter;

use fxhash::FxBuildHasher;

use crate::sync::{Mutex, OnceCell};

/// A program coalesces a few tens of functions, so most buckets have at most one entry.
const BUCKETS: usize = 64;

/// Values by type. They are never removed.
pub(crate) struct TypeMap<T> {
    buckets: [Link<T>; BUCKETS],
    /// Held while an entry is added, so that each link is set once and each type has one entry. The
    /// lock is a leaf, and no user code runs under it.
    growing: Mutex<()>,
}

type Link<T> = OnceCell<Box<Entry<T>>>;

struct Entry<T> {
    id: TypeId,
    value: T,
    next: Link<T>,
}

impl<T> TypeMap<T> {
    pub(crate) fn new() -> Self {
        Self { buckets: array::from_fn(|_| OnceCell::new()), growing: Mutex::new(()) }
    }

    /// The value of this type. If there is none, `make` makes it, under no lock. If several threads make
    /// one at the same time, one value stays and the others are dropped.
    #[inline]
    pub(crate) fn get_or_add(&self, id: TypeId, make: impl FnOnce() -> T) -> &T {
        let bucket = self.bucket(id);
        match entries(bucket).find(|entry| entry.id == id) {
            Some(entry) => &entry.value,
            None => self.add(bucket, Entry { id, value: make(), next: OnceCell::new() }),
        }
    }

    /// All values that are present when the iteration begins. It may miss values that are added later.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.buckets.iter().flat_map(entries).map(|entry| &entry.value)
    }

    #[inline]
    fn bucket(&self, id: TypeId) -> &Link<T> {
        let hash = FxBuildHasher.hash_one(id) as usize;
        &self.buckets[hash % BUCKETS]
    }

    /// Adds the entry, unless its type has one by now. An unused entry is dropped after the lock is
    /// released, because arguments drop after local variables.
    #[cold]
    fn add<'a>(&'a self, bucket: &'a Link<T>, new: Entry<T>) -> &'a T {
        let _growing = self.growing.lock();
        let mut link = bucket;
        while let Some(entry) = link.get() {
            if entry.id == new.id {
                return &entry.value;
            }
            link = &entry.next;
        }
        link.set(Box::new(new)).ok().expect("one thread at a time adds an entry");
        &link.get().expect("it has just been set").value
    }
}

#[inline]
fn entries<T>(bucket: &Link<T>) -> impl Iterator<Item = &Entry<T>> {
    iter::successors(bucket.get(), |entry| entry.next.get()).map(|entry| &**entry)
}
