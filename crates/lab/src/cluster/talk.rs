//! The talk between a lane and its workers: lines of JSON on the worker's stdin and stdout.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Nanos;
use super::engine::Address;

/// The variable that makes this program a worker. It holds the job.
pub(super) const VARIABLE: &str = "LAB_WORKER";

/// The orders of a worker at its start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) way: Way,
    pub(super) address: Address,
    pub(super) threads: usize,
    /// One hot key, or so many by Zipf's law.
    pub(super) keys: u64,
    pub(super) window: Duration,
    pub(super) pause: Duration,
    /// How long the function takes.
    pub(super) function: Duration,
    /// Each execution is told when it begins and when it ends.
    pub(super) tells: bool,
}

/// How a worker answers its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Way {
    /// Each call runs the function.
    Off,
    /// Each process coalesces by itself.
    Local,
    /// GET, and on a miss the function and SET.
    Aside,
    /// The same; on a miss, whoever gets a lock by `SET NX` runs the function. The others look again after this time.
    Lock { poll: Duration },
    /// The same with the lock of the crate rslock.
    Rslock,
    /// The processes coalesce together.
    Shared,
}

/// A lane to a worker. The end of the worker's stdin ends the worker.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// All threads call until then.
    Run { from: Nanos, until: Nanos },
    /// One call, so that the process holds the result.
    Hold,
    /// The key is forgotten everywhere.
    Forget,
}

/// A worker to its lane.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Told {
    Ready,
    Began {
        id: u64,
        key: u64,
        at: Nanos,
    },
    Ended {
        id: u64,
        at: Nanos,
    },
    /// The result that the process holds.
    Held(Answer),
    Forgot {
        entered: Nanos,
        returned: Nanos,
        /// All processes have said that they dropped it.
        everywhere: bool,
    },
    /// All calls of a run have returned.
    Report(Report),
    /// The worker cannot go on.
    Failed(String),
}

/// The value of an execution, with its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) value: u64,
    pub(super) began: Nanos,
    pub(super) ended: Nanos,
    /// The process that ran the function.
    pub(super) process: u32,
}

/// A call that has returned. Without an answer it failed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) key: u64,
    pub(super) entered: Nanos,
    pub(super) returned: Nanos,
    pub(super) answer: Option<Answer>,
}

/// One execution of the function.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Ran {
    pub(super) id: u64,
    pub(super) key: u64,
    pub(super) began: Nanos,
    pub(super) ended: Nanos,
}

/// All that a worker saw in a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) process: u32,
    pub(super) executions: Vec<Ran>,
    pub(super) calls: Vec<Call>,
    /// Steps or commands that were sent to the engine; `None` if nobody counts them.
    pub(super) round_trips: Option<u64>,
    /// The first error of a call.
    pub(super) failure: Option<String>,
}
