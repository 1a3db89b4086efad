//! [`Ticket`]: the handle that a submitted call waits with.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::core::{AnyCore, Patience};
use crate::engine::flight::Flight;
use crate::error::Error;
use crate::outcome::Outcome;
use crate::submit::state::State;
use crate::sync::Handle;
use crate::wait::callbacks::Callback;
use crate::wait::clock::Nanos;

/// A submitted call: a handle to wait for its outcome, on any thread and at any time.
///
/// [`Coalescer::submit`](crate::Coalescer::submit) and [`Group::submit`](crate::Group::submit)
/// return it. A ticket is a call like any other: from `submit` on it is one of its flight's
/// callers, and counts for [`max_requests`](crate::Builder::max_requests). A leader's ticket gets
/// the result of its own function. A follower's ticket gets the outcome of its flight. Every wait
/// and every look after that returns the same outcome.
///
/// | to | use |
/// |---|---|
/// | wait as long as it takes | [`wait`](Self::wait), [`wait_outcome`](Self::wait_outcome) |
/// | wait for a limited time, and keep the ticket | [`wait_timeout`](Self::wait_timeout), [`wait_deadline`](Self::wait_deadline) |
/// | look without waiting | [`try_get`](Self::try_get) |
/// | wait for one of several events | [`into_receiver`](Self::into_receiver), for crossbeam-channel's `select!` |
/// | await it in async code | `ticket.await`, with the feature `future` |
/// | get a callback, or send the outcome to another kind of channel | [`when_done`](Self::when_done) |
/// | inspect the call | [`key`](Self::key), [`callers`](Self::callers), [`age`](Self::age), [`is_finished`](Self::is_finished), [`is_failed`](Self::is_failed) |
///
/// # Dropping a ticket
///
/// Dropping a ticket affects no other call. A leader's job runs on, for its followers and for the
/// window. A follower leaves its flight. [`Stats`](crate::Stats) says how its call is counted.
///
/// # Take-over
///
/// With a [`leader_timeout`](crate::Builder::leader_timeout), a thread that waits with a follower's
/// ticket can take over from a stuck execution: it submits a job of its own to the executor. If
/// [`share_if`](crate::Builder::share_if) refuses the value, the thread that ends the flight submits
/// the jobs of all followers, even of those that no thread waits with.
///
/// # Examples
///
/// Two calls of one key share one job:
///
/// ```
/// use std::time::Duration;
/// use coalescer::{Coalescer, Job};
///
/// let reports = Coalescer::builder()
///     .executor(|job: Job| { std::thread::spawn(|| job.run()); })
///     .build(|id: &u32| Ok::<String, std::io::Error>(format!("report {id}")));
///
/// let (mut ticket, other) = (reports.submit(&7)?, reports.submit(&7)?);
/// match ticket.wait_timeout(Duration::from_secs(5)) {
///     Err(error) if error.is_timeout() => println!("still running: wait again later"),
///     report => assert_eq!(*report?, "report 7"),
/// }
/// assert_eq!(*other.wait()?, "report 7");
/// assert_eq!(reports.stats().executed_requests, 1);
/// # Ok::<(), coalescer::Error<std::io::Error>>(())
/// ```
#[must_use = "the outcome is read from the ticket; drop it explicitly if only the execution matters"]
pub struct Ticket<K, V, E> {
    pub(super) core: Arc<AnyCore<K, V, E>>,
    pub(super) key: Arc<K>,
    pub(super) start: Nanos,
    pub(super) source: Source<V, E>,
    /// How long the ticket has waited for executions of other calls.
    pub(super) waited: Nanos,
    pub(super) state: State<K, V, E>,
}

/// The source of a ticket's answer.
pub(crate) enum Source<V, E> {
    /// A result in its window, and how many calls its flight answered.
    Window {
        callers: usize,
    },
    Flight(Arc<Flight<V, E>>),
}

