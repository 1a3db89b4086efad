//! User code that asks, whenever the library calls it, whether the library holds a lock (S2).
//!
//! The library catches panics in most of its user's code, so an offence is noted and not thrown. A build
//! without debug assertions counts no locks, and notes nothing.

use std::sync::{Mutex, PoisonError};

static OFFENCES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Notes an offence if the library holds more than so many locks.
pub(crate) fn at_most(locks: usize, what: &str) {
    let held = coalescer::locks_held();
    if held > locks {
        let trace = std::backtrace::Backtrace::force_capture();
        let offence = format!("{what} runs under {held} locks:\n{trace}");
        OFFENCES.lock().unwrap_or_else(PoisonError::into_inner).push(offence);
    }
}

/// Notes an offence if the library holds a lock.
pub(crate) fn no_lock(what: &str) {
    at_most(0, what);
}

#[track_caller]
pub(crate) fn assert_no_offence() {
    let offences = OFFENCES.lock().unwrap_or_else(PoisonError::into_inner);
    let first = offences.first().map_or("none", String::as_str);
    assert!(offences.is_empty(), "{} offences; {first}", offences.len());
}
