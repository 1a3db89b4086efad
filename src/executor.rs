//! The executor: the user's thread pool, which runs submitted functions as jobs.
//!
//! ```text
//! submit ──▶ Job ──▶ Executor::spawn ──┬─ on a thread of the pool ──▶ Job::run
//!                                      ├─ at once, on this thread ──▶ Job::run
//!                                      ├─ Err: not accepted ────────▶ dropped
//!                                      └─ never run ────────────────▶ dropped
//! ```
//!
//! A job is an obligation. The drop of a job that did not run publishes an abandonment to its
//! ticket and its followers (S25). The library passes a job to the executor without holding a lock
//! (S2).

use std::any::TypeId;
use std::error::Error as StdError;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use crate::wait::contain::contain;

/// Runs jobs: now or later, on this thread or on another.
///
/// A closure that takes a [`Job`] is an executor. It returns nothing, or a `Result` whose error, of
/// any type, says that the job was not accepted; see [`Spawned`]. Otherwise, implement the trait.
///
/// The library calls the executor without holding a lock. Four threads do so: one that calls
/// `submit`; one that waits with a ticket and takes over; one that ends a flight whose value
/// [`share_if`](crate::Builder::share_if) refuses; and one that ends a flight for many tickets (see
/// below). The executor may block, and then that thread
/// blocks. A thread that runs a job runs such further jobs itself, unless the executor
/// [never blocks](Executor::never_blocks). The executor may run the job at once. It belongs to the
/// coalescer, and a job may hold the last reference to that: the executor can be dropped on one of its
/// own threads, which must not join itself. It must not keep a job forever.
///
/// To discard a job, drop it: its ticket gets [`Abandoned`](crate::Error::Abandoned), and one of the calls
/// that follow it runs its own function. If all of these are tickets, the thread that drops the job runs
/// one of their functions in the drop, whichever thread that is: it could be the one that makes room in
/// the queue. If the executor [never blocks](Executor::never_blocks), it passes a job to
/// [`spawn`](Executor::spawn) instead. A job that is dropped within `spawn` calls for no other: the tickets
/// that follow it are abandoned too. So are they if the thread unwinds.
///
/// # Flights with many tickets
///
/// A call such as [`execute`](crate::Coalescer::execute), which leads on its own thread, calls back 256
/// times at most for tickets that no thread waits with ([`when_done`](crate::Ticket::when_done),
/// [`into_receiver`](crate::Ticket::into_receiver)), however many there are. One job calls the rest back.
/// If the executor does not accept that job, or drops it, the thread that loses it calls them back
/// instead, so none is lost. It runs no function and is counted nowhere. The calls wait for a thread of the
/// executor then: a function that runs there, and waits for a receiver without a limit, can hold that
/// thread for ever. A thread that runs a job calls all of them back itself. So does a call whose value
/// `share_if` refuses, unless the executor never blocks: their own functions are to run side by side.
///
/// # Examples
///
/// A thread for each job, and a bounded queue:
///
/// ```
/// use std::sync::mpsc::sync_channel;
/// use coalescer::{Coalescer, Job};
///
/// let square = |n: &u64| Ok::<u64, ()>(n * n);
/// let threads = Coalescer::builder()
///     .executor(|job: Job| { std::thread::spawn(|| job.run()); })
///     .build(square);
/// // With rayon: .executor(|job: Job| rayon::spawn(|| job.run()))
///
/// let (queue, jobs) = sync_channel(16);
/// std::thread::spawn(move || jobs.into_iter().for_each(Job::run));
/// let queued = Coalescer::builder()
///     .executor(move |job: Job| queue.try_send(job)) // a full queue rejects the job
///     .build(square);
///
/// let tickets = [threads.submit(&2).unwrap(), queued.submit(&3).unwrap()];
/// assert_eq!(tickets.map(|ticket| *ticket.wait().unwrap()), [4, 9]);
/// ```
pub trait Executor {
    /// Accepts the job, to run it with [`Job::run`].
    ///
    /// # Errors
    ///
    /// If the job is not accepted. `submit` then returns
    /// [`Error::Rejected`](crate::Error::Rejected).
    ///
    /// # Panics
    ///
    /// A panic passes through the `submit` or the wait with a ticket that called this method. It
    /// counts as the leader's panic: followers get
    /// [`LeaderPanicked`](crate::Error::LeaderPanicked). A panic at the end of a flight
    /// ([`share_if`](crate::Builder::share_if)) is caught, and the ticket of the job gets
    /// `LeaderPanicked`.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Coalescer, Executor, Job, Rejected};
    ///
    /// /// Runs the job where it is submitted.
    /// struct Inline;
    ///
    /// impl Executor for Inline {
    ///     fn spawn(&self, job: Job) -> Result<(), Rejected> {
    ///         job.run();
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let squares = Coalescer::builder().executor(Inline).build(|n: &u64| Ok::<u64, ()>(n * n));
    /// assert_eq!(*squares.submit(&3).unwrap().wait().unwrap(), 9);
    /// ```
    fn spawn(&self, job: Job) -> Result<(), Rejected>;

