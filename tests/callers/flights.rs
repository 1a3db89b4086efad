//! The flights of the reference: which call waits for which flight, and who runs it.

use crate::script::{ENDLESS, KeyId, Millis};
use crate::stage::{Answer, CallId};

/// The number of a flight, which stays when it has ended.
pub(crate) type FlightId = usize;

/// A thread of the program, also that of a job.
pub(crate) type ThreadId = usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// A successor of which no execution has begun.
    Pending,
    Running,
    Ended,
}

#[derive(Clone, Debug)]
pub(crate) struct Flight {
    pub(crate) key: KeyId,
    pub(crate) start: Millis,
    pub(crate) phase: Phase,
    /// Calls that it has taken on (S13).
    pub(crate) served: usize,
    /// The executions that run, and when each began.
    pub(crate) runs: Vec<(CallId, Millis)>,
    /// When the latest began, whether it runs or has ended.
    pub(crate) youngest: Millis,
    pub(crate) waiting: Vec<CallId>,
    /// Of a successor: when it may begin, if there is room for it.
    pub(crate) due_at: Millis,
    /// Of a successor: the flight that is to end before it.
    pub(crate) predecessor: Option<FlightId>,
    /// A younger flight has ended, so this one takes on no more calls and keeps nothing.
    pub(crate) is_stale: bool,
    /// The call whose execution was the first.
    pub(crate) first: Option<CallId>,
    /// Of a refresh: what its call gets if it fails.
    pub(crate) refreshes: Option<Answer>,
}

impl Flight {
    pub(crate) fn new(key: KeyId, start: Millis) -> Self {
        Self {
            key,
            start,
            phase: Phase::Pending,
            served: 0,
            runs: Vec::new(),
            youngest: start,
            waiting: Vec::new(),
            due_at: ENDLESS,
            predecessor: None,
            is_stale: false,
            first: None,
            refreshes: None,
        }
    }

    pub(crate) fn is_under_way(&self) -> bool {
        !self.runs.is_empty() || (self.phase != Phase::Ended && !self.waiting.is_empty())
    }

    pub(crate) fn stop_waiting(&mut self, call: CallId) {
        self.waiting.retain(|other| *other != call);
    }

    /// Ends the execution of `call`. Returns when it began.
    pub(crate) fn end_run(&mut self, call: CallId) -> Millis {
        let place = self.runs.iter().position(|(run, _)| *run == call);
        self.runs.remove(place.expect("an execution ends once")).1
    }
}

/// A result that calls find.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) maker: CallId,
    pub(crate) is_error: bool,
    pub(crate) start: Millis,
    /// How long it serves calls at most, within its window (S74).
    pub(crate) life: Millis,
    pub(crate) served: usize,
    pub(crate) callers: usize,
    /// Numbers the results in the order in which they were kept.
    pub(crate) place: usize,
    /// The refreshes of it that have failed, and when the next may begin (S123).
    pub(crate) failures: u32,
    pub(crate) paused_until: Millis,
}

/// The entry that a call finds by its key: a result, and a flight that may replace it (S70).
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    pub(crate) result: Option<Kept>,
    pub(crate) flight: Option<FlightId>,
}
