//! The state under a gate's lock: the phase of a flight, its executions, and the calls that wait.

use super::callbacks::Callbacks;
use super::clock::{FOREVER, Nanos};
use super::deadlock::{FlightId, ThreadToken};
#[cfg(feature = "tracing")]
use super::safe_span::SafeSpan;
use super::seats::Standing;
use crate::sync::WAKE_SHARE;

/// An execution that is due at any time.
pub(crate) const AT_ONCE: Nanos = 0;

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
    /// Those of them that wait by a ticket, with a thread or without.
    pub(crate) seats: usize,
    /// Tickets whose jobs are on their way to take over, or to begin a flight without a leader.
    pub(crate) candidates: usize,
    /// Threads that are parked here, or on their way out of that.
    pub(super) parked: usize,
    /// After closing: an upper bound of the threads that nobody has undertaken to notify.
    pub(super) sleeping: usize,
    /// After closing: threads that others have undertaken to notify, and have not all notified.
    pub(super) in_progress: usize,
    /// Executions that have begun, and those of them that have not ended.
    pub(crate) begun: usize,
    pub(crate) running: usize,
    /// Leaders whose jobs have not begun.
    pub(crate) queued: usize,
    /// The threads of the running executions, the oldest first.
    pub(crate) leaders: Vec<ThreadToken>,
    /// When each execution that runs or is queued began, in no order.
    pub(super) starts: Vec<Nanos>,
    /// When the youngest execution began.
    pub(crate) youngest: Nanos,
    /// When one more execution is due, whether or not `max_leaders` leaves room for it.
    pub(super) due_at: Nanos,
    /// When a call may begin one more execution; [`FOREVER`] if none may.
    pub(crate) next_start: Nanos,
    /// Before this time no further ticket tries: the job of another is on its way.
    pub(super) next_candidate: Nanos,
    /// When `on_slow` is due. While pending: when the predecessor's is. [`FOREVER`] if there is no
    /// hook, or if it has been called.
    pub(crate) slow_at: Nanos,
    /// True if the wait-for graph knows this flight.
    pub(crate) in_graph: bool,
    /// The flight that the call of this job follows, as it did not begin (a gate of a job only).
    pub(super) follows: Option<FlightId>,
    /// Called when the gate has closed.
    pub(crate) callbacks: Callbacks,
    /// The spans of its executions, for calls that wait for them.
    #[cfg(feature = "tracing")]
    pub(crate) spans: Vec<SafeSpan>,
}

impl GateState {
    pub(super) fn pending(next_start: Nanos, slow_at: Nanos) -> Self {
        Self {
            phase: Phase::Pending,
            waiting: 0,
            seats: 0,
            candidates: 0,
            parked: 0,
            sleeping: 0,
            in_progress: 0,
            begun: 0,
            running: 0,
            queued: 0,
            leaders: Vec::new(),
            starts: Vec::new(),
            youngest: FOREVER,
            due_at: next_start,
            next_start,
            next_candidate: 0,
            slow_at,
            in_graph: false,
            follows: None,
            callbacks: Callbacks::new(),
            #[cfg(feature = "tracing")]
            spans: Vec::new(),
        }
    }

    /// Closes the gate. Returns how many threads are to be notified, for [`Gate::notify_closed`].
    ///
    /// [`Gate::notify_closed`]: super::gate::Gate::notify_closed
    #[must_use = "they sleep until they are notified"]
    pub(super) fn close(&mut self) -> usize {
        self.phase = Phase::Closed;
        // The thread that closes it notifies a small herd alone.
        self.sleeping = if self.parked > WAKE_SHARE { self.parked } else { 0 };
        self.parked
    }

    /// Counts an execution that has returned. Its thread leads this flight no more.
    pub(crate) fn end_execution(&mut self, leader: ThreadToken, start: Nanos) {
        self.running -= 1;
        self.remove_leader(leader);
        self.remove_start(start);
    }

