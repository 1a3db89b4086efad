//! The end of a thread, when it destroys its thread-locals.
//!
//! A thread destroys them in the reverse order of their first use. So a thread-local that is first used
//! *after* those of a subscriber is gone before them, and tells destructors that run later.

use std::cell::Cell;

thread_local! {
    static ENDS: Cell<bool> = const { Cell::new(false) };
    static WATCH: Watch = const { Watch };
}

struct Watch;

impl Drop for Watch {
    fn drop(&mut self) {
        ENDS.set(true);
    }
}

/// Lets [`thread_ends`] notice the end of this thread. Called after the first use of another's
/// thread-locals.
pub(crate) fn watch_thread_end() {
    // Destroyed already: the flag is set.
    WATCH.try_with(|_| ()).ok();
}

/// Returns true if this thread destroys its thread-locals, as far as is known.
pub(crate) fn thread_ends() -> bool {
    ENDS.get()
}
