//! Spans for `tracing`: `coalescer.ask` for each question to the engine, with its wait for another process, and
//! `coalescer.publish`.

use tracing::{field, info_span};

use crate::panics::caught;
use crate::sync::has_locals;

/// A span that is open until it is dropped. The subscriber is the user's code: its panics end here.
pub(crate) struct Span(Option<tracing::Span>);

impl Span {
    pub(crate) fn of_question(name: &str) -> Self {
        Self::open(|| {
            info_span!(
                target: "coalescer",
                "coalescer.ask",
                name,
                holder = field::Empty,
                answer = field::Empty
            )
        })
    }

    pub(crate) fn of_publication(name: &str) -> Self {
        Self::open(
            || info_span!(target: "coalescer", "coalescer.publish", name, answer = field::Empty),
        )
    }

    /// The question waits for this process.
    pub(crate) fn waits_for(&self, holder: &str) {
        if let Some(span) = &self.0 {
            caught(|| _ = span.record("holder", holder)).ok();
        }
    }

    pub(crate) fn ends(&self, answer: &'static str) {
        if let Some(span) = &self.0 {
            caught(|| _ = span.record("answer", answer)).ok();
        }
    }

    /// None while the locals of a thread are being destroyed: a subscriber may have some.
    fn open(open: impl FnOnce() -> tracing::Span) -> Self {
        Self(if has_locals() { caught(open).ok() } else { None })
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let span = self.0.take();
        if has_locals() {
            caught(|| drop(span)).ok();
        } else {
            std::mem::forget(span);
        }
    }
}
