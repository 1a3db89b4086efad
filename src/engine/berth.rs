//! [`Berth`]: the place of one key of a call of many, in a flight that another call leads.
//!
//! It counts as waiting from its admission on. The call comes to it when all keys are admitted and what
//! the call leads is published, and sleeps at one of its berths at a time.

use crate::engine::alone::Alone;
use crate::engine::answer::Answer;
use crate::engine::call::Follower;
use crate::engine::led::Led;
use crate::engine::table::Table;
use crate::engine::tally::Departure;
use crate::engine::waiter::{GraphWait, Waiter};
use crate::observe::WaitEnd;
use crate::outcome::Role;
use crate::settings::OnDeadlock;
use crate::wait::clock::Nanos;
use crate::wait::gate::Woken;
use crate::wait::gate_berths::Glance;
use crate::wait::gate_state::Phase;

/// A call's place in a flight. Its drop leaves the flight, and counts the key as refused.
#[must_use = "dropping it leaves the flight"]
pub(crate) struct Berth<'t, K, V, E> {
    table: &'t Table<K, V, E>,
    follower: Follower<V, E>,
    /// True while it counts as waiting, or as running alone once the flight has ended.
    counts: bool,
}

/// The way in which a berth is left.
pub(crate) enum Left<'t, K, V, E> {
    Answered(Answer<V, E>),
    /// The outcome is not for this call, or its wait would never end: it runs the function for itself.
    Alone(Alone<'t, K, V, E>),
    TimedOut,
    WouldDeadlock,
}

/// Why a sleep at a berth is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rested {
    /// The flight has ended; so many calls share its outcome.
    Ended { callers: usize },
    /// An execution of it is due, or the time has come: look at all berths.
    Look,
    /// The wait would never end.
    WouldDeadlock,
}

impl<'t, K, V, E> Berth<'t, K, V, E> {
    /// The place of a call that was admitted as a follower.
    pub(crate) fn of(table: &'t Table<K, V, E>, waiter: Waiter<'t, K, V, E>) -> Self {
        Self { table, follower: waiter.into_seat(), counts: true }
    }

    pub(crate) fn glance(&self, now: Nanos) -> Glance {
        self.follower.flight.gate().glance(now)
    }

    /// True if its flight has no outcome, and no thread runs the function for it.
    pub(crate) fn needs_a_leader(&self) -> bool {
        let state = self.follower.flight.gate().lock();
        state.phase != Phase::Closed && state.running == 0
    }

    pub(crate) fn report_slow(&self) {
        self.table.report_slow_as_follower(&self.follower);
    }

    /// Leads one more execution of the flight, if one is due.
    pub(crate) fn claim(&mut self) -> Option<Led<'t, K, V, E>> {
        let execution = self.table.claim_in_berth(&self.follower)?;
        self.counts = false;
        Some(Led::of(execution))
    }

    /// Leaves a flight that has ended, with so many callers.
    pub(crate) fn end(mut self, callers: usize) -> Left<'t, K, V, E> {
        self.counts = false;
        let completion = self.follower.flight.promise.expect();
        match completion.answer(Role::Follower, callers, 0) {
            Some(answer) => Left::Answered(answer),
            None => Left::Alone(self.alone()),
        }
    }

    /// Leaves the flight at the deadline. An outcome that is there comes first (S33).
    pub(crate) fn time_out(self) -> Left<'t, K, V, E> {
        self.leave(Departure::TimedOut)
    }

    /// Leaves the flight, as the wait for it would never end (S42).
    pub(crate) fn refuse(self) -> Left<'t, K, V, E> {
        let bypasses = self.table.rules.on_deadlock == OnDeadlock::Bypass;
        self.leave(if bypasses { Departure::Bypassed } else { Departure::Refused })
    }

    fn leave(mut self, departure: Departure) -> Left<'t, K, V, E> {
        if !self.table.leave_berth(&self.follower, departure) {
            let callers = self.follower.flight.promise.gate.callers_if_closed();
            return self.end(callers.expect("its flight has ended"));
        }
        self.counts = false;
        match departure {
            Departure::TimedOut => Left::TimedOut,
            Departure::Bypassed => Left::Alone(self.alone()),
            Departure::Refused | Departure::Dropped => Left::WouldDeadlock,
        }
    }

    fn alone(&self) -> Alone<'t, K, V, E> {
        Alone::new(self.table, self.follower.slot.hash)
    }

    /// True if the wait for this flight would never end.
    pub(crate) fn is_in_cycle(&self) -> bool {
        let mut graph = GraphWait::outside(self.table.leading_thread());
        graph.enter(self.table, &self.follower).is_err()
    }

    /// Sleeps here until there is something to look at, or until this time. The wait stands in the
    /// wait-for graph meanwhile.
    pub(crate) fn rest(&self, until: Nanos) -> Rested {
        let (table, follower) = (self.table, &self.follower);
        if let Some(callers) = follower.flight.gate().callers_if_closed() {
            return Rested::Ended { callers };
        }
        let mut graph = GraphWait::outside(table.leading_thread());
        let since = table.clock.now();
        let observed = table.begin_wait(follower, &mut graph);
        let (rested, end) = loop {
            let gate = follower.flight.gate();
            if graph.enter(table, follower).is_err() {
                // It may be the one that was notified of a start that is due.
                gate.notify_all();
                break (Rested::WouldDeadlock, WaitEnd::Refused);
            }
            let woken = gate.visit(&table.clock, until, || table.arrive(follower));
            graph.leave();
            match woken {
                Woken::Closed { callers } => break (Rested::Ended { callers }, WaitEnd::Answered),
                Woken::TimedOut => break (Rested::Look, WaitEnd::TimedOut),
                Woken::MayStart | Woken::Left => break (Rested::Look, WaitEnd::Led),
                Woken::Slow => self.report_slow(),
            }
        };
        table.record_wait(observed, end, || table.clock.now().saturating_sub(since));
        rested
    }
}

impl<K, V, E> Drop for Berth<'_, K, V, E> {
    fn drop(&mut self) {
        if !self.counts {
            return;
        }
        self.counts = false;
        if self.table.leave_berth(&self.follower, Departure::Refused) {
            return;
        }
        // The flight has ended, and counts this call.
        if self.follower.flight.promise.expect().is_unshared() {
            drop(self.alone());
        }
    }
}
