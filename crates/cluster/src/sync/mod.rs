//! Locks, condvars, atomics, threads and the sources of time. Only this folder names them; a test checks it.

mod deadline;
#[cfg(all(feature = "files", target_os = "linux", target_pointer_width = "64"))]
pub(crate) mod host;
mod leading;
mod worker;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(crate) use std::sync::OnceLock;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[cfg(all(feature = "files", target_os = "linux", target_pointer_width = "64"))]
pub(crate) use parking_lot::MutexGuard;
pub(crate) use parking_lot::{Condvar, Mutex};

pub(crate) use deadline::Deadline;
#[cfg(feature = "tracing")]
pub(crate) use leading::has_locals;
pub(crate) use leading::{leads_here, leads_no_more, now_leads};
pub(crate) use worker::Worker;

/// A time of an engine, counted from a moment that it chooses.
pub(crate) type Nanos = u64;

/// Returns a duration as a time. More than 584 years are as many.
pub(crate) fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}

/// Returns the present instant of the system's monotonic clock.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Returns the time of the wall clock, which nothing but the drawing of names reads.
pub(crate) fn nanos_since_1970() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_nanos())
}
