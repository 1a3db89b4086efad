//! A pool of PostgreSQL connections behind a coalescer: one query for all who ask for the same row.
//!
//! ```sh
//! cargo run -p with-postgres                   # starts a private server, and stops it again
//! cargo run -p with-postgres -- postgres://user:password@127.0.0.1:5432/database
//! ```
//!
//! Many threads ask for the total of one customer, over eight connections. Without a coalescer each call
//! is a query, and waits for a connection. Through [`Totals`] all calls are a few queries, by the
//! database's own count. Then a write is committed, and the next call sees it.
//!
//! Copy `totals.rs`: it takes the connection inside the function, shares an error of the database, and
//! forgets a total after the commit of a write. The server is started in a temporary directory by the helper of the
//! repository's tests, for which PostgreSQL's programs must be installed.

mod schema;
#[path = "../../../tests/support/postgres_server.rs"]
#[expect(dead_code, reason = "the tests of the engine use the rest of it")]
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
const CALLS: u32 = 5; // per thread
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
    println!("started a PostgreSQL server\n");
    demonstrate(config(&server))
}

/// The configuration of a client of a private server.
fn config(server: &Server) -> Config {
    let mut config = Config::new();
    config.host_path(server.directory()).user("postgres").dbname("postgres");
    config
}

fn demonstrate(config: Config) -> Result<()> {
    let mut schema = Schema::create(config)?;
    schema.fill(ORDERS)?;
    let totals = Totals::open(schema.config(), CONNECTIONS, DEFAULT_WINDOW)?;

    println!("{} calls for one total, by {THREADS} threads:", THREADS * CALLS);
    measure("without a coalescer", &mut schema, || {
        totals.uncoalesced(CUSTOMER).map(drop).map_err(Into::into)
    })?;
    measure("with a coalescer", &mut schema, || totals.of(CUSTOMER).map(drop).map_err(Into::into))?;
    println!("  {}\n", totals.stats());

    let before = totals.of(CUSTOMER)?;
    totals.add(CUSTOMER, 100)?;
    let after = totals.of(CUSTOMER)?;
    println!("{} orders. After one more is committed and the total is forgotten,", before.orders);
    println!("the next call sees {}.", after.orders);
    Ok(())
}

/// Calls from many threads, and prints the number of queries by the database's own count.
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
