//! [`Ticket`]: the handle that a submitted call waits with.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::core::{AnyCore, Patience};
use crate::engine::flight::Flight;
use crate::error::Error;
use crate::outcome::Outcome;
use crate::submit::waiting::State;
use crate::sync::{Handle, unique_number};
use crate::wait::clock::Nanos;

/// A submitted call, to be waited for on any thread and at any time; from
/// [`Coalescer::submit`](crate::Coalescer::submit) and [`Group::submit`](crate::Group::submit).
///
/// A ticket is a call like any other. It counts among its flight's callers from `submit` on, takes
/// part in [`max_requests`](crate::Builder::max_requests), and gets what its flight's followers get, or,
/// if it led, what its own function came to. Once the outcome is there, every wait and every look
/// gives it again.
///
/// | to | use |
/// |---|---|
/// | wait as long as it takes | [`wait`](Self::wait), [`wait_outcome`](Self::wait_outcome) |
/// | wait for so long, and keep the ticket | [`wait_timeout`](Self::wait_timeout), [`wait_deadline`](Self::wait_deadline) |
/// | look without waiting | [`try_get`](Self::try_get) |
/// | wait for one of several things | [`into_receiver`](Self::into_receiver), for crossbeam-channel's `select!` |
/// | be called, or hand the outcome to a channel of another kind | [`when_done`](Self::when_done) |
/// | see how it stands | [`key`](Self::key), [`callers`](Self::callers), [`age`](Self::age), [`is_finished`](Self::is_finished), [`is_failed`](Self::is_failed) |
///
/// # Dropping it
///
/// Nobody is harmed. A leader's job runs on, for its followers and for the window. A follower gives
/// its seat up; its call is counted as coalesced, or as timed out or refused if that is what its
/// last wait was.
///
/// # Take-over
///
/// Where the builder has a [`leader_timeout`](crate::Builder::leader_timeout), a thread that waits with a
/// follower's ticket may take over from a stuck execution: it hands a job of its own to the
/// executor. A ticket that nobody waits with takes over from nobody. If the value turns out not to
/// be for everyone ([`share_if`](crate::Builder::share_if)), every follower's own job is handed to the
/// executor by the thread that ended the flight, whether somebody waits or not.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer::{Coalescer, Job};
///
/// let reports = Coalescer::builder()
///     .executor(|job: Job| { std::thread::spawn(|| job.run()); })
///     .build(|id: &u32| Ok::<String, std::io::Error>(format!("report {id}")));
///
/// let mut ticket = reports.submit(&7)?;
/// // .. something else meanwhile ..
/// match ticket.wait_timeout(Duration::from_secs(5)) {
///     Ok(report) => assert_eq!(*report, "report 7"),
///     Err(error) if error.is_timeout() => println!("it takes a while; ask again later"),
///     Err(error) => return Err(error),
/// }
/// # Ok::<(), coalescer::Error<std::io::Error>>(())
/// ```
#[must_use = "a call that nobody waits for need not have a ticket: drop it, to say so"]
pub struct Ticket<K, V, E> {
    pub(super) core: Arc<AnyCore<K, V, E>>,
    pub(super) key: Arc<K>,
    start: Nanos,
    source: Source<V, E>,
    /// How long it has waited for executions of others.
    pub(super) waited: Nanos,
    pub(super) state: State<K, V, E>,
}

