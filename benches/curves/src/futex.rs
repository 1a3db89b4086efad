//! The kernel's table of sleeping threads, and which one this process uses.
//!
//! Since 6.16 Linux gives a process a table of its own: 16 places, or four for each core if that is
//! more. All threads that sleep in the process share them. Before, there was one table for the whole
//! system, of 256 places for each core, and a process may still ask for that.

/// Lets this process use the table of the whole system from now on. Says whether it does so then,
/// and did not before.
#[cfg(target_os = "linux")]
pub(crate) fn use_global_table() -> bool {
    // From linux/prctl.h; libc does not name them yet.
    const PR_FUTEX_HASH: libc::c_int = 78;
    const SET_SLOTS: libc::c_ulong = 1;
    const GLOBAL: libc::c_ulong = 0;
    let none: libc::c_ulong = 0;
    // SAFETY: this operation takes numbers only and touches no memory of this process.
    unsafe { libc::prctl(PR_FUTEX_HASH, SET_SLOTS, GLOBAL, none, none) == 0 }
}

/// Only Linux has such tables.
#[cfg(not(target_os = "linux"))]
pub(crate) fn use_global_table() -> bool {
    false
}
