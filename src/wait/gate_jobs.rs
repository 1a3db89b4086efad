//! The gate of one job: who begins it, and when.

use super::clock::Nanos;
use super::deadlock::{self, ThreadToken};
use super::gate::Gate;
use super::gate_state::AT_ONCE;

impl Gate {
    /// Sets when the call of this job must begin it itself, if it waits as [`Standing::Opener`].
    pub(crate) fn begin_job_at(&self, time: Nanos) {
        self.lock().next_start = time;
    }

    /// Has the call of this job begin it now.
    pub(crate) fn begin_job_now(&self) {
        let mut state = self.lock();
        state.next_start = AT_ONCE;
        let sleeps = state.parked > 0;
        drop(state);
        if sleeps {
            self.condvar().notify_all();
        }
    }

    /// Begins the job of this gate on this thread.
    pub(crate) fn begin_job(&self, leader: ThreadToken) {
        let mut state = self.lock();
        state.leaders.push(leader);
        if state.in_graph {
            deadlock::add_leader(self.id, leader);
        }
    }
}
