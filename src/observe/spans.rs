//! Spans for `tracing`: one for each run of the function, and one for each wait, linked to the run
//! that it waits for.
//!
//! ```text
//! coalescer.run   ├────────── the function runs ──────────┤
//! coalescer.wait       ├──── follows from the run ────────┤ waited_seconds, end
//! ```
//!
//! An observed flight has a gate from its start. All spans of the flight show the gate's number,
//! and the gate holds the spans of its runs. So a wait finds them, and the span of a run stays open
//! until the last wait is linked to it. The subscriber is user code: only numbers of spans are read
//! under the gate's lock.

use std::sync::Arc;
use std::time::Duration;

use tracing::span::{EnteredSpan, Id};
use tracing::{Level, Span, field, span, span_enabled};

use super::wait_end::WaitEnd;
use crate::in_flight::called;
use crate::sync::thread_of;
use crate::wait::clock::Nanos;
use crate::wait::gate::Gate;
use crate::wait::gate_state::GateState;

/// The target of all spans, for filters.
const TARGET: &str = "coalescer";

/// The span of a run, while the function runs. It is boxed, so that a run without a span costs one
/// pointer.
pub(super) struct RunSpan(Option<Box<EnteredSpan>>);

impl RunSpan {
    /// Opens and enters the span of a run that is about to begin.
    #[inline]
    pub(super) fn begin(name: Option<&str>, gate: impl FnOnce() -> Option<Arc<Gate>>) -> Self {
        let is_on = span_enabled!(target: TARGET, Level::DEBUG, "coalescer.run");
        Self(is_on.then(|| Box::new(open_run(name, gate()))))
    }

    /// Leaves the span when the function has returned.
    #[inline]
    pub(super) fn exit(self, result: impl FnOnce() -> &'static str) -> EndedSpan {
        EndedSpan(self.0.map(|span| {
            span.record("result", result());
            Box::new(span.exit())
        }))
    }
}

/// The span of a run whose outcome is being published.
pub(super) struct EndedSpan(Option<Box<Span>>);

impl EndedSpan {
    #[inline]
    pub(super) fn close(self, callers: usize) {
        if let Some(span) = self.0 {
            span.record("callers", callers);
        }
    }
}

/// The span of a wait.
pub(super) struct WaitSpan(Option<Box<OpenWait>>);

struct OpenWait {
    span: EnteredSpan,
    /// The runs that the wait is linked to.
    linked: Vec<Id>,
    gate: Arc<Gate>,
}

impl WaitSpan {
    /// Opens and enters the span of a wait that is about to begin.
    #[inline]
    pub(super) fn begin(
        name: Option<&str>,
        gates: impl FnOnce() -> (Arc<Gate>, Arc<Gate>),
    ) -> Self {
        let is_on = span_enabled!(target: TARGET, Level::DEBUG, "coalescer.wait");
        Self(is_on.then(|| Box::new(OpenWait::begin(name, gates()))))
    }

    #[inline]
    pub(super) fn end(self, how: WaitEnd, waited: impl FnOnce() -> Nanos) {
        if let Some(open) = self.0 {
            open.end(how, waited());
        }
    }
}

/// Links a wait to those of `runs` that it is not linked to yet.
fn link(wait: &Span, linked: &mut Vec<Id>, runs: Vec<Id>) {
    for run in runs {
        if !linked.contains(&run) {
            wait.follows_from(&run);
            linked.push(run);
        }
    }
}

#[cold]
fn open_run(name: Option<&str>, gate: Option<Arc<Gate>>) -> EnteredSpan {
    let span = span!(
        target: TARGET,
        Level::DEBUG,
        "coalescer.run",
        name,
        flight = gate.as_ref().map(|gate| gate.id),
        key = field::Empty,
        result = field::Empty,
        callers = field::Empty,
    );
    if let Some(gate) = gate {
        // Cloned before the lock is taken, because the clone calls the subscriber.
        let kept = span.clone();
        gate.lock().spans.push(kept);
    }
    span.entered()
}

fn run_ids(state: &GateState) -> Vec<Id> {
    state.spans.iter().filter_map(Span::id).collect()
}

impl OpenWait {
    #[cold]
    fn begin(name: Option<&str>, (gate, running): (Arc<Gate>, Arc<Gate>)) -> Self {
        let state = running.lock();
        let (leader, runs) = (state.leaders.first().copied(), run_ids(&state));
        drop(state);
        let span = span!(
            target: TARGET,
            Level::DEBUG,
            "coalescer.wait",
            name,
            flight = gate.id,
            leader = leader.and_then(thread_of).as_ref().map(called),
            waited_seconds = field::Empty,
            end = field::Empty,
        );
        let mut linked = Vec::new();
        link(&span, &mut linked, runs);
        Self { span: span.entered(), linked, gate }
    }

    #[cold]
    fn end(mut self, how: WaitEnd, waited: Nanos) {
        // Runs that began during the wait: a take-over, or the flight itself.
        let runs = run_ids(&self.gate.lock());
        link(&self.span, &mut self.linked, runs);
        self.span.record("waited_seconds", Duration::from_nanos(waited).as_secs_f64());
        let end = match how {
            WaitEnd::Answered => "answered",
            WaitEnd::TimedOut => "timed out",
            WaitEnd::Led => "led",
        };
        self.span.record("end", end);
    }
}
