//! Functions to call when a gate closes, and the containment of panics in user code.
//!
//! A thread that waits is notified. A call that waits without a thread is called back: a receiver's
//! sender, a follower's own job. The list lies under the gate's lock. The thread that closes the gate
//! takes the list out, and runs it after it has released all locks.

use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs once, under no lock.
pub(crate) type Callback = Box<dyn FnOnce() + Send>;

/// The callbacks of one gate, each with the number that its owner removes it by.
#[derive(Default)]
pub(crate) struct Callbacks(Vec<(u64, Callback)>);

impl Callbacks {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn push(&mut self, number: u64, callback: Callback) {
        self.0.push((number, callback));
    }

    /// Takes a callback out that is not to run. Searches from the end, since calls that leave early
    /// are mostly young.
    #[must_use = "its captures are the user's: drop it after the lock is released"]
    pub(crate) fn remove(&mut self, number: u64) -> Option<Callback> {
        let index = self.0.iter().rposition(|(own, _)| *own == number)?;
        Some(self.0.swap_remove(index).1)
    }

    /// Runs the callbacks. Each runs user code. A panic there concerns that callback alone, since the
    /// outcome is published already (S24), and the panic hook has reported it.
    pub(crate) fn run(self) {
        for (_, callback) in self.0 {
            contain(callback);
        }
    }
}

/// Runs user code whose panic ends here, after the panic hook has reported it. The payload is the
/// user's too, and its destructor may panic a second time.
pub(crate) fn contain(code: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(code)) {
        mem::forget(catch_unwind(AssertUnwindSafe(|| drop(payload))));
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Callbacks").field(&self.0.len()).finish()
    }
}
