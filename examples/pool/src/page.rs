//! A page that needs two things, loaded at the same time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use coalescer::{Coalescer, Error};
use crossbeam_channel::{Receiver, after, never, select};

use crate::pool::Queue;

/// Who the page is about.
#[derive(Debug, PartialEq, Eq)]
pub struct User {
    /// What they are called.
    pub name: String,
}

/// What they have bought.
#[derive(Debug, PartialEq, Eq)]
pub struct Order {
    /// What it was.
    pub article: String,
}

/// All that is shown. Pages of one user share what was loaded.
#[derive(Clone, Debug)]
pub struct Page {
    /// Who it is about.
    pub user: Arc<User>,
    /// What they have bought.
    pub orders: Arc<Vec<Order>>,
}

/// Why there is no page.
#[derive(Debug)]
pub enum PageError {
    /// It took too long. What is loading goes on, for whoever asks next.
    TooSlow,
    /// The program stops.
    Stopping,
    /// A query has failed, or its job was refused or lost.
    Load(Error<String>),
}

/// Makes pages of what two functions load.
#[derive(Clone, Debug)]
pub struct Shop {
    users: Coalescer<u64, User, String>,
    orders: Coalescer<u64, Vec<Order>, String>,
    stop: Receiver<()>,
}

impl Shop {
    /// A shop whose queries run as jobs of this queue, until `stop` is closed.
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

    /// The page of this user, if it can be made in time.
    ///
    /// # Errors
    ///
    /// See [`PageError`].
    pub fn page(&self, id: u64, patience: Duration) -> Result<Page, PageError> {
        // Both are under way before the first is waited for.
        let mut user_comes = self.users.submit(&id)?.into_receiver();
        let mut orders_come = self.orders.submit(&id)?.into_receiver();
        let too_late = after(patience);
        let (mut user, mut orders) = (None, None);
        loop {
            if let (Some(user), Some(orders)) = (&user, &orders) {
                return Ok(Page { user: Arc::clone(user), orders: Arc::clone(orders) });
            }
            select! {
                recv(user_comes) -> loaded => {
                    user = Some(loaded.unwrap_or(Err(Error::Abandoned))?);
                    // A channel whose one message has come is closed, and would be ready each time.
                    user_comes = never();
                }
                recv(orders_come) -> loaded => {
                    orders = Some(loaded.unwrap_or(Err(Error::Abandoned))?);
                    orders_come = never();
                }
                recv(self.stop) -> _ => return Err(PageError::Stopping),
                recv(too_late) -> _ => return Err(PageError::TooSlow),
            }
        }
    }

    /// How many queries there were, and how many calls for them.
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
            Self::TooSlow => f.write_str("it takes too long; try again"),
            Self::Stopping => f.write_str("the shop is closing"),
            Self::Load(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PageError {}
