//! A solution that one writes by hand with std alone: a locked `HashMap` of slots, each with a condvar.
//!
//! The leader notifies all after it has released the lock, which is std's fastest way to wake a herd.
//! The window is the adapter's, as in the one of `DashMap`. Panics are not handled.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::contender::{Contender, Load, Peer, Setup};

/// The hand-written adapter.
#[derive(Debug)]
pub enum StdMap {}

/// The map and its function.
#[derive(Debug)]
pub struct WithStdMap<L> {
    map: Mutex<HashMap<u64, Arc<Slot>>>,
    window: Duration,
    load: L,
}

#[derive(Debug, Default)]
struct Slot {
    kept: Mutex<Option<Kept>>,
    done: Condvar,
}

#[derive(Clone, Debug)]
struct Kept {
    value: Arc<u64>,
    until: Option<Instant>,
}

const NO_PANICS: &str = "nobody panics under a lock";

impl Contender for StdMap {
    const NAME: &'static str = "std map + condvar";
    type Peer<L: Load> = WithStdMap<L>;

    fn make<L: Load>(setup: Setup, load: L) -> Option<Self::Peer<L>> {
        Some(WithStdMap { map: Mutex::default(), window: setup.window, load })
    }
}

/// The slot that a call found under its key.
enum Found {
    Mine(Arc<Slot>),
    Other(Arc<Slot>),
}

impl Slot {
    /// Waits for the value. The flag says whether it was there already, and is old by now.
    fn wait(&self) -> (Arc<u64>, bool) {
        let mut kept = self.kept.lock().expect(NO_PANICS);
        let was_there = kept.is_some();
        loop {
            if let Some(kept) = &*kept {
                let is_old = was_there && kept.until.is_some_and(|until| until <= Instant::now());
                return (kept.value.clone(), is_old);
            }
            kept = self.done.wait(kept).expect(NO_PANICS);
        }
    }
}

impl<L: Load> WithStdMap<L> {
    fn find(&self, key: u64) -> Found {
        match self.map.lock().expect(NO_PANICS).entry(key) {
            Entry::Occupied(slot) => Found::Other(slot.get().clone()),
            Entry::Vacant(place) => Found::Mine(place.insert(Arc::default()).clone()),
        }
    }

    fn lead(&self, key: u64, slot: &Arc<Slot>) -> Arc<u64> {
        let until = (!self.window.is_zero()).then(|| Instant::now() + self.window);
        let value = Arc::new((self.load)(key));
        *slot.kept.lock().expect(NO_PANICS) = Some(Kept { value: value.clone(), until });
        slot.done.notify_all();
        if self.window.is_zero() {
            self.remove(key, slot);
        }
        value
    }

    fn remove(&self, key: u64, slot: &Arc<Slot>) {
        let mut map = self.map.lock().expect(NO_PANICS);
        if map.get(&key).is_some_and(|current| Arc::ptr_eq(current, slot)) {
            map.remove(&key);
        }
    }
}

impl<L: Load> Peer for WithStdMap<L> {
    #[inline]
    fn call(&self, key: u64) -> Arc<u64> {
        loop {
            let slot = match self.find(key) {
                Found::Mine(slot) => return self.lead(key, &slot),
                Found::Other(slot) => slot,
            };
            let (value, is_old) = slot.wait();
            if !is_old {
                return value;
            }
            self.remove(key, &slot);
        }
    }
}
