//! Who notifies whom when a gate closes.
//!
//! ```text
//! closer ── notify_one ──▶ 1st ─┬─ notifies a share ─▶ 32 more ─┬─ each notifies a share ─▶ ..
//!                               └─ and another, until none sleeps
//! ```
//!
//! **Waking is cooperative.** The closing thread notifies one waiter and is free. Each waiter that
//! leaves the closed gate, whatever woke it, notifies the others in shares until none sleeps. So a
//! leader of a thousand followers returns in microseconds, and as many processors take part in the
//! waking as there are followers awake. If one of them loses its processor, the others go on.

use super::gate::{Gate, Woken};
use super::gate_state::GateState;
use crate::sync::{GateGuard, WAKE_SHARE};

/// A share of a large herd is this part of the threads that still sleep.
const WAKE_PART: usize = 16;

impl Gate {
    /// Notifies one waiter: to leave a closed gate and notify the others, or to claim the execution
    /// that is due. Called after the gate's lock is released.
    pub(crate) fn notify_one(&self) {
        self.condvar().notify_one();
    }

    /// Notifies a call that may begin the execution that is due. A ticket's thread may be among those
    /// that wait, and does not begin it; so with tickets all are notified.
    pub(crate) fn notify_start(&self, seats: usize) {
        match seats {
            0 => self.notify_one(),
            _ => self.notify_all(),
        }
    }

    pub(crate) fn notify_all(&self) {
        self.condvar().notify_all();
    }

    /// Lets the caller leave a closed gate. It notifies the others, a share at a time, until none
    /// sleeps.
    pub(super) fn leave_closed<'g>(&'g self, mut state: GateGuard<'g, GateState>) -> Woken {
        let callers = state.waiting + 1;
        while state.sleeping > 0 {
            let share = WAKE_SHARE.max(state.sleeping / WAKE_PART);
            let is_last = state.sleeping <= share;
            state.sleeping = state.sleeping.saturating_sub(share);
            // Released around each share, so that the notified threads can take it and help.
            drop(state);
            match is_last {
                // One call to the kernel, however many are left.
                true => self.condvar().notify_all(),
                false => (0..share).for_each(|_| self.condvar().notify_one()),
            }
            state = self.lock();
        }
        Woken::Closed { callers }
    }
}
