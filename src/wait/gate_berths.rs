//! The calls of many keys at a gate: each waits at several gates, and sleeps at one of them at a time.
//!
//! ```text
//! admitted ──▶ counts as a ticket does ──▶ visits: counts as a call with a thread ──▶ as a ticket again
//!              no thread of its sleeps here       while its thread sleeps here
//! ```
//!
//! A flight that is due is begun by a call whose thread sleeps at its gate, or else by the job of a ticket.
//! So a call whose thread sleeps elsewhere must not count among the former.

use std::sync::Arc;

use super::clock::{Clock, Nanos};
use super::gate::{Gate, Seen, Woken};
use super::gate_state::{GateState, Phase};
use super::seats::Standing;

/// The state of a gate, for a call that waits at several.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glance {
    /// How many calls share the outcome, if it is published.
    pub(crate) callers: Option<usize>,
    /// An execution is due, for the first call that claims it.
    pub(crate) is_due: bool,
    /// The flight is slow, and no call has reported it.
    pub(crate) is_slow: bool,
    /// The next time at which the flight is due or slow.
    pub(crate) next: Nanos,
}

impl GateState {
    fn glance(&self, now: Nanos) -> Glance {
        let is_closed = self.phase == Phase::Closed;
        Glance {
            callers: is_closed.then_some(self.waiting + 1),
            is_due: !is_closed && self.next_start <= now,
            is_slow: !is_closed && self.slow_at <= now,
            next: self.next_start.min(self.slow_at),
        }
    }
}

impl Gate {
    /// Looks at the gate without a wait.
    pub(crate) fn glance(&self, now: Nanos) -> Glance {
        self.lock().glance(now)
    }

    /// Parks a call of many keys, whose thread is at no other gate now, until something happens here or
    /// `until` has come. It counts as waiting before and after. If the flight waits for the one before it, `arrive` is
    /// called under no lock, when the call counts as one that can begin the flight.
    pub(crate) fn visit(
        self: &Arc<Self>,
        clock: &Clock,
        until: Nanos,
        arrive: impl FnOnce(),
    ) -> Woken {
        let mut state = self.lock();
        state.seats -= 1;
        if state.waits_for_another() {
            drop(state);
            arrive();
            state = self.lock();
        }
        let seen = self.park(&mut state, clock, until, Standing::Call);
        state.seats += 1;
        match seen {
            Seen::Closed => self.leave_closed(state),
            Seen::Left => Woken::Left,
            Seen::MayStart => Woken::MayStart,
            Seen::Slow => Woken::Slow,
            Seen::TimedOut => Woken::TimedOut,
        }
    }
}
