//! Spans for `tracing`: one for each run of the function, and one for each wait, linked to the run
//! that it waits for.
//!
//! ```text
//! coalescer.run   ├────────── the function runs ──────────┤
//! coalescer.wait       ├──── follows from the run ────────┤ waited_seconds, end
//! ```
//!
//! A flight that is looked at has a gate from the start, whose number is the flight's in all spans,
//! and which holds the spans of its runs. So whoever waits finds them, and a run's span is there until
//! the last has been linked to it. Numbers of spans are read under the gate's lock, and nothing else:
//! the subscriber is user code.

use std::sync::Arc as StdArc;
use std::time::Duration;

use tracing::span::{EnteredSpan, Id};
use tracing::{Level, Span, field, span, span_enabled};

use super::WaitEnd;
use crate::engine::admit::{Follower, Whereabouts};
use crate::engine::table::Table;
use crate::in_flight::called;
use crate::sync::thread_of;
use crate::wait::clock::Nanos;
use crate::wait::gate::{Gate, Phase, State};

/// What all spans are filtered by.
const TARGET: &str = "coalescer";

impl<K, V, E> Table<K, V, E> {
    /// The span of a run that is about to begin, entered.
    #[inline]
    pub(super) fn run_span(&self, flight: Option<Whereabouts>) -> RunSpan {
        let is_on = span_enabled!(target: TARGET, Level::DEBUG, "coalescer.run");
        RunSpan(is_on.then(|| Box::new(self.open_run(flight))))
    }

    #[cold]
    fn open_run(&self, flight: Option<Whereabouts>) -> EnteredSpan {
        let gate = flight.map(|Whereabouts { at, hash }| {
            let mut shard = self.shard(hash).lock();
            StdArc::clone(&self.room_of(&mut shard, at).gate)
        });
        let span = span!(
            target: TARGET,
            Level::DEBUG,
            "coalescer.run",
            name = self.observer.name.as_deref(),
            flight = gate.as_ref().map(|gate| gate.id),
            key = field::Empty,
            result = field::Empty,
            callers = field::Empty,
        );
        if let Some(gate) = gate {
            let kept = span.clone();
            gate.lock().spans.push(kept);
        }
        span.entered()
    }

    /// The span of a wait that is about to begin, entered.
    #[inline]
    pub(super) fn wait_span(&self, follower: &Follower<V, E>) -> WaitSpan {
        let is_on = span_enabled!(target: TARGET, Level::DEBUG, "coalescer.wait");
        WaitSpan(is_on.then(|| Box::new(self.open_wait(follower))))
    }

    #[cold]
    fn open_wait(&self, follower: &Follower<V, E>) -> OpenWait {
        let gate = StdArc::clone(&follower.room.gate);
        let now = self.waited_for(follower);
        let span = span!(
            target: TARGET,
            Level::DEBUG,
            "coalescer.wait",
            name = self.observer.name.as_deref(),
            flight = gate.id,
            leader = now.leader.and_then(thread_of).as_ref().map(called),
            waited_seconds = field::Empty,
            end = field::Empty,
        );
        let mut linked = Vec::new();
        link(&span, &mut linked, now.runs);
        OpenWait { span: span.entered(), linked, gate }
    }

    /// What runs at this moment for a follower: its flight, or as long as that has not begun, the one
    /// before it.
    fn waited_for(&self, follower: &Follower<V, E>) -> WaitedFor {
        let mut shard = self.shard(follower.hash).lock();
        let gate = &follower.room.gate;
        let state = gate.lock();
        if state.phase != Phase::Pending {
            return WaitedFor::of(&state);
        }
        drop(state);
        let before = shard.predecessor_of(follower.at);
        let room = before.and_then(|before| shard.flight(before).room.as_ref());
        WaitedFor::of(&room.map_or(gate, |room| &room.gate).lock())
    }
}

/// Who runs the function that a call waits for.
struct WaitedFor {
    leader: Option<u64>,
    runs: Vec<Id>,
}

impl WaitedFor {
    fn of(state: &State) -> Self {
        Self { leader: state.leaders.first().copied(), runs: runs(state) }
    }
}

fn runs(state: &State) -> Vec<Id> {
    state.spans.iter().filter_map(Span::id).collect()
}

/// The span of a run, while the function runs. In a box, so that no span is next to nothing.
pub(super) struct RunSpan(Option<Box<EnteredSpan>>);

impl RunSpan {
    /// The function has returned.
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
    /// The runs that it is linked to.
    linked: Vec<Id>,
    gate: StdArc<Gate>,
}

impl WaitSpan {
    #[inline]
    pub(super) fn end(self, how: WaitEnd, waited: impl FnOnce() -> Nanos) {
        if let Some(open) = self.0 {
            open.end(how, waited());
        }
    }
}

/// Links a wait to runs that it is not linked to.
fn link(wait: &Span, linked: &mut Vec<Id>, runs: Vec<Id>) {
    for run in runs {
        if !linked.contains(&run) {
            wait.follows_from(&run);
            linked.push(run);
        }
    }
}

impl OpenWait {
    #[cold]
    fn end(mut self, how: WaitEnd, waited: Nanos) {
        // Some may have begun since: a take-over, or the flight itself.
        let runs = runs(&self.gate.lock());
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
