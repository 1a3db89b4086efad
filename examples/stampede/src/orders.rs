//! The use of `coalescer`, in full: one query behind a pool, shared by all who ask for the same key.
//!
//! This is the file to copy. The coalescer stands before the pool, not behind it: a follower waits
//! for an answer without holding a connection, and without waiting for one.

use std::sync::Arc;
use std::time::Duration;

use coalescer::{Coalescer, Error, Stats};

use crate::db::{Database, QueryError, Total};

/// What all orders of a customer come to.
pub(crate) struct Orders {
    totals: Coalescer<u64, Total, QueryError>,
}

impl Orders {
    /// A total may be `window` old, counted from the start of its query. A window of zero shares
    /// only queries that are running, and keeps nothing.
    pub(crate) fn new(database: Arc<Database>, window: Duration) -> Self {
        let totals = Coalescer::builder()
            .name("totals")
            .window(window)
            .build(move |customer: &u64| database.total(*customer));
        Self { totals }
    }

    /// Asks the database, or waits with everyone else who is asking for this customer.
    ///
    /// All of them get the same `Arc`. If the query fails, all of them get its error, and the next
    /// call asks again.
    pub(crate) fn total(&self, customer: u64) -> Result<Arc<Total>, Error<QueryError>> {
        self.totals.execute(&customer)
    }

    /// How many calls there were, and how many of them ran a query.
    pub(crate) fn stats(&self) -> Stats {
        self.totals.stats()
    }
}
