//! [`SafeSpan`]: a span of `tracing` whose subscriber cannot harm a call.
//!
//! A subscriber is user code, and each of its methods may panic. Here each is called alone, and a panic
//! ends there, after the panic hook has reported it (S24, S65). So a span that fails is missing or lacks
//! a field, and nothing else happens. No two calls stand in one containment: a second panic while the
//! first one unwinds would abort the process.
//!
//! A thread that destroys its thread-locals opens no span. Subscribers have thread-locals, and a
//! subscriber that finds its own destroyed panics; in a destructor that could abort the process.

use std::cell::Cell;

use tracing::dispatcher::with_default;
use tracing::field::{AsField, Value};
use tracing::span::Id;
use tracing::{Level, Span};

use super::contain::contain;
use crate::sync::{thread_ends, watch_thread_end};

/// A span that may be missing.
#[derive(Debug)]
pub(crate) struct SafeSpan(Option<Span>);

impl SafeSpan {
    /// No span.
    pub(crate) const NONE: Self = Self(None);

    /// Opens a span, if `is_on`. Both functions call the subscriber.
    #[inline]
    pub(crate) fn open(is_on: impl FnOnce() -> bool, span: impl FnOnce() -> Span) -> Self {
        match may_be_heard() && !thread_ends() {
            true => Self::open_heard(is_on, span),
            false => Self::NONE,
        }
    }

    /// Opens a span whose parent is `origin`, if there is such a span. It goes to the subscriber that
    /// has the parent, which can be another one than this thread's.
    pub(crate) fn open_within(
        origin: Option<&Self>,
        is_on: impl FnOnce() -> bool,
        span: impl FnOnce(Option<Id>) -> Span,
    ) -> Self {
        let parent = origin.and_then(|origin| origin.0.as_ref()).and_then(|origin| {
            origin.with_subscriber(|(id, subscriber)| (id.clone(), subscriber.clone()))
        });
        match parent {
            None => Self::open(is_on, || span(None)),
            Some((id, subscriber)) => {
                with_default(&subscriber, || Self::open(is_on, || span(Some(id))))
            }
        }
    }

    #[cold]
    fn open_heard(is_on: impl FnOnce() -> bool, span: impl FnOnce() -> Span) -> Self {
        let mut opened = Self::NONE;
        contain(|| {
            if is_on() {
                opened.0 = Some(span()).filter(|span| !span.is_disabled());
            }
        });
        watch_thread_end();
        opened
    }

    /// The span that the calling thread is in.
    #[inline]
    pub(crate) fn current() -> Self {
        Self::open(|| true, Span::current)
    }

    pub(crate) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn id(&self) -> Option<Id> {
        self.0.as_ref().and_then(Span::id)
    }

    pub(crate) fn record<Q: ?Sized + AsField, T: Value>(&self, field: &Q, value: T) {
        self.tell(|span| _ = span.record(field, value));
    }

    pub(crate) fn follows_from(&self, other: &Id) {
        self.tell(|span| _ = span.follows_from(other));
    }

    /// Lets the calling thread enter the span, until the guard is dropped on the same thread.
    pub(crate) fn enter(self) -> EnteredSpan {
        let has_entered = Cell::new(false);
        self.tell(|span| {
            span.with_subscriber(|(id, subscriber)| {
                subscriber.enter(id);
                has_entered.set(true);
            });
        });
        EnteredSpan { span: self, has_entered: has_entered.get() }
    }

    fn tell(&self, what: impl FnOnce(&Span)) {
        if let Some(span) = self.0.as_ref().filter(|_| !thread_ends()) {
            contain(|| what(span));
        }
    }
}

impl Clone for SafeSpan {
    fn clone(&self) -> Self {
        let mut clone = Self::NONE;
        self.tell(|span| clone.0 = Some(span.clone()));
        clone
    }
}

impl Drop for SafeSpan {
    fn drop(&mut self) {
        if let Some(span) = self.0.take() {
            contain(|| drop(span));
        }
    }
}

/// A span that the thread has entered. Its drop leaves and closes the span.
#[derive(Debug)]
pub(crate) struct EnteredSpan {
    span: SafeSpan,
    has_entered: bool,
}

impl EnteredSpan {
    /// Leaves the span, and returns it.
    pub(crate) fn exit(mut self) -> SafeSpan {
        self.leave();
        std::mem::replace(&mut self.span, SafeSpan::NONE)
    }

    pub(crate) fn span(&self) -> &SafeSpan {
        &self.span
    }

    fn leave(&mut self) {
        if std::mem::take(&mut self.has_entered) {
            self.span.tell(|span| {
                span.with_subscriber(|(id, subscriber)| subscriber.exit(id));
            });
        }
    }
}

impl Drop for EnteredSpan {
    fn drop(&mut self) {
        self.leave();
    }
}

/// True if a subscriber can be interested in the library's spans. It runs no user code.
#[inline]
pub(crate) fn may_be_heard() -> bool {
    Level::DEBUG <= tracing::level_filters::STATIC_MAX_LEVEL
        && Level::DEBUG <= tracing::level_filters::LevelFilter::current()
}
