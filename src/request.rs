//! [`Request`]: one call, with all options of a call.

use std::fmt;
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use crate::coalescer::Coalescer;
use crate::core::{Patience, Want};
use crate::engine::call::Mode;
use crate::error::Error;
use crate::group::Group;
use crate::key::ToKey;
use crate::outcome::Outcome;
use crate::sync::Handle;

/// A call that is not made yet; from [`Coalescer::call`] and [`Group::call`].
///
/// A request combines one option of each column. The first line has the defaults.
///
/// | accepted results | wait for other calls | returned value |
/// |---|---|---|
/// | any that the settings allow | until the flight ends | [`run`](Self::run): the value |
/// | [`fresh`](Self::fresh): from an execution that starts after the call | [`timeout`](Self::timeout): at most this long | [`outcome`](Self::outcome): the value, and how the call got it |
/// | [`max_age`](Self::max_age): from an execution that started at most this long ago | [`deadline`](Self::deadline): until an instant | |
/// | | [`no_wait`](Self::no_wait): not at all | |
///
/// Nothing happens before `run` or `outcome`, and a timeout counts from there. If a request sets two
/// options of one column, the last one holds. The setting [`max_wait`](crate::Settings::max_wait)
/// also bounds every wait. Instead of waiting, `submit` returns a [`Ticket`](crate::Ticket), with an executor; the first
/// column applies to it, and the second one does not, since each wait of a ticket has a limit of its own.
///
/// For a [`Coalescer`], `run()` and `outcome()` take no argument; for a [`Group`], they take the
/// function.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer::{Coalescer, Group, Role};
///
/// let users = Coalescer::new(|id: &u64| Ok::<String, ()>(format!("user {id}")));
/// let second = Duration::from_secs(1);
///
/// let user = users.call(&7).timeout(second).outcome()?;
/// assert_eq!((user.role, user.callers), (Role::Leader, 1));
/// assert_eq!(*users.call(&7).max_age(second).run()?, "user 7"); // the same one
/// users.call(&7).fresh().timeout(second).run()?; // a new one
/// assert_eq!(users.stats().executed_requests, 2);
///
/// let group: Group<u64, u64, ()> = Group::new();
/// assert_eq!(*group.call(&7).no_wait().run(|| Ok(49))?, 49);
/// # Ok::<(), coalescer::Error<()>>(())
/// ```
#[must_use = "a request does nothing until run or outcome is called"]
pub struct Request<'a, Q: ?Sized, C> {
    pub(crate) target: &'a C,
    pub(crate) key: &'a Q,
    pub(crate) want: Want,
}

impl<K, V, E, S: BuildHasher> Coalescer<K, V, E, S> {
    /// A call with all options: the results that it accepts, how long it waits, and what it returns.
    ///
    /// See [`Request`] for the options. `execute` and its variants are shorter forms of it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Coalescer, Role};
    ///
    /// let squares = Coalescer::new(|n: &u64| Ok::<u64, ()>(n * n));
    /// let outcome = squares.call(&7).fresh().timeout(Duration::from_secs(1)).outcome()?;
    /// assert_eq!((*outcome.value, outcome.role), (49, Role::Leader));
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    #[doc(alias = "execute_outcome")]
    pub fn call<'a, Q: ?Sized>(&'a self, key: &'a Q) -> Request<'a, Q, Self> {
        Request::new(self, key)
    }
}

impl<K, V, E, S: BuildHasher> Group<K, V, E, S> {
    /// Like [`Coalescer::call`], but `run` and `outcome` take the function.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Group;
    ///
    /// let group: Group<u64, u64, ()> = Group::new();
    /// let outcome = group.call(&7).timeout(Duration::from_secs(1)).outcome(|| Ok(49)).unwrap();
    /// assert_eq!((*outcome.value, outcome.callers), (49, 1));
    /// ```
    pub fn call<'a, Q: ?Sized>(&'a self, key: &'a Q) -> Request<'a, Q, Self> {
        Request::new(self, key)
    }
}