    /// Takes an execution off its thread: it waits for the thread of its job.
    pub(super) fn queue_execution(&mut self, leader: ThreadToken) {
        self.running -= 1;
        self.begun -= 1;
        self.queued += 1;
        self.remove_leader(leader);
    }

    /// Begins a queued execution on this thread.
    pub(super) fn begin_queued(&mut self, leader: ThreadToken) {
        self.queued -= 1;
        self.begun += 1;
        self.running += 1;
        self.leaders.push(leader);
    }

    /// Counts a leader that never ran the function, because its job was dropped.
    pub(crate) fn lose_queued(&mut self, start: Nanos) {
        self.queued -= 1;
        self.remove_start(start);
    }

    fn remove_start(&mut self, start: Nanos) {
        if let Some(index) = self.starts.iter().position(|other| *other == start) {
            self.starts.swap_remove(index);
        }
    }

    pub(super) fn replace_start(&mut self, old: Nanos, new: Nanos) {
        self.remove_start(old);
        self.starts.push(new);
    }

    pub(super) fn remove_leader(&mut self, leader: ThreadToken) {
        if let Some(index) = self.leaders.iter().position(|thread| *thread == leader) {
            self.leaders.remove(index);
        }
    }

    /// True if the result of the execution that has just returned is the flight's (S37). A failure is,
    /// if every other execution began before `stuck`.
    pub(crate) fn decides(&self, is_success: bool, stuck: Option<Nanos>) -> bool {
        let is_stuck = |start: &Nanos| stuck.is_some_and(|stuck| *start <= stuck);
        self.phase == Phase::Running && (is_success || self.starts.iter().all(is_stuck))
    }

    /// Lets one of the calls that wait begin the next execution at once, after an error that is its
    /// leader's own. Another execution that is not stuck may have the outcome before that.
    pub(crate) fn pass_on(&mut self, stuck: Option<Nanos>) {
        if self.phase == Phase::Closed || !self.decides(false, stuck) {
            return;
        }
        if !self.has_executions() {
            self.phase = Phase::Pending;
            self.begun = 0;
        }
        (self.due_at, self.next_start) = (AT_ONCE, FOREVER);
    }

    /// True if an execution of the flight runs, or waits for the thread of its job.
    pub(crate) fn has_executions(&self) -> bool {
        self.running + self.queued > 0
    }

    /// Calls that wait with a thread of their own.
    pub(crate) fn blocking(&self) -> usize {
        self.waiting - self.seats
    }

    /// When a call of this standing may begin one more execution.
    pub(super) fn next_start_of(&self, standing: Standing<'_>) -> Nanos {
        match standing {
            Standing::Call | Standing::Opener => self.next_start,
            // The thread that made a flight due hands the job of a ticket over.
            Standing::Seat(_) if self.is_due() => FOREVER,
            Standing::Seat(seat) if seat.is_trying() => FOREVER,
            Standing::Seat(_) => self.next_start.max(self.next_candidate),
            Standing::Job => FOREVER,
        }
    }

    /// True if a call may begin an execution at any time: the flight has none, or stuck ones.
    pub(super) fn is_due(&self) -> bool {
        self.phase != Phase::Closed && self.next_start == AT_ONCE
    }

    /// True if the flight begins when the one before it has ended.
    pub(super) fn waits_for_another(&self) -> bool {
        self.phase == Phase::Pending && self.due_at != AT_ONCE
    }

    /// True if a call is here to begin the flight when it is due. The threads of other calls, of many keys, do other things.
    pub(super) fn has_present_call(&self) -> bool {
        self.blocking() + self.candidates > 0 || self.callbacks.idle_seat().is_some()
    }

    /// Calls that still wait for the outcome.
    pub(crate) fn followers(&self) -> usize {
        if self.phase == Phase::Closed { 0 } else { self.waiting }
    }

    pub(super) fn is_deserted(&self) -> bool {
        self.phase == Phase::Pending && self.due_at == AT_ONCE && self.waiting == 0
    }
}
