//! The database behind its pool: one query, and a count of queries.

pub(crate) mod postgres;
pub(crate) mod sqlite;
pub(crate) mod table;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use ::postgres::NoTls;
use r2d2::{ManageConnection, Pool};
use r2d2_postgres::PostgresConnectionManager;
use r2d2_sqlite::SqliteConnectionManager;

pub(crate) use table::{Order, Table, Total};

/// Longest wait for a connection. With 4096 threads and one connection, half a minute is normal.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// A query that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueryError {
    /// The pool gave no connection.
    #[error("no connection from the pool")]
    Pool(#[from] r2d2::Error),
    /// SQLite returned an error.
    #[error("the SQLite query failed")]
    Sqlite(#[from] rusqlite::Error),
    /// The PostgreSQL server returned an error, or the connection broke.
    #[error("the PostgreSQL query failed")]
    Postgres(#[from] ::postgres::Error),
}

/// A pool of connections to either database.
pub(crate) enum Connections {
    Sqlite(Pool<SqliteConnectionManager>),
    Postgres(Pool<PostgresConnectionManager<NoTls>>),
}

/// The connections, and a count of the queries.
pub(crate) struct Database {
    connections: Connections,
    /// Each query takes this long beside its work.
    delay: Duration,
    queries: AtomicU64,
}

impl Database {
    pub(crate) fn new(connections: Connections) -> Self {
        Self { connections, delay: Duration::ZERO, queries: AtomicU64::new(0) }
    }

    /// Lets each query take this long beside its work, as over a network or from a slow server.
    pub(crate) fn delayed(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Runs the query: it reads the whole table and adds up the orders of one customer.
    pub(crate) fn total(&self, customer: u64) -> Result<Total, QueryError> {
        match &self.connections {
            Connections::Sqlite(pool) => {
                let connection = pool.get_timeout(LONGEST_WAIT)?;
                self.begin_query();
                Ok(sqlite::total(&connection, customer)?)
            }
            Connections::Postgres(pool) => {
                let mut connection = pool.get_timeout(LONGEST_WAIT)?;
                self.begin_query();
                Ok(postgres::total(&mut connection, customer)?)
            }
        }
    }

    /// Reads these orders, each with its number, in one query.
    pub(crate) fn orders(&self, ids: &[u64]) -> Result<Vec<(u64, Order)>, QueryError> {
        match &self.connections {
            Connections::Sqlite(pool) => {
                let connection = pool.get_timeout(LONGEST_WAIT)?;
                self.begin_query();
                Ok(sqlite::orders(&connection, ids)?)
            }
            Connections::Postgres(pool) => {
                let mut connection = pool.get_timeout(LONGEST_WAIT)?;
                self.begin_query();
                Ok(postgres::orders(&mut connection, ids)?)
            }
        }
    }

    /// Counts a query. The connection is taken already, as it would be while the network works.
    fn begin_query(&self) {
        self.queries.fetch_add(1, Ordering::Relaxed);
        if !self.delay.is_zero() {
            thread::sleep(self.delay);
        }
    }

    /// Queries started so far.
    pub(crate) fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }
}

/// Opens all connections of a pool.
fn open_pool<M: ManageConnection>(connections: u32, manager: M) -> Result<Pool<M>, r2d2::Error> {
    // A test of each connection on checkout would double the number of queries.
    Pool::builder()
        .max_size(connections)
        .test_on_check_out(false)
        .connection_timeout(Duration::from_secs(10))
        .build(manager)
}