impl<'a, Q: ?Sized, C> Request<'a, Q, C> {
    pub(crate) fn new(target: &'a C, key: &'a Q) -> Self {
        Self { target, key, want: Want::ANY }
    }

    /// Accepts only the outcome of an execution that starts after this call, like
    /// [`execute_fresh`](Coalescer::execute_fresh).
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Coalescer;
    ///
    /// let squares = Coalescer::new(|n: &u64| Ok::<u64, ()>(n * n));
    /// squares.execute(&7).unwrap();
    /// squares.call(&7).fresh().run().unwrap(); // not the result that the window keeps
    /// assert_eq!(squares.stats().executed_requests, 2);
    /// ```
    pub fn fresh(mut self) -> Self {
        self.want.max_age = 0;
        self
    }

    /// Accepts only an outcome whose computation started at most `age` before this call.
    ///
    /// The call neither gets an older result of the window nor joins an older execution. It then gets
    /// the outcome of a newer execution, like a [`fresh`](Self::fresh) call. The age counts from the
    /// start of the execution, as the window does. It only narrows the window: an expired result is
    /// never served.
    ///
    /// # Examples
    ///
    /// One caller needs a fresher value than the others:
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Coalescer, ManualClock};
    ///
    /// let clock = ManualClock::new();
    /// let second = Duration::from_secs(1);
    /// let stock = Coalescer::builder()
    ///     .window(60 * second)
    ///     .clock(clock.clone())
    ///     .build(|id: &u64| Ok::<u64, ()>(id * 10));
    ///
    /// stock.execute(&7).unwrap();
    /// clock.advance(5 * second);
    /// stock.call(&7).max_age(5 * second).run().unwrap(); // served by the window
    /// stock.call(&7).max_age(2 * second).run().unwrap(); // too old: a new execution
    /// assert_eq!(stock.stats().executed_requests, 2);
    /// ```
    pub fn max_age(mut self, age: Duration) -> Self {
        self.want.max_age = Want::within(age).max_age;
        self
    }

    /// Waits for other calls at most this long, like
    /// [`execute_timeout`](Coalescer::execute_timeout).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Barrier;
    /// use std::time::Duration;
    /// use coalescer::Group;
    ///
    /// let group: Group<u64, u64, ()> = Group::new();
    /// let (started, finish) = (Barrier::new(2), Barrier::new(2));
    /// std::thread::scope(|s| {
    ///     s.spawn(|| group.execute(&7, || { started.wait(); finish.wait(); Ok(49) }));
    ///     started.wait();
    ///     let waited = group.call(&7).timeout(Duration::from_millis(1)).run(|| Ok(0));
    ///     assert!(waited.unwrap_err().is_timeout());
    ///     finish.wait();
    /// });
    /// ```
    pub fn timeout(self, timeout: Duration) -> Self {
        self.waits(Mode::Wait, Patience::For(timeout))
    }

    /// Waits for other calls until this instant, like
    /// [`execute_deadline`](Coalescer::execute_deadline).
    ///
    /// # Examples
    ///
    /// One deadline for two calls:
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use coalescer::Coalescer;
    ///
    /// let squares = Coalescer::new(|n: &u64| Ok::<u64, ()>(n * n));
    /// let deadline = Instant::now() + Duration::from_secs(1);
    /// let nine = squares.call(&3).deadline(deadline).run()?;
    /// let sixteen = squares.call(&4).deadline(deadline).run()?;
    /// assert_eq!(*nine + *sixteen, 25);
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    pub fn deadline(self, deadline: Instant) -> Self {
        self.waits(Mode::Wait, Patience::Until(deadline))
    }

    /// Never waits for other calls, like [`try_execute`](Coalescer::try_execute).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Barrier;
    /// use coalescer::Group;
    ///
    /// let group: Group<u64, u64, ()> = Group::new();
    /// let (started, finish) = (Barrier::new(2), Barrier::new(2));
    /// std::thread::scope(|s| {
    ///     s.spawn(|| group.execute(&7, || { started.wait(); finish.wait(); Ok(49) }));
    ///     started.wait();
    ///     assert!(group.call(&7).fresh().no_wait().run(|| Ok(0)).unwrap_err().would_block());
    ///     finish.wait();
    /// });
    /// ```
    pub fn no_wait(self) -> Self {
        self.waits(Mode::Try, Patience::Endless)
    }

    fn waits(mut self, mode: Mode, patience: Patience) -> Self {
        (self.want.mode, self.want.patience) = (mode, patience);
        self
    }
}

