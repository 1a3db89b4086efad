//! Who notifies whom when a gate closes, or when a start is due.
//!
//! ```text
//! a small herd: closer ── notify_all ──▶ all of them
//!
//! a large herd: closer ─┬─▶ 1st ─┬─ notifies a share ─▶ 32 more ─┬─ each notifies a share ─▶ ..
//!                       ├─▶ 2nd  └─ and another, until none sleeps
//!                       └─▶ 3rd
//! ```
//!
//! **Waking is cooperative.** The thread that closes the gate of a large herd notifies three waiters and
//! is free. Each waiter that leaves the closed gate, whatever woke it, notifies the others in shares
//! until none sleeps. So a leader of a thousand followers returns in microseconds, and as many
//! processors take part in the waking as there are followers awake.
//!
//! **No thread depends on one other.** A thread of low priority that was notified may not run for
//! seconds, or may lose its processor in the middle of its share. So the closer begins at several, and
//! a waiter that leaves while a share is under way notifies one more.

use super::gate::{Gate, Woken};
use super::gate_state::GateState;
use crate::sync::{GateGuard, WAKE_BEGINNINGS, WAKE_SHARE};

/// A share of a large herd is this part of the threads that still sleep.
const WAKE_PART: usize = 16;

impl Gate {
    /// Notifies those that were parked at a gate which has closed: so many, as [`GateState::close`] has
    /// said. Called after all locks are released.
    pub(crate) fn notify_closed(&self, parked: usize) {
        match parked {
            0 => {}
            1..=WAKE_SHARE => self.notify_all(),
            // `sleeping` still counts them. A notification that nobody gets is no harm.
            _ => (0..WAKE_BEGINNINGS).for_each(|_| self.condvar().notify_one()),
        }
    }

    pub(crate) fn notify_all(&self) {
        self.condvar().notify_all();
    }

    /// Lets the caller leave a closed gate. It notifies the others, a share at a time, until none
    /// sleeps.
    pub(super) fn leave_closed<'g>(&'g self, mut state: GateGuard<'g, GateState>) -> Woken {
        let callers = state.waiting + 1;
        if state.sleeping == 0 && state.in_progress > 0 {
            drop(state);
            self.condvar().notify_one();
            return Woken::Closed { callers };
        }
        while state.sleeping > 0 {
            let share = WAKE_SHARE.max(state.sleeping / WAKE_PART).min(state.sleeping);
            state.sleeping -= share;
            state.in_progress += share;
            let is_last = state.sleeping == 0;
            // Released around each share, so that the notified threads can take it and help.
            drop(state);
            match is_last {
                // One call to the kernel, however many are left.
                true => self.notify_all(),
                false => (0..share).for_each(|_| self.condvar().notify_one()),
            }
            state = self.lock();
            state.in_progress -= share;
        }
        Woken::Closed { callers }
    }

    /// Notifies calls that an execution is due, and releases the lock. The first to run begins it, and
    /// the others park again. Several are notified: each may be one that does not run for a long time.
    /// A ticket's thread may be among those that wait, and does not begin it; so with tickets all are
    /// notified.
    pub(super) fn notify_start(&self, state: GateGuard<'_, GateState>) {
        let (parked, seats) = (state.parked, state.seats);
        drop(state);
        match parked {
            0 => {}
            WAKE_SHARE.. if seats == 0 => (0..WAKE_SHARE).for_each(|_| self.condvar().notify_one()),
            _ => self.notify_all(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::ThreadToken;
    use crate::wait::clock::FOREVER;

    #[test]
    fn a_gate_at_which_no_thread_is_parked_wakes_nobody() {
        let leader = ThreadToken::made_up(1, 1);
        let gate = Gate::new_running(leader, 0, FOREVER, FOREVER);
        let mut state = gate.lock();
        // Tickets, of which no thread waits with any.
        state.waiting = 1000;
        let sleeping = gate.close_or_lose(&mut state, leader, true);
        assert_eq!((sleeping, state.sleeping), (0, 0), "so many notifications would wake nobody");
    }
}
