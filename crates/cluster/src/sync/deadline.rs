//! The end of the time that a step has.

use std::time::{Duration, Instant};

use super::{Condvar, MutexGuard, now};

/// The moment at which the time is over. `None`: it lies beyond what the clock can tell.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) fn after(within: Duration) -> Self {
        Self(now().checked_add(within))
    }

    pub(crate) fn is_over(self) -> bool {
        self.0.is_some_and(|until| now() >= until)
    }

    /// Waits for a notification, or until the time is over. Returns false, and does not wait, if it is over.
    pub(crate) fn wait<T>(self, condvar: &Condvar, guard: &mut MutexGuard<'_, T>) -> bool {
        match self.0 {
            _ if self.is_over() => return false,
            None => condvar.wait(guard),
            Some(until) => {
                condvar.wait_until(guard, until);
            }
        }
        true
    }
}

impl Deadline {
    pub(crate) fn left(self) -> Duration {
        self.0.map_or(Duration::MAX, |until| until.saturating_duration_since(now()))
    }
}

#[cfg(all(feature = "files", target_os = "linux", target_pointer_width = "64"))]
impl Deadline {
    /// Locks a mutex; `None` if the time is over first.
    pub(crate) fn lock<T>(self, mutex: &super::Mutex<T>) -> Option<MutexGuard<'_, T>> {
        self.0.map_or_else(|| Some(mutex.lock()), |until| mutex.try_lock_until(until))
    }
}
