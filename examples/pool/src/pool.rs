//! Some threads and a channel of jobs.

use std::io;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use coalescer::{Executor, Job, Rejected};
use crossbeam_channel::{Sender, bounded};

/// Threads that run jobs. Dropped, it runs what is queued, takes nothing more, and waits for its
/// threads.
#[derive(Debug)]
pub struct Pool {
    queue: Queue,
    workers: Vec<JoinHandle<()>>,
}

/// The pool's queue, for a coalescer to submit to. It does not keep the pool running.
#[derive(Clone, Debug)]
pub struct Queue(Arc<Mutex<Option<Sender<Job>>>>);

impl Pool {
    /// Starts so many threads, with a queue for so many jobs.
    ///
    /// # Errors
    ///
    /// If the system has no thread left.
    pub fn start(threads: NonZero<usize>, waiting: usize) -> io::Result<Self> {
        let (sender, jobs) = bounded::<Job>(waiting);
        let queue = Queue(Arc::new(Mutex::new(Some(sender))));
        // Made first: if a thread cannot be started, the others are ended by its drop.
        let mut pool = Self { queue, workers: Vec::new() };
        for nth in 0..threads.get() {
            let jobs = jobs.clone();
            // A job catches what its function panics with, so a worker needs no net.
            let work = move || jobs.iter().for_each(Job::run);
            let worker = thread::Builder::new().name(format!("worker {nth}")).spawn(work)?;
            pool.workers.push(worker);
        }
        Ok(pool)
    }

    /// Where jobs are submitted.
    #[must_use]
    pub fn queue(&self) -> Queue {
        self.queue.clone()
    }
}

impl Executor for Queue {
    fn spawn(&self, job: Job) -> Result<(), Rejected> {
        // A handle of one's own, and the lock let go: a job that is refused is dropped here, and
        // tells those who wait for it, who may submit another.
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        sender.ok_or(Rejected)?.try_send(job).map_err(|_| Rejected)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Without a sender the workers come to the end of the queue.
        self.queue.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        for worker in self.workers.drain(..) {
            if worker.join().is_err() {
                eprintln!("a worker of the pool has panicked");
            }
        }
    }
}
