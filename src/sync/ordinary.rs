//! The primitives of the ordinary build: parking_lot's and std's.

pub(crate) use std::sync::Arc as Handle;
pub(crate) use std::sync::OnceLock as OnceCell;
pub(crate) use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use super::mutex::{Mutex, MutexGuard};
use super::thread::ThisThread;

/// The least number of waiters that a thread notifies before it checks if others have notified some
/// too (`docs/performance.md`).
pub(crate) const WAKE_SHARE: usize = 32;

/// How many waiters of a large herd the thread that ends their wait notifies. Each further one makes it
/// likelier that they take its processor before it has returned.
pub(crate) const WAKE_BEGINNINGS: usize = 3;

/// How many callbacks of other calls the thread that ends a flight makes itself.
pub(crate) const OWN_CALLS: usize = 256;

/// A number that is read and written under one lock only, which its owner names.
///
/// It is an atomic so that a shared value can have it without `unsafe`; its accesses compile to plain
/// loads and stores. Under loom it reports an access that no lock orders.
#[derive(Debug)]
pub(crate) struct LockedCell(AtomicU64);

impl LockedCell {
    pub(crate) fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

thread_local! {
    static THIS_THREAD: ThisThread = const { ThisThread::new() };
}

#[inline]
pub(crate) fn this_thread<R>(f: impl FnOnce(&ThisThread) -> R) -> R {
    THIS_THREAD.with(f)
}

/// Makes a process-wide value with a constant initial value.
macro_rules! global {
    ($(#[$meta:meta])* static $name:ident: $type:ty = $init:expr;) => {
        $(#[$meta])* static $name: $type = $init;
    };
}
pub(crate) use global;
