//! The talk between the parent and its workers: lines of JSON on the worker's stdin and stdout.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Nanos;
use super::engine::Address;

/// The variable that makes this program a worker. It holds the job.
pub(super) const VARIABLE: &str = "STAMPEDE_WORKER";

/// The orders of a worker at its start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) threads: usize,
    pub(super) keys: u64,
    pub(super) window: Duration,
    pub(super) pause: Duration,
    /// The file with the rows, and their number.
    pub(super) table: PathBuf,
    pub(super) rows: u64,
    pub(super) address: Address,
}

/// How calls are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Mode {
    /// Each call runs its own query.
    Off,
    /// Each process coalesces by itself.
    Alone,
    /// The processes coalesce together.
    Shared,
}

/// The parent to a worker. The end of the worker's stdin ends the worker.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) mode: Mode,
    pub(super) from: Nanos,
    pub(super) until: Nanos,
}

/// A worker to the parent.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Told {
    Ready,
    /// An execution has begun.
    Began {
        id: u64,
        key: u64,
        at: Nanos,
    },
    /// Its function is about to return.
    Ended {
        id: u64,
        at: Nanos,
    },
    Tick(Tick),
    /// All threads have had their last answer.
    Stopped,
    /// The worker cannot go on.
    Failed(String),
}

/// The calls of a short time, which ended at `at`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Tick {
    pub(super) at: Nanos,
    pub(super) wrong: u64,
    pub(super) over_age: u64,
    /// Calls that got an error.
    pub(super) failed: u64,
    /// The first error.
    pub(super) failure: Option<String>,
    pub(super) queries: u64,
    pub(super) round_trips: u64,
    /// Steps that the engine failed.
    pub(super) engine_errors: u64,
    /// Latencies in microseconds, and how often each was seen.
    pub(super) latencies: Vec<(u64, u64)>,
}
