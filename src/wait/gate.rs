//! Where the followers of one flight wait, and where its executions are counted.
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
//! A flight whose leader is alone has no gate; the first call that must wait makes one. A gate
//! knows no keys and no values, so clocks and the wait-for graph can hold it whatever they are.
//!
//! **The followers wake each other.** Whoever closes the gate lets its lock go and wakes one waiter,
//! and is free. *Whoever leaves the closed gate*, however it was woken, wakes a share of the others
//! before it goes, and another share, until none is left; those that leave meanwhile do the same. So
//! a leader of a thousand followers returns in microseconds, and as many processors as there are
//! followers awake take part in waking the rest. If one of them loses its processor, the others go
//! on.
//!
//! A submitted call counts as waiting here for as long as its ticket lives, with a thread or without.
//! What waits without one is called by whoever closes the gate ([`Calls`]). A job has a gate of its
//! own, where its ticket waits: that one's lock is taken without a shard's.
//!
//! The lock comes after the shard's and before the graph's. Fields are written under the shard's
//! lock and the gate's together, so holding either is enough to read them; `waiting` goes by the
//! gate's lock alone.

use std::sync::Arc;

use crate::sync::{Condvar, GateGuard, GateMutex, WAKE_SHARE, unique_number};
use crate::wait::callbacks::{Call, Calls};
use crate::wait::clock::{Clock, FOREVER, Nanos};
use crate::wait::deadlock::{self, FlightId, ThreadToken};
use crate::wait::manual_clock::Alarm;

/// A start that is due at any time.
const RELEASED: Nanos = 0;

/// In a large herd a share is this part of those that still sleep.
const WAKE_PART: usize = 16;

#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) id: FlightId,
    state: GateMutex<State>,
    wake: Condvar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No execution has begun; the flight waits for the one before it, or for a claim.
    Pending,
    /// Executions are under way and none has decided the outcome.
    Running,
    /// The outcome is there.
    Closed,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    /// Calls that wait here. After closing: how many there were.
    pub(crate) waiting: usize,
    /// Closed: so many may still be asleep, for those that leave to wake.
    asleep: usize,
    /// Executions begun, and of those the ones that have not returned.
    pub(crate) begun: usize,
    pub(crate) running: usize,
    /// The threads of the running ones, the oldest first; a job that is queued has none yet.
    pub(crate) leaders: Vec<ThreadToken>,
    /// When the youngest execution began.
    pub(crate) youngest: Nanos,
    /// From when on a call may begin one more execution; [`FOREVER`] if none may.
    pub(crate) next_start: Nanos,
    /// From when on this flight is slow, or while it waits the one before it; [`FOREVER`] if nobody
    /// is to be told of that, or has been.
    pub(crate) slow_at: Nanos,
    /// Whether the wait-for graph knows this flight.
    pub(crate) in_graph: bool,
    /// What is called when it has closed.
    pub(crate) calls: Calls,
    /// The spans of its executions, for those who wait for them.
    #[cfg(feature = "tracing")]
    pub(crate) spans: Vec<tracing::Span>,
}

/// Why a wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// The outcome is there, and so many calls share it.
    Closed { callers: usize },
    /// An execution may be begun by whoever claims it first.
    MayStart,
    /// Somebody is to be told that the flight is slow, by whoever takes that on first.
    Slow,
    /// The deadline came first. The caller no longer counts as waiting, unless it has a seat.
    TimedOut,
}

/// What a parked thread has seen, with the lock in its hands.
enum Seen {
    Closed,
    MayStart,
    Slow,
    /// The deadline, at this time.
    Late(Nanos),
}

impl Gate {
    /// A gate for a flight that one thread leads since `start`.
    pub(crate) fn new_running(
        leader: ThreadToken,
        start: Nanos,
        next: Nanos,
        slow_at: Nanos,
    ) -> Arc<Self> {
        Self::new(State {
            phase: Phase::Running,
            waiting: 0,
            asleep: 0,
            begun: 1,
            running: 1,
            leaders: vec![leader],
            youngest: start,
            next_start: next,
            slow_at,
            in_graph: false,
            calls: Calls::new(),
            #[cfg(feature = "tracing")]
            spans: Vec::new(),
        })
    }

    /// A gate for one job, which no thread runs yet.
    pub(crate) fn new_queued() -> Arc<Self> {
        let gate = Self::new_pending(FOREVER, FOREVER);
        gate.lock().phase = Phase::Running;
        gate
    }

    /// A gate for a flight that nobody leads yet and that may be claimed at `next_start`.
    pub(crate) fn new_pending(next_start: Nanos, slow_at: Nanos) -> Arc<Self> {
        Self::new(State {
            phase: Phase::Pending,
            waiting: 0,
            asleep: 0,
            begun: 0,
            running: 0,
            leaders: Vec::new(),
            youngest: FOREVER,
            next_start,
            slow_at,
            in_graph: false,
            calls: Calls::new(),
            #[cfg(feature = "tracing")]
            spans: Vec::new(),
        })
    }

