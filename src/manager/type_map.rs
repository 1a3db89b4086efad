//! A map from types to values that only grows: found without a lock, added under one.
//!
//! Which entry a function has is asked before every call of it, and answered by a few loads; new
//! functions come as seldom as lines of a program are reached for the first time. So each bucket is
//! a list whose links are set once:
//!
//! ```text
//! bucket ──▶ entry ──▶ entry ──▶ not set yet: the next one comes here, under `growing`
//! ```
//!
//! Nothing is ever taken out, so what was found stays for as long as the map does.

use std::any::TypeId;
use std::array;
use std::hash::BuildHasher;
use std::iter;

use fxhash::FxBuildHasher;

use crate::sync::{Mutex, OnceCell};

/// A program has as many functions as its source says: some tens of them coalesced, at most.
const BUCKETS: usize = 64;

/// Values by type, for values that are never taken out.
pub(crate) struct TypeMap<T> {
    buckets: [Link<T>; BUCKETS],
    /// Held while an entry is hung on, so that no two are hung on the same link and no type gets
    /// two. A leaf, and no user code runs under it.
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

    /// The value of this type. It is made if there is none, by `make`, which runs under no lock; of
    /// values that are made at the same time one stays, and the others are dropped.
    #[inline]
    pub(crate) fn get_or_add(&self, id: TypeId, make: impl FnOnce() -> T) -> &T {
        let bucket = self.bucket(id);
        match entries(bucket).find(|entry| entry.id == id) {
            Some(entry) => &entry.value,
            None => self.add(bucket, Entry { id, value: make(), next: OnceCell::new() }),
        }
    }

    /// Every value, those of one moment at least.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.buckets.iter().flat_map(entries).map(|entry| &entry.value)
    }

    #[inline]
    fn bucket(&self, id: TypeId) -> &Link<T> {
        let hash = FxBuildHasher.hash_one(id) as usize;
        &self.buckets[hash % BUCKETS]
    }

    /// Hangs the entry on, unless its type has one by now. What is not needed is dropped after the
    /// lock has been let go, as arguments go after variables.
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
        link.set(Box::new(new)).ok().expect("one thread at a time hangs an entry on");
        &link.get().expect("it has just been set").value
    }
}

#[inline]
fn entries<T>(bucket: &Link<T>) -> impl Iterator<Item = &Entry<T>> {
    iter::successors(bucket.get(), |entry| entry.next.get()).map(|entry| &**entry)
}
