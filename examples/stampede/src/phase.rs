//! One phase of the load: requests arrive at their times, and threads answer them as fast as they can.
//!
//! Requests do not wait for earlier answers: if all threads are busy, they queue, as they would in
//! front of a server. Each thread takes the next request from the schedule, sleeps until its time if
//! that is still to come, and answers it. Latency starts at the request's arrival and so includes the
//! time in the queue.
//!
//! At the end of the phase the threads finish their current request. Requests still queued are counted
//! and discarded, so the next phase starts with an empty queue.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use coalescer::Stats;
use serde::Serialize;

use crate::db::table::Expected;
use crate::db::{Database, Total};
use crate::live::Live;
use crate::meter::{Meter, quantile};
use crate::orders::Orders;
use crate::schedule::Arrival;
use crate::units::in_ms;

/// The same for all phases.
pub(crate) struct Load<'a> {
    pub(crate) database: &'a Database,
    pub(crate) expected: &'a Expected,
    pub(crate) arrivals: &'a [Arrival],
    pub(crate) length: Duration,
    pub(crate) threads: usize,
}

/// The result of a phase. `arrivals = answered + still_queued`.
#[derive(Serialize)]
pub(crate) struct Phase {
    pub(crate) coalescing: bool,
    /// Time until the last answer.
    pub(crate) seconds: f64,
    pub(crate) arrivals: u64,
    pub(crate) answered: u64,
    /// Requests that no thread had taken at the end. They are in no percentile.
    pub(crate) still_queued: u64,
    /// Time that the oldest of these had waited.
    pub(crate) oldest_queued_ms: Option<f64>,
    pub(crate) wrong: u64,
    pub(crate) queries: u64,
    pub(crate) requests_per_s: f64,
    pub(crate) queries_per_s: f64,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) p999_ms: Option<f64>,
    pub(crate) max_ms: Option<f64>,
    pub(crate) coalescer: Option<Stats>,
    pub(crate) series: Vec<Point>,
}

/// A short part of a phase.
#[derive(Clone, Serialize)]
pub(crate) struct Point {
    /// Its end, in seconds since the start of the phase.
    pub(crate) at: f64,
    pub(crate) requests_per_s: f64,
    pub(crate) queries_per_s: f64,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    /// Requests that no thread had taken at its end.
    pub(crate) queued: usize,
}

impl Phase {
    pub(crate) fn mode(&self) -> &'static str {
        if self.coalescing { "on" } else { "off" }
    }

    /// Answers that needed no query.
    pub(crate) fn saved(&self) -> u64 {
        self.answered.saturating_sub(self.queries)
    }
}

impl Load<'_> {
    /// Runs a phase, with coalescing if `orders` is given. The display calls it `name`.
    pub(crate) fn run(
        &self,
        name: &str,
        orders: Option<&Orders>,
        live: &mut Live,
    ) -> Result<Phase> {
        let queries = self.database.queries();
        let (next, meter, start) = (AtomicUsize::new(0), Meter::new(), Instant::now());
        let run = Run { load: self, orders, next, meter, start };
        let series = run.series(queries, |points| live.show(name, points))?;
        if let Some(failure) = run.meter.failure.get() {
            bail!("a request failed: {failure:#}");
        }
        Ok(run.end(self.database.queries() - queries, series))
    }
}

/// A phase that runs.
struct Run<'a> {
    load: &'a Load<'a>,
    orders: Option<&'a Orders>,
    /// Index of the next arrival that no thread has taken.
    next: AtomicUsize,
    meter: Meter,
    start: Instant,
}

