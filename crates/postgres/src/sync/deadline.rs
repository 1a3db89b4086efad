//! The end of the time that a step has.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, MutexGuard};

use super::now;

/// The moment at which the time is over. `None`: it lies beyond what the clock can tell.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) fn after(within: Duration) -> Self {
        Self(now().checked_add(within))
    }

    pub(crate) fn left(self) -> Duration {
        self.0.map_or(Duration::MAX, |until| until.saturating_duration_since(now()))
    }

    /// Waits for a notification, or until the time is over. Returns false, and does not wait, if it is over.
    pub(crate) fn wait<T>(self, condvar: &Condvar, guard: &mut MutexGuard<'_, T>) -> bool {
        match self.0 {
            Some(until) if now() >= until => return false,
            None => condvar.wait(guard),
            Some(until) => drop(condvar.wait_until(guard, until)),
        }
        true
    }
}
