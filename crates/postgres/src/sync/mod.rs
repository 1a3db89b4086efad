//! Locks, condvars, atomics, threads and the source of time. Only this folder names them; a test checks it.

mod deadline;
mod driver;

use std::time::Instant;

pub(crate) use std::sync::Weak;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub(crate) use parking_lot::{Condvar, Mutex};

pub(crate) use deadline::Deadline;
pub(crate) use driver::{Driver, Task, bounded};

/// Returns the present instant of the system's monotonic clock.
pub(crate) fn now() -> Instant {
    Instant::now()
}
