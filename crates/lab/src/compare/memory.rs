//! The bytes that the program allocates for a key, in flight and retained.
//!
//! **In flight:** one thread leads a key whose function leads the next one, and so on; the last one
//! counts. Contenders that hold a lock while a function runs cannot do this, and have no figure.
//! **Retained:** all keys are led, one after the other, and kept.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use super::Figures;
use crate::contender::{Contender, LONG, Peer, Setup};
use crate::memory::{asked_for, in_use};
use crate::options::Size;

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct Memory;

/// The stack for each key in flight: twice the frames of an unoptimized build.
const STACK: usize = 16 << 10;

impl Memory {
    pub(super) fn measure<C: Contender>(self, size: Size) -> Figures {
        let keys = keys(size);
        let in_flight = in_flight::<C>(keys).map(|bytes| ("in_flight", bytes));
        let retained = retained::<C>(keys).map(|bytes| ("retained", bytes));
        in_flight.into_iter().chain(retained).collect()
    }
}

fn setup(window: Duration, keys: u64) -> Setup {
    Setup { window, keys: keys as usize }
}

fn in_flight<C: Contender>(keys: u64) -> Option<f64> {
    if !C::NESTS {
        return None;
    }
    let nest = move || {
        let (before, next) = (in_use(), Arc::<OnceLock<Next>>::default());
        let (nested, seen) = (next.clone(), Arc::new(OnceLock::new()));
        let at_the_end = seen.clone();
        let peer = Arc::new(C::make(setup(Duration::ZERO, keys), move |key| {
            if key < keys {
                nested.get().expect("it is set before the first call")(key + 1);
            } else {
                at_the_end.set(in_use()).expect("there is one last key");
            }
            key
        })?);
        let own = peer.clone();
        next.set(Box::new(move |key| assert_eq!(*own.call(key), key))).ok();
        assert_eq!(*peer.call(1), 1);
        Some((*seen.get().expect("the last key was led") - before) / keys as f64)
    };
    let stack = (STACK * keys as usize).max(1 << 20);
    let thread = thread::Builder::new().stack_size(stack);
    asked_for(|| {
        let thread = thread.spawn(nest).expect("there is room for a thread");
        thread.join().expect("a lane does not panic")
    })
    .1
}

fn retained<C: Contender>(keys: u64) -> Option<f64> {
    let (bytes, peer) = asked_for(|| {
        let peer = C::make(setup(LONG, keys), |key| key)?;
        for key in 0..keys {
            assert_eq!(*peer.call(key), key);
        }
        Some(peer)
    });
    peer.map(|_| bytes / keys as f64)
}

type Next = Box<dyn Fn(u64) + Send + Sync>;

/// How many keys there are.
pub(super) fn keys(size: Size) -> u64 {
    size.pick(100_000, 100_000, 1_000)
}
