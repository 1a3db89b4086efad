//! The state of a [`Ticket`], told without a wait.

use std::time::Duration;

use crate::submit::state::State;
use crate::submit::ticket::{Source, Ticket};

impl<K, V, E> Ticket<K, V, E> {
    /// Returns the key of the call.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Group, Job};
    ///
    /// let group: Group<String, u32, ()> = Group::builder().executor(|job: Job| job.run()).build();
    /// assert_eq!(group.submit("ada", || Ok(36)).unwrap().key(), "ada");
    /// ```
    #[must_use]
    pub fn key(&self) -> &K {
        &self.key
    }

    /// Returns `true` if the ticket waits for a job of its own, which runs the function.
    ///
    /// Right after `submit` it tells if the call leads. The ticket of a follower gets a job later if it takes over
    /// or begins the flight of a lost leader, or if the value is not for it. A ticket that has its outcome waits
    /// for nothing. Locks the flight for a few steps.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Group, Job};
    ///
    /// let (queue, _jobs) = std::sync::mpsc::channel();
    /// let group: Group<u64, u64, ()> = Group::builder().executor(move |job: Job| queue.send(job)).build();
    /// let (first, second) = (group.submit(&7, || Ok(49))?, group.submit(&7, || Ok(49))?);
    /// assert!(first.has_job() && !second.has_job());
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    #[must_use]
    pub fn has_job(&self) -> bool {
        match &self.state {
            State::Job(_) => true,
            State::Seated(seated) => seated.seat.has_left(),
            State::Done(_) => false,
        }
    }

    /// Returns how many calls run the function of the flight or wait for it, this one included.
    ///
    /// It is the number now, and later the number at the end of the flight. For a late call it is the
    /// number of calls that the flight had answered before this one.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Group, Job};
    ///
    /// let (queue, _jobs) = std::sync::mpsc::channel();
    /// let group: Group<u32, u32, ()> =
    ///     Group::builder().executor(move |job: Job| queue.send(job)).build();
    /// let (first, second) = (group.submit(&3, || Ok(9)).unwrap(), group.submit(&3, || Ok(9)).unwrap());
    /// assert_eq!((first.callers(), second.callers()), (2, 2));
    /// drop(second);
    /// assert_eq!(first.callers(), 1);
    /// ```
    #[must_use]
    pub fn callers(&self) -> usize {
        match &self.source {
            Source::Window { callers } => *callers,
            Source::Flight(flight) => {
                let state = flight.gate().lock();
                (state.waiting + state.begun + state.queued).max(1)
            }
        }
    }

    /// Returns the time since the flight started, also after the flight has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Group, Job, ManualClock};
    ///
    /// let clock = ManualClock::new();
    /// let group: Group<u32, u32, ()> =
    ///     Group::builder().clock(clock.clone()).executor(|job: Job| job.run()).build();
    /// let ticket = group.submit(&3, || Ok(9)).unwrap();
    /// clock.advance(Duration::from_millis(20));
    /// assert_eq!(ticket.age(), Duration::from_millis(20));
    /// ```
    #[must_use]
    pub fn age(&self) -> Duration {
        Duration::from_nanos(self.core.table.clock.now().saturating_sub(self.start))
    }

    /// Returns true if the outcome is there, a value or an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Group, Job};
    ///
    /// let (queue, jobs) = std::sync::mpsc::channel();
    /// let group: Group<u32, u32, ()> =
    ///     Group::builder().executor(move |job: Job| queue.send(job)).build();
    /// let ticket = group.submit(&3, || Ok(9)).unwrap();
    /// assert!(!ticket.is_finished());
    /// jobs.recv().unwrap().run();
    /// assert!(ticket.is_finished());
    /// ```
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.look().is_some()
    }

    /// Returns true if the outcome is there and is an error of any kind.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Group, Job};
    ///
    /// let group: Group<u32, u32, &str> = Group::builder().executor(|job: Job| job.run()).build();
    /// assert!(group.submit(&3, || Err("odd")).unwrap().is_failed());
    /// ```
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.look().is_some_and(|answer| answer.is_err())
    }
}
