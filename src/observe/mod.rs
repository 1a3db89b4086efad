//! What operators see of the calls: the one place through which the core tells of them.
//!
//! The core says that a flight was found to be slow, that a function is about to run, that a wait
//! begins; what becomes of it is decided here, and without a listener it is nothing. So no other
//! file has to know which features are on.
//!
//! All of it is user code: it is called while no lock of the library is held, and a panic in it
//! changes no outcome.

mod notice;
mod slow;

use std::sync::Arc as StdArc;

pub(crate) use slow::{Hook, Noticed};
pub use slow::{NoHook, OnSlowFn, SlowFlight, SlowPolicy};

/// Whom a table tells of its calls.
pub(crate) struct Observer<K> {
    name: Option<StdArc<str>>,
    on_slow: Option<StdArc<Hook<K>>>,
}

impl<K> Observer<K> {
    pub(crate) fn new(name: Option<StdArc<str>>, on_slow: Option<StdArc<Hook<K>>>) -> Self {
        Self { name, on_slow }
    }

    /// Calls the hook for a flight that was found to be slow, which happens once for each.
    pub(crate) fn tell_slow(&self, noticed: &Noticed<K>) {
        if let Some(hook) = &self.on_slow {
            noticed.tell(&**hook, self.name.as_deref());
        }
    }
}
