//! Reads pages, and measures how long each takes.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use coalescer::{Batcher, Error};

use super::PAGE;
use super::ways::Way;
use crate::db::{Order, QueryError, table};
use crate::meter::{Latencies, latencies};

type Orders = Batcher<u64, Order, QueryError>;

/// An order that was asked for, and the answer.
type Answer = (u64, Result<Arc<Order>, Error<QueryError>>);

/// An answer that has not come by then does not come.
const LONGEST_WAIT: Duration = Duration::from_secs(240);

/// The pages that were read.
pub(super) struct Pages {
    /// The times from the first call of a page to its last answer.
    pub(super) times: Latencies,
    pub(super) answers: u64,
    pub(super) wrong: u64,
}

impl Pages {
    /// Reads so many pages, one after the other, of a table with so many customers.
    pub(super) fn read(way: Way, orders: &Orders, pages: u64, customers: u64) -> Result<Self> {
        match way {
            Way::OneByOne => Self::each(pages, customers, |page| {
                Ok(page.iter().map(|id| (*id, orders.execute(id))).collect())
            }),
            Way::ExecuteMany => Self::each(pages, customers, |page| {
                Ok(page.iter().copied().zip(orders.execute_many(page)).collect())
            }),
            Way::Threads | Way::Gathered => thread::scope(|scope| {
                let threads = Threads::start(scope, orders)?;
                Self::each(pages, customers, |page| threads.read(page))
            }),
        }
    }

    fn each(
        pages: u64,
        customers: u64,
        read: impl Fn(&[u64]) -> Result<Vec<Answer>>,
    ) -> Result<Self> {
        let (mut times, mut answers, mut wrong) = (latencies(), 0, 0);
        for page in 0..pages {
            let first = page * PAGE as u64;
            let ids: Vec<u64> = (first..first + PAGE as u64).collect();
            let start = Instant::now();
            let read = read(&ids)?;
            times.record(start.elapsed().as_micros() as u64)?;
            for (id, order) in read {
                answers += 1;
                wrong += u64::from(*order? != table::order(id, customers));
            }
        }
        Ok(Self { times, answers, wrong })
    }
}

/// Threads that read one order of each page, as those of a server with many users do.
struct Threads {
    queues: Vec<Sender<u64>>,
    answers: Receiver<Answer>,
}

impl Threads {
    /// The threads end when their queues are gone.
    fn start<'scope>(
        scope: &'scope thread::Scope<'scope, '_>,
        orders: &'scope Orders,
    ) -> Result<Self> {
        let (answer, answers) = channel();
        let start = |n: usize| {
            let ((queue, ids), answer) = (channel::<u64>(), answer.clone());
            let reader = thread::Builder::new().name(format!("reader {n}"));
            reader
                .spawn_scoped(scope, move || {
                    // The answers are not wanted any more if another thread has failed.
                    ids.iter().try_for_each(|id| answer.send((id, orders.execute(&id))))
                })
                .with_context(|| {
                    format!("cannot start thread {n}; raise the limit of threads (ulimit -u)")
                })?;
            Ok(queue)
        };
        let queues: Result<_> = (1..=PAGE).map(start).collect();
        Ok(Self { queues: queues?, answers })
    }

    fn read(&self, page: &[u64]) -> Result<Vec<Answer>> {
        for (queue, id) in self.queues.iter().zip(page) {
            queue.send(*id).context("a thread has ended early")?;
        }
        let answer = |_| self.answers.recv_timeout(LONGEST_WAIT).context("an answer is missing");
        page.iter().map(answer).collect()
    }
}
