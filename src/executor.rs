//! Where submitted functions run: a pool of the user's, which takes them as jobs.
//!
//! ```text
//! submit ──▶ Job ──▶ Executor::spawn ──┬─ on a thread of the pool ──▶ Job::run
//!                                      ├─ at once, on this thread ──▶ Job::run
//!                                      ├─ Err: not taken ───────────▶ dropped
//!                                      └─ never run ────────────────▶ dropped
//! ```
//!
//! A job is a duty: dropped without having run, it tells its ticket and its followers so (S25). No
//! lock of the library is held while a job is handed over (S2).

use std::any::TypeId;
use std::error::Error as StdError;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use crate::sync::{is_panicking, this_thread};
use crate::wait::callbacks::contain;

/// Runs jobs, now or later, on this thread or on another.
///
/// A closure that takes a [`Job`] is an executor. It returns nothing, or a `Result` whose error, of
/// whatever type, says that the job was not taken; see [`Spawned`]. For anything else, implement
/// the trait.
///
/// An executor is called with no lock of the library held. It may block, and then `submit` does; it
/// may run the job at once. What it must not do is keep a job for ever: drop the job instead, and
/// everyone who waits for it is told [`Abandoned`](crate::Error::Abandoned). It is called by `submit`,
/// by a thread that waits with a ticket and takes over, and by whoever ends a flight whose value is
/// not for its followers; see [`Ticket`](crate::Ticket).
///
/// # Examples
///
/// Threads of their own, a pool, a bounded queue:
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
///     .executor(move |job: Job| queue.try_send(job)) // a full queue takes no job
///     .build(square);
///
/// let tickets = [threads.submit(&2).unwrap(), queued.submit(&3).unwrap()];
/// assert_eq!(tickets.map(|ticket| *ticket.wait().unwrap()), [4, 9]);
/// ```
pub trait Executor {
    /// Takes the job, to run it with [`Job::run`].
    ///
    /// # Errors
    ///
    /// If the job is not taken. Its submitter gets [`Error::Rejected`](crate::Error::Rejected).
    ///
    /// # Panics
    ///
    /// A panic goes on through the `submit` that handed the job over, or through the ticket's wait that
    /// takes over, and counts as the leader's: its followers are told so. A ticket whose own job is
    /// handed over at the end of a flight ([`share_if`](crate::Builder::share_if)) is told
    /// [`LeaderPanicked`](crate::Error::LeaderPanicked), and the panic ends there.
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

/// What a closure that is an [`Executor`] returns: nothing, or a `Result<(), _>` whose error says that
/// the job was not taken. Implemented for these two only.
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

/// The executor did not take a job.
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

/// The execution of one submitted function, for an [`Executor`] to run.
///
/// It owns all that it needs and can go to any thread. A job that is dropped without having run
/// tells so: its ticket and its followers get [`Error::Abandoned`](crate::Error::Abandoned).
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
#[must_use = "a job that is dropped is told to its callers as abandoned"]
pub struct Job(Box<dyn Run + Send>);

/// What a job does, and what of it must be done if it never runs by its `Drop`.
pub(crate) trait Run {
    fn run(self: Box<Self>);
}

impl Job {
    pub(crate) fn new(run: impl Run + Send + 'static) -> Self {
        Self(Box::new(run))
    }

    /// Runs the function on this thread, and tells everyone who waits what came of it.
    ///
    /// Blocks for as long as the function does. Nothing unwinds out of it: a panic of the function
    /// is caught, after the panic hook has run, and told to the ticket and to the followers as
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
    pub fn run(self) {
        // What may still unwind is a destructor of the user's, and it is too late to tell of it.
        contain(|| self.0.run());
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

/// The executor of a coalescer, and its type, which is all that tells two of them apart.
#[derive(Clone)]
pub(crate) struct Chosen {
    executor: Arc<dyn Executor + Send + Sync>,
    ty: TypeId,
}

impl Chosen {
    pub(crate) fn new<X: Executor + Send + Sync + 'static>(executor: X) -> Self {
        Self { executor: Arc::new(executor), ty: TypeId::of::<X>() }
    }

    /// Hands a job over. Called when no lock is held.
    pub(crate) fn spawn(&self, job: Job) -> Result<(), Rejected> {
        let _spawning = Spawning::begin();
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

/// While it lives, its thread is inside an executor's `spawn`.
struct Spawning(());

impl Spawning {
    fn begin() -> Self {
        this_thread(|me| me.set_spawning(me.spawning() + 1));
        Self(())
    }
}

impl Drop for Spawning {
    fn drop(&mut self) {
        this_thread(|me| me.set_spawning(me.spawning() - 1));
    }
}

/// Whether an executor's `spawn` unwinds on this thread, so that what it drops was lost by a panic.
pub(crate) fn spawn_unwinds() -> bool {
    is_panicking() && this_thread(|me| me.spawning() > 0)
}
