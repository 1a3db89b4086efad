//! Locks, condvars, atomics, threads and the sources of time. Only this folder names them; a test checks it.

#[cfg(all(feature = "files", target_os = "linux", target_pointer_width = "64"))]
pub(crate) mod host;

use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub(crate) use std::sync::OnceLock;
pub(crate) use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(all(feature = "files", target_os = "linux", target_pointer_width = "64"))]
pub(crate) use parking_lot::MutexGuard;
pub(crate) use parking_lot::{Condvar, Mutex};

/// Returns the present instant of the system's monotonic clock.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Returns the time of the wall clock, which nothing but the drawing of names reads.
pub(crate) fn nanos_since_1970() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_nanos())
}
