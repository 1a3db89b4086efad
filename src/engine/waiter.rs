//! [`Waiter`]: a call that waits on its thread, and is counted as waiting until it leaves.
//!
//! ```text
//! admitted ──▶ waits ──┬─ closed ────▶ answered, or runs alone: counted by the end of the flight
//!                │  ▲  ├─ claimed ───▶ leads
//!  leaves the    ▼  │  ├─ deadline ──▶ timed out
//!  graph for   hooks   ├─ a cycle ───▶ refused, or runs alone
//!                      └─ unwinds ───▶ refused
//! ```
//!
//! User code can run in the middle of a wait: a hook, a subscriber. Meanwhile the thread does not wait
//! for its flight, so its [`GraphWait`] is out of the wait-for graph. When it enters again it may close a
//! cycle, of which a part came into being meanwhile. Then the call leaves its flight late.

use std::sync::Arc;

use crate::engine::alone::Alone;
use crate::engine::answer::Answer;
use crate::engine::execution::Execution;
use crate::engine::flight::Flight;
use crate::engine::slot::SlotRef;
use crate::engine::table::Table;
use crate::engine::tally::Departure;
use crate::outcome::Role;
use crate::settings::OnDeadlock;
use crate::wait::clock::Nanos;
use crate::wait::deadlock::{Cycle, ThreadToken, Wait};
use crate::wait::gate::Woken;
use crate::wait::seats::Standing;

/// The deadline of a look at a gate that is closed.
const AT_ONCE: Nanos = 0;

/// The place of a call that counts as waiting at its flight's gate.
pub(crate) struct Follower<V, E> {
    /// The slot of its flight, valid until the gate closes.
    pub(crate) slot: SlotRef,
    pub(crate) flight: Arc<Flight<V, E>>,
    /// When its flight started.
    pub(crate) start: Nanos,
}

/// A follower that waits on its own thread. Its drop leaves the flight, and counts the call as refused:
/// whatever unwinds, nothing stays behind.
#[must_use = "dropping it leaves the flight"]
pub(crate) struct Waiter<'t, K, V, E> {
    table: &'t Table<K, V, E>,
    follower: Follower<V, E>,
    graph: GraphWait,
    /// True while it counts as waiting, or as running alone once the flight has ended.
    counts: bool,
}

/// How a call that waited leaves its flight.
pub(crate) enum CallEnd<'t, K, V, E> {
    /// The outcome is published; `callers` calls share it.
    Answered {
        waiter: Waiter<'t, K, V, E>,
        callers: usize,
    },
    TimedOut,
    Refused,
    /// It would be refused, and runs its own function instead.
    RunsAlone(Alone<'t, K, V, E>),
    Claimed(Execution<'t, K, V, E>),
}

impl<'t, K, V, E> Waiter<'t, K, V, E> {
    /// A call that was counted, and entered at the gate of its flight.
    pub(crate) fn new(
        table: &'t Table<K, V, E>,
        follower: Follower<V, E>,
        graph: GraphWait,
    ) -> Self {
        Self { table, follower, graph, counts: true }
    }

    pub(crate) fn parts(&mut self) -> (&Follower<V, E>, &mut GraphWait) {
        (&self.follower, &mut self.graph)
    }

    /// Turns the call into one that waits with a ticket, which takes over its place.
    pub(crate) fn into_seat(mut self) -> Follower<V, E> {
        self.counts = false;
        let Follower { slot, start, .. } = self.follower;
        Follower { slot, start, flight: Arc::clone(&self.follower.flight) }
    }

    /// Waits with the followers, and leaves the flight in one of the ways of [`CallEnd`].
    pub(crate) fn wait(mut self, deadline: Nanos) -> CallEnd<'t, K, V, E> {
        loop {
            let (follower, graph) = (&self.follower, &mut self.graph);
            match await_flight(self.table, follower, graph, deadline, Standing::Call) {
                Awaited::Ended { callers } => {
                    return CallEnd::Answered { waiter: self, callers };
                }
                Awaited::TimedOut => {
                    // The gate has taken the call from those that wait.
                    self.counts = false;
                    self.table.time_out(&self.follower);
                    return CallEnd::TimedOut;
                }
                Awaited::MayTry => unreachable!("a call with a thread claims"),
                Awaited::Claimed(execution) => {
                    // The claim has taken the call from those that wait.
                    self.counts = false;
                    return CallEnd::Claimed(execution);
                }
                Awaited::WouldDeadlock => {
                    if let Some(end) = self.refuse() {
                        return end;
                    }
                    // The flight has ended meanwhile: the wait is over at once.
                }
            }
        }
    }

    /// Leaves the flight, as the wait for it would never end. `None` if the flight has ended.
    fn refuse(&mut self) -> Option<CallEnd<'t, K, V, E>> {
        let bypasses = self.table.rules.on_deadlock == OnDeadlock::Bypass;
        let departure = if bypasses { Departure::Bypassed } else { Departure::Refused };
        if !self.table.leave(&self.follower, departure) {
            return None;
        }
        self.counts = false;
        let alone = || Alone::new(self.table, self.follower.slot.hash);
        Some(if bypasses { CallEnd::RunsAlone(alone()) } else { CallEnd::Refused })
    }

    /// The flight has ended and counted the call. Returns the guard of the run of the call's own
    /// function, if the outcome is not for it.
    pub(crate) fn end(&mut self) -> Option<Alone<'t, K, V, E>> {
        self.counts = false;
        let is_unshared = self.follower.flight.promise.expect().is_unshared();
        is_unshared.then(|| Alone::new(self.table, self.follower.slot.hash))
    }

    /// The answer of a flight that has ended, and whose outcome is for the call.
    pub(crate) fn answer(&self, callers: usize, waited: Nanos) -> Answer<V, E> {
        let completion = self.follower.flight.promise.expect();
        completion.answer(Role::Follower, callers, waited).expect("it is shared")
    }
}

