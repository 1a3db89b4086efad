//! One phase of an open load: arrivals come at their times, and threads answer them as they can.
//!
//! There is no thread that hands out work. Each worker takes the next arrival from the schedule,
//! sleeps until its time if that is still to come, and answers it. If all workers are late, the
//! arrivals queue up in the schedule, as they would in front of a server. Latency counts from the
//! arrival's time and not from when a worker took it up, so the queue is in it.
//!
//! At the phase's end the workers finish what they are at. What still queues then is counted and
//! discarded: the next phase begins with an empty queue.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::db::table::Expected;
use crate::db::{Database, Total};
use crate::meter::{Meter, Tally};
use crate::schedule::Arrival;

/// Answers one request: straight from the database, or through the coalescer.
pub(crate) type Answer<'a> = dyn Fn(u64) -> Result<Total> + Sync + 'a;

/// What is the same for all phases.
pub(crate) struct Load<'a> {
    pub(crate) database: &'a Database,
    pub(crate) expected: &'a Expected,
    pub(crate) arrivals: &'a [Arrival],
    pub(crate) length: Duration,
    pub(crate) threads: usize,
}

/// A short stretch of a phase.
#[derive(Clone)]
pub(crate) struct Sample {
    /// Its end, in seconds since the phase's start.
    pub(crate) at: f64,
    pub(crate) seconds: f64,
    pub(crate) tally: Tally,
    pub(crate) queries: u64,
    /// Threads that waited for a connection at its end.
    pub(crate) waiting: usize,
    /// Arrivals that no thread had taken up at its end.
    pub(crate) queued: u64,
}

/// A phase that has ended.
pub(crate) struct Ended {
    pub(crate) seconds: f64,
    pub(crate) total: Tally,
    pub(crate) samples: Vec<Sample>,
    /// How many arrivals no thread had taken up.
    pub(crate) queued: u64,
    /// How long the first of them had waited by the phase's end.
    pub(crate) oldest_queued: Option<Duration>,
}

impl Load<'_> {
    /// Lets the arrivals come, and shows each sample as it is taken.
    pub(crate) fn run(
        &self,
        answer: &Answer<'_>,
        mut show: impl FnMut(&[Sample]),
    ) -> Result<Ended> {
        let meter = Meter::new();
        let next = AtomicUsize::new(0);
        let mut sampler = Sampler::new(self, &meter);
        let workers = Workers { load: self, meter: &meter, next: &next, start: sampler.start };
        thread::scope(|scope| {
            let running = workers.spawn(scope, answer)?;
            while sampler.sleep() {
                show(sampler.sample());
            }
            for worker in running {
                if worker.join().is_err() {
                    bail!("a worker panicked");
                }
            }
            Ok(())
        })?;
        show(sampler.sample());
        if let Some(failure) = meter.failure() {
            bail!("a request failed: {failure:#}");
        }
        Ok(sampler.end())
    }
}

/// What the workers of a phase share.
struct Workers<'a> {
    load: &'a Load<'a>,
    meter: &'a Meter,
    next: &'a AtomicUsize,
    start: Instant,
}

impl<'a> Workers<'a> {
    fn spawn<'scope>(
        &'scope self,
        scope: &'scope thread::Scope<'scope, '_>,
        answer: &'scope Answer<'scope>,
    ) -> Result<Vec<thread::ScopedJoinHandle<'scope, ()>>> {
        (0..self.load.threads)
            .map(|n| {
                let worker = thread::Builder::new().name(format!("worker {n}"));
                worker.spawn_scoped(scope, || self.work(answer)).with_context(|| {
                    self.meter.failed(anyhow!("not enough threads"));
                    format!("cannot start thread {}; use fewer --threads", n + 1)
                })
            })
            .collect()
    }

    fn work(&self, answer: &Answer<'_>) {
        while let Some(arrival) = self.take() {
            self.meter.begin();
            match answer(arrival.customer()) {
                Ok(total) => {
                    let latency = self.start.elapsed().saturating_sub(arrival.at());
                    let is_right = self.load.expected.is_right(arrival.customer(), &total);
                    self.meter.answered(latency, is_right);
                }
                Err(error) => self.meter.failed(error),
            }
        }
    }

    /// The next arrival, once it is there; nothing more after the phase's end.
    fn take(&self) -> Option<Arrival> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        let arrival = *self.load.arrivals.get(next)?;
        thread::sleep(arrival.at().saturating_sub(self.start.elapsed()));
        let is_over = self.start.elapsed() >= self.load.length || self.meter.is_broken();
        (!is_over).then_some(arrival)
    }
}

/// Looks at a phase from outside, at even intervals.
struct Sampler<'a> {
    load: &'a Load<'a>,
    meter: &'a Meter,
    start: Instant,
    interval: Duration,
    queries: u64,
    samples: Vec<Sample>,
}

impl<'a> Sampler<'a> {
    fn new(load: &'a Load<'a>, meter: &'a Meter) -> Self {
        let interval = (load.length / 32).max(Duration::from_millis(100));
        let queries = load.database.queries();
        Self { load, meter, start: Instant::now(), interval, queries, samples: Vec::new() }
    }

    /// Sleeps until the next sample is due; false where that is the last one, after the phase's end.
    fn sleep(&self) -> bool {
        let before = self.samples.last().map_or(0.0, |sample| sample.at);
        let due = Duration::from_secs_f64(before) + self.interval;
        // Half an interval more or less, rather than a last one that is too short to say anything.
        let is_last = due + self.interval / 2 > self.load.length;
        let until = if is_last { self.load.length } else { due };
        thread::sleep(until.saturating_sub(self.start.elapsed()));
        !is_last && !self.meter.is_broken()
    }

    /// Adds a sample, and returns all so far.
    fn sample(&mut self) -> &[Sample] {
        let at = self.start.elapsed();
        let queries = self.load.database.queries();
        let before = self.samples.last().map_or(0.0, |sample| sample.at);
        self.samples.push(Sample {
            at: at.as_secs_f64(),
            seconds: at.as_secs_f64() - before,
            tally: self.meter.take(),
            queries: queries - self.queries,
            waiting: self.load.database.waiting(),
            queued: self.queued(at),
        });
        self.queries = queries;
        &self.samples
    }

    /// How many arrivals are there that no worker has taken up.
    fn queued(&self, now: Duration) -> u64 {
        let arrived = self.load.arrivals.partition_point(|arrival| arrival.at() <= now);
        (arrived as u64).saturating_sub(self.meter.begun())
    }

    fn end(self) -> Ended {
        let mut total = Tally::new();
        self.samples.iter().for_each(|sample| total.add(&sample.tally));
        let begun = self.meter.begun() as usize;
        let oldest = self.load.arrivals.get(begun);
        Ended {
            seconds: self.samples.last().map_or(0.0, |sample| sample.at),
            total,
            queued: (self.load.arrivals.len() - begun) as u64,
            oldest_queued: oldest.map(|arrival| self.load.length.saturating_sub(arrival.at())),
            samples: self.samples,
        }
    }
}
