//! What a key costs in bytes, in flight and retained: what the heap holds more for each.
//!
//! Bytes are those that were asked of the allocator, counted by an allocator that only the program
//! `compare-memory` has: counting would cost the other lanes time.
//!
//! **In flight:** one thread leads a key whose function leads the next one, and so on; the last one
//! counts. Contenders that hold a lock while a function runs cannot do this, and have no figure.
//! **Retained:** all keys are led, one after the other, and kept.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use super::{Figures, Size};
use crate::contender::{Contender, LONG, Measure, Peer, Setup};

/// See the file's text.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    keys: u64,
    allocated: fn() -> usize,
}

/// For each key in flight, its frames; twice what an unoptimized build takes.
const STACK: usize = 16 << 10;

impl Memory {
    /// Of so many keys at this size, where `allocated` tells how many bytes the heap holds.
    pub fn new(size: Size, allocated: fn() -> usize) -> Self {
        Self { keys: keys(size), allocated }
    }

    fn setup(self, window: Duration) -> Setup {
        Setup { window, keys: self.keys as usize }
    }

    fn in_flight<C: Contender>(self) -> Option<f64> {
        if !C::NESTS {
            return None;
        }
        let stack = STACK * self.keys as usize;
        let nest = move || {
            let before = (self.allocated)();
            let next: Arc<OnceLock<Next>> = Arc::default();
            let (nested, seen) = (next.clone(), Arc::new(OnceLock::new()));
            let at_the_end = seen.clone();
            let peer = Arc::new(C::make(self.setup(Duration::ZERO), move |key| {
                if key < self.keys {
                    nested.get().expect("it is set before the first call")(key + 1);
                } else {
                    at_the_end.set((self.allocated)()).expect("there is one last key");
                }
                key
            })?);
            let own = peer.clone();
            next.set(Box::new(move |key| assert_eq!(*own.call(key), key))).ok();
            assert_eq!(*peer.call(1), 1);
            Some((*seen.get().expect("the last key was led") - before) as f64 / self.keys as f64)
        };
        let thread = thread::Builder::new().stack_size(stack.max(1 << 20)).spawn(nest);
        thread.expect("there is room for a thread").join().expect("a lane does not panic")
    }

    fn retained<C: Contender>(self) -> Option<f64> {
        let before = (self.allocated)();
        let peer = C::make(self.setup(LONG), |key| key)?;
        for key in 0..self.keys {
            assert_eq!(*peer.call(key), key);
        }
        Some(((self.allocated)() - before) as f64 / self.keys as f64)
    }
}

type Next = Box<dyn Fn(u64) + Send + Sync>;

impl Measure for Memory {
    type Output = Figures;

    fn with<C: Contender>(&self) -> Figures {
        let in_flight = self.in_flight::<C>().map(|bytes| ("in_flight", bytes));
        let retained = self.retained::<C>().map(|bytes| ("retained", bytes));
        in_flight.into_iter().chain(retained).collect()
    }
}

/// How many keys there are.
pub(super) fn keys(size: Size) -> u64 {
    size.pick(100_000, 100_000, 1_000)
}