impl<K, V, E> Ticket<K, V, E>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    /// Blocks until the outcome is there, at most for [`max_wait`](crate::Builder::max_wait).
    ///
    /// # Errors
    ///
    /// | error | when |
    /// |---|---|
    /// | [`Failed`](Error::Failed) | the function returned an error, which all callers share |
    /// | [`LeaderPanicked`](Error::LeaderPanicked) | the function panicked; a leader's own ticket gets this error too |
    /// | [`Abandoned`](Error::Abandoned) | the executor dropped the job of this call |
    /// | [`Rejected`](Error::Rejected) | the executor did not accept the job with which this ticket took over |
    /// | [`WouldDeadlock`](Error::WouldDeadlock) | the wait would never end |
    /// | [`TimedOut`](Error::TimedOut) | `max_wait` is over |
    ///
    /// # Panics
    ///
    /// If the executor panics when this wait takes over. With
    /// [`OnDeadlock::Bypass`](crate::OnDeadlock::Bypass), a follower's ticket that would deadlock
    /// runs the function on this thread, and the function's panic passes through.
    ///
    /// # Deadlocks
    ///
    /// A thread gets `WouldDeadlock` at once if the outcome depends on a flight that it leads, also
    /// across threads; a leader's ticket gets it even with `Bypass`, as its job owns the function. A
    /// job in the queue of a pool all of whose threads wait is not detected.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Group, Job};
    ///
    /// let group: Group<u32, u32, ()> =
    ///     Group::builder().executor(|job: Job| { std::thread::spawn(|| job.run()); }).build();
    /// let (four, nine) = (group.submit(&2, || Ok(4))?, group.submit(&3, || Ok(9))?); // both run
    /// assert_eq!((*four.wait()?, *nine.wait()?), (4, 9));
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    pub fn wait(mut self) -> Result<Handle<V>, Error<E>> {
        self.wait_for(Patience::Endless).map(|answered| answered.value)
    }

    /// Waits as [`wait`](Self::wait) does, with the same errors, and also says how the call came by
    /// its value.
    ///
    /// [`Role::Leader`](crate::Role::Leader) means that the function ran for this call, on any
    /// thread. [`Outcome::waited`] is the time that this ticket's waits spent on executions of
    /// other calls.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Coalescer, Job, Role};
    ///
    /// let squares = Coalescer::builder()
    ///     .executor(|job: Job| job.run())
    ///     .build(|n: &u64| Ok::<u64, ()>(n * n));
    /// assert_eq!(squares.submit(&3)?.wait_outcome()?.role, Role::Leader);
    /// assert_eq!(squares.submit(&3)?.wait_outcome()?.role, Role::Late);
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    pub fn wait_outcome(mut self) -> Result<Outcome<V>, Error<E>> {
        let answer = self.wait_for(Patience::Endless);
        answer.map(|answered| answered.into_outcome(&self.core.table.clock))
    }

    /// Waits as [`wait`](Self::wait) does, at most for `timeout`, and keeps the ticket.
    ///
    /// The timeout starts when this wait starts. A ticket whose wait timed out keeps its place in
    /// the flight, and can wait again.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](Error::TimedOut) if no outcome is there when the timeout is over; else as for
    /// `wait`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Group, Job};
    ///
    /// let (queue, jobs) = std::sync::mpsc::channel();
    /// let group: Group<u32, u32, ()> =
    ///     Group::builder().executor(move |job: Job| queue.send(job)).build();
    /// let mut ticket = group.submit(&3, || Ok(9))?;
    /// assert!(ticket.wait_timeout(Duration::from_millis(1)).unwrap_err().is_timeout());
    /// jobs.recv().unwrap().run();
    /// assert_eq!(*ticket.wait_timeout(Duration::from_millis(1))?, 9);
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Handle<V>, Error<E>> {
        self.wait_for(Patience::For(timeout)).map(|answered| answered.value)
    }

    /// Waits as [`wait_timeout`](Self::wait_timeout) does, with the same errors, until `deadline`.
    ///
    /// # Examples
    ///
    /// One deadline for several tickets:
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use coalescer::{Group, Job};
    ///
    /// let group: Group<u32, u32, ()> =
    ///     Group::builder().executor(|job: Job| { std::thread::spawn(|| job.run()); }).build();
    /// let deadline = Instant::now() + Duration::from_secs(5);
    /// let (mut four, mut nine) = (group.submit(&2, || Ok(4))?, group.submit(&3, || Ok(9))?);
    /// assert_eq!(*four.wait_deadline(deadline)? + *nine.wait_deadline(deadline)?, 13);
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    pub fn wait_deadline(&mut self, deadline: Instant) -> Result<Handle<V>, Error<E>> {
        self.wait_for(Patience::Until(deadline)).map(|answered| answered.value)
    }

    /// Returns the outcome if it is there. It never waits and never takes over.
    ///
    /// # Errors
    ///
    /// Those of [`wait`](Self::wait), except `TimedOut` and `WouldDeadlock`, which only a wait
    /// returns.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Group, Job};
    ///
    /// let (queue, jobs) = std::sync::mpsc::channel();
    /// let group: Group<u32, u32, ()> =
    ///     Group::builder().executor(move |job: Job| queue.send(job)).build();
    /// let mut ticket = group.submit(&3, || Ok(9))?;
    /// assert!(ticket.try_get().is_none());
    /// jobs.recv().unwrap().run();
    /// assert_eq!(*ticket.try_get().unwrap()?, 9);
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    pub fn try_get(&mut self) -> Option<Result<Handle<V>, Error<E>>> {
        self.settle().map(|answer| answer.map(|answered| answered.value))
    }

    /// Calls `f` with the outcome: at once if it is there; otherwise on the thread that ends the flight
    /// or the ticket's own job; or, if many tickets wait, in a job of the [executor](crate::Executor).
    /// The library holds no lock then, and has woken the waiting threads. Keep `f` short. It has no
    /// deadline, does not take over, and is invisible to deadlock detection.
    ///
    /// # Panics
    ///
    /// If `f` panics and is called at once. A later panic of `f` is caught. Neither changes the
    /// outcome of any call.
    ///
    /// # Examples
    ///
    /// The outcomes of several keys arrive in one channel, in the order in which they end:
    ///
    /// ```
    /// use coalescer::{Coalescer, Job};
    ///
    /// let squares = Coalescer::builder()
    ///     .executor(|job: Job| { std::thread::spawn(|| job.run()); })
    ///     .build(|n: &u64| Ok::<u64, ()>(n * n));
    /// let (sender, results) = std::sync::mpsc::channel();
    /// for n in 1..4 {
    ///     let sender = sender.clone();
    ///     squares.submit(&n)?.when_done(move |square| drop(sender.send((n, square))));
    /// }
    /// for (n, square) in results.iter().take(3) {
    ///     assert_eq!(*square?, n * n);
    /// }
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    pub fn when_done(mut self, f: impl FnOnce(Result<Handle<V>, Error<E>>) + Send + 'static) {
        if let Some(answer) = self.settle() {
            return f(answer.map(|answered| answered.value));
        }
        let spot = self.spot();
        // The gate owns the callback from here on, and with it the ticket and its seat.
        let callback = Callback::function(move || self.when_done(f));
        if let Some(callback) = spot.call_back(callback) {
            callback.call();
        }
    }
}

impl<K, V, E> Ticket<K, V, E> {
    pub(crate) fn new(
        core: Arc<AnyCore<K, V, E>>,
        key: Arc<K>,
        start: Nanos,
        source: Source<V, E>,
        state: State<K, V, E>,
    ) -> Self {
        Self { core, key, start, source, waited: 0, state }
    }
}

// A panic that passes a wait leaves the ticket in one of its states (S23).
impl<K, V, E> UnwindSafe for Ticket<K, V, E> {}
impl<K, V, E> RefUnwindSafe for Ticket<K, V, E> {}

impl<K: fmt::Debug, V, E> fmt::Debug for Ticket<K, V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("key", &self.key)
            .field("callers", &self.callers())
            .field("age", &self.age())
            .field("is_finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}
