//! A worker: its threads call, and it tells the parent what happened.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use coalescer::Coalescer;
use coalescer_cluster::Cluster;
use serde::{Deserialize, Serialize};

use super::clock::{self, Nanos};
use super::meter::{Call, Meter};
use super::pipe::{orders, say, wait_until};
use super::talk::{Job, Mode, Order, Told};
use crate::db::table::Expected;
use crate::db::{Database, QueryError, Total, sqlite};

/// A worker tells of its calls so often.
const TICK: Duration = Duration::from_millis(100);

/// The value of an execution, and its times.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) total: Total,
    pub(super) began: Nanos,
    pub(super) ended: Nanos,
}

type Answers = Coalescer<u64, Answer, QueryError>;

/// Does the job, until stdin ends.
pub(super) fn work(job: &Job) -> Result<()> {
    let orders = orders()?;
    let source = Arc::new(Source::open(job)?);
    let cluster = job.address.open()?;
    let worker = Worker {
        expected: Expected::new(job.rows, job.keys),
        alone: answers(&source, job.window),
        shared: shared_answers(&source, job.window, &cluster),
        job,
        source,
        cluster,
    };
    say(&Told::Ready);
    for order in orders {
        worker.obey(order)?;
    }
    Ok(())
}

/// Each process coalesces by itself.
fn answers(source: &Arc<Source>, window: Duration) -> Answers {
    let source = Arc::clone(source);
    Coalescer::builder()
        .window(window)
        .precise_clock()
        .build(move |customer: &u64| source.query(*customer))
}

/// The processes coalesce together: one line more.
fn shared_answers(source: &Arc<Source>, window: Duration, cluster: &Cluster) -> Answers {
    let source = Arc::clone(source);
    Coalescer::builder()
        .window(window)
        .precise_clock()
        .shared(cluster.named("totals").schema("1"))
        .build(move |customer: &u64| source.query(*customer))
}

/// Says why the worker cannot go on.
pub(super) fn fail(error: &anyhow::Error) {
    say(&Told::Failed(format!("{error:#}")));
}

/// The rows, and the count of executions that read them.
struct Source {
    database: Database,
    executions: AtomicU64,
}

impl Source {
    fn open(job: &Job) -> Result<Self> {
        let connections = sqlite::readers(&job.table, u32::try_from(job.threads)?)?;
        Ok(Self { database: Database::new(connections), executions: AtomicU64::new(0) })
    }

    /// One execution.
    fn query(&self, customer: u64) -> Result<Answer, QueryError> {
        let id = self.executions.fetch_add(1, Ordering::Relaxed);
        let began = clock::now();
        say(&Told::Began { id, key: customer, at: began });
        let total = self.database.total(customer)?;
        let ended = clock::now();
        say(&Told::Ended { id, at: ended });
        Ok(Answer { total, began, ended })
    }
}

struct Worker<'a> {
    job: &'a Job,
    source: Arc<Source>,
    cluster: Cluster,
    expected: Expected,
    alone: Answers,
    shared: Answers,
}

/// The counts at the last tick.
#[derive(Default)]
struct Counts {
    queries: u64,
    round_trips: u64,
    engine_errors: u64,
}

impl Worker<'_> {
    fn obey(&self, order: Order) -> Result<()> {
        let meter = Meter::new(self.job.window);
        let mut before = self.counts();
        wait_until(order.from);
        thread::scope(|scope| {
            let threads: Vec<_> = (0..self.job.threads)
                .map(|n| {
                    let name = format!("caller {n}");
                    let thread = thread::Builder::new().name(name);
                    let meter = &meter;
                    let calls = move || self.calls(order, n as u64, meter);
                    thread
                        .spawn_scoped(scope, calls)
                        .context("not enough threads; use fewer --threads")
                })
                .collect::<Result<_>>()?;
            while threads
                .iter()
                .any(|thread: &thread::ScopedJoinHandle<'_, ()>| !thread.is_finished())
            {
                thread::sleep(TICK);
                self.tick(&meter, &mut before);
            }
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().map_err(|_| anyhow!("a caller panicked")))
        })?;
        self.tick(&meter, &mut before);
        say(&Told::Stopped);
        Ok(())
    }

    fn calls(&self, order: Order, thread: u64, meter: &Mutex<Meter>) {
        let mut key = thread;
        loop {
            let entered = clock::now();
            if entered >= order.until {
                return;
            }
            key = (key + 1) % self.job.keys;
            let call = self.call(order.mode, key, entered);
            meter.lock().unwrap_or_else(PoisonError::into_inner).note(&call);
            thread::sleep(self.job.pause);
        }
    }

    fn call(&self, mode: Mode, key: u64, entered: Nanos) -> Call {
        let answer = match mode {
            Mode::Off => self.source.query(key).map(Arc::new).map_err(|error| error.to_string()),
            Mode::Alone => self.alone.execute(&key).map_err(|error| error.to_string()),
            Mode::Shared => self.shared.execute(&key).map_err(|error| error.to_string()),
        };
        let is_right = |answer: &Arc<Answer>| self.expected.is_right(key, &answer.total);
        let is_right = answer.as_ref().is_ok_and(is_right);
        Call { entered, returned: clock::now(), answer, is_right }
    }

    fn tick(&self, meter: &Mutex<Meter>, before: &mut Counts) {
        let mut tick = meter.lock().unwrap_or_else(PoisonError::into_inner).take();
        let now = self.counts();
        tick.at = clock::now();
        tick.queries = now.queries - before.queries;
        tick.round_trips = now.round_trips - before.round_trips;
        tick.engine_errors = now.engine_errors - before.engine_errors;
        *before = now;
        say(&Told::Tick(tick));
    }

    fn counts(&self) -> Counts {
        let stats = self.cluster.stats();
        let errors = stats.errors;
        // Not `exhausted`: the engine was not asked then.
        let failures = [
            errors.refused,
            errors.lost,
            errors.timed_out,
            errors.full,
            errors.denied,
            errors.read_only,
            errors.unexpected,
        ];
        Counts {
            queries: self.source.database.queries(),
            round_trips: stats.round_trips,
            engine_errors: failures.iter().sum(),
        }
    }
}
