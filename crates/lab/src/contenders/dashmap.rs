//! A solution that one writes by hand: a `DashMap` of `OnceLock`s.
//!
//! The window is the adapter's: a result has its time, and a call that meets an old one takes it out.
//! An old result stays until the next call for its key. Panics are not handled.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::contender::{Contender, Load, Peer, Setup};

/// The hand-written adapter.
#[derive(Debug)]
pub enum DashMap {}

/// The map and its function.
#[derive(Debug)]
pub struct WithDashMap<L> {
    map: dashmap::DashMap<u64, Slot>,
    window: Duration,
    load: L,
}

type Slot = Arc<OnceLock<Kept>>;

#[derive(Debug)]
struct Kept {
    value: Arc<u64>,
    until: Option<Instant>,
}

impl Contender for DashMap {
    const NAME: &'static str = "DashMap + OnceLock";
    type Peer<L: Load> = WithDashMap<L>;

    fn make<L: Load>(setup: Setup, load: L) -> Option<Self::Peer<L>> {
        Some(WithDashMap { map: dashmap::DashMap::new(), window: setup.window, load })
    }
}

impl<L: Load> WithDashMap<L> {
    /// The value that the window still serves. Takes an old one out.
    fn kept(&self, key: u64) -> Option<Arc<u64>> {
        let slot = self.map.get(&key)?;
        let kept = slot.get()?;
        if kept.until.is_some_and(|until| Instant::now() < until) {
            return Some(kept.value.clone());
        }
        let old = slot.clone();
        drop(slot);
        self.remove(key, &old);
        None
    }

    fn remove(&self, key: u64, slot: &Slot) {
        self.map.remove_if(&key, |_, current| Arc::ptr_eq(current, slot));
    }

    fn run(&self, key: u64) -> Kept {
        let until = (!self.window.is_zero()).then(|| Instant::now() + self.window);
        Kept { value: Arc::new((self.load)(key)), until }
    }
}

impl<L: Load> Peer for WithDashMap<L> {
    #[inline]
    fn call(&self, key: u64) -> Arc<u64> {
        let kept = if self.window.is_zero() { None } else { self.kept(key) };
        if let Some(value) = kept {
            return value;
        }
        let slot = self.map.entry(key).or_default().clone();
        let mut led = false;
        let kept = slot.get_or_init(|| {
            led = true;
            self.run(key)
        });
        if led && self.window.is_zero() {
            self.remove(key, &slot);
        }
        kept.value.clone()
    }
}
