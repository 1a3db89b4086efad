//! A page that needs two queries, which run at the same time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use coalescer::{Coalescer, Error};
use crossbeam_channel::{Receiver, after, select};

use crate::pool::Queue;

/// A user.
#[derive(Debug, PartialEq, Eq)]
pub struct User {
    /// The name of the user.
    pub name: String,
}

/// An order.
#[derive(Debug, PartialEq, Eq)]
pub struct Order {
    /// The article that was bought.
    pub article: String,
}

/// A page. Pages of the same user share the loaded values.
#[derive(Clone, Debug)]
pub struct Page {
    /// The user of the page.
    pub user: Arc<User>,
    /// The orders of the user.
    pub orders: Arc<Vec<Order>>,
}

/// A page that could not be made.
#[derive(Debug)]
pub enum PageError {
    /// The deadline has passed. The queries go on, and later calls can share them.
    TooSlow,
    /// The program stops.
    Stopping,
    /// A query failed, or its job was refused or lost.
    Load(Error<String>),
}

/// Makes pages from the results of two functions.
#[derive(Clone, Debug)]
pub struct Shop {
    users: Coalescer<u64, User, String>,
    orders: Coalescer<u64, Vec<Order>, String>,
    stop: Receiver<()>,
}

impl Shop {
    /// A shop that runs its queries as jobs of this queue, until `stop` is closed.
    pub fn new(
        queue: &Queue,
        stop: Receiver<()>,
        load_user: impl Fn(&u64) -> Result<User, String> + Send + Sync + 'static,
        load_orders: impl Fn(&u64) -> Result<Vec<Order>, String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            users: Coalescer::builder().executor(queue.clone()).build(load_user),
            orders: Coalescer::builder().executor(queue.clone()).build(load_orders),
            stop,
        }
    }

    /// The page of this user, or an error if it takes longer than `limit`.
    ///
    /// # Errors
    ///
    /// See [`PageError`].
    pub fn page(&self, id: u64, limit: Duration) -> Result<Page, PageError> {
        // Both jobs are submitted before the first wait.
        let mut user_comes = self.users.submit(&id)?.into_receiver();
        let mut orders_come = self.orders.submit(&id)?.into_receiver();
        let too_late = after(limit);
        let (mut user, mut orders) = (None, None);
        loop {
            if let (Some(user), Some(orders)) = (&user, &orders) {
                return Ok(Page { user: Arc::clone(user), orders: Arc::clone(orders) });
            }
            select! {
                recv(user_comes) -> loaded => {
                    user = Some(loaded.unwrap_or(Err(Error::Abandoned))?);
                    // The channel is closed after its one message, so it would always be ready.
                    user_comes = coalescer::Receiver::never();
                }
                recv(orders_come) -> loaded => {
                    orders = Some(loaded.unwrap_or(Err(Error::Abandoned))?);
                    orders_come = coalescer::Receiver::never();
                }
                recv(self.stop) -> _ => return Err(PageError::Stopping),
                recv(too_late) -> _ => return Err(PageError::TooSlow),
            }
        }
    }

    /// Number of queries, and number of calls that asked for them.
    #[must_use]
    pub fn queries_and_calls(&self) -> (u64, u64) {
        let [users, orders] = [self.users.stats(), self.orders.stats()];
        let queries = users.executed_requests + orders.executed_requests;
        (queries, users.total_requests + orders.total_requests)
    }
}

impl From<Error<String>> for PageError {
    fn from(error: Error<String>) -> Self {
        Self::Load(error)
    }
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSlow => f.write_str("the page took too long; try again"),
            Self::Stopping => f.write_str("the program is stopping"),
            Self::Load(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PageError {}
