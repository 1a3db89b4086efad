//! Who notifies whom when a gate closes, or when a start is due.
//!
//! ```text
//! a small herd: closer ── notify_all ──▶ all of them
//!
//! a large herd: closer ── notify_one ──▶ 1st ─┬─ notifies a share ─▶ 32 more ─┬─ each notifies ─▶ ..
//!                  └─ goes on if that does    └─ and another, until none      └─ a share
//!                     not run at once            sleeps
//! ```
//!
//! **Waking is cooperative.** The thread that closes the gate of a large herd notifies one waiter. Each
//! waiter that leaves the closed gate, whatever woke it, notifies the others in shares until none
//! sleeps. So a leader of a thousand followers returns in microseconds, and as many processors take
//! part in the waking as there are followers awake.
//!
//! **No thread depends on one other.** A thread of low priority that was notified may not run for
//! seconds. So the closer leaves the rest to others only when it has seen that another has notified
//! some. If none does at once, it goes on itself. A thread counts those that it has notified, and not
//! those that it is about to notify: if it loses its processor in between, the others notify them.

use std::time::Duration;

use super::gate::{Gate, Woken};
use super::gate_state::GateState;
use crate::sync::{GateGuard, WAKE_SHARE, watch_for};

/// A share of a large herd is this part of the threads that still sleep.
const WAKE_PART: usize = 16;

/// How long the closer of a large herd waits for the first thread to notify others.
const WATCH: Duration = Duration::from_micros(100);

/// The first share of a thread that leaves is this part of a share, so that the closer soon sees it.
const FIRST_SHARE_PART: usize = 16;

impl Gate {
    /// Notifies those that were parked at a gate which has closed: so many, as [`GateState::close`] has
    /// said. Called after all locks are released.
    pub(crate) fn notify_closed(&self, parked: usize) {
        match parked {
            0 => {}
            1..=WAKE_SHARE => self.notify_all(),
            _ => self.notify_until_another_does(),
        }
    }

    fn notify_until_another_does(&self) {
        let asleep = self.notify_some(self.lock(), 1).sleeping;
        // The first runs on another processor within that time, unless all of them are busy.
        if watch_for(WATCH, || self.lock().sleeping < asleep) {
            return;
        }
        let mut state = self.lock();
        while state.sleeping > 0 {
            let asleep = state.sleeping;
            state = self.notify_some(state, WAKE_SHARE);
            if state.sleeping < asleep.saturating_sub(WAKE_SHARE) {
                return;
            }
        }
    }

    pub(crate) fn notify_all(&self) {
        self.condvar().notify_all();
    }

    /// Lets the caller leave a closed gate. It notifies the others, a share at a time, until none
    /// sleeps.
    pub(super) fn leave_closed<'g>(&'g self, mut state: GateGuard<'g, GateState>) -> Woken {
        let callers = state.waiting + 1;
        let mut least = (WAKE_SHARE / FIRST_SHARE_PART).max(1);
        while state.sleeping > 0 {
            let share = match least {
                WAKE_SHARE.. => least.max(state.sleeping / WAKE_PART),
                first => first,
            };
            state = self.notify_some(state, share);
            least = WAKE_SHARE;
        }
        Woken::Closed { callers }
    }

    /// Notifies a share of those that sleep at a closed gate, and counts them afterwards. The lock is
    /// released meanwhile, so that the notified threads can take it and help.
    fn notify_some<'g>(
        &'g self,
        state: GateGuard<'g, GateState>,
        share: usize,
    ) -> GateGuard<'g, GateState> {
        let is_last = state.sleeping <= share;
        drop(state);
        match is_last {
            // One call to the kernel, however many are left.
            true => self.notify_all(),
            false => (0..share).for_each(|_| self.condvar().notify_one()),
        }
        let mut state = self.lock();
        state.sleeping = if is_last { 0 } else { state.sleeping.saturating_sub(share) };
        state
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
