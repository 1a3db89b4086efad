//! The database behind its pool: one query, and gauges of who runs it and who waits for a connection.

pub(crate) mod postgres;
pub(crate) mod sqlite;
pub(crate) mod table;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use ::postgres::NoTls;
use r2d2::{ManageConnection, Pool, PooledConnection};
use r2d2_postgres::PostgresConnectionManager;
use r2d2_sqlite::SqliteConnectionManager;

pub(crate) use table::{Table, Total};

/// With 4096 threads and one connection the last one waits for half a minute, and that is no fault.
const PATIENCE: Duration = Duration::from_secs(120);

/// Why a query gave no row.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueryError {
    /// No connection was to be had.
    #[error("no connection from the pool")]
    Pool(#[from] r2d2::Error),
    /// SQLite refused or broke off the query.
    #[error("the SQLite query failed")]
    Sqlite(#[from] rusqlite::Error),
    /// The PostgreSQL server did, or the connection to it broke.
    #[error("the PostgreSQL query failed")]
    Postgres(#[from] ::postgres::Error),
}

/// A pool of connections to either database.
pub(crate) enum Connections {
    Sqlite(Pool<SqliteConnectionManager>),
    Postgres(Pool<PostgresConnectionManager<NoTls>>),
}

/// The connections, and what can be seen of their use.
pub(crate) struct Database {
    connections: Connections,
    queries: AtomicU64,
    waiting: AtomicUsize,
}

impl Database {
    pub(crate) fn new(connections: Connections) -> Self {
        Self { connections, queries: AtomicU64::new(0), waiting: AtomicUsize::new(0) }
    }

    /// The one query: reads the whole table and adds up the orders of one customer.
    pub(crate) fn total(&self, customer: u64) -> Result<Total, QueryError> {
        match &self.connections {
            Connections::Sqlite(pool) => {
                let connection = self.checkout(pool)?;
                self.count_query();
                Ok(sqlite::total(&connection, customer)?)
            }
            Connections::Postgres(pool) => {
                let mut connection = self.checkout(pool)?;
                self.count_query();
                Ok(postgres::total(&mut connection, customer)?)
            }
        }
    }

    /// Queries begun so far.
    pub(crate) fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }

    /// Threads that wait for a connection at this moment.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn checkout<M: ManageConnection>(
        &self,
        pool: &Pool<M>,
    ) -> Result<PooledConnection<M>, r2d2::Error> {
        if let Some(connection) = pool.try_get() {
            return Ok(connection);
        }
        let _waits = Waits::new(&self.waiting);
        pool.get_timeout(PATIENCE)
    }

    fn count_query(&self) {
        self.queries.fetch_add(1, Ordering::Relaxed);
    }
}

/// Opens all connections of a pool, and says why if that cannot be done.
fn open_pool<M: ManageConnection>(connections: u32, manager: M) -> Result<Pool<M>, r2d2::Error> {
    // Nothing breaks between two queries here, so a connection is not asked each time whether it
    // still lives: that would be a second query for each one, and none of the application's.
    Pool::builder()
        .max_size(connections)
        .test_on_check_out(false)
        .connection_timeout(Duration::from_secs(10))
        .build(manager)
}

/// A thread that waits for a connection is counted for as long as this lives.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
