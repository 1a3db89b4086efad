//! How a worker answers its calls, one way for each lane.

use std::convert::Infallible;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use coalescer::Coalescer;
use coalescer_cluster::Cluster;
use parking_lot::Mutex;

use super::clock;
use super::locks::{Aside, By};
use super::pipe::say;
use super::talk::{Answer, Job, Ran, Told, Way};

/// The value that the function has for a key.
pub(super) fn value(key: u64) -> u64 {
    key.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 7
}

/// The function that is coalesced: it waits, as for a database.
pub(super) struct Function {
    length: Duration,
    tells: bool,
    next: AtomicU64,
    executions: Mutex<Vec<Ran>>,
}

impl Function {
    pub(super) fn new(job: &Job) -> Arc<Self> {
        let (length, tells) = (job.function, job.tells);
        Arc::new(Self { length, tells, next: AtomicU64::new(0), executions: Mutex::default() })
    }

    /// One execution.
    pub(super) fn run(&self, key: u64) -> Answer {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let began = clock::now();
        if self.tells {
            say(&Told::Began { id, key, at: began });
        }
        thread::sleep(self.length);
        let ended = clock::now();
        if self.tells {
            say(&Told::Ended { id, at: ended });
        }
        self.executions.lock().push(Ran { id, key, began, ended });
        Answer { value: value(key), began, ended, process: process::id() }
    }

    pub(super) fn take_executions(&self) -> Vec<Ran> {
        std::mem::take(&mut *self.executions.lock())
    }
}

/// A way to answer calls.
pub(super) trait Ask: Send + Sync {
    /// The call of this thread of the worker.
    fn ask(&self, thread: usize, key: u64) -> Result<Answer, String>;

    /// The number of messages that were sent to the engine so far, if it is counted.
    fn round_trips(&self) -> Option<u64>;

    /// Forgets the key in all processes. `None`: there is no such thing in this way.
    fn forget(&self, _key: u64) -> Option<bool> {
        None
    }
}

/// Opens what the job needs.
pub(super) fn open(job: &Job, function: &Arc<Function>) -> Result<Box<dyn Ask>> {
    let by = |by| -> Result<Box<dyn Ask>> { Ok(Box::new(Aside::open(job, function, by)?)) };
    match job.way {
        Way::Off => Ok(Box::new(Off(Arc::clone(function)))),
        Way::Local => Ok(Box::new(Coalesced::new(job, function, None))),
        Way::Shared => Ok(Box::new(Coalesced::new(job, function, Some(job.address.open()?)))),
        Way::Aside => by(By::Nobody),
        Way::Lock { poll } => by(By::SetNx { poll }),
        Way::Rslock => by(By::rslock(job.address.url()?)?),
    }
}

struct Off(Arc<Function>);

impl Ask for Off {
    fn ask(&self, _: usize, key: u64) -> Result<Answer, String> {
        Ok(self.0.run(key))
    }

    fn round_trips(&self) -> Option<u64> {
        None
    }
}

/// The library, alone or over an engine.
struct Coalesced {
    answers: Coalescer<u64, Answer, Infallible>,
    cluster: Option<Cluster>,
}

impl Coalesced {
    fn new(job: &Job, function: &Arc<Function>, cluster: Option<Cluster>) -> Self {
        // The precise clock, since ages are judged to the nanosecond.
        let builder = Coalescer::builder().window(job.window).precise_clock();
        let function = Arc::clone(function);
        let run = move |key: &u64| Ok(function.run(*key));
        let answers = match &cluster {
            Some(cluster) => builder.shared(cluster.named("lab").schema("1")).build(run),
            None => builder.build(run),
        };
        Self { answers, cluster }
    }
}

impl Ask for Coalesced {
    fn ask(&self, _: usize, key: u64) -> Result<Answer, String> {
        self.answers.execute(&key).map(|answer| *answer).map_err(|error| error.to_string())
    }

    fn round_trips(&self) -> Option<u64> {
        self.cluster.as_ref().map(|cluster| cluster.stats().round_trips)
    }

    fn forget(&self, key: u64) -> Option<bool> {
        Some(self.answers.forget_everywhere(&key).is_ok())
    }
}