/// The source of a ticket's answer.
pub(crate) enum Source<V, E> {
    /// A result in its window, which so many calls had waited for.
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
    /// Blocks until the outcome is there, at most for the builder's
    /// [`max_wait`](crate::Builder::max_wait).
    ///
    /// # Errors
    ///
    /// [`Failed`](Error::Failed) with the function's error, the same for everyone;
    /// [`LeaderPanicked`](Error::LeaderPanicked), also for the leader's own ticket;
    /// [`Abandoned`](Error::Abandoned) if the executor dropped the job;
    /// [`Rejected`](Error::Rejected) if it did not take this ticket's take-over;
    /// [`WouldDeadlock`](Error::WouldDeadlock); [`TimedOut`](Error::TimedOut) after `max_wait`.
    ///
    /// # Panics
    ///
    /// As the executor does, if this wait takes over; and as the function does, if a follower's
    /// ticket would have deadlocked and runs the function itself ([`OnDeadlock::Bypass`](crate::OnDeadlock::Bypass)).
    ///
    /// # Deadlocks
    ///
    /// A thread that leads what the outcome hangs on, directly or over other threads, is refused
    /// with `WouldDeadlock`, at once; a leader's ticket also with `Bypass`, as its job has the
    /// function. A job that waits in the queue of a pool all of whose threads wait is not seen.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Coalescer, Job};
    ///
    /// let squares = Coalescer::builder()
    ///     .executor(|job: Job| { std::thread::spawn(|| job.run()); })
    ///     .build(|n: &u64| Ok::<u64, ()>(n * n));
    /// assert_eq!(*squares.submit(&3)?.wait()?, 9);
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    pub fn wait(mut self) -> Result<Handle<V>, Error<E>> {
        self.wait_for(Patience::Endless).map(|answered| answered.value)
    }

    /// As [`wait`](Self::wait), and says how the call came by its value.
    ///
    /// A leader's role says that the function was run for this very call, on whatever thread. The
    /// time waited is that of this ticket's waits for executions of others.
    ///
    /// # Errors
    ///
    /// As `wait`.
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

    /// As [`wait`](Self::wait), at most for `timeout`; the ticket can be waited with again.
    ///
    /// The time counts from the begin of this wait. A ticket that timed out keeps its place in the
    /// flight.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](Error::TimedOut) at the deadline; an outcome that is there by then wins.
    /// Otherwise as `wait`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    /// use std::time::Duration;
    /// use coalescer::{Coalescer, Job};
    ///
    /// let (queue, jobs) = channel();
    /// let squares = Coalescer::builder()
    ///     .executor(move |job: Job| queue.send(job))
    ///     .build(|n: &u64| Ok::<u64, ()>(n * n));
    /// let mut ticket = squares.submit(&3)?;
    /// assert!(ticket.wait_timeout(Duration::from_millis(1)).unwrap_err().is_timeout());
    /// jobs.recv().unwrap().run();
    /// assert_eq!(*ticket.wait_timeout(Duration::from_millis(1))?, 9);
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Handle<V>, Error<E>> {
        self.wait_for(Patience::For(timeout)).map(|answered| answered.value)
    }

    /// As [`wait_timeout`](Self::wait_timeout), with a point in time.
    ///
    /// # Errors
    ///
    /// As `wait_timeout`.
    ///
    /// # Examples
    ///
    /// One deadline for several tickets:
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use coalescer::{Coalescer, Job};
    ///
    /// let squares = Coalescer::builder()
    ///     .executor(|job: Job| { std::thread::spawn(|| job.run()); })
    ///     .build(|n: &u64| Ok::<u64, ()>(n * n));
    /// let deadline = Instant::now() + Duration::from_secs(5);
    /// for mut ticket in [squares.submit(&2)?, squares.submit(&3)?] {
    ///     ticket.wait_deadline(deadline)?;
    /// }
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    pub fn wait_deadline(&mut self, deadline: Instant) -> Result<Handle<V>, Error<E>> {
        self.wait_for(Patience::Until(deadline)).map(|answered| answered.value)
    }

    /// The outcome, if it is there. Never waits, and never takes over.
    ///
    /// # Errors
    ///
    /// An outcome that is no value: as [`wait`](Self::wait), but for `TimedOut` and `WouldDeadlock`,
    /// which are those of a wait.
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
    /// let mut ticket = squares.submit(&3)?;
    /// assert!(ticket.try_get().is_none());
    /// jobs.recv().unwrap().run();
    /// assert_eq!(*ticket.try_get().unwrap()?, 9);
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    pub fn try_get(&mut self) -> Option<Result<Handle<V>, Error<E>>> {
        self.settle().map(|answer| answer.map(|answered| answered.value))
    }