impl<Q, K, V, E, S> Request<'_, Q, Coalescer<K, V, E, S>>
where
    Q: ?Sized + ToKey<K>,
    S: BuildHasher,
{
    /// Makes the call, and returns the value.
    ///
    /// # Errors
    ///
    /// As [`Coalescer::execute`]; [`TimedOut`](Error::TimedOut) with a timeout or a deadline, and
    /// [`WouldBlock`](Error::WouldBlock) with `no_wait`.
    ///
    /// # Panics
    ///
    /// As [`Coalescer::execute`].
    ///
    /// # Examples
    ///
    /// ```
    /// let squares = coalescer::Coalescer::new(|n: &u64| Ok::<u64, ()>(n * n));
    /// assert_eq!(*squares.call(&7).no_wait().run().unwrap(), 49);
    /// ```
    pub fn run(self) -> Result<Handle<V>, Error<E>> {
        self.target.answer(self.key, self.want).map(|answered| answered.value)
    }

    /// Makes the call, and returns the value together with how the call got it.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// As [`Coalescer::execute`].
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Coalescer, Role};
    ///
    /// let squares = Coalescer::new(|n: &u64| Ok::<u64, ()>(n * n));
    /// assert_eq!(squares.call(&7).outcome().unwrap().role, Role::Leader);
    /// assert_eq!(squares.call(&7).outcome().unwrap().role, Role::Late);
    /// ```
    pub fn outcome(self) -> Result<Outcome<V>, Error<E>> {
        let answer = self.target.answer(self.key, self.want);
        answer.map(|answered| answered.into_outcome(&self.target.group.core.table.clock))
    }
}

impl<Q, K, V, E, S> Request<'_, Q, Group<K, V, E, S>>
where
    Q: ?Sized + ToKey<K>,
    S: BuildHasher,
{
    /// Makes the call with this function, and returns the value.
    ///
    /// # Errors
    ///
    /// As [`Coalescer::execute`]; [`TimedOut`](Error::TimedOut) with a timeout or a deadline, and
    /// [`WouldBlock`](Error::WouldBlock) with `no_wait`.
    ///
    /// # Panics
    ///
    /// As [`Coalescer::execute`].
    ///
    /// # Examples
    ///
    /// ```
    /// let group: coalescer::Group<u64, u64, ()> = coalescer::Group::new();
    /// assert_eq!(*group.call(&7).no_wait().run(|| Ok(49)).unwrap(), 49);
    /// ```
    pub fn run(self, f: impl FnOnce() -> Result<V, E>) -> Result<Handle<V>, Error<E>> {
        self.target.answer(self.key, self.want, f).map(|answered| answered.value)
    }

    /// Makes the call with this function, and returns the value together with how the call got it.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// As [`Coalescer::execute`].
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Group, Role};
    ///
    /// let group: Group<u64, u64, ()> = Group::new();
    /// let outcome = group.call(&7).outcome(|| Ok(49)).unwrap();
    /// assert_eq!((*outcome.value, outcome.role), (49, Role::Leader));
    /// ```
    pub fn outcome(self, f: impl FnOnce() -> Result<V, E>) -> Result<Outcome<V>, Error<E>> {
        let answer = self.target.answer(self.key, self.want, f);
        answer.map(|answered| answered.into_outcome(&self.target.core.table.clock))
    }
}

impl<Q: ?Sized, C> Clone for Request<'_, Q, C> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<Q: ?Sized, C> fmt::Debug for Request<'_, Q, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("want", &self.want).finish_non_exhaustive()
    }
}
