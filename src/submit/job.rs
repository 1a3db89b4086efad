//! [`Task`]: the inside of a [`Job`], a function with the obligation to publish its result.

use std::mem;
use std::sync::Arc;

use crate::coalescer::Load;
use crate::core::AnyCore;
use crate::engine::completion::{Completion, Panic, RunResult};
use crate::engine::observed::RunOf;
use crate::engine::promise::Promise;
use crate::engine::queued::Queued;
use crate::engine::slot::ShortHash;
use crate::engine::slot::SlotRef;
use crate::execute::{attempt, run_observed};
use crate::executor::{Job, Rejected, Run, spawn_unwinds};
use crate::observe::{Origin, SlowReport};
use crate::wait::callbacks::{Callbacks, contain};
use crate::wait::clock::Nanos;
use crate::wait::deadlock;

/// A function that can move to another thread.
pub(crate) enum Function<K, V, E> {
    /// The function of a coalescer, which all its calls share.
    Shared(Arc<Load<K, V, E>>),
    /// The function that one call of a group brought.
    Once(Box<dyn FnOnce() -> Result<V, E> + Send>),
}

/// A job that has not ended. If it is dropped before it has run, its drop publishes an abandonment.
pub(crate) struct Task<K, V, E> {
    pub(crate) core: Arc<AnyCore<K, V, E>>,
    pub(crate) key: Arc<K>,
    pub(crate) function: Option<Function<K, V, E>>,
    pub(crate) duty: Duty<V, E>,
    /// The span that asked for the run.
    pub(crate) origin: Origin,
    /// The promise that the ticket waits at.
    pub(crate) promise: Arc<Promise<V, E>>,
}

/// The obligation of a job, in addition to its ticket's promise.
pub(crate) enum Duty<V, E> {
    /// Ends an execution of a flight.
    Flight(Queued<V, E>),
    /// Counts a call that shares nothing.
    Bypass(ShortHash),
    /// The obligation is met.
    Done,
}

impl<K, V, E> Task<K, V, E>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    /// Passes the job to the executor. The caller holds no lock.
    pub(crate) fn submit(self) -> Result<(), Rejected> {
        let core = Arc::clone(&self.core);
        core.executor.as_ref().expect("only what has an executor submits").spawn(Job::new(self))
    }
}

impl<K, V, E> Run for Task<K, V, E> {
    fn run(mut self: Box<Self>) {
        let leading = deadlock::lead();
        let me = leading.token();
        let core = Arc::clone(&self.core);
        if let Duty::Flight(queued) = &mut self.duty {
            queued.begin(&core.table, me);
        }
        self.promise.gate.begin_job(me);
        let start = self.duty.start().unwrap_or_else(|| core.table.clock.coarse_now());
        let function = self.function.take().expect("a job runs once");
        let key = Arc::clone(&self.key);
        let gate = Some(&self.promise.gate);
        let run = RunOf { slot: self.duty.slot(), origin: Some(&self.origin), job: gate };
        let (completion, run) = run_observed(&core.table, run, || {
            attempt(core.share_if.as_deref(), start, || function.run(&key))
        });
        drop(leading);
        let callers = self.end(&completion);
        // Destructors of the value and of a panic's payload are user code.
        contain(|| {
            if let RunResult::Panicked(panic) = &completion.result {
                drop(panic.take_payload());
            }
            drop(completion);
        });
        core.table.record_run(run, callers);
    }
}

impl<K, V, E> Task<K, V, E> {
    /// Ends the duty and the ticket's wait, under no lock. Returns how many calls it answered.
    ///
    /// The ticket is answered together with the followers, before any user code runs: a hook, a
    /// callback, or the destructor of an old result. A panic in user code is caught here, and
    /// affects no call.
    fn end(&mut self, completion: &Completion<V, E>) -> usize {
        let report = self.notice();
        let duty = mem::replace(&mut self.duty, Duty::Done);
        let (table, promise) = (&self.core.table, &self.promise);
        let (mut callers, mut callbacks) = (1, Callbacks::new());
        let mut answer = |count| {
            callers = count;
            callbacks = promise.close(completion.clone(), count);
        };
        contain(|| match duty {
            Duty::Flight(queued) => queued.end(table, completion, answer),
            Duty::Bypass(hash) => answer(table.end_bypass(hash, completion)),
            Duty::Done => unreachable!("a job ends once"),
        });
        callbacks.run();
        table.report_slow(report);
        callers
    }

    /// Reads the flight's state for `on_slow`, before the execution ends.
    fn notice(&self) -> Option<SlowReport<K>> {
        let table = &self.core.table;
        match &self.duty {
            Duty::Flight(queued) if table.reports_slow() => {
                table.notice_at_end(queued.slot, queued.leader)
            }
            Duty::Flight(_) | Duty::Bypass(_) | Duty::Done => None,
        }
    }
}

impl<V, E> Duty<V, E> {
    fn slot(&self) -> Option<SlotRef> {
        match self {
            Self::Flight(queued) => Some(queued.slot),
            Self::Bypass(_) | Self::Done => None,
        }
    }

    fn start(&self) -> Option<Nanos> {
        match self {
            Self::Flight(queued) => Some(queued.start),
            Self::Bypass(_) | Self::Done => None,
        }
    }
}

/// Publishes the end of a job that did not run. The job is abandoned; or, if the executor's `spawn`
/// panicked and dropped it, the panic is published.
impl<K, V, E> Drop for Task<K, V, E> {
    fn drop(&mut self) {
        if matches!(self.duty, Duty::Done) {
            return;
        }
        let result = match spawn_unwinds() {
            true => RunResult::Panicked(Panic::elsewhere()),
            false => RunResult::Abandoned,
        };
        let start = self.duty.start().unwrap_or_else(|| self.core.table.clock.coarse_now());
        self.end(&Completion::new(result, start));
    }
}

impl<K, V, E> Function<K, V, E> {
    pub(crate) fn run(self, key: &K) -> Result<V, E> {
        match self {
            Self::Shared(load) => load(key),
            Self::Once(function) => function(),
        }
    }
}