    /// Returns true if [`spawn`](Self::spawn) never waits for one of the executor's own threads.
    ///
    /// The end of a job can call for further jobs: those of tickets whose value is not for them
    /// ([`share_if`](crate::Builder::share_if)), or of a ticket that begins a flight whose leader is
    /// lost. If the executor had a bounded queue and this thread waited for space in it, it could wait
    /// for itself, for ever. So by default a thread that runs a job runs such jobs itself, one after the
    /// other. If this method returns true, it passes them to `spawn`, and they run side by side.
    /// [`NeverBlocks`] makes such an executor of a closure.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Executor, Job, NeverBlocks};
    ///
    /// let closure = |job: Job| { std::thread::spawn(|| job.run()); };
    /// assert!(!closure.never_blocks());
    /// assert!(NeverBlocks(closure).never_blocks());
    /// ```
    fn never_blocks(&self) -> bool {
        false
    }
}

/// An executor whose [`spawn`](Executor::spawn) never waits for one of its own threads: a thread for
/// each job, rayon, or a queue without a bound.
///
/// It lets the jobs that the end of another job calls for run side by side: see
/// [`Executor::never_blocks`]. Around an executor that does wait, for example one with a bounded queue
/// whose `send` blocks, a pool can wait for itself for ever.
///
/// # Examples
///
/// ```
/// use coalescer::{Coalescer, Job, NeverBlocks};
///
/// let (queue, jobs) = std::sync::mpsc::channel::<Job>(); // without a bound
/// std::thread::spawn(move || jobs.into_iter().for_each(Job::run));
/// let squares = Coalescer::builder()
///     .executor(NeverBlocks(move |job: Job| queue.send(job)))
///     .build(|n: &u64| Ok::<u64, ()>(n * n));
/// assert_eq!(*squares.submit(&3).unwrap().wait().unwrap(), 9);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct NeverBlocks<X>(pub X);

impl<X: Executor> Executor for NeverBlocks<X> {
    fn spawn(&self, job: Job) -> Result<(), Rejected> {
        self.0.spawn(job)
    }

    fn never_blocks(&self) -> bool {
        true
    }
}

impl<F, R> Executor for F
where
    F: Fn(Job) -> R,
    R: Spawned,
{
    fn spawn(&self, job: Job) -> Result<(), Rejected> {
        self(job).into_result()
    }
}

/// The result of a closure that is an [`Executor`]: nothing, or a `Result<(), _>` whose error says
/// that the job was not accepted.
///
/// It is implemented for these two only.
///
/// # Examples
///
/// ```
/// fn is_an_executor(_: &impl coalescer::Executor) {}
///
/// is_an_executor(&|job: coalescer::Job| job.run());
/// is_an_executor(&|job: coalescer::Job| if true { Err("full") } else { Ok(job.run()) });
/// ```
#[diagnostic::on_unimplemented(
    message = "a closure that is an executor returns `()` or `Result<(), _>`, not `{Self}`",
    note = "put a semicolon behind the last expression, if what it returns says nothing"
)]
pub trait Spawned: sealed::Sealed {
    #[doc(hidden)]
    fn into_result(self) -> Result<(), Rejected>;
}

impl Spawned for () {
    fn into_result(self) -> Result<(), Rejected> {
        Ok(())
    }
}

impl<E> Spawned for Result<(), E> {
    fn into_result(self) -> Result<(), Rejected> {
        self.map_err(|_| Rejected)
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl<E> Sealed for Result<(), E> {}
}

/// The error of an executor that did not accept a job.
///
/// # Examples
///
/// ```
/// assert_eq!(coalescer::Rejected.to_string(), "the executor did not take the job");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rejected;

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the executor did not take the job")
    }
}

impl StdError for Rejected {}

/// One execution of a submitted function, or the callbacks of [many
/// tickets](Executor#flights-with-many-tickets), for an [`Executor`] to run.
///
/// It owns everything that it needs, and can move to any thread. If an execution is dropped before it has
/// run, its ticket gets [`Error::Abandoned`](crate::Error::Abandoned), and one of its followers runs its
/// own function.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc::channel;
/// use coalescer::{Coalescer, Job};
///
/// let (queue, jobs) = channel();
/// let squares = Coalescer::builder()
///     .executor(move |job: Job| queue.send(job))
///     .build(|n: &u64| Ok::<u64, ()>(n * n));
/// let (one, other) = (squares.submit(&3).unwrap(), squares.submit(&4).unwrap());
///
/// jobs.recv().unwrap().run();
/// drop(jobs.recv().unwrap());
/// assert_eq!(*one.wait().unwrap(), 9);
/// assert!(other.wait().unwrap_err().is_abandoned());
/// ```
#[must_use = "dropping a job abandons its execution: its ticket gets Error::Abandoned"]
pub struct Job(Option<Arc<dyn Run>>);

