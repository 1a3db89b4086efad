//! An executor whose jobs wait until a test runs or drops them.

use std::sync::mpsc::{Receiver, channel};

use coalescer::{Executor, Group, Job, NeverBlocks, Ticket};

use crate::support::Numbers;

pub(crate) type NumberTicket = Ticket<String, u32, String>;

/// The jobs that were submitted, in their order, for the test to run or drop.
pub(crate) struct Jobs(Receiver<Job>);

impl Jobs {
    /// An executor that queues jobs, and the queue.
    pub(crate) fn new() -> (impl Executor + Send + Sync + 'static, Self) {
        let (queue, jobs) = channel();
        (NeverBlocks(move |job: Job| queue.send(job)), Self(jobs))
    }

    pub(crate) fn of(jobs: Receiver<Job>) -> Self {
        Self(jobs)
    }

    /// The next job, which another thread submits.
    pub(crate) fn wait_next(&self) -> Job {
        self.0.recv().expect("a job is submitted")
    }

    #[track_caller]
    pub(crate) fn next(&self) -> Job {
        self.0.try_recv().expect("a job was submitted")
    }

    pub(crate) fn try_next(&self) -> Option<Job> {
        self.0.try_recv().ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.try_recv().is_err()
    }
}

pub(crate) fn queued() -> (Numbers, Jobs) {
    let (executor, jobs) = Jobs::new();
    (Group::builder().executor(executor).build(), jobs)
}

/// When no call is under way, the counters contain every call once.
pub(crate) fn assert_at_rest(group: &Numbers) {
    let stats = group.stats();
    let decided =
        stats.executed_requests + stats.coalesced_requests + stats.timed_out + stats.refused;
    assert_eq!(stats.total_requests, decided, "{stats:?}");
    assert_eq!(stats.in_flight, 0, "{stats:?}");
    assert!(group.in_flight().is_empty());
}

/// A function that the library must not run.
pub(crate) fn never() -> Result<u32, String> {
    unreachable!("a follower's function is not run")
}
