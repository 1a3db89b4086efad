//! Lanes of one process: a lead with an empty function, and a result of another process, beside the commands of a
//! client that do the least for the same.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use coalescer::{Coalescer, Role};
use coalescer_cluster::Cluster;
use redis::Connection;

use super::engine::Address;
use crate::options::Size;
use crate::raw::Line;
use crate::stats::Times;

/// No result ends while a lane runs.
const WINDOW: Duration = Duration::from_secs(60);

/// The first calls connect, and are not timed.
const WARM: u64 = 50;

/// As much as the value of the library has, with its envelope.
const VALUE: [u8; 32] = [7; 32];

fn calls(size: Size) -> u64 {
    size.pick(2000, 500, 20)
}

/// The median time of a call, each with a key of its own.
fn median_us(size: Size, mut call: impl FnMut(u64) -> Result<()>) -> Result<Vec<Line>> {
    let mut times = Times::new();
    for key in 0..WARM + calls(size) {
        let begin = Instant::now();
        call(key)?;
        if key >= WARM {
            times.add(begin.elapsed().as_nanos() as f64);
        }
    }
    Ok(vec![Line::figure("us", times.percentile(0.5) / 1e3)])
}

fn table(cluster: &Cluster) -> Coalescer<u64, u64, Infallible> {
    Coalescer::builder()
        .window(WINDOW)
        .shared(cluster.named("single").schema("1"))
        .build(|key| Ok(*key))
}

/// Calls that lead, with an empty function.
pub(super) fn lead(address: &Address, size: Size) -> Result<Vec<Line>> {
    let cluster = address.open()?;
    let answers = table(&cluster);
    let lines = median_us(size, |key| Ok(ensure!(*answers.execute(&key)? == key)))?;
    ensure!(cluster.stats().leads >= calls(size), "a call did not ask the engine");
    Ok(lines)
}

/// Calls that another process has led for. Two clusters of one process share nothing but the engine.
pub(super) fn served(address: &Address, size: Size) -> Result<Vec<Line>> {
    let [there, here] = [address.open()?, address.open()?];
    let (there, here) = (table(&there), table(&here));
    for key in 0..WARM + calls(size) {
        there.execute(&key)?;
    }
    median_us(size, |key| {
        let outcome = here.call(&key).outcome()?;
        ensure!(outcome.role == Role::Shared, "a call ran its own function");
        Ok(())
    })
}

/// GET of a key that is not there, and SET.
pub(super) fn get_and_set(address: &Address, size: Size) -> Result<Vec<Line>> {
    let mut connection = connect(address)?;
    median_us(size, |key| {
        let found: Option<Vec<u8>> = redis::cmd("GET").arg(key).query(&mut connection)?;
        ensure!(found.is_none());
        Ok(set(key, &mut connection)?)
    })
}

/// GET of a key that is there.
pub(super) fn get(address: &Address, size: Size) -> Result<Vec<Line>> {
    let mut connection = connect(address)?;
    for key in 0..WARM + calls(size) {
        set(key, &mut connection)?;
    }
    median_us(size, |key| {
        let found: Vec<u8> = redis::cmd("GET").arg(key).query(&mut connection)?;
        Ok(ensure!(found == VALUE))
    })
}

fn set(key: u64, connection: &mut Connection) -> redis::RedisResult<()> {
    let end = WINDOW.as_millis() as u64;
    redis::cmd("SET").arg(key).arg(&VALUE[..]).arg("PX").arg(end).exec(connection)
}

fn connect(address: &Address) -> Result<Connection> {
    let connection = redis::Client::open(address.url()?)?.get_connection()?;
    // As the engine's connections, which have bounds.
    connection.set_read_timeout(Some(WINDOW))?;
    connection.set_write_timeout(Some(WINDOW))?;
    Ok(connection)
}
