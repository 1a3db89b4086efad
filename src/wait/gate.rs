//! [`Gate`]: the place where the calls of one flight wait, and the count of its executions.
//!
//! ```text
//!                      a call claims it: its                 the first success, or
//!  new_pending()  ┌─────────┐ function runs  ┌─────────┐  the end of the last ┌────────┐
//! ───────────────▶│ Pending │───────────────▶│ Running │─────────────────────▶│ Closed │
//!                 └─────────┘                └─────────┘                      └────────┘
//!                              new_running() ────▲  │ ▲
//!                                                   └─┘ one more execution (take-over)
//! ```
//!
//! A flight whose leader is alone has no gate; the first call that must wait creates one. A gate
//! knows no keys and no values, so clocks and the wait-for graph can hold it whatever they are.
//!
//! A submitted call counts as waiting here for as long as its ticket lives, with a thread or without.
//! A job has a gate of its own, where its ticket waits; no shard's lock protects that one.
//!
//! **Locks:** the gate's lock comes after the shard's and before the graph's. A write takes the
//! shard's lock and the gate's, so holding either is enough to read. `waiting` goes by the gate's lock
//! alone.

use std::sync::Arc;

use super::callbacks::{Callback, Callbacks};
use super::clock::{Clock, FOREVER, Nanos};
use super::deadlock::{self, FlightId, ThreadToken};
use super::gate_state::{AT_ONCE, GateState, Phase};
use super::manual_clock::Alarm;
use super::seats::Standing;
use crate::sync::{Condvar, GateGuard, GateMutex, unique_number};

#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) id: FlightId,
    state: GateMutex<GateState>,
    condvar: Condvar,
}

/// Why a wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// The outcome is published, and so many calls share it.
    Closed { callers: usize },
    /// An execution is due, for the first call that claims it.
    MayStart,
    /// The call has left its seat: its own job runs, or was lost.
    Left,
    /// The flight is slow: the first call to notice reports it.
    Slow,
    /// The deadline came first. A [`Standing::Call`] no longer counts as waiting.
    TimedOut,
}

/// The observation that ends a park, made under the gate's lock.
pub(super) enum Seen {
    Closed,
    Left,
    MayStart,
    Slow,
    TimedOut,
}

impl Gate {
    /// A gate for a flight that one thread leads since `start`.
    pub(crate) fn new_running(
        leader: ThreadToken,
        start: Nanos,
        next_start: Nanos,
        slow_at: Nanos,
    ) -> Arc<Self> {
        Self::new(GateState {
            phase: Phase::Running,
            begun: 1,
            running: 1,
            leaders: vec![leader],
            starts: vec![start],
            youngest: start,
            ..GateState::pending(next_start, slow_at)
        })
    }

    /// A gate for one job, which no thread runs yet.
    pub(crate) fn new_of_job() -> Arc<Self> {
        Self::new(GateState { phase: Phase::Running, ..GateState::pending(FOREVER, FOREVER) })
    }

    /// A gate for a flight without a leader, which may be claimed at `next_start`.
    pub(crate) fn new_pending(next_start: Nanos, slow_at: Nanos) -> Arc<Self> {
        Self::new(GateState::pending(next_start, slow_at))
    }

    fn new(state: GateState) -> Arc<Self> {
        let state = GateMutex::new(state);
        Arc::new(Self { id: unique_number(), state, condvar: Condvar::new() })
    }

