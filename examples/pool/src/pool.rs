//! Threads, and a channel of jobs.

use std::io;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use coalescer::{Executor, Job, Rejected};
use crossbeam_channel::{Sender, bounded};

/// Threads that run jobs. When dropped, it accepts no more jobs, runs the queued ones, and waits for its
/// threads.
#[derive(Debug)]
pub struct Pool {
    queue: Queue,
    workers: Vec<JoinHandle<()>>,
}

/// The queue of a pool, as an executor for a coalescer. It does not keep the pool running.
#[derive(Clone, Debug)]
pub struct Queue(Arc<Mutex<Option<Sender<Job>>>>);

impl Pool {
    /// Starts this many threads, with a queue for `waiting` jobs.
    ///
    /// # Errors
    ///
    /// If a thread cannot be started.
    pub fn start(threads: NonZero<usize>, waiting: usize) -> io::Result<Self> {
        let (sender, jobs) = bounded::<Job>(waiting);
        let queue = Queue(Arc::new(Mutex::new(Some(sender))));
        // Created first: if a thread cannot be started, dropping the pool ends the others.
        let mut pool = Self { queue, workers: Vec::new() };
        for nth in 0..threads.get() {
            let jobs = jobs.clone();
            // A job catches a panic of its function, so the worker survives.
            let work = move || jobs.iter().for_each(Job::run);
            let worker = thread::Builder::new().name(format!("worker {nth}")).spawn(work)?;
            pool.workers.push(worker);
        }
        Ok(pool)
    }

    /// The executor to build a coalescer with.
    #[must_use]
    pub fn queue(&self) -> Queue {
        self.queue.clone()
    }
}

impl Executor for Queue {
    fn spawn(&self, job: Job) -> Result<(), Rejected> {
        // Clones the sender to release the lock first: dropping a refused job wakes its waiters, which
        // may submit another job.
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        sender.ok_or(Rejected)?.try_send(job).map_err(|_| Rejected)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Without a sender the workers reach the end of the queue.
        self.queue.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        for worker in self.workers.drain(..) {
            if worker.join().is_err() {
                eprintln!("a worker of the pool panicked");
            }
        }
    }
}
