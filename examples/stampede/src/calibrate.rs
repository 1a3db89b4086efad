//! Chooses the size of the table, and measures how many queries per second the database answers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::db::{Database, QueryError, Table};
use crate::units::in_ms;

/// A query that runs alone should take this long.
const TARGET: Duration = Duration::from_millis(8);

/// A time in this range is near enough.
const RANGE: std::ops::RangeInclusive<Duration> =
    Duration::from_micros(7_000)..=Duration::from_millis(10);

/// The result of the measurement.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Calibration {
    pub(crate) rows: u64,
    /// Time of one query that runs alone.
    pub(crate) query_ms: f64,
    /// Queries per second of all connections together, before the phases.
    pub(crate) capacity_per_s: f64,
    /// The same, measured again after the phases.
    pub(crate) capacity_after_per_s: f64,
}

/// Fills the table until a query takes some milliseconds, then measures the capacity.
pub(crate) fn calibrate(
    database: &Database,
    table: &mut dyn Table,
    customers: u64,
    clients: usize,
) -> Result<Calibration> {
    let (rows, query) = fill(database, table, customers)?;
    let capacity_per_s = capacity(database, clients)?;
    let query_ms = in_ms(query);
    Ok(Calibration { rows, query_ms, capacity_per_s, capacity_after_per_s: capacity_per_s })
}

/// Fills the table until a query takes some milliseconds. Returns its number of rows, and that time.
pub(crate) fn fill(
    database: &Database,
    table: &mut dyn Table,
    customers: u64,
) -> Result<(u64, Duration)> {
    let mut rows: u64 = 50_000;
    let mut tries = 5;
    let query = loop {
        table.fill(rows, customers).context("cannot fill the table")?;
        let query = alone(|| database.total(0))?;
        tries -= 1;
        if tries == 0 || RANGE.contains(&query) {
            break query;
        }
        let factor = TARGET.as_secs_f64() / query.as_secs_f64();
        rows = (rows as f64 * factor.clamp(0.1, 10.0)) as u64;
    };
    Ok((rows, query))
}

/// The median time of eleven queries, one after the other.
pub(crate) fn alone<T>(query: impl Fn() -> Result<T, QueryError>) -> Result<Duration, QueryError> {
    let mut times = [Duration::ZERO; 11];
    for time in &mut times {
        let start = Instant::now();
        query()?;
        *time = start.elapsed();
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

/// Queries per second of this many threads, each of which asks again when it has its answer.
pub(crate) fn capacity(database: &Database, clients: usize) -> Result<f64> {
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
        let asking: Vec<_> = (0..clients).map(|_| scope.spawn(ask)).collect();
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
