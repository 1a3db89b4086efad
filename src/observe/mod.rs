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
mod slow;
#[cfg(feature = "tracing")]
mod spans;

use std::sync::Arc as StdArc;

pub(crate) use slow::{Hook, Noticed};
pub use slow::{NoHook, OnSlowFn, SlowFlight, SlowPolicy};

use crate::engine::admit::{Follower, Whereabouts};
use crate::engine::table::Table;
use crate::wait::clock::Nanos;

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
    pub(crate) fn watch_run(&self, flight: Option<Whereabouts>) -> Run {
        let _ = flight;
        Run {
            #[cfg(feature = "metrics")]
            timer: metrics::Timer::start(&self.clock),
            #[cfg(feature = "tracing")]
            span: self.run_span(flight),
        }
    }

    /// The function has returned, and its outcome is to be published.
    #[inline]
    pub(crate) fn end_run(&self, run: Run, result: impl FnOnce() -> &'static str) -> EndedRun {
        let _ = (&run, &result);
        EndedRun {
            #[cfg(feature = "metrics")]
            timer: run.timer.stop(&self.clock),
            #[cfg(feature = "tracing")]
            span: run.span.exit(result),
        }
    }

    /// Its outcome has been published, for so many calls.
    #[inline]
    pub(crate) fn tell_run(&self, run: EndedRun, callers: usize) {
        let _ = (&run, callers);
        #[cfg(feature = "metrics")]
        run.timer.tell(&self.observer.meters);
        #[cfg(feature = "tracing")]
        run.span.close(callers);
    }

    /// A call is about to wait.
    #[inline]
    pub(crate) fn watch_wait(&self, follower: &Follower<V, E>) -> Wait {
        let _ = follower;
        Wait {
            #[cfg(feature = "tracing")]
            span: self.wait_span(follower),
        }
    }

    /// It waits no more.
    #[inline]
    pub(crate) fn tell_wait(&self, wait: Wait, how: WaitEnd, waited: impl Fn() -> Nanos) {
        let _ = (&wait, how, &waited);
        #[cfg(feature = "metrics")]
        self.observer.meters.tell_wait(&waited);
        #[cfg(feature = "tracing")]
        wait.span.end(how, &waited);
    }

    /// Adds to the recorder's counters what is new since the last time.
    #[cfg(feature = "metrics")]
    pub(crate) fn publish_metrics(&self) {
        self.observer.meters.publish(|| self.stats());
    }
}

/// A run of the function that is looked at.
pub(crate) struct Run {
    #[cfg(feature = "metrics")]
    timer: metrics::Timer,
    #[cfg(feature = "tracing")]
    span: spans::RunSpan,
}

/// A run that is to be told of when its outcome has been published.
pub(crate) struct EndedRun {
    #[cfg(feature = "metrics")]
    timer: metrics::Timer,
    #[cfg(feature = "tracing")]
    span: spans::EndedSpan,
}

/// A wait that is looked at.
pub(crate) struct Wait {
    #[cfg(feature = "tracing")]
    span: spans::WaitSpan,
}
