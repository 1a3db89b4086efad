//! The primitives of a model: loom's or shuttle's, which the checker schedules.

#[cfg(loom)]
use loom as checker;
#[cfg(shuttle)]
use shuttle as checker;

#[cfg(not(all(loom, coalescer_leaks)))]
pub(crate) use std::sync::Arc as Handle;
use std::sync::OnceLock;
use std::time::Instant;

#[cfg(all(loom, coalescer_leaks))]
pub(crate) use checker::sync::Arc as Handle;
use checker::sync::atomic::AtomicBool;
pub(crate) use checker::sync::atomic::{AtomicU64, Ordering};

pub(crate) use super::monitor::{GateGuard as MutexGuard, GateMutex as Mutex};
use super::thread::ThisThread;

/// Returns the same instant at all times, as a wait of a model ends by what threads do. `coalescer-cluster` does the same.
pub(crate) fn now() -> Instant {
    static NOW: OnceLock<Instant> = OnceLock::new();
    *NOW.get_or_init(Instant::now)
}

/// One, so that the few threads of a model notify in several shares.
pub(crate) const WAKE_SHARE: usize = 1;

/// One, so that the others depend on the threads that leave.
pub(crate) const WAKE_BEGINNINGS: usize = 1;

/// Two, which is one call with a seat and an answer, so that the other callbacks go to the executor.
pub(crate) const OWN_CALLS: usize = 2;

/// A cell that is set once. The checker sees the flag, and the flag orders the accesses.
#[derive(Debug)]
pub(crate) struct OnceCell<T> {
    is_set: AtomicBool,
    value: OnceLock<T>,
}

impl<T> OnceCell<T> {
    pub(crate) fn new() -> Self {
        Self { is_set: AtomicBool::new(false), value: OnceLock::new() }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        if self.is_set.load(Ordering::Acquire) { self.value.get() } else { None }
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        self.value.set(value)?;
        self.is_set.store(true, Ordering::Release);
        Ok(())
    }
}

/// A number that is read and written under one lock only; loom reports any other access.
#[cfg(loom)]
#[derive(Debug)]
pub(crate) struct LockedCell(loom::cell::UnsafeCell<u64>);

// SAFETY: A model runs one thread at a time, so there are no data races. loom's cell panics when no
// lock orders two accesses, which is the mistake that this type exists to find.
#[cfg(loom)]
#[expect(unsafe_code, reason = "only in models, where loom checks each access")]
unsafe impl Sync for LockedCell {}

#[cfg(loom)]
#[expect(unsafe_code, reason = "only in models, where loom checks each access")]
impl LockedCell {
    pub(crate) fn new(value: u64) -> Self {
        Self(loom::cell::UnsafeCell::new(value))
    }

    pub(crate) fn get(&self) -> u64 {
        // SAFETY: The pointer is valid for the call, and loom has just checked the ordering.
        self.0.with(|value| unsafe { *value })
    }

    pub(crate) fn set(&self, new: u64) {
        // SAFETY: The pointer is valid for the call, and loom has just checked the ordering.
        self.0.with_mut(|value| unsafe { *value = new });
    }
}

/// A number that is read and written under one lock only. shuttle does not check that.
#[cfg(shuttle)]
#[derive(Debug)]
pub(crate) struct LockedCell(std::sync::atomic::AtomicU64);

#[cfg(shuttle)]
impl LockedCell {
    pub(crate) fn new(value: u64) -> Self {
        Self(std::sync::atomic::AtomicU64::new(value))
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, std::sync::atomic::Ordering::Relaxed);
    }
}

checker::thread_local! {
    static THIS_THREAD: ThisThread = ThisThread::new();
}

pub(crate) fn this_thread<R>(f: impl FnOnce(&ThisThread) -> R) -> R {
    THIS_THREAD.with(f)
}

/// Makes a process-wide value that each execution of a model makes anew.
macro_rules! global {
    ($(#[$meta:meta])* static $name:ident: $type:ty = $init:expr;) => {
        $crate::sync::lazy_static! { $(#[$meta])* static ref $name: $type = $init; }
    };
}
pub(crate) use checker::lazy_static;
pub(crate) use global;
