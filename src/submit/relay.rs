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

use std::sync::Arc;

use crate::executor::{Chosen, Job, Run};
use crate::submit::hand_over::{InDrop, InJob, InSpawn};
use crate::sync::{Mutex, this_thread};
use crate::wait::contain::contain;
use crate::wait::seats::Rest;

struct Relay(Mutex<State>);

struct State {
    /// `None` when a thread makes them.
    rest: Option<Rest>,
    /// True until `spawn` has returned.
    is_spawning: bool,
    was_dropped: bool,
}

/// Has the rest of the callbacks made by a job. The caller holds no lock. A thread that runs a job makes
/// them itself: its own call is answered, and the executor gains nothing by one more job.
pub(super) fn pass_on(executor: &Chosen, rest: Rest) {
    if this_thread(|me| me.jobs()) > 0 {
        return rest();
    }
    let state = State { rest: Some(rest), is_spawning: true, was_dropped: false };
    let relay = Arc::new(Relay(Mutex::new(state)));
    let job = Job::new(Arc::clone(&relay) as Arc<dyn Run>);
    // The outcome is published, so a panic of the executor ends here (S24).
    contain(|| {
        let _in_spawn = InSpawn::begin();
        _ = executor.spawn(job);
    });
    let mut state = relay.0.lock();
    state.is_spawning = false;
    let lost = if state.was_dropped { state.rest.take() } else { None };
    drop(state);
    if let Some(rest) = lost {
        rest();
    }
}

impl Run for Relay {
    fn run(&self) {
        let rest = self.0.lock().rest.take();
        let _in_job = InJob::begin();
        if let Some(rest) = rest {
            rest();
        }
    }

    fn is_dropped(&self) {
        let mut state = self.0.lock();
        state.was_dropped = true;
        let lost = if state.is_spawning { None } else { state.rest.take() };
        drop(state);
        if let Some(rest) = lost {
            // They may call for jobs, which a thread of the pool runs itself.
            let _in_drop = InDrop::begin();
            rest();
        }
    }
}
