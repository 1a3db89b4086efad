//! The state under a gate's lock: the phase of a flight, its executions, and the calls that wait.

use super::callbacks::Callbacks;
use super::clock::{FOREVER, Nanos};
use super::deadlock::ThreadToken;

/// An execution that is due at any time.
pub(super) const AT_ONCE: Nanos = 0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No execution has begun; the flight waits for its predecessor, or for a claim.
    Pending,
    /// Executions run, and none has decided the outcome.
    Running,
    /// The outcome is published.
    Closed,
}

#[derive(Debug)]
pub(crate) struct GateState {
    pub(crate) phase: Phase,
    /// Calls that wait here, with a thread or without. After closing: how many waited.
    pub(crate) waiting: usize,
    /// Threads that are parked here, or on their way out of that.
    pub(super) parked: usize,
    /// After closing: an upper bound of the threads that nobody has notified yet.
    pub(super) sleeping: usize,
    /// Executions that have begun, and those of them that have not ended.
    pub(crate) begun: usize,
    pub(crate) running: usize,
    /// The threads of the running executions, the oldest first. A queued job has none yet.
    pub(crate) leaders: Vec<ThreadToken>,
    /// When the youngest execution began.
    pub(crate) youngest: Nanos,
    /// When a call may begin one more execution; [`FOREVER`] if none may.
    pub(crate) next_start: Nanos,
    /// When `on_slow` is due. While pending: when the predecessor's is. [`FOREVER`] if there is no
    /// hook, or if it has been called.
    pub(crate) slow_at: Nanos,
    /// True if the wait-for graph knows this flight.
    pub(crate) in_graph: bool,
    /// Called when the gate has closed.
    pub(crate) callbacks: Callbacks,
    /// The spans of its executions, for calls that wait for them.
    #[cfg(feature = "tracing")]
    pub(crate) spans: Vec<tracing::Span>,
}

impl GateState {
    pub(super) fn pending(next_start: Nanos, slow_at: Nanos) -> Self {
        Self {
            phase: Phase::Pending,
            waiting: 0,
            parked: 0,
            sleeping: 0,
            begun: 0,
            running: 0,
            leaders: Vec::new(),
            youngest: FOREVER,
            next_start,
            slow_at,
            in_graph: false,
            callbacks: Callbacks::new(),
            #[cfg(feature = "tracing")]
            spans: Vec::new(),
        }
    }

    /// Counts an execution that has returned. Its thread leads this flight no more.
    pub(crate) fn end_execution(&mut self, leader: ThreadToken) {
        self.running -= 1;
        self.remove_leader(leader);
    }

    pub(super) fn remove_leader(&mut self, leader: ThreadToken) {
        if let Some(index) = self.leaders.iter().position(|thread| *thread == leader) {
            self.leaders.remove(index);
        }
    }

    /// True if the result of the execution that has just returned is the flight's (S37).
    pub(crate) fn decides(&self, is_success: bool) -> bool {
        self.phase == Phase::Running && (is_success || self.running == 0)
    }

    /// Calls that still wait for the outcome.
    pub(crate) fn followers(&self) -> usize {
        if self.phase == Phase::Closed { 0 } else { self.waiting }
    }

    pub(super) fn is_deserted(&self) -> bool {
        self.phase == Phase::Pending && self.next_start == AT_ONCE && self.waiting == 0
    }
}