impl<K, V, E> Drop for Waiter<'_, K, V, E> {
    fn drop(&mut self) {
        self.graph.leave();
        if !self.counts {
            return;
        }
        if self.table.leave(&self.follower, Departure::Refused) {
            return;
        }
        // The flight has ended, and counts this call. It does its part of the notifying.
        self.follower.flight.gate().wait(&self.table.clock, AT_ONCE, Standing::Job);
        drop(self.end());
    }
}

/// The wait of a thread in the wait-for graph, if the thread leads a flight. It stands there only
/// while the thread can sleep.
#[derive(Debug)]
pub(crate) struct GraphWait {
    /// The waiting thread, if it leads a flight.
    me: Option<ThreadToken>,
    wait: Option<Wait>,
}

impl GraphWait {
    /// A wait of `me` that stands in the graph.
    pub(crate) fn entered(me: Option<ThreadToken>, wait: Option<Wait>) -> Self {
        Self { me, wait }
    }

    /// A wait of `me` that does not stand in the graph yet.
    pub(crate) fn outside(me: Option<ThreadToken>) -> Self {
        Self { me, wait: None }
    }

    /// Enters the graph, unless it stands there or the flight has ended.
    pub(crate) fn enter<K, V, E>(
        &mut self,
        table: &Table<K, V, E>,
        follower: &Follower<V, E>,
    ) -> Result<(), Cycle> {
        let (Some(me), None) = (self.me, &self.wait) else { return Ok(()) };
        // A flight enters the graph under its shard's lock.
        let shard = table.shard(follower.slot.hash).lock();
        table.enter_dependency(&shard, &follower.flight);
        let entered = follower.flight.gate().enter_wait(me);
        drop(shard);
        self.wait = entered?;
        Ok(())
    }

    /// Leaves the graph: the thread does not sleep now, or runs user code.
    pub(crate) fn leave(&mut self) {
        drop(self.wait.take());
    }
}

/// Why a follower's wait is over.
pub(crate) enum Awaited<'t, K, V, E> {
    /// The outcome is published; `callers` calls share it.
    Ended {
        callers: usize,
    },
    TimedOut,
    /// The follower leads one more execution.
    Claimed(Execution<'t, K, V, E>),
    /// The job of its ticket is to begin one more execution, or has left the seat.
    MayTry,
    /// The wait would never end. The follower still counts as waiting.
    WouldDeadlock,
}

/// Waits for the end of a follower's flight: the one wait loop of calls and tickets. Reports that
/// the flight is slow, and claims an execution that is due. The wait stands in the graph while the
/// thread can sleep, and not while the hook runs (S43).
pub(crate) fn await_flight<'t, K, V, E>(
    table: &'t Table<K, V, E>,
    follower: &Follower<V, E>,
    graph: &mut GraphWait,
    deadline: Nanos,
    standing: Standing<'_>,
) -> Awaited<'t, K, V, E> {
    loop {
        let gate = follower.flight.gate();
        if graph.enter(table, follower).is_err() {
            // It may be the one that was notified of a start that is due.
            gate.notify_all();
            return Awaited::WouldDeadlock;
        }
        let woken = gate.wait(&table.clock, deadline, standing);
        graph.leave();
        match woken {
            Woken::Closed { callers } => return Awaited::Ended { callers },
            Woken::TimedOut => return Awaited::TimedOut,
            Woken::Slow => table.report_slow_as_follower(follower),
            Woken::Left => return Awaited::MayTry,
            Woken::MayStart if matches!(standing, Standing::Seat(_)) => return Awaited::MayTry,
            Woken::MayStart => {
                if let Some(execution) = table.claim_as_follower(follower) {
                    return Awaited::Claimed(execution);
                }
            }
        }
    }
}
