//! What is to be called when a gate closes, by whoever closes it.
//!
//! A thread that waits is woken; what waits without a thread is called: a receiver's sender, a
//! follower's own job. The list lies under the gate's lock, and is taken out when the gate is closed
//! and made after the locks have been let go.

use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Called once, under no lock.
pub(crate) type Call = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(crate) struct Calls(Vec<(u64, Call)>);

impl Calls {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn push(&mut self, number: u64, call: Call) {
        self.0.push((number, call));
    }

    /// Takes a call out that is not to be made. Looked for from the end, as those that do not stay
    /// are mostly young.
    #[must_use = "it is dropped when the lock has been let go"]
    pub(crate) fn take(&mut self, number: u64) -> Option<Call> {
        let place = self.0.iter().rposition(|(own, _)| *own == number)?;
        Some(self.0.swap_remove(place).1)
    }

    /// Makes the calls. Each runs code of the user's: a panic there is that call's alone, as the
    /// outcome has been published (S24), and the hook has told of it.
    pub(crate) fn make(self) {
        for (_, call) in self.0 {
            contain(call);
        }
    }
}

/// Runs code of the user's whose panic ends here, after the panic hook has told of it. The payload is
/// the user's as well, and so may be a second one, from its destructor.
pub(crate) fn contain(code: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(code)) {
        mem::forget(catch_unwind(AssertUnwindSafe(|| drop(payload))));
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Calls").field(&self.0.len()).finish()
    }
}