    fn new(state: State) -> Arc<Self> {
        Arc::new(Self { id: unique_number(), state: GateMutex::new(state), wake: Condvar::new() })
    }

    pub(crate) fn lock(&self) -> GateGuard<'_, State> {
        self.state.lock()
    }

    /// Parks the caller, who already counts as waiting, until one of four things is so.
    ///
    /// An outcome beats a deadline, and a deadline beats a chance to start (S33). That the flight is
    /// slow comes before both, as it changes nothing: the caller comes back to wait on.
    pub(crate) fn wait(self: &Arc<Self>, clock: &Clock, deadline: Nanos) -> Woken {
        let mut state = self.state.lock();
        match self.park(&mut state, clock, deadline) {
            Seen::Closed => self.leave_closed(state),
            Seen::MayStart => Woken::MayStart,
            Seen::Slow => Woken::Slow,
            Seen::Late(now) => {
                state.waiting -= 1;
                self.leave_late(state, now)
            }
        }
    }

    /// The same for a call that counts as waiting for as long as its ticket lives.
    pub(crate) fn wait_seated(self: &Arc<Self>, clock: &Clock, deadline: Nanos) -> Woken {
        let mut state = self.state.lock();
        match self.park(&mut state, clock, deadline) {
            Seen::Closed => self.leave_closed(state),
            Seen::MayStart => Woken::MayStart,
            Seen::Slow => Woken::Slow,
            Seen::Late(now) => self.leave_late(state, now),
        }
    }

    #[inline]
    fn park(
        self: &Arc<Self>,
        state: &mut GateGuard<'_, State>,
        clock: &Clock,
        deadline: Nanos,
    ) -> Seen {
        loop {
            if state.phase == Phase::Closed {
                return Seen::Closed;
            }
            let until = deadline.min(state.next_start).min(state.slow_at);
            if until != FOREVER {
                let now = clock.now();
                if state.slow_at <= now {
                    return Seen::Slow;
                }
                if deadline <= now {
                    return Seen::Late(now);
                }
                if state.next_start <= now {
                    return Seen::MayStart;
                }
            }
            clock.wait(until, self, &self.wake, state);
        }
    }

    /// Whoever leaves a closed gate wakes others, a share at a time, until nobody is left to wake.
    fn leave_closed<'g>(&'g self, mut state: GateGuard<'g, State>) -> Woken {
        let callers = state.waiting + 1;
        while state.asleep > 0 {
            let share = WAKE_SHARE.max(state.asleep / WAKE_PART);
            let is_last = state.asleep <= share;
            state.asleep = state.asleep.saturating_sub(share);
            drop(state);
            self.wake_share((!is_last).then_some(share));
            state = self.state.lock();
        }
        Woken::Closed { callers }
    }

    /// The last share is woken with one call to the kernel, whatever is left.
    fn wake_share(&self, share: Option<usize>) {
        match share {
            None => self.wake.notify_all(),
            Some(share) => (0..share).for_each(|_| self.wake.notify_one()),
        }
    }

    /// Whoever leaves at its deadline may have been the one that was told to start: it tells
    /// another.
    fn leave_late(&self, state: GateGuard<'_, State>, now: Nanos) -> Woken {
        let may_start = state.next_start <= now;
        drop(state);
        if may_start {
            self.wake_one();
        }
        Woken::TimedOut
    }

    /// Takes the start of one more execution, if one may start now and nobody took it before. Says
    /// how many have begun with it, and when that is.
    pub(crate) fn claim(
        &self,
        me: ThreadToken,
        now: impl FnOnce() -> Nanos,
        next_start: impl FnOnce(usize, Nanos) -> Nanos,
    ) -> Option<(usize, Nanos)> {
        let mut state = self.state.lock();
        if state.phase == Phase::Closed || state.next_start == FOREVER {
            return None;
        }
        let now = now();
        if now < state.next_start {
            return None;
        }
        state.phase = Phase::Running;
        state.begun += 1;
        state.running += 1;
        state.leaders.push(me);
        state.youngest = now;
        state.next_start = next_start(state.begun, now);
        if state.in_graph {
            deadlock::add_leader(self.id, me);
        }
        Some((state.begun, now))
    }

    /// The first execution has begun: from then on the flight is slow. Those who wait look again, as
    /// that is later than what they were told before.
    pub(crate) fn watch(&self, slow_at: Nanos) {
        let mut state = self.state.lock();
        state.slow_at = slow_at;
        let is_awaited = state.waiting > 0;
        drop(state);
        if is_awaited {
            self.wake.notify_all();
        }
    }

    /// The result of `leader`'s execution closes the flight, or only takes that leader out of it.
    pub(crate) fn close_or_lose(&self, state: &mut State, leader: ThreadToken, decides: bool) {
        if decides {
            state.phase = Phase::Closed;
            state.next_start = FOREVER;
            state.asleep = state.waiting.saturating_sub(1);
        }
        match (state.in_graph, decides) {
            (true, true) => deadlock::leave(self.id),
            (true, false) => deadlock::remove_leader(self.id, leader),
            (false, _) => {}
        }
    }

    /// The flight that this one waits for has ended. Says whether anyone waits to begin this one.
    pub(crate) fn release(&self) -> bool {
        let mut state = self.state.lock();
        if state.waiting == 0 {
            state.phase = Phase::Closed;
            self.leave_graph(&state);
            return false;
        }
        state.next_start = RELEASED;
        true
    }

    /// Closes a flight that has the right to start, if nobody is left who would start it. Says so
    /// to one caller only, who takes it away.
    pub(crate) fn close_deserted(&self) -> bool {
        let mut state = self.state.lock();
        let is_deserted = state.is_deserted();
        if is_deserted {
            state.phase = Phase::Closed;
            self.leave_graph(&state);
        }
        is_deserted
    }

    fn leave_graph(&self, state: &State) {
        if state.in_graph {
            deadlock::leave(self.id);
        }
    }

    /// Enters this flight into the wait-for graph, before the first wait that stands there.
    pub(crate) fn enter_graph(&self, predecessor: Option<FlightId>) {
        let mut state = self.state.lock();
        if !state.in_graph {
            deadlock::enter(self.id, &state.leaders, predecessor);
            state.in_graph = true;
        }
    }

    /// Enters that `me` waits here, unless the gate has closed.
    pub(crate) fn enter_wait(
        &self,
        me: ThreadToken,
    ) -> Result<Option<deadlock::Wait>, deadlock::Cycle> {
        let mut state = self.state.lock();
        if state.phase == Phase::Closed {
            return Ok(None);
        }
        if !state.in_graph {
            deadlock::enter(self.id, &state.leaders, None);
            state.in_graph = true;
        }
        deadlock::wait(me, self.id).map(Some)
    }

    /// A queued execution begins on this thread.
    pub(crate) fn begin_job(&self, leader: ThreadToken) {
        let mut state = self.state.lock();
        state.leaders.push(leader);
        if state.in_graph {
            deadlock::add_leader(self.id, leader);
        }
    }

    /// An execution leaves this thread for the executor.
    pub(crate) fn lose_leader(&self, leader: ThreadToken) {
        let mut state = self.state.lock();
        state.take_leader(leader);
        if state.in_graph {
            deadlock::remove_leader(self.id, leader);
        }
    }

    /// The one job has ended. Hands out what is to be called.
    pub(crate) fn close_own(&self) -> Calls {
        let mut state = self.state.lock();
        state.phase = Phase::Closed;
        self.leave_graph(&state);
        std::mem::take(&mut state.calls)
    }

    /// A follower that has claimed an execution leads now, and waits no more.
    pub(crate) fn end_wait(&self, me: ThreadToken) {
        if self.state.lock().in_graph {
            deadlock::end_wait(me, self.id);
        }
    }

    /// A call stops waiting, and what was to be called for it is handed out. Under the shard's lock,
    /// so that the flight does not end meanwhile.
    #[must_use = "it is dropped when the locks have been let go"]
    pub(crate) fn leave(&self, number: u64) -> Option<Call> {
        let mut state = self.state.lock();
        state.waiting -= 1;
        state.calls.take(number)
    }

    /// Has this called when the gate has closed, off its lock. Hands it back if that was before.
    pub(crate) fn call_when_closed(
        &self,
        number: u64,
        call: impl FnOnce() + Send + 'static,
    ) -> Option<Call> {
        let call = Box::new(call);
        let mut state = self.state.lock();
        if state.phase == Phase::Closed {
            return Some(call);
        }
        state.calls.push(number, call);
        None
    }

    /// Wakes one waiter: to leave a closed gate, and wake the others then, or to claim the execution
    /// that may now start. Called after the gate's lock is let go.
    pub(crate) fn wake_one(&self) {
        self.wake.notify_one();
    }
}

impl Alarm for Gate {
    fn ring(&self) {
        drop(self.state.lock());
        self.wake.notify_all();
    }
}

impl State {
    /// An execution has returned. Its thread leads this flight no more.
    pub(crate) fn end_execution(&mut self, leader: ThreadToken) {
        self.running -= 1;
        self.take_leader(leader);
    }

    fn take_leader(&mut self, leader: ThreadToken) {
        if let Some(place) = self.leaders.iter().position(|thread| *thread == leader) {
            self.leaders.remove(place);
        }
    }

    /// Whether the result of the execution that has just returned is the flight's (S37).
    pub(crate) fn decides(&self, is_success: bool) -> bool {
        self.phase == Phase::Running && (is_success || self.running == 0)
    }

    fn is_deserted(&self) -> bool {
        self.phase == Phase::Pending && self.next_start == RELEASED && self.waiting == 0
    }
}
