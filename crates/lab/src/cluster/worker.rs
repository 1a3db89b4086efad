//! A worker: its threads call, and it tells the lane what happened.

use std::env;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, anyhow, bail};

use super::clock::{self, Nanos};
use super::pipe::{orders, say, wait_until};
use super::talk::{Call, Job, Order, Report, Told, VARIABLE};
use super::way::{self, Ask, Function};
use crate::compare::draws;
use crate::threads::Random;

/// Does the work of a worker, if this process is one.
pub(crate) fn worker() -> Option<ExitCode> {
    let job = env::var(VARIABLE).ok()?;
    let job = serde_json::from_str::<Job>(&job).context("the job of a worker");
    Some(match job.and_then(|job| work(&job)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&Told::Failed(format!("{error:#}")));
            ExitCode::FAILURE
        }
    })
}

/// Does the job, until stdin ends.
fn work(job: &Job) -> Result<()> {
    let orders = orders()?;
    let function = Function::new(job);
    let way = way::open(job, &function)?;
    let worker = Worker { job, keys: draws(job.keys), function, way };
    say(&Told::Ready);
    loop {
        match orders.recv()? {
            Order::Run { from, until } => say(&Told::Report(worker.run(from, until)?)),
            Order::Hold => match worker.way.ask(0, 0) {
                Ok(answer) => say(&Told::Held(answer)),
                Err(error) => bail!("a call failed: {error}"),
            },
            Order::Forget => say(&worker.forget()?),
        }
    }
}

struct Worker<'a> {
    job: &'a Job,
    /// Keys in the order in which they are drawn.
    keys: Vec<u16>,
    function: Arc<Function>,
    way: Box<dyn Ask>,
}

impl Worker<'_> {
    fn run(&self, from: Nanos, until: Nanos) -> Result<Report> {
        let before = self.way.round_trips();
        wait_until(from);
        let mut report = Report { process: process::id(), ..Report::default() };
        thread::scope(|scope| {
            let call = |thread| scope.spawn(move || self.calls(thread, until));
            let threads: Vec<_> = (0..self.job.threads).map(call).collect();
            threads.into_iter().try_for_each(|thread| {
                let (calls, failure) = thread.join().map_err(|_| anyhow!("a caller panicked"))?;
                report.calls.extend(calls);
                report.failure = report.failure.take().or(failure);
                Ok::<_, anyhow::Error>(())
            })
        })?;
        report.executions = self.function.take_executions();
        report.round_trips =
            self.way.round_trips().zip(before).map(|(after, before)| after - before);
        Ok(report)
    }

    /// The calls of one thread, and its first error. A thread that comes too late makes one call.
    fn calls(&self, thread: usize, until: Nanos) -> (Vec<Call>, Option<String>) {
        let seed = (u64::from(process::id()) << 32) | thread as u64;
        let mut random = Random::new(seed);
        let (mut calls, mut failure) = (Vec::new(), None);
        while calls.is_empty() || clock::now() < until {
            let key = u64::from(self.keys[random.below(self.keys.len() as u64) as usize]);
            let entered = clock::now();
            let answer = self.way.ask(thread, key);
            let returned = clock::now();
            let answer = answer.map_err(|error| failure.get_or_insert(error).clone()).ok();
            calls.push(Call { key, entered, returned, answer });
            thread::sleep(self.job.pause);
        }
        (calls, failure)
    }

    fn forget(&self) -> Result<Told> {
        let entered = clock::now();
        let everywhere = self.way.forget(0).context("this way forgets nothing")?;
        Ok(Told::Forgot { entered, returned: clock::now(), everywhere })
    }
}