    /// Calls `f` with the outcome: at once if it is there, and otherwise as soon as it is, on the
    /// thread that ends the flight or the ticket's own job.
    ///
    /// It is called under no lock, after the waiting threads have been woken. Keep it short: that
    /// thread has work of its own. There is no deadline to it and no take-over by it, and a deadlock
    /// over it is not found.
    ///
    /// # Panics
    ///
    /// As `f` does, if it is called at once. If it is called later its panic goes no further, and in
    /// neither case does it change anybody's outcome.
    ///
    /// # Examples
    ///
    /// The outcome goes to a channel, together with the key:
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    /// use coalescer::{Coalescer, Job};
    ///
    /// let squares = Coalescer::builder()
    ///     .executor(|job: Job| { std::thread::spawn(|| job.run()); })
    ///     .build(|n: &u64| Ok::<u64, ()>(n * n));
    /// let (sender, results) = channel();
    /// for n in 1..4 {
    ///     let sender = sender.clone();
    ///     squares.submit(&n)?.when_done(move |square| { sender.send((n, square)).ok(); });
    /// }
    /// drop(sender);
    /// for (n, square) in results {
    ///     assert_eq!(*square?, n * n);
    /// }
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    pub fn when_done(mut self, f: impl FnOnce(Result<Handle<V>, Error<E>>) + Send + 'static) {
        if let Some(answer) = self.settle() {
            return f(answer.map(|answered| answered.value));
        }
        let gate = Arc::clone(self.gate());
        // From here on the gate owns the ticket, and its seat with it.
        let callback = move || self.when_done(f);
        if let Some(callback) = gate.call_on_close(unique_number(), callback) {
            callback();
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

    /// The key that was submitted.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Coalescer, Job};
    ///
    /// let lengths = Coalescer::builder()
    ///     .executor(|job: Job| job.run())
    ///     .build(|word: &String| Ok::<usize, ()>(word.len()));
    /// assert_eq!(lengths.submit("four").unwrap().key(), "four");
    /// ```
    #[must_use]
    pub fn key(&self) -> &K {
        &self.key
    }

    /// How many calls have a part in the flight: those that run the function and those that wait
    /// for it, this one among them. Once it has ended, how many it was; for a ticket that was late,
    /// how many that were without it.
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
    /// let first = squares.submit(&3).unwrap();
    /// let second = squares.submit(&3).unwrap();
    /// assert_eq!((first.callers(), second.callers()), (2, 2));
    /// drop(second);
    /// assert_eq!(first.callers(), 1);
    /// # drop(jobs);
    /// ```
    #[must_use]
    pub fn callers(&self) -> usize {
        match &self.source {
            Source::Window { callers } => *callers,
            Source::Flight(flight) => {
                let state = flight.gate().lock();
                state.waiting + state.begun
            }
        }
    }

    /// How long ago its flight started, whether or not that has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Coalescer, Job, ManualClock};
    ///
    /// let clock = ManualClock::new();
    /// let squares = Coalescer::builder()
    ///     .clock(clock.clone())
    ///     .executor(|job: Job| job.run())
    ///     .build(|n: &u64| Ok::<u64, ()>(n * n));
    /// squares.execute(&3).unwrap();
    /// clock.advance(Duration::from_millis(20));
    /// assert_eq!(squares.submit(&3).unwrap().age(), Duration::from_millis(20));
    /// ```
    #[must_use]
    pub fn age(&self) -> Duration {
        Duration::from_nanos(self.core.table.clock.now().saturating_sub(self.start))
    }

    /// Whether the outcome is there, whatever it is.
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
    /// let ticket = squares.submit(&3).unwrap();
    /// assert!(!ticket.is_finished());
    /// jobs.recv().unwrap().run();
    /// assert!(ticket.is_finished());
    /// ```
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.look().is_some()
    }

    /// Whether the outcome is there, and is no value: an error, a panic, an abandonment, or a
    /// take-over that the executor did not take.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Coalescer, Job};
    ///
    /// let halves = Coalescer::builder()
    ///     .executor(|job: Job| job.run())
    ///     .build(|n: &u64| if n % 2 == 0 { Ok(n / 2) } else { Err("odd") });
    /// assert!(halves.submit(&3).unwrap().is_failed());
    /// assert!(!halves.submit(&4).unwrap().is_failed());
    /// ```
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.look().is_some_and(|answer| answer.is_err())
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
