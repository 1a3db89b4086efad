//! A pool of PostgreSQL connections behind a coalescer: one query for all who ask for the same row.
//!
//! ```sh
//! cargo run -p with-postgres                   # starts a server of its own, and stops it again
//! cargo run -p with-postgres -- postgres://user:password@127.0.0.1:5432/database
//! ```
//!
//! Many threads ask for the total of one customer, over eight connections. Each for itself they are as
//! many queries as calls, and wait for connections. Through [`Totals`] they are a
//! handful, which the database itself counts. Then somebody writes, and nobody sees the old total.
//!
//! `totals.rs` is what to copy: the coalescer before the pool, an error of the database that all who
//! waited share, and a write that first commits and then forgets. `server.rs` starts a PostgreSQL
//! server in a temporary directory, for which only its programs must be there.

mod schema;
mod server;
#[cfg(test)]
mod tests;
mod totals;

use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use coalescer::DEFAULT_WINDOW;
use postgres::Config;

use schema::Schema;
use server::Server;
use totals::Totals;

const THREADS: u32 = 64;
const CALLS: u32 = 5; // each thread
const CONNECTIONS: u32 = 8;
const ORDERS: i64 = 300_000;
const CUSTOMER: i64 = 7;

fn main() -> ExitCode {
    match run(std::env::args().nth(1).as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("with-postgres: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(url: Option<&str>) -> Result<()> {
    if let Some(url) = url {
        return demonstrate(url.parse().context(
            "the argument must be a URL such as postgres://user:password@127.0.0.1:5432/database",
        )?);
    }
    let server = Server::start()?;
    println!("a PostgreSQL server has been started for this\n");
    demonstrate(server.config())
}

fn demonstrate(config: Config) -> Result<()> {
    let mut schema = Schema::create(config)?;
    schema.fill(ORDERS)?;
    let totals = Totals::open(schema.config(), CONNECTIONS, DEFAULT_WINDOW)?;

    println!("{} calls for one total, by {THREADS} threads:", THREADS * CALLS);
    measure("each for itself", &mut schema, || {
        totals.uncoalesced(CUSTOMER).map(drop).map_err(Into::into)
    })?;
    measure("coalesced", &mut schema, || totals.of(CUSTOMER).map(drop).map_err(Into::into))?;
    println!("  {}\n", totals.stats());

    let before = totals.of(CUSTOMER)?;
    totals.add(CUSTOMER, 100)?;
    let after = totals.of(CUSTOMER)?;
    println!("{} orders, then one more is committed and the total forgotten:", before.orders);
    println!("  the next call sees {}", after.orders);
    Ok(())
}

/// Calls from many threads, and says how many queries that was by the database's own count.
fn measure(name: &str, schema: &mut Schema, call: impl Fn() -> Result<()> + Sync) -> Result<()> {
    let (before, start) = (schema.queries()?, Instant::now());
    thread::scope(|scope| {
        let calls = || (0..CALLS).try_for_each(|_| call());
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(calls)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
    })?;
    let queries = schema.queries()? - before;
    println!("  {name}: {queries} queries, {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    Ok(())
}
