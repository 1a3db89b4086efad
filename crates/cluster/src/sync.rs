//! Locks, condvars, atomics and the sources of time. Only this file names them.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub(crate) use std::sync::OnceLock;
pub(crate) use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use parking_lot::{Condvar, Mutex};

/// Returns the present instant of the system's monotonic clock.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Returns the time of the wall clock, which nothing but the drawing of names reads.
pub(crate) fn nanos_since_1970() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_nanos())
}
