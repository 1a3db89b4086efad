//! For operators: counters of a layer, and a span for each run of the handler that is no flight's.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "tracing")]
mod spans;

#[cfg(feature = "tracing")]
pub(crate) use spans::{OwnRun, tell_response};

/// Runs the user's code: a recorder, or a subscriber. A panic ends here, after the panic hook has reported it. The payload is
/// the user's too, and its destructor may panic a second time.
fn contain(code: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(code)) {
        mem::forget(catch_unwind(AssertUnwindSafe(|| drop(payload))));
    }
}
