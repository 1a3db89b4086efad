//! How a call waits for its own job, which another thread runs.

use std::sync::Arc;

use crate::engine::table::Table;
use crate::observe::WaitEnd;
use crate::wait::clock::Nanos;
use crate::wait::gate::{Gate, Woken};
use crate::wait::seats::Standing;

impl<K, V, E> Table<K, V, E> {
    /// Waits at the gate of a job, whose flight has a gate too if the call met one. `Led` means that an opener must
    /// begin the job itself. The call stays what it is: its job goes on.
    pub(crate) fn wait_for_job(
        &self,
        (job, flight): (&Arc<Gate>, Option<&Arc<Gate>>),
        deadline: Nanos,
        standing: Standing<'_>,
    ) -> WaitEnd {
        let me = self.leading_thread();
        let enter = || me.map_or(Ok(None), |me| job.enter_wait(me));
        let Ok(mut wait) = enter() else { return WaitEnd::Refused };
        let since = self.clock.now();
        let observed = self.begin_job_wait(job, flight, &mut wait);
        let end = match wait.take().map_or_else(enter, |wait| Ok(Some(wait))) {
            Err(_) => WaitEnd::Refused,
            Ok(wait) => {
                let woken = job.wait(&self.clock, deadline, standing);
                drop(wait);
                match woken {
                    Woken::TimedOut => WaitEnd::TimedOut,
                    Woken::MayStart => WaitEnd::Led,
                    Woken::Closed { .. } | Woken::Left | Woken::Slow => WaitEnd::Answered,
                }
            }
        };
        self.record_job_wait(observed, end, || self.clock.now().saturating_sub(since));
        end
    }
}