impl Run<'_> {
    /// Lets the threads answer the requests, and samples them at even intervals.
    fn series(&self, mut queries: u64, mut show: impl FnMut(&[Point])) -> Result<Vec<Point>> {
        let count = (self.load.length.as_millis() / 100).clamp(1, 32) as u32;
        let mut points: Vec<Point> = Vec::new();
        let mut sample = || {
            let seconds_before = points.last().map_or(0.0, |point| point.at);
            points.push(self.sample(seconds_before, &mut queries));
            show(&points);
        };
        thread::scope(|scope| {
            let workers = self.spawn(scope)?;
            for nth in 1..=count {
                let due = self.load.length * nth / count;
                thread::sleep(due.saturating_sub(self.start.elapsed()));
                if nth == count || self.meter.failure.get().is_some() {
                    break;
                }
                sample();
            }
            for worker in workers {
                worker.join().map_err(|_| anyhow!("a worker panicked"))?;
            }
            anyhow::Ok(())
        })?;
        sample();
        Ok(points)
    }

    fn spawn<'scope>(
        &'scope self,
        scope: &'scope thread::Scope<'scope, '_>,
    ) -> Result<Vec<thread::ScopedJoinHandle<'scope, ()>>> {
        (1..=self.load.threads)
            .map(|n| {
                let worker = thread::Builder::new().name(format!("worker {n}"));
                worker.spawn_scoped(scope, || self.work()).with_context(|| {
                    let _ = self.meter.failure.set(anyhow!("not enough threads"));
                    format!("cannot start thread {n}; use fewer --threads")
                })
            })
            .collect()
    }

    fn work(&self) {
        while let Some(arrival) = self.take() {
            self.meter.begun.fetch_add(1, Ordering::Relaxed);
            match self.answer(arrival.customer()) {
                Ok(total) => {
                    let latency = self.start.elapsed().saturating_sub(arrival.at());
                    let is_right = self.load.expected.is_right(arrival.customer(), &total);
                    self.meter.answered(latency, is_right);
                }
                // Only the first failure is kept.
                Err(error) => drop(self.meter.failure.set(error)),
            }
        }
    }

    /// The next request, when it has arrived; nothing after the end of the phase.
    fn take(&self) -> Option<Arrival> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        let arrival = *self.load.arrivals.get(next)?;
        thread::sleep(arrival.at().saturating_sub(self.start.elapsed()));
        let is_over =
            self.start.elapsed() >= self.load.length || self.meter.failure.get().is_some();
        (!is_over).then_some(arrival)
    }

    fn answer(&self, customer: u64) -> Result<Total> {
        match self.orders {
            Some(orders) => Ok(*orders.total(customer)?),
            None => Ok(self.load.database.total(customer)?),
        }
    }

    fn sample(&self, seconds_before: f64, queries_before: &mut u64) -> Point {
        let (elapsed, queries) = (self.start.elapsed(), self.load.database.queries());
        let (at, recent) = (elapsed.as_secs_f64(), self.meter.take_recent());
        let seconds = at - seconds_before;
        let new = queries - std::mem::replace(queries_before, queries);
        let arrived = self.load.arrivals.partition_point(|arrival| arrival.at() <= elapsed);
        Point {
            at,
            requests_per_s: recent.len() as f64 / seconds,
            queries_per_s: new as f64 / seconds,
            p50_ms: quantile(&recent, 0.5),
            p99_ms: quantile(&recent, 0.99),
            queued: arrived.saturating_sub(self.meter.begun.load(Ordering::Relaxed)),
        }
    }

    fn end(self, queries: u64, series: Vec<Point>) -> Phase {
        let begun = self.meter.begun.load(Ordering::Relaxed);
        let oldest = self.load.arrivals.get(begun);
        let oldest = oldest.map(|arrival| self.load.length.saturating_sub(arrival.at()));
        let seconds = series.last().map_or(0.0, |point| point.at);
        let all = self.meter.all();
        Phase {
            coalescing: self.orders.is_some(),
            seconds,
            arrivals: self.load.arrivals.len() as u64,
            answered: all.len(),
            still_queued: (self.load.arrivals.len() - begun) as u64,
            oldest_queued_ms: oldest.map(in_ms),
            wrong: self.meter.wrong.load(Ordering::Relaxed),
            queries,
            requests_per_s: all.len() as f64 / seconds,
            queries_per_s: queries as f64 / seconds,
            p50_ms: quantile(&all, 0.5),
            p99_ms: quantile(&all, 0.99),
            p999_ms: quantile(&all, 0.999),
            max_ms: quantile(&all, 1.0),
            coalescer: self.orders.map(Orders::stats),
            series,
        }
    }
}
