//! How to use `coalescer`: one query behind a pool, shared by all callers of the same key. Copy this
//! file.
//!
//! The function takes the connection from the pool, so only the call that runs the query needs one. A
//! caller that took its connection before the call would hold it while it waits, and would wait for it
//! even if the answer is there already.

use std::sync::Arc;
use std::time::Duration;

use coalescer::{Coalescer, Error, Stats};

use crate::db::{Database, QueryError, Total};

/// The totals of the orders of each customer.
pub(crate) struct Orders {
    totals: Coalescer<u64, Total, QueryError>,
}

impl Orders {
    /// A total may be `window` old, counted from the start of its query. With a window of zero, calls
    /// share only a query that is running.
    pub(crate) fn new(database: Arc<Database>, window: Duration) -> Self {
        let totals = Coalescer::builder()
            .name("totals")
            .window(window)
            .build(move |customer: &u64| database.total(*customer));
        Self { totals }
    }

    /// Totals that are coalesced in another way, see `refresh/ways.rs`.
    pub(crate) fn of(totals: Coalescer<u64, Total, QueryError>) -> Self {
        Self { totals }
    }

    /// Returns the total of a customer. Calls for the same customer share one query and its result.
    ///
    /// If the query fails, all of them get its error, and the next call runs a new query.
    pub(crate) fn total(&self, customer: u64) -> Result<Arc<Total>, Error<QueryError>> {
        self.totals.execute(&customer)
    }

    /// Counts of calls and of queries.
    pub(crate) fn stats(&self) -> Stats {
        self.totals.stats()
    }
}