/// The inside of a job, which the thread that hands it over shares.
pub(crate) trait Run: Send + Sync {
    fn run(&self);

    /// Meets the obligation of a job that never runs.
    fn is_dropped(&self);

    /// True if a call waits for what the job does.
    fn is_wanted(&self) -> bool;
}

impl Job {
    pub(crate) fn new(run: Arc<dyn Run>) -> Self {
        Self(Some(run))
    }

    /// Runs the function on this thread, and publishes the result to everyone who waits.
    ///
    /// It blocks for as long as the function does. It never unwinds: a panic of the function is
    /// caught, after the panic hook has run, and the ticket and the followers get
    /// [`LeaderPanicked`](crate::Error::LeaderPanicked).
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Group, Job};
    ///
    /// let group: Group<u32, u32, ()> = Group::builder().executor(|job: Job| job.run()).build();
    /// let ticket = group.submit(&1, || panic!("on purpose")).unwrap();
    /// assert!(ticket.wait().unwrap_err().is_panic());
    /// ```
    pub fn run(mut self) {
        if let Some(job) = self.0.take() {
            // Only a destructor of the user's can still unwind, and the result is published by then.
            contain(|| job.run());
        }
    }

    /// Returns true while a call waits for this job: its ticket has not been dropped, or another call follows
    /// its flight. An executor can ask before it runs a job that has stood in a queue, and drop the job if
    /// nobody waits for it any more.
    ///
    /// The window does not count: a job that nobody waits for, and whose result would be kept for late calls,
    /// is not wanted. An executor that is to keep such results runs every job. A job that calls
    /// [many tickets](Executor#flights-with-many-tickets) back is always wanted.
    ///
    /// The answer may be old when the caller has it. A call can follow the flight after a `false`: if the job
    /// is dropped then, it is as with any job that is dropped, and the call begins the flight itself. All calls
    /// can give up after a `true`: then the function runs for nobody. No call is lost in either case. A job
    /// that was dropped unwanted counts as `refused` in [`Stats`](crate::Stats).
    ///
    /// It blocks for a few steps of another thread only.
    ///
    /// # Examples
    ///
    /// A queue that drops what nobody waits for any more:
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    /// use coalescer::{Coalescer, Job};
    ///
    /// let (queue, jobs) = channel();
    /// let squares = Coalescer::builder()
    ///     .executor(move |job: Job| queue.send(job))
    ///     .build(|n: &u64| Ok::<u64, ()>(n * n));
    /// let (three, four) = (squares.submit(&3).unwrap(), squares.submit(&4).unwrap());
    /// drop(four);
    /// jobs.try_iter().filter(Job::is_wanted).for_each(Job::run);
    /// assert_eq!(*three.wait().unwrap(), 9);
    /// assert_eq!(squares.stats().executed_requests, 1);
    /// ```
    #[must_use]
    #[doc(alias = "is_cancelled")]
    pub fn is_wanted(&self) -> bool {
        self.0.as_ref().is_some_and(|job| job.is_wanted())
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if let Some(job) = self.0.take() {
            contain(|| job.is_dropped());
        }
    }
}

// A panic of the function ends in the job (S21).
impl UnwindSafe for Job {}
impl RefUnwindSafe for Job {}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Job")
    }
}

/// The executor of a coalescer, with its type. Two executors of one type are equal.
#[derive(Clone)]
pub(crate) struct Chosen {
    executor: Arc<dyn Executor + Send + Sync>,
    ty: TypeId,
}

impl Chosen {
    pub(crate) fn new<X: Executor + Send + Sync + 'static>(executor: X) -> Self {
        Self { executor: Arc::new(executor), ty: TypeId::of::<X>() }
    }

    pub(crate) fn never_blocks(&self) -> bool {
        self.executor.never_blocks()
    }

    /// Passes a job to the executor. The caller holds no lock.
    pub(crate) fn spawn(&self, job: Job) -> Result<(), Rejected> {
        self.executor.spawn(job)
    }
}

/// Equal if of one type.
impl PartialEq for Chosen {
    fn eq(&self, other: &Self) -> bool {
        self.ty == other.ty
    }
}

impl fmt::Debug for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Executor")
    }
}
