//! How large the table must be, and how many queries a second the database can answer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::db::{Database, QueryError, Table};

/// What one query should take while nothing else runs.
const TARGET: Duration = Duration::from_millis(8);

/// Close enough to it.
const RANGE: std::ops::RangeInclusive<Duration> =
    Duration::from_micros(7_000)..=Duration::from_millis(10);

/// What was found.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Calibration {
    pub(crate) rows: u64,
    /// How long one query takes alone.
    pub(crate) query_ms: f64,
    /// How many of them all connections together answer in a second.
    pub(crate) capacity_per_s: f64,
}

/// Fills the table so that a query takes some milliseconds, and measures what that comes to.
pub(crate) fn calibrate(
    database: &Database,
    table: &mut dyn Table,
    customers: u64,
    threads: usize,
) -> Result<Calibration> {
    let (rows, query) = fill(database, table, customers)?;
    let capacity_per_s = capacity(database, threads)?;
    Ok(Calibration { rows, query_ms: query.as_secs_f64() * 1e3, capacity_per_s })
}

/// Guesses until the time is in range; the last guess is taken as it is.
fn fill(database: &Database, table: &mut dyn Table, customers: u64) -> Result<(u64, Duration)> {
    let mut rows: u64 = 50_000;
    for _ in 0..4 {
        let took = refill(database, table, rows, customers)?;
        if RANGE.contains(&took) {
            return Ok((rows, took));
        }
        let factor = TARGET.as_secs_f64() / took.as_secs_f64();
        rows = (rows as f64 * factor.clamp(0.1, 10.0)) as u64;
    }
    Ok((rows, refill(database, table, rows, customers)?))
}

fn refill(
    database: &Database,
    table: &mut dyn Table,
    rows: u64,
    customers: u64,
) -> Result<Duration> {
    table.fill(rows, customers).context("cannot fill the table")?;
    Ok(alone(database)?)
}

/// The median of some queries, one after the other.
fn alone(database: &Database) -> Result<Duration, QueryError> {
    let mut times = [Duration::ZERO; 11];
    for time in &mut times {
        let start = Instant::now();
        database.total(0)?;
        *time = start.elapsed();
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

/// Asks from so many threads at once, each as soon as it has its answer.
fn capacity(database: &Database, threads: usize) -> Result<f64> {
    let length = Duration::from_secs(1);
    let answers = AtomicU64::new(0);
    let start = Instant::now();
    let ask = || -> Result<(), QueryError> {
        while start.elapsed() < length {
            database.total(0)?;
            answers.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let asking: Vec<_> = (0..threads).map(|_| scope.spawn(ask)).collect();
        for thread in asking {
            match thread.join() {
                Ok(done) => done?,
                Err(_) => bail!("a thread panicked while the database was measured"),
            }
        }
        Ok(())
    })?;
    Ok(answers.into_inner() as f64 / start.elapsed().as_secs_f64())
}
