//! [`pass_on`]: the callbacks of a flight with many tickets, as a job of the executor.
//!
//! ```text
//! pass_on ── spawn(Job) ──┬─ runs, at once or later ────────▶ they are made there
//!                         ├─ dropped before spawn returns ──▶ they are made here, when it has returned
//!                         └─ dropped later ─────────────────▶ they are made by the thread that drops it
//! ```
//!
//! A call that leads on its own thread is to return when its function has, and not after any number of
//! calls of strangers. No callback is lost: the fate of the job decides only on which thread they are made.

use crate::executor::Chosen;
use crate::submit::hand_over::{InJob, Spawned, Work, spawn};
use crate::sync::this_thread;
use crate::wait::contain::drop_contained;
use crate::wait::seats::{Rest, Seats};

struct Relay(Rest);

/// Has the rest of the callbacks made by a job. The caller holds no lock. A thread that runs a job makes
/// them itself: its own call is answered, and the executor gains nothing by one more job.
pub(super) fn pass_on(executor: &Chosen, rest: Rest) {
    if this_thread(|me| me.jobs()) > 0 {
        return rest();
    }
    // Callbacks begin no flight, so there are no seats.
    let Spawned { result, lost, seats: _ } = spawn(executor, Relay(rest));
    // The outcome is published, so a panic of the executor ends here (S24).
    drop_contained(result);
    if let Some(Relay(rest)) = lost {
        rest();
    }
}

impl Work for Relay {
    fn run(self) -> Seats {
        (self.0)();
        Seats::none()
    }

    fn end_dropped(self) {
        // They may call for jobs, which this thread runs itself.
        let _in_drop = InJob::begin();
        (self.0)();
    }

    /// It does not count the tickets that it calls back.
    fn is_wanted(&self) -> bool {
        true
    }
}
