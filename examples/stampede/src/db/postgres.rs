//! PostgreSQL: one unlogged table on an existing server, dropped with the [`Server`].

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use postgres::types::Type;
use postgres::{Client, Config, NoTls};
use r2d2_postgres::PostgresConnectionManager;

use super::table::{Order, QUERY, ROW, Table, Total};
use super::{Connections, open_pool};

/// Key of an advisory lock: two demos on one database would drop each other's table.
const LOCK: i64 = 0x0073_7461_6d70_6564;

/// Keeps each query on one core of the server, without the pauses of its compiler.
const SETTINGS: &str = "-c max_parallel_workers_per_gather=0 -c jit=off";

/// The connection that creates the table, and drops it at the end.
pub(crate) struct Server {
    client: Client,
}

/// Creates the table, and connections that read it.
pub(crate) fn open(url: &str, connections: u32) -> Result<(Connections, Server)> {
    let config = config(url)?;
    let server = Server::connect(&config)?;
    let manager = PostgresConnectionManager::new(config, NoTls);
    let pool = open_pool(connections, manager).context(
        "the server did not give that many connections; use fewer --connections, or raise its \
         max_connections",
    )?;
    Ok((Connections::Postgres(pool), server))
}

/// Runs the query.
pub(super) fn total(client: &mut Client, customer: u64) -> Result<Total, postgres::Error> {
    let row = client.query_one(QUERY, &[&(customer as i64)])?;
    Ok(Total { orders: row.try_get(0)?, cents: row.try_get(1)?, largest: row.try_get(2)? })
}

/// Reads these orders, each with its number. The type of the parameter is given, so the query is one round trip: the
/// server is not asked for it first.
pub(super) fn orders(
    client: &mut Client,
    ids: &[u64],
) -> Result<Vec<(u64, Order)>, postgres::Error> {
    let query = "SELECT id, customer, cents FROM coalescer_stampede WHERE id = ANY($1)";
    let ids: Vec<i64> = ids.iter().map(|id| *id as i64).collect();
    let rows = client.query_typed(query, &[(&ids, Type::INT8_ARRAY)])?;
    let order = |row: &postgres::Row| {
        let order = Order { customer: row.try_get(1)?, cents: row.try_get(2)? };
        Ok((row.try_get::<_, i64>(0)? as u64, order))
    };
    rows.iter().map(order).collect()
}

fn config(url: &str) -> Result<Config> {
    let mut config: Config = url.parse().context(
        "--postgres needs a URL such as postgres://user:password@127.0.0.1:5432/database",
    )?;
    let options = match config.get_options() {
        Some(own) => format!("{own} {SETTINGS}"),
        None => SETTINGS.to_string(),
    };
    config.options(&options).application_name("stampede");
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(5));
    }
    Ok(config)
}

impl Server {
    fn connect(config: &Config) -> Result<Self> {
        let mut client = config.connect(NoTls).context(
            "cannot connect to the PostgreSQL server; check that it runs, and the host, port, \
             user, password and database of --postgres (servers that require TLS are not supported)",
        )?;
        lock(&mut client)?;
        // Only after the lock: dropping a `Server` drops the table.
        let mut server = Self { client };
        server.create()?;
        Ok(server)
    }

    /// Replaces the table of an earlier run that was killed.
    fn create(&mut self) -> Result<()> {
        self.client
            .batch_execute(
                "DROP TABLE IF EXISTS coalescer_stampede; \
                 CREATE UNLOGGED TABLE coalescer_stampede \
                 (id bigint PRIMARY KEY, customer bigint, cents bigint)",
            )
            .context("cannot create a table; does the user have the right to?")
    }
}

/// Held until the table is dropped, or the server sees that the connection is closed.
fn lock(client: &mut Client) -> Result<()> {
    let row = client.query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK])?;
    let is_ours: bool = row.try_get(0)?;
    ensure!(
        is_ours,
        "another stampede runs on this database; wait until it has ended, or use another database"
    );
    Ok(())
}

impl Table for Server {
    fn fill(&mut self, rows: u64, customers: u64) -> Result<()> {
        let mut change = self.client.transaction()?;
        change.batch_execute("TRUNCATE coalescer_stampede")?;
        change.execute(
            &format!(
                "INSERT INTO coalescer_stampede SELECT {ROW} \
                 FROM generate_series(0::bigint, $1::bigint - 1) AS id"
            ),
            &[&(rows as i64), &(customers as i64)],
        )?;
        change.commit()?;
        // Otherwise the first reader would write the hint bits of all rows.
        Ok(self.client.batch_execute("VACUUM ANALYZE coalescer_stampede")?)
    }

    fn spoil(&mut self) -> Result<()> {
        self.client.execute("UPDATE coalescer_stampede SET cents = cents + 1 WHERE id = 0", &[])?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // If this fails, the next run drops the table.
        let _ = self.client.batch_execute("DROP TABLE IF EXISTS coalescer_stampede");
        // The server can take a while to see that the connection is closed, and another run may begin at once.
        let _ = self.client.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]);
    }
}
