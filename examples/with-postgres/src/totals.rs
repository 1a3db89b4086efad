//! The total of a customer's orders, with a pool and a coalescer. Copy this file.
//!
//! The function takes the connection from the pool, so a follower neither holds a connection nor waits
//! for one.

use std::sync::Arc;
use std::time::Duration;

use coalescer::{Coalescer, Error, Stats};
use postgres::{Config, NoTls};
use r2d2::Pool;
use r2d2_postgres::PostgresConnectionManager;

/// `nextval` makes the database count the queries. It is only for the demonstration.
const QUERY: &str = "SELECT orders, cents, nextval('queries') FROM totals WHERE customer = $1";

const INSERT: &str = "INSERT INTO orders (customer, cents) VALUES ($1, $2)";

/// The total of a customer's orders.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Total {
    pub(crate) orders: i64,
    pub(crate) cents: i64,
}

/// A query or a write that failed. Callers share it without `Clone`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DbError {
    #[error("no connection to the database: {0}")]
    Pool(#[from] r2d2::Error),
    #[error("the database says: {0}")]
    Postgres(#[from] postgres::Error),
    #[error("customer {0} has no orders")]
    NoOrders(i64),
}

type Connections = Pool<PostgresConnectionManager<NoTls>>;

/// The totals of all customers.
pub(crate) struct Totals {
    connections: Connections,
    totals: Coalescer<i64, Total, DbError>,
}

impl Totals {
    /// Opens this many connections. A total may be `window` old, counted from the start of its query.
    pub(crate) fn open(
        config: Config,
        connections: u32,
        window: Duration,
    ) -> Result<Self, DbError> {
        let manager = PostgresConnectionManager::new(config, NoTls);
        let connections = Pool::builder().max_size(connections).build(manager)?;
        let pool = connections.clone();
        let totals = Coalescer::builder()
            .name("totals")
            .window(window)
            // No caller waits longer for the query of another call.
            .max_wait(Duration::from_secs(30))
            .build(move |customer| query(&pool, *customer));
        Ok(Self { connections, totals })
    }

    /// The total of a customer. Calls for the same customer share one query.
    ///
    /// If the query fails, all callers that waited for it get the same error, and the next call runs a
    /// new query.
    pub(crate) fn of(&self, customer: i64) -> Result<Arc<Total>, Error<DbError>> {
        self.totals.execute(&customer)
    }

    /// Adds an order. A call of [`of`](Self::of) that starts after this has returned sees it.
    pub(crate) fn add(&self, customer: i64, cents: i64) -> Result<(), DbError> {
        let mut connection = self.connections.get()?;
        let mut change = connection.transaction()?;
        change.execute(INSERT, &[&customer, &cents])?;
        change.commit()?;
        // After the commit. In the other order, a query between the two would read the old total, and
        // the window would keep it.
        self.totals.forget(&customer);
        Ok(())
    }

    /// The same query without a coalescer, for comparison.
    pub(crate) fn uncoalesced(&self, customer: i64) -> Result<Total, DbError> {
        query(&self.connections, customer)
    }

    /// Counts of calls and of queries.
    pub(crate) fn stats(&self) -> Stats {
        self.totals.stats()
    }
}

fn query(connections: &Connections, customer: i64) -> Result<Total, DbError> {
    let row = connections.get()?.query_opt(QUERY, &[&customer])?;
    let row = row.ok_or(DbError::NoOrders(customer))?;
    Ok(Total { orders: row.try_get(0)?, cents: row.try_get(1)? })
}

#[cfg(test)]
impl Totals {
    /// Number of calls that wait for the query of another call.
    pub(crate) fn waiting(&self) -> usize {
        self.totals.in_flight().iter().map(|flight| flight.followers).sum()
    }

    /// Number of idle connections in the pool.
    pub(crate) fn idle_connections(&self) -> u32 {
        self.connections.state().idle_connections
    }
}
