//! Lanes of one process: a lead with an empty function, and a result of another process, beside the commands of a
//! client that do the least for the same.

use std::convert::Infallible;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
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

/// After a step that failed, the engine is not asked for some time.
const ANOTHER_WAY: Duration = Duration::from_millis(20);

/// As much as the value of the library has, with its envelope.
const VALUE: [u8; 32] = [7; 32];

fn calls(size: Size) -> u64 {
    size.pick(2000, 500, 20)
}

/// So many keys there are: more than calls, for those that went another way.
fn keys(size: Size) -> u64 {
    WARM + 2 * calls(size) + 100
}

/// The median time of a call, each with a key of its own. `call` returns false if it was another kind of call, as when
/// a step of the engine took too long on a busy machine. Such a call does not count.
fn median_us(size: Size, mut call: impl FnMut(u64) -> Result<bool>) -> Result<Vec<Line>> {
    let (mut times, mut timed) = (Times::new(), 0);
    for key in 0..keys(size) {
        let begin = Instant::now();
        let is_right = call(key)?;
        let took = begin.elapsed();
        if !is_right {
            thread::sleep(ANOTHER_WAY);
        } else if key >= WARM {
            times.add(took.as_nanos() as f64);
            timed += 1;
        }
        if timed == calls(size) {
            return Ok(vec![Line::figure("us", times.percentile(0.5) / 1e3)]);
        }
    }
    bail!("only {timed} of {} calls asked the engine: the machine is too busy", keys(size))
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
    median_us(size, |key| {
        let before = cluster.stats().leads;
        ensure!(*answers.execute(&key)? == key, "a wrong value");
        Ok(cluster.stats().leads > before)
    })
}

/// Calls that another process has led for. Two clusters of one process share nothing but the engine.
pub(super) fn served(address: &Address, size: Size) -> Result<Vec<Line>> {
    let [there, here] = [address.open()?, address.open()?];
    let (there, here) = (table(&there), table(&here));
    for key in 0..keys(size) {
        there.execute(&key)?;
    }
    median_us(size, |key| {
        let outcome = here.call(&key).outcome()?;
        ensure!(*outcome.value == key, "a wrong value");
        Ok(outcome.role == Role::Shared)
    })
}

/// GET of a key that is not there, and SET.
pub(super) fn get_and_set(address: &Address, size: Size) -> Result<Vec<Line>> {
    let mut connection = connect(address)?;
    median_us(size, |key| {
        let found: Option<Vec<u8>> = redis::cmd("GET").arg(key).query(&mut connection)?;
        set(key, &mut connection)?;
        Ok(found.is_none())
    })
}

/// GET of a key that is there.
pub(super) fn get(address: &Address, size: Size) -> Result<Vec<Line>> {
    let mut connection = connect(address)?;
    for key in 0..keys(size) {
        set(key, &mut connection)?;
    }
    median_us(size, |key| {
        let found: Vec<u8> = redis::cmd("GET").arg(key).query(&mut connection)?;
        Ok(found == VALUE)
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
