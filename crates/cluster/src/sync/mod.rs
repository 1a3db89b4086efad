//! Locks, condvars, atomics, threads and the sources of time, by one name for every build. Only this folder names
//! them; a test checks it.
//!
//! ```text
//!            ordinary build      --cfg loom, --cfg shuttle
//! Mutex      parking_lot         the checker's, with parking_lot's methods
//! Condvar    parking_lot         the same; no wait ends because of time
//! Atomic..   std                 the checker's
//! Counter    std                 std: it orders nothing, so no model need explore it
//! Worker     std's threads       the checker's
//! now        the system's        a time that stands still
//! ```

mod deadline;
#[cfg(all(feature = "files", target_os = "linux", target_pointer_width = "64"))]
pub(crate) mod host;
mod leading;
#[cfg(any(loom, shuttle))]
mod model;
mod worker;

#[cfg(not(any(loom, shuttle)))]
use std::thread;
#[cfg(not(any(loom, shuttle)))]
use std::time::Instant;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) use std::sync::OnceLock;
pub(crate) use std::sync::atomic::AtomicU64 as Counter;
pub(crate) use std::sync::atomic::Ordering;
#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64};

#[cfg(any(loom, shuttle))]
pub(crate) use model::{AtomicBool, AtomicU64, Condvar, Mutex, MutexGuard, now};
#[cfg(any(loom, shuttle))]
use model::{checker, thread};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};

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
#[cfg(not(any(loom, shuttle)))]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Returns the time of the wall clock, which nothing but the drawing of names reads.
pub(crate) fn nanos_since_1970() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_nanos())
}
