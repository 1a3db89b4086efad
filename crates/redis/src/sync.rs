//! Locks and the source of time. Only this file names them; a test checks it.

use std::time::{Duration, Instant};

pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};

/// The end of the time that a step has. `None`: it lies beyond what the clock can tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) fn after(within: Duration) -> Self {
        Self(Instant::now().checked_add(within))
    }

    pub(crate) fn left(self) -> Duration {
        self.0.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()))
    }

    /// Waits for a notification. Returns false if the time is over.
    pub(crate) fn wait<T>(self, condvar: &Condvar, guard: &mut MutexGuard<'_, T>) -> bool {
        match self.0 {
            None => condvar.wait(guard),
            Some(until) => return !condvar.wait_until(guard, until).timed_out(),
        }
        true
    }
}
