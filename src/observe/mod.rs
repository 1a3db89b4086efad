//! What operators see of the calls: the one place through which the core tells of them.
//!
//! The core says that a flight was found to be slow, that a function is about to run, that a wait
//! begins; what becomes of it is decided here, and without a listener it is nothing. So no other
//! file has to know which features are on.
//!
//! ```text
//! flight ── slow ──────────▶ slow      the hook of `on_slow`
//!        ── run, wait ─────▶ metrics   histograms, and counters when they are published
//!                          └▶ spans    a span for each
//! ```
//!
//! All of it is user code, and called while no lock of the library is held.

#[cfg(feature = "metrics")]
pub mod metrics;
mod notice;
mod slow;
#[cfg(feature = "tracing")]
mod spans;

use std::marker::PhantomData;
use std::sync::Arc as StdArc;

pub(crate) use slow::{Hook, Noticed};
pub use slow::{NoHook, OnSlowFn, SlowFlight, SlowPolicy};

use crate::admission::{Execution, Follower};
use crate::clock::Nanos;
use crate::table::Table;

/// Whom a table tells of its calls.
pub(crate) struct Observer<K> {
    name: Option<StdArc<str>>,
    on_slow: Option<StdArc<Hook<K>>>,
    #[cfg(feature = "metrics")]
    meters: metrics::Meters,
}

impl<K> Observer<K> {
    pub(crate) fn new(name: Option<StdArc<str>>, on_slow: Option<StdArc<Hook<K>>>) -> Self {
        Self {
            #[cfg(feature = "metrics")]
            meters: metrics::Meters::new(name.clone()),
            name,
            on_slow,
        }
    }

    /// Calls the hook for a flight that was found to be slow, which happens once for each.
    pub(crate) fn tell_slow(&self, noticed: &Noticed<K>) {
        if let Some(hook) = &self.on_slow {
            noticed.tell(&**hook, self.name.as_deref());
        }
    }
}

/// How a wait ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WaitEnd {
    Answered,
    TimedOut,
    Led,
}

impl<K, V, E> Table<K, V, E> {
    /// The function is about to run, as this execution of a flight or alone.
    #[inline]
    pub(crate) fn watch_run(&self, execution: Option<&Execution<'_, K, V, E>>) -> Run<'_> {
        let _ = execution;
        Run {
            #[cfg(feature = "metrics")]
            timer: metrics::Timer::start(&self.observer.meters, &self.clock),
            #[cfg(feature = "tracing")]
            span: self.run_span(execution),
            table: PhantomData,
        }
    }

    /// A call is about to wait.
    #[inline]
    pub(crate) fn watch_wait(&self, follower: &Follower<V, E>) -> Wait<'_> {
        let _ = follower;
        Wait {
            #[cfg(feature = "metrics")]
            meters: &self.observer.meters,
            #[cfg(feature = "tracing")]
            span: self.wait_span(follower),
            table: PhantomData,
        }
    }

    /// Adds to the recorder's counters what is new since the last time.
    #[cfg(feature = "metrics")]
    pub(crate) fn publish_metrics(&self) {
        self.observer.meters.publish(|| self.stats());
    }
}

/// A run of the function that is looked at.
pub(crate) struct Run<'a> {
    #[cfg(feature = "metrics")]
    timer: metrics::Timer<'a>,
    #[cfg(feature = "tracing")]
    span: spans::RunSpan,
    table: PhantomData<&'a ()>,
}

impl<'a> Run<'a> {
    /// The function has returned, and its outcome is to be published.
    #[inline]
    pub(crate) fn end(self, result: impl FnOnce() -> &'static str) -> Ended<'a> {
        let _ = &result;
        Ended {
            #[cfg(feature = "metrics")]
            timer: self.timer.stop(),
            #[cfg(feature = "tracing")]
            span: self.span.exit(result),
            table: self.table,
        }
    }
}

/// A run that is to be told of when its outcome has been published.
pub(crate) struct Ended<'a> {
    #[cfg(feature = "metrics")]
    timer: metrics::Stopped<'a>,
    #[cfg(feature = "tracing")]
    span: spans::EndedSpan,
    table: PhantomData<&'a ()>,
}

impl Ended<'_> {
    #[inline]
    pub(crate) fn tell(self, callers: usize) {
        let _ = (callers, self.table);
        #[cfg(feature = "metrics")]
        self.timer.tell();
        #[cfg(feature = "tracing")]
        self.span.close(callers);
    }
}

/// A wait that is looked at.
pub(crate) struct Wait<'a> {
    #[cfg(feature = "metrics")]
    meters: &'a metrics::Meters,
    #[cfg(feature = "tracing")]
    span: spans::WaitSpan,
    table: PhantomData<&'a ()>,
}

impl Wait<'_> {
    #[inline]
    pub(crate) fn end(self, how: WaitEnd, waited: impl Fn() -> Nanos) {
        let _ = (how, &waited, self.table);
        #[cfg(feature = "metrics")]
        metrics::tell_wait(self.meters, &waited);
        #[cfg(feature = "tracing")]
        self.span.end(how, &waited);
    }
}
