//! A mutex and its condvar, with parking_lot's methods over the types of std, loom or shuttle.
//!
//! Gates use std's here and not parking_lot's. parking_lot's `notify_all` moves the waiters to the
//! mutex, where they wake one after the other; std's wakes all of them with one system call, which is
//! four times as fast for a herd.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
use std::time::Duration;

use super::held::Held;

#[cfg(loom)]
use loom as checker;
#[cfg(shuttle)]
use shuttle as checker;
#[cfg(not(any(loom, shuttle)))]
use std as checker;

/// A mutex without poisoning, whose guard [`Condvar`] can wait with.
pub(crate) struct GateMutex<T>(checker::sync::Mutex<T>);

impl<T> GateMutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(checker::sync::Mutex::new(value))
    }

    #[inline]
    pub(crate) fn lock(&self) -> GateGuard<'_, T> {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        GateGuard(Some((guard, Held::count())))
    }

    /// Locks unless another thread has the lock. In a model, this type is every mutex of the library,
    /// and tables call this.
    #[cfg(any(loom, shuttle))]
    pub(crate) fn try_lock(&self) -> Option<GateGuard<'_, T>> {
        self.0.try_lock().ok().map(|guard| GateGuard(Some((guard, Held::count()))))
    }
}

impl<T> fmt::Debug for GateMutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GateMutex")
    }
}

/// Holds the lock. The inner guard is absent only while a condvar waits with it.
pub(crate) struct GateGuard<'a, T>(Option<(checker::sync::MutexGuard<'a, T>, Held)>);

impl<T> Deref for GateGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0.as_ref().expect("the guard is here unless a condvar waits with it").0
    }
}

impl<T> DerefMut for GateGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0.as_mut().expect("the guard is here unless a condvar waits with it").0
    }
}

#[derive(Debug)]
pub(crate) struct Condvar(checker::sync::Condvar);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(checker::sync::Condvar::new())
    }

    /// Unlocks, parks until notified, and locks again. Wake-ups may be spurious.
    pub(crate) fn wait<T>(&self, guard: &mut GateGuard<'_, T>) {
        let (inner, held) = guard.0.take().expect("one wait at a time holds the guard");
        drop(held);
        let inner = self.0.wait(inner).unwrap_or_else(PoisonError::into_inner);
        guard.0 = Some((inner, Held::count()));
    }

    /// Does the same, for `timeout` at most.
    #[cfg(not(any(loom, shuttle)))]
    pub(crate) fn wait_for<T>(&self, guard: &mut GateGuard<'_, T>, timeout: Duration) {
        let (inner, held) = guard.0.take().expect("one wait at a time holds the guard");
        drop(held);
        let waited = self.0.wait_timeout(inner, timeout);
        guard.0 = Some((waited.unwrap_or_else(PoisonError::into_inner).0, Held::count()));
    }

    /// Panics: real time does not pass in a model, so a wait that it bounds would prove nothing.
    #[cfg(any(loom, shuttle))]
    pub(crate) fn wait_for<T>(&self, _: &mut GateGuard<'_, T>, _: Duration) {
        panic!("a model waits by the manual clock: give the builder one");
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}
