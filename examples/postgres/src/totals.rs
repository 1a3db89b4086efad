//! What the orders of a customer come to: one query, behind a pool and a coalescer. This is the file
//! to copy.
//!
//! The coalescer stands before the pool, so a follower neither holds a connection nor waits for one.

use std::sync::Arc;
use std::time::Duration;

use coalescer::{Coalescer, Error, Stats};
use postgres::{Config, NoTls};
use r2d2::Pool;
use r2d2_postgres::PostgresConnectionManager;

/// `nextval` is there for the demonstration: the database itself counts the queries that reach it.
const QUERY: &str = "SELECT orders, cents, nextval('queries') FROM totals WHERE customer = $1";

const INSERT: &str = "INSERT INTO orders (customer, cents) VALUES ($1, $2)";

/// What a customer's orders come to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Total {
    pub(crate) orders: i64,
    pub(crate) cents: i64,
}

/// Why there is no total, or no new order. It need not be `Clone` to be shared.
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
    /// Opens so many connections. A total may be `window` old, counted from the start of its query.
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
            // No caller waits longer for somebody else's query.
            .max_wait(Duration::from_secs(30))
            .build(move |customer| query(&pool, *customer));
        Ok(Self { connections, totals })
    }

    /// A customer's total: from the database, or from whoever is asking it for the same customer.
    ///
    /// If the query fails, everyone who waited for it gets that one error, and the next call asks
    /// anew.
    pub(crate) fn of(&self, customer: i64) -> Result<Arc<Total>, Error<DbError>> {
        self.totals.execute(&customer)
    }

    /// Adds an order. A call of [`of`](Self::of) that begins after this has returned sees it.
    pub(crate) fn add(&self, customer: i64, cents: i64) -> Result<(), DbError> {
        let mut connection = self.connections.get()?;
        let mut change = connection.transaction()?;
        change.execute(INSERT, &[&customer, &cents])?;
        change.commit()?;
        // First the commit, then this. The other way round, a query that began in between would read
        // the old total, and that would be kept.
        self.totals.forget(&customer);
        Ok(())
    }

    /// The same without a coalescer, to compare.
    pub(crate) fn uncoalesced(&self, customer: i64) -> Result<Total, DbError> {
        query(&self.connections, customer)
    }

    /// How many calls there were, and how many of them asked the database.
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
    /// How many calls wait for a query of somebody else at this moment.
    pub(crate) fn waiting(&self) -> usize {
        self.totals.in_flight().iter().map(|flight| flight.followers).sum()
    }

    /// How many connections nobody uses at this moment.
    pub(crate) fn idle_connections(&self) -> u32 {
        self.connections.state().idle_connections
    }
}
