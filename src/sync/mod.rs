//! Locks, condvars, atomics, threads and the source of time, by one name for every build.
//!
//! ```text
//!             ordinary build             --cfg loom                 --cfg shuttle
//! Mutex       parking_lot                loom, with parking_lot's   shuttle, with parking_lot's
//!                                        methods                    methods
//! GateMutex   std, with parking_lot's    loom, likewise             shuttle, likewise
//! Condvar     methods
//! OnceCell    std's OnceLock             a loom flag and a std      a shuttle flag and a std
//!                                        OnceLock                   OnceLock
//! LockedCell  a relaxed std atomic       a cell that reports an     a relaxed std atomic
//!                                        access outside its lock
//! Handle      std's Arc                  std's Arc; loom's in the   std's Arc
//!                                        models of leaks
//! TimeSource  the kernel on Linux,       a time that stands still; most models move a
//!             elsewhere Instant          manual clock
//! now         Instant                    the same
//! (file)      ordinary.rs                model.rs                   model.rs
//! ```
//!
//! The mutex and the condvar of a gate are in [`monitor`], the state of each thread in [`thread`], and
//! the two sources of time in `coarse_time` and `plain_time`.
//!
//! Only this folder names these primitives, and only this folder knows which build it is in; a test
//! searches the other sources for them. So the models check the code that ships.

#[cfg(all(target_os = "linux", feature = "coarse-clock", not(any(loom, shuttle))))]
mod coarse_time;
mod held;
#[cfg(any(loom, shuttle))]
mod model;
mod monitor;
#[cfg(not(any(loom, shuttle)))]
mod mutex;
#[cfg(not(any(loom, shuttle)))]
mod ordinary;
#[cfg(not(all(target_os = "linux", feature = "coarse-clock", not(any(loom, shuttle)))))]
mod plain_time;
mod thread;
#[cfg(feature = "tracing")]
mod thread_end;

#[cfg(not(any(loom, shuttle)))]
use std::time::Instant;

#[cfg(all(target_os = "linux", feature = "coarse-clock", not(any(loom, shuttle))))]
pub(crate) use coarse_time::TimeSource;
pub(crate) use held::assert_unlocked;
pub(crate) use held::below;
pub use held::locks_held;
#[cfg(any(loom, shuttle))]
pub(crate) use model::*;
pub(crate) use monitor::{Condvar, GateGuard, GateMutex};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use ordinary::*;
#[cfg(not(all(target_os = "linux", feature = "coarse-clock", not(any(loom, shuttle)))))]
pub(crate) use plain_time::TimeSource;
pub(crate) use thread::{
    Thread, ThreadToken, is_panicking, registered_threads, thread_of, unique_number,
};
#[cfg(feature = "tracing")]
pub(crate) use thread_end::{thread_ends, watch_thread_end};

/// Returns the present instant. A manual clock counts from one, and a caller's deadline is compared
/// with one.
#[cfg(not(any(loom, shuttle)))]
#[inline]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A value on cache lines of its own, so that writes to its neighbours do not slow it down.
///
/// The alignment is 128 bytes: x86-64 prefetches lines in pairs, and Apple's arm64 has lines of that
/// size.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);
