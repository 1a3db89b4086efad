//! The listeners: a hook, a metrics recorder, a tracing subscriber. No other file knows them.
//!
//! The engine reports that a flight is slow, that a function is about to run, and that a wait
//! begins. This layer passes each report on. Without a listener it does nothing. So no other file
//! needs to know which features are on.
//!
//! ```text
//! engine ── slow ──────────▶ slow      the hook of `on_slow`
//!        ── run, wait ─────▶ metrics   histograms, and counters when they are published
//!                          └▶ spans    a span for each
//! ```
//!
//! All listeners are user code. The library calls them without holding a lock, and none of them can
//! harm a call: a panic ends where the listener was called.
//!
//! **Invariant:** this layer knows gates and clocks, and no table.

#[cfg(feature = "metrics")]
pub mod metrics;
mod slow;
#[cfg(feature = "tracing")]
mod spans;
mod wait_end;

use std::sync::Arc;

pub use slow::SlowFlight;
pub(crate) use slow::{Hook, OnSlow, SlowReport};
#[cfg(feature = "tracing")]
pub(crate) use spans::{RunGates, WaitGates};
pub(crate) use wait_end::WaitEnd;

#[cfg(feature = "metrics")]
use crate::stats::Stats;
use crate::wait::clock::{Clock, Nanos};
#[cfg(feature = "tracing")]
use crate::wait::safe_span::SafeSpan;

/// The listeners of a table.
pub(crate) struct Observer<K> {
    name: Option<Arc<str>>,
    on_slow: Option<Arc<Hook<K>>>,
    #[cfg(feature = "metrics")]
    meters: metrics::Meters,
}

impl<K> Observer<K> {
    pub(crate) fn new(name: Option<Arc<str>>, on_slow: Option<Arc<Hook<K>>>) -> Self {
        Self {
            #[cfg(feature = "metrics")]
            meters: metrics::Meters::new(name.clone()),
            name,
            on_slow,
        }
    }

    /// Calls the hook for a flight that is slow.
    pub(crate) fn report_slow(&self, report: &SlowReport<K>) {
        if let Some(hook) = &self.on_slow {
            report.call(&**hook, self.name.as_deref());
        }
    }

    /// Begins to observe a run of the function on this thread, which `origin` has asked for. `gates`
    /// returns the gates of its flight and of its job, if it has them. It is called only for a span.
    #[inline]
    pub(crate) fn begin_run(
        &self,
        clock: &Clock,
        origin: Option<&Origin>,
        #[cfg(feature = "tracing")] gates: impl FnOnce() -> RunGates,
    ) -> Run {
        let _ = (clock, origin);
        Run {
            #[cfg(feature = "metrics")]
            timer: metrics::Timer::start(clock),
            #[cfg(feature = "tracing")]
            span: spans::RunSpan::begin(
                self.name.as_deref(),
                origin.map(|origin| &origin.0),
                gates,
            ),
        }
    }

    /// Stops the timer and leaves the span, after the function has returned and before its outcome
    /// is published.
    #[inline]
    pub(crate) fn end_run(
        &self,
        run: Run,
        clock: &Clock,
        result: impl FnOnce() -> &'static str,
    ) -> EndedRun {
        let _ = (&run, clock, &result);
        EndedRun {
            #[cfg(feature = "metrics")]
            timer: run.timer.stop(clock),
            #[cfg(feature = "tracing")]
            span: run.span.exit(result),
        }
    }

    /// Records a run after its outcome is published. `callers` is the number of calls that it
    /// answered.
    #[inline]
    pub(crate) fn record_run(&self, run: EndedRun, callers: usize) {
        let _ = (&run, callers);
        #[cfg(feature = "metrics")]
        run.timer.record(&self.meters);
        #[cfg(feature = "tracing")]
        run.span.close(callers);
    }

    /// True if [`begin_wait`](Self::begin_wait) can run user code.
    #[inline]
    pub(crate) fn hears_waits(&self) -> bool {
        #[cfg(feature = "tracing")]
        let hears = spans::may_be_heard();
        #[cfg(not(feature = "tracing"))]
        let hears = false;
        hears
    }

    /// Begins to observe a wait on this thread, for an execution of another call or for the job of a
    /// ticket. `gates` is called only for a span.
    #[inline]
    pub(crate) fn begin_wait(
        &self,
        #[cfg(feature = "tracing")] gates: impl FnOnce() -> WaitGates,
    ) -> Wait {
        Wait {
            #[cfg(feature = "tracing")]
            span: spans::WaitSpan::begin(self.name.as_deref(), gates),
        }
    }

    /// Records a wait for an execution of another call, which has ended. `waited` is called only for a
    /// listener.
    #[inline]
    pub(crate) fn record_wait(&self, wait: Wait, end: WaitEnd, waited: impl Fn() -> Nanos) {
        #[cfg(feature = "metrics")]
        self.meters.record_wait(&waited);
        self.record_job_wait(wait, end, waited);
    }

    /// Records a ticket's wait for its own job, which has a span alone.
    #[inline]
    pub(crate) fn record_job_wait(&self, wait: Wait, end: WaitEnd, waited: impl Fn() -> Nanos) {
        let _ = (&wait, end, &waited);
        #[cfg(feature = "tracing")]
        wait.span.end(end, &waited);
    }

    /// Publishes the counters to the recorder.
    #[cfg(feature = "metrics")]
    pub(crate) fn publish_metrics(&self, stats: impl FnOnce() -> Stats) {
        self.meters.publish(stats);
    }
}

/// The span that a call was made in, for the run that a job makes on its behalf. Empty without the
/// feature `tracing`.
#[derive(Clone)]
pub(crate) struct Origin(#[cfg(feature = "tracing")] SafeSpan);

impl Origin {
    /// The span that this thread is in.
    pub(crate) fn here() -> Self {
        Self(
            #[cfg(feature = "tracing")]
            SafeSpan::current(),
        )
    }
}

/// An observed run of the function. Empty without the features `metrics` and `tracing`.
pub(crate) struct Run {
    #[cfg(feature = "metrics")]
    timer: metrics::Timer,
    #[cfg(feature = "tracing")]
    span: spans::RunSpan,
}

/// An observed run whose outcome is being published.
pub(crate) struct EndedRun {
    #[cfg(feature = "metrics")]
    timer: metrics::Timer,
    #[cfg(feature = "tracing")]
    span: spans::EndedSpan,
}

/// An observed wait.
pub(crate) struct Wait {
    #[cfg(feature = "tracing")]
    span: spans::WaitSpan,
}
