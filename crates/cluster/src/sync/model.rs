//! The primitives of a model: loom's or shuttle's, which the checker schedules, with parking_lot's methods.
//!
//! Time stands still, and no wait ends because of it. So a wake-up that is lost is reported as a deadlock, and no look
//! that comes with time hides it. The exception is a wait that a clock moved by a test makes short, to look at it: it
//! gives way to other threads, and looks again.

use std::ops::{Deref, DerefMut};
use std::sync::{OnceLock, PoisonError};
use std::time::{Duration, Instant};

#[cfg(loom)]
pub(super) use loom as checker;
#[cfg(shuttle)]
pub(super) use shuttle as checker;

pub(crate) use checker::sync::atomic::{AtomicBool, AtomicU64};
pub(super) use checker::thread;

/// A wait that is no longer is a look at a clock that a test moves.
const LOOK: Duration = Duration::from_millis(1);

/// Returns the same instant at all times.
pub(crate) fn now() -> Instant {
    static NOW: OnceLock<Instant> = OnceLock::new();
    *NOW.get_or_init(Instant::now)
}

#[derive(Default)]
pub(crate) struct Mutex<T>(checker::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(checker::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { mutex: self, guard: Some(self.locked()) }
    }

    fn locked(&self) -> checker::sync::MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Holds the lock. The inner guard is absent only while a condvar waits with it.
pub(crate) struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    guard: Option<checker::sync::MutexGuard<'a, T>>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.guard.as_ref().expect("the guard is here unless a condvar waits with it")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.guard.as_mut().expect("the guard is here unless a condvar waits with it")
    }
}

#[derive(Default)]
pub(crate) struct Condvar(checker::sync::Condvar);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let inner = guard.guard.take().expect("one wait at a time holds the guard");
        guard.guard = Some(self.0.wait(inner).unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, time: Duration) {
        if time > LOOK {
            return self.wait(guard);
        }
        guard.guard = None;
        thread::yield_now();
        guard.guard = Some(guard.mutex.locked());
    }

    pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, until: Instant) {
        self.wait_for(guard, until.saturating_duration_since(now()));
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}