    pub(crate) fn lock(&self) -> GateGuard<'_, GateState> {
        self.state.lock()
    }

    pub(super) fn condvar(&self) -> &Condvar {
        &self.condvar
    }

    /// Parks the caller, who already counts as waiting, until one of four things is so.
    ///
    /// An outcome beats a deadline, and a deadline beats a chance to start (S33). Slowness comes
    /// before both, as it changes nothing: the caller reports it and waits on.
    pub(crate) fn wait(
        self: &Arc<Self>,
        clock: &Clock,
        deadline: Nanos,
        standing: Standing<'_>,
    ) -> Woken {
        let mut state = self.state.lock();
        match self.park(&mut state, clock, deadline, standing) {
            Seen::Closed => self.leave_closed(state),
            Seen::Left => Woken::Left,
            Seen::MayStart => Woken::MayStart,
            Seen::Slow => Woken::Slow,
            Seen::TimedOut => {
                // Under the lock at which the deadline was seen: a later outcome does not count
                // this call any more (S33, S48).
                if matches!(standing, Standing::Call) {
                    state.waiting -= 1;
                }
                // It may be the one that was notified of a start: whoever leaves tells the others.
                Woken::TimedOut
            }
        }
    }

    #[inline]
    pub(super) fn park(
        self: &Arc<Self>,
        state: &mut GateGuard<'_, GateState>,
        clock: &Clock,
        deadline: Nanos,
        standing: Standing<'_>,
    ) -> Seen {
        loop {
            if matches!(standing, Standing::Seat(seat) if seat.has_left()) {
                return Seen::Left;
            }
            if state.phase == Phase::Closed {
                return Seen::Closed;
            }
            let next_start = state.next_start_of(standing);
            let until = deadline.min(next_start).min(state.slow_at);
            if until != FOREVER {
                let now = clock.now();
                if state.slow_at <= now {
                    return Seen::Slow;
                }
                if deadline <= now {
                    return Seen::TimedOut;
                }
                if next_start <= now {
                    return Seen::MayStart;
                }
            }
            state.parked += 1;
            clock.wait(until, self, &self.condvar, state);
            state.parked -= 1;
        }
    }

    /// Takes the start of one more execution, if one is due and nobody took it. Returns how many had
    /// begun or were queued before it, and when it began. The caller computes when the next is due.
    pub(crate) fn claim(
        &self,
        me: ThreadToken,
        now: impl FnOnce() -> Nanos,
    ) -> Option<(usize, Nanos)> {
        let mut state = self.state.lock();
        if state.phase == Phase::Closed || state.next_start == FOREVER {
            return None;
        }
        let now = now();
        if now < state.next_start {
            return None;
        }
        let before = state.begun + state.queued;
        state.phase = Phase::Running;
        state.begun += 1;
        state.running += 1;
        state.leaders.push(me);
        state.starts.push(now);
        state.youngest = now;
        (state.due_at, state.next_start) = (FOREVER, FOREVER);
        state.next_candidate = 0;
        if state.in_graph {
            deadlock::add_leader(self.id, me);
        }
        Some((before, now))
    }

    /// Sets when one more execution may begin: when it is due, if there is room for it. Returns true
    /// if that is now, so that a call must be told to begin it.
    pub(crate) fn set_room(&self, has_room: bool, leader_timeout: Nanos) -> bool {
        let mut state = self.state.lock();
        match state.phase {
            Phase::Pending => {}
            Phase::Running if state.due_at == AT_ONCE => {}
            Phase::Running => state.due_at = state.youngest.saturating_add(leader_timeout),
            Phase::Closed => return false,
        }
        let next_start = if has_room { state.due_at } else { FOREVER };
        let is_earlier = next_start < state.next_start;
        state.next_start = next_start;
        let (has_waiters, is_due) = (state.waiting > 0, state.is_due());
        drop(state);
        if is_earlier && has_waiters && !is_due {
            // They have parked for a later time.
            self.condvar.notify_all();
        }
        is_earlier && is_due
    }

    /// True if an execution is due at any time, as soon as there is room.
    pub(crate) fn is_due_at_once(&self) -> bool {
        self.state.lock().due_at == AT_ONCE
    }

    /// True if no execution of the flight has begun.
    pub(crate) fn is_pending(&self) -> bool {
        self.state.lock().phase == Phase::Pending
    }

    /// Sets `slow_at` when the first execution begins, and notifies the waiters, which may have
    /// parked for an earlier time.
    pub(crate) fn set_slow_at(&self, slow_at: Nanos) {
        let mut state = self.state.lock();
        state.slow_at = slow_at;
        let has_waiters = state.waiting > 0;
        drop(state);
        if has_waiters {
            self.condvar.notify_all();
        }
    }

    /// Ends `leader`'s execution in the graph: with the flight if its result `decides` that, or alone.
    /// Returns how many threads are to be notified then.
    pub(crate) fn close_or_lose(
        &self,
        state: &mut GateState,
        leader: ThreadToken,
        decides: bool,
    ) -> usize {
        match (state.in_graph, decides) {
            (true, true) => deadlock::leave(self.id),
            (true, false) => deadlock::remove_leader(self.id, leader),
            (false, _) => {}
        }
        if !decides {
            return 0;
        }
        state.next_start = FOREVER;
        state.due_at = FOREVER;
        state.close()
    }

    /// Makes a flight without an execution due, as soon as there is room for one: its predecessor has
    /// ended, or its leader is lost. Closes it and returns false if no call waits to begin it.
    pub(crate) fn make_due(&self) -> bool {
        let mut state = self.state.lock();
        if state.waiting == 0 {
            state.phase = Phase::Closed;
            self.leave_graph(&state);
            return false;
        }
        state.phase = Phase::Pending;
        state.begun = 0;
        (state.due_at, state.next_start) = (AT_ONCE, FOREVER);
        true
    }

    /// Makes a flight that has not begun due as soon as there is room for it. There is none now.
    pub(crate) fn need_only_room(&self) {
        let mut state = self.state.lock();
        (state.due_at, state.next_start) = (AT_ONCE, FOREVER);
    }

    /// True if the flight is due and has no execution, and no call is here to begin it.
    pub(crate) fn is_left_alone(&self) -> bool {
        let state = self.state.lock();
        state.phase == Phase::Pending && state.due_at == AT_ONCE && !state.has_present_call()
    }

    /// True if the flight has no execution, and a call is here to begin it.
    pub(crate) fn can_begin(&self) -> bool {
        let state = self.state.lock();
        state.phase == Phase::Pending && state.has_present_call()
    }

    /// Closes a flight that is due, if no call is left to begin it. Returns true to one caller only,
    /// which removes the flight.
    pub(crate) fn close_deserted(&self) -> bool {
        let mut state = self.state.lock();
        let is_deserted = state.is_deserted();
        if is_deserted {
            state.phase = Phase::Closed;
            self.leave_graph(&state);
        }
        is_deserted
    }

    /// Begins a queued execution on this thread.
    pub(crate) fn begin_queued(&self, leader: ThreadToken) {
        let mut state = self.state.lock();
        state.begin_queued(leader);
        if state.in_graph {
            deadlock::add_leader(self.id, leader);
        }
    }

    /// Lets no call take over, as the youngest execution asks elsewhere and has not begun here. Returns true if
    /// there is no other one.
    pub(crate) fn suspend(&self) -> bool {
        let mut state = self.state.lock();
        (state.youngest, state.due_at, state.next_start) = (FOREVER, FOREVER, FOREVER);
        state.running + state.queued == 1
    }

    /// Begins an execution that asked elsewhere at `asked`; from now on it counts from `start`. Returns
    /// true if it is the first of its flight.
    pub(crate) fn resume(&self, asked: Nanos, start: Nanos) -> bool {
        let mut state = self.state.lock();
        state.replace_start(asked, start);
        state.youngest = start;
        state.begun == 1
    }

    /// Ends an execution that has not run the function.
    pub(crate) fn lose_execution(&self, leader: ThreadToken, start: Nanos) {
        let mut state = self.state.lock();
        state.end_execution(leader, start);
        state.begun -= 1;
        if state.in_graph {
            deadlock::remove_leader(self.id, leader);
        }
    }

    /// Takes an execution off this thread, for the executor.
    pub(crate) fn queue_execution(&self, leader: ThreadToken) {
        let mut state = self.state.lock();
        state.queue_execution(leader);
        if state.in_graph {
            deadlock::remove_leader(self.id, leader);
        }
    }

    /// Closes the gate of one job, whose flight answered `callers`, and notifies the thread that waits
    /// there. Returns the callbacks to run.
    #[must_use = "calls that wait without a thread are called by these"]
    pub(crate) fn close_job(&self, callers: usize) -> Callbacks {
        let mut state = self.state.lock();
        let sleeping = state.close();
        state.waiting = callers.saturating_sub(1);
        self.leave_graph(&state);
        let callbacks = std::mem::take(&mut state.callbacks);
        drop(state);
        self.notify_closed(sleeping);
        callbacks
    }

    /// How many calls share the outcome, once it is published.
    pub(crate) fn callers_if_closed(&self) -> Option<usize> {
        let state = self.state.lock();
        (state.phase == Phase::Closed).then_some(state.waiting + 1)
    }

    /// Has `callback` called when the gate has closed, under no lock. Returns it if the gate has
    /// closed before.
    pub(crate) fn call_on_close(&self, number: u64, callback: Callback) -> Option<Callback> {
        let mut state = self.state.lock();
        if state.phase == Phase::Closed {
            return Some(callback);
        }
        state.callbacks.push(number, callback);
        None
    }
}

impl Alarm for Gate {
    fn ring(&self) {
        drop(self.state.lock());
        self.condvar.notify_all();
    }
}
