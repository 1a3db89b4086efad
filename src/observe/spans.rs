//! Spans for `tracing`: one for each run of the function, and one for each wait, linked to the run
//! that it waits for.
//!
//! ```text
//! (the span that submits)
//!  └─ coalescer.run    ├──────── the function runs ────────┤
//! coalescer.wait          ├──── follows from the run ──────┤ waited_seconds, end
//! ```
//!
//! An observed flight has a gate from its start. All spans of the flight show the gate's number,
//! and the gate holds the spans of its runs. So a wait finds them, and the span of a run stays open
//! until the last wait is linked to it. A job has a gate of its own, which holds the span of its run
//! for the ticket. The subscriber is user code: only numbers of spans are read under a gate's lock.

use std::sync::Arc;
use std::time::Duration;

use tracing::span::Id;
use tracing::{Level, field, span, span_enabled};

use super::wait_end::WaitEnd;
use crate::in_flight::called;
use crate::sync::thread_of;
use crate::wait::clock::Nanos;
use crate::wait::gate::Gate;
use crate::wait::gate_state::GateState;
pub(super) use crate::wait::safe_span::may_be_heard;
use crate::wait::safe_span::{EnteredSpan, SafeSpan};

/// The target of all spans, for filters.
const TARGET: &str = "coalescer";

/// The gates that hold the span of a run, for those that wait: its flight's and its job's.
#[derive(Default)]
pub(crate) struct RunGates {
    pub(crate) flight: Option<Arc<Gate>>,
    pub(crate) job: Option<Arc<Gate>>,
    /// The gates of the other flights of a run for many keys, and of the jobs of gathered calls.
    pub(crate) others: Vec<Arc<Gate>>,
}

/// The span of a run, while the function runs. It is boxed, so that a run without a span costs one
/// pointer.
pub(super) struct RunSpan(Option<Box<EnteredSpan>>);

impl RunSpan {
    /// Opens and enters the span of a run that is about to begin. Its parent is the span of its origin,
    /// or else the span that this thread is in.
    #[inline]
    pub(super) fn begin(
        name: Option<&str>,
        origin: Option<&SafeSpan>,
        gates: impl FnOnce() -> RunGates,
    ) -> Self {
        Self(may_be_heard().then(|| open_run(name, origin, gates)).flatten())
    }

    /// Leaves the span when the function has returned.
    #[inline]
    pub(super) fn exit(self, result: impl FnOnce() -> &'static str) -> EndedSpan {
        EndedSpan(self.0.map(|entered| {
            entered.span().record("result", result());
            Box::new(entered.exit())
        }))
    }
}

/// The span of a run whose outcome is being published.
pub(super) struct EndedSpan(Option<Box<SafeSpan>>);

impl EndedSpan {
    #[inline]
    pub(super) fn close(self, callers: usize) {
        if let Some(span) = self.0 {
            span.record("callers", callers);
        }
    }
}

/// The gates of a wait.
pub(crate) struct WaitGates {
    /// The gate of the flight, which gives the wait its number. `None` if there is none.
    pub(crate) flight: Option<Arc<Gate>>,
    /// The gate whose runs the wait is linked to when it ends.
    pub(crate) own: Arc<Gate>,
    /// The gate of what runs when the wait begins.
    pub(crate) running: Arc<Gate>,
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
    pub(super) fn begin(name: Option<&str>, gates: impl FnOnce() -> WaitGates) -> Self {
        Self(may_be_heard().then(|| OpenWait::begin(name, gates)).flatten())
    }

    #[inline]
    pub(super) fn end(self, how: WaitEnd, waited: impl FnOnce() -> Nanos) {
        if let Some(open) = self.0 {
            open.end(how, waited());
        }
    }
}

/// Links a wait to those of `runs` that it is not linked to yet.
fn link(wait: &SafeSpan, linked: &mut Vec<Id>, runs: Vec<Id>) {
    for run in runs {
        if !linked.contains(&run) {
            wait.follows_from(&run);
            linked.push(run);
        }
    }
}

#[cold]
fn open_run(
    name: Option<&str>,
    origin: Option<&SafeSpan>,
    gates: impl FnOnce() -> RunGates,
) -> Option<Box<EnteredSpan>> {
    let mut its_gates = RunGates::default();
    let is_on = || span_enabled!(target: TARGET, Level::DEBUG, "coalescer.run");
    let span = SafeSpan::open_within(origin, is_on, |parent| {
        its_gates = gates();
        let flight = its_gates.flight.as_ref().map(|gate| gate.id);
        // The parent is a part of the macro's call, and so cannot be optional.
        macro_rules! run {
            ($($parent:tt)*) => {
                span!(
                    target: TARGET,
                    $($parent)*
                    Level::DEBUG,
                    "coalescer.run",
                    name,
                    flight,
                    key = field::Empty,
                    result = field::Empty,
                    callers = field::Empty,
                )
            };
        }
        match parent {
            Some(parent) => run!(parent: parent,),
            None => run!(),
        }
    });
    if span.is_none() {
        return None;
    }
    let RunGates { flight, job, others } = its_gates;
    for gate in flight.into_iter().chain(job).chain(others) {
        // Cloned before the lock is taken, because the clone calls the subscriber.
        let kept = span.clone();
        gate.lock().spans.push(kept);
    }
    Some(Box::new(span.enter()))
}

fn run_ids(state: &GateState) -> Vec<Id> {
    state.spans.iter().filter_map(SafeSpan::id).collect()
}

impl OpenWait {
    #[cold]
    fn begin(name: Option<&str>, gates: impl FnOnce() -> WaitGates) -> Option<Box<Self>> {
        let (mut gate, mut runs) = (None, Vec::new());
        let is_on = || span_enabled!(target: TARGET, Level::DEBUG, "coalescer.wait");
        let span = SafeSpan::open(is_on, || {
            let WaitGates { flight, own, running } = gates();
            let state = running.lock();
            let leader = state.leaders.first().copied();
            runs = run_ids(&state);
            drop(state);
            gate = Some(own);
            span!(
                target: TARGET,
                Level::DEBUG,
                "coalescer.wait",
                name,
                flight = flight.map(|flight| flight.id),
                leader = leader.and_then(thread_of).as_ref().map(called),
                waited_seconds = field::Empty,
                end = field::Empty,
            )
        });
        let gate = gate.filter(|_| !span.is_none())?;
        let mut linked = Vec::new();
        link(&span, &mut linked, runs);
        Some(Box::new(Self { span: span.enter(), linked, gate }))
    }

    #[cold]
    fn end(mut self, how: WaitEnd, waited: Nanos) {
        // Runs that began during the wait: a take-over, or the flight itself.
        let runs = run_ids(&self.gate.lock());
        let span = self.span.span();
        link(span, &mut self.linked, runs);
        span.record("waited_seconds", Duration::from_nanos(waited).as_secs_f64());
        let end = match how {
            WaitEnd::Answered => "answered",
            WaitEnd::TimedOut => "timed out",
            WaitEnd::Led => "led",
            WaitEnd::Refused => "refused",
        };
        span.record("end", end);
    }
}
