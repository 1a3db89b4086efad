//! [`Coalescer`]: a group and the one function that all its calls run.

use std::fmt;
use std::hash::BuildHasher;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::builder::{Builder, ForCoalescer};
use crate::core::{Patience, Want};
use crate::engine::answer::Answer;
use crate::error::Error;
use crate::group::Group;
use crate::hasher::DefaultHashBuilder;
use crate::key::ToKey;
use crate::refresh::Load;
use crate::settings::Settings;
use crate::sync::Handle;
use crate::work::WithKey;

/// Coalesces calls of one function by its argument.
///
/// The first call of a key is the **leader**: it runs the function on its own thread. Calls that
/// arrive while it runs are **followers** and wait for its outcome. For a **window** after the start, a
/// **late** call gets a success without waiting. The window is
/// [`DEFAULT_WINDOW`](crate::DEFAULT_WINDOW) unless the builder says otherwise.
///
/// Calls of one key must be interchangeable: use it for reads, or for writes that are idempotent.
///
/// A coalescer is a handle: clones share the function, the flights and the counters. The function is
/// boxed, so the type names no closure and can be a field of a struct.
///
/// # Examples
///
/// ```
/// use coalescer::Coalescer;
///
/// #[derive(Debug)]
/// struct NotFound;
///
/// struct Users {
///     by_name: Coalescer<String, u64, NotFound>,
/// }
///
/// let users = Users {
///     by_name: Coalescer::new(|name: &String| match name.as_str() {
///         "ada" => Ok(1815), // a query, in real life
///         _ => Err(NotFound),
///     }),
/// };
/// assert_eq!(*users.by_name.execute("ada").unwrap(), 1815);
/// assert!(users.by_name.execute("nobody").unwrap_err().is_failed());
/// ```
#[doc(alias = "singleflight")]
#[doc(alias = "single_flight")]
#[doc(alias = "dedupe")]
#[doc(alias = "cache")]
pub struct Coalescer<K, V, E, S = DefaultHashBuilder> {
    pub(crate) group: Group<K, V, E, S>,
    pub(crate) load: Arc<dyn Load<K, V, E>>,
}

impl<K, V, E> Coalescer<K, V, E> {
    /// Makes a coalescer of `load`, with the default window and no limits.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Coalescer;
    ///
    /// let squares = Coalescer::new(|n: &u64| Ok::<u64, std::convert::Infallible>(n * n));
    /// assert_eq!(*squares.execute(&3).unwrap(), 9);
    /// ```
    pub fn new<F>(load: F) -> Self
    where
        F: Fn(&K) -> Result<V, E> + Send + Sync + 'static,
    {
        Coalescer::builder().build(load)
    }
}

impl Coalescer<(), (), ()> {
    /// Settings for a coalescer; [`build`](Builder::build) takes the function and makes it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Coalescer;
    ///
    /// let lengths = Coalescer::builder()
    ///     .window(Duration::from_millis(50))
    ///     .max_requests(100)
    ///     .build(|word: &String| Ok::<usize, ()>(word.len()));
    /// assert_eq!(*lengths.execute("four").unwrap(), 4);
    /// ```
    pub fn builder<K, V>() -> Builder<ForCoalescer, K, V> {
        Builder::new(Settings::new())
    }
}

impl<K, V, E, S: BuildHasher> Coalescer<K, V, E, S> {
    pub(crate) fn from_parts(group: Group<K, V, E, S>, load: Arc<dyn Load<K, V, E>>) -> Self {
        Self { group, load }
    }

    #[inline]
    pub(crate) fn answer<Q>(&self, key: &Q, want: Want) -> Answer<V, E>
    where
        Q: ?Sized + ToKey<K>,
    {
        self.group.call_with(key, want, WithKey(&self.load))
    }

    /// Returns the value for this key: from the window, from a running execution, or by running the
    /// function.
    ///
    /// A leader runs the function on this thread and blocks for as long as it does. A follower
    /// blocks until its flight ends, at most for the builder's [`max_wait`](Builder::max_wait).
    ///
    /// # Errors
    ///
    /// [`Failed`](Error::Failed) with the function's error, the same for every call that waited;
    /// [`LeaderPanicked`](Error::LeaderPanicked) for the followers of a function that panicked;
    /// [`WouldDeadlock`](Error::WouldDeadlock); [`TimedOut`](Error::TimedOut) after `max_wait`.
    ///
    /// # Panics
    ///
    /// If this call runs the function and it panics, the panic unwinds through this call. So do panics
    /// of the key's `Hash`, `Eq` and [`ToKey`], and of the destructors of expired results that this
    /// call drops.
    ///
    /// # Deadlocks
    ///
    /// The function may call this coalescer, or others, with other keys. A call that would wait for
    /// its own thread, directly or over a chain of threads, is refused with `WouldDeadlock`. The library
    /// sees flights only. It does not see a lock that this thread holds and the function on the leader's
    /// thread wants, nor a job in a thread pool for which the function waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Coalescer;
    ///
    /// let lengths = Coalescer::new(|word: &String| Ok::<usize, ()>(word.len()));
    /// assert_eq!(*lengths.execute("four").unwrap(), 4);
    /// ```
    #[inline]
    #[doc(alias = "get")]
    #[doc(alias = "get_with")]
    #[doc(alias = "get_or_insert_with")]
    #[doc(alias = "Do")]
    #[doc(alias = "work")]
    pub fn execute<Q>(&self, key: &Q) -> Result<Handle<V>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
    {
        self.answer(key, Want::ANY).map(|answered| answered.value)
    }

    /// Like [`execute`](Self::execute), but a follower waits at most for `timeout`.
    ///
    /// The time counts from the start of the call. It bounds waiting only: a leader's own function
    /// is never interrupted. A timeout that is too long for an `Instant` is no limit.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](Error::TimedOut) at the deadline, unless the outcome is there by then. The execution
    /// continues for the other calls. Otherwise as `execute`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::{Arc, Barrier};
    /// use std::time::Duration;
    /// use coalescer::Coalescer;
    ///
    /// let (started, finish) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    /// let (running, end) = (started.clone(), finish.clone());
    /// let squares = Coalescer::new(move |n: &u64| {
    ///     running.wait();
    ///     end.wait();
    ///     Ok::<u64, ()>(n * n)
    /// });
    /// std::thread::scope(|s| {
    ///     let leader = s.spawn(|| squares.execute(&7));
    ///     started.wait();
    ///     let late = squares.execute_timeout(&7, Duration::from_millis(1));
    ///     assert!(late.unwrap_err().is_timeout());
    ///     finish.wait();
    ///     assert_eq!(*leader.join().unwrap().unwrap(), 49); // it goes on for the others
    /// });
    /// ```
    pub fn execute_timeout<Q>(&self, key: &Q, timeout: Duration) -> Result<Handle<V>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
    {
        let want = Want::patient(Patience::For(timeout));
        self.answer(key, want).map(|answered| answered.value)
    }

    /// Like [`execute_timeout`](Self::execute_timeout), with a point in time.
    ///
    /// # Errors
    ///
    /// As `execute_timeout`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use coalescer::Coalescer;
    ///
    /// // One deadline for all calls that a request makes.
    /// let squares = Coalescer::new(|n: &u64| Ok::<u64, ()>(n * n));
    /// let deadline = Instant::now() + Duration::from_secs(1);
    /// let mut sum = 0;
    /// for n in [3, 4] {
    ///     sum += *squares.execute_deadline(&n, deadline)?;
    /// }
    /// assert_eq!(sum, 25);
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    pub fn execute_deadline<Q>(&self, key: &Q, deadline: Instant) -> Result<Handle<V>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
    {
        let want = Want::patient(Patience::Until(deadline));
        self.answer(key, want).map(|answered| answered.value)
    }

    /// Never waits for another call: the call returns a value from the window, leads, or fails.
    ///
    /// A call that leads runs the function to its end, however long that takes. A call for a key that its
    /// own thread leads gets `WouldDeadlock` here too, because another try would not help.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](Error::WouldBlock) if an execution is under way that this call would have to
    /// wait for. Otherwise as [`execute`](Self::execute).
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Coalescer;
    ///
    /// use std::sync::{Arc, Barrier};
    ///
    /// let (started, finish) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    /// let (running, end) = (started.clone(), finish.clone());
    /// let squares = Coalescer::new(move |n: &u64| {
    ///     running.wait();
    ///     end.wait();
    ///     Ok::<u64, ()>(n * n)
    /// });
    /// std::thread::scope(|s| {
    ///     s.spawn(|| squares.execute(&7));
    ///     started.wait();
    ///     assert!(squares.try_execute(&7).unwrap_err().would_block());
    ///     finish.wait();
    /// });
    /// ```
    pub fn try_execute<Q>(&self, key: &Q) -> Result<Handle<V>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
    {
        self.answer(key, Want::TRY).map(|answered| answered.value)
    }

    /// Returns a value whose computation starts after this call.
    ///
    /// The call does not accept results of the window. The result that is kept stays for other calls until
    /// the new one has succeeded. If an execution is under way, the call waits until
    /// it has ended. Then one more execution starts, and every fresh call that arrived in between shares
    /// it. So any number of fresh calls cost a key one execution at a time, with two exceptions: the
    /// flight that they would share is full ([`max_requests`](Builder::max_requests)), or the one that they
    /// wait for is stuck for [`leader_timeout`](Builder::leader_timeout). Then they do not wait for its end.
    /// [`max_leaders`](Builder::max_leaders) bounds the executions beside a stuck one.
    /// [`max_wait`](Builder::max_wait) bounds the whole wait of a call.
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute).
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Coalescer;
    ///
    /// let squares = Coalescer::new(|n: &u64| Ok::<u64, ()>(n * n));
    /// squares.execute(&7).unwrap();
    /// squares.execute_fresh(&7).unwrap(); // not the one that the window kept
    /// assert_eq!(squares.stats().executed_requests, 2);
    /// ```
    pub fn execute_fresh<Q>(&self, key: &Q) -> Result<Handle<V>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
    {
        self.answer(key, Want::FRESH).map(|answered| answered.value)
    }

    /// Returns a value whose computation started at most `max_age` before this call; short for
    /// [`call(&key)`](Self::call)`.max_age(max_age).run()`.
    ///
    /// The call gets neither an older result of the window nor the outcome of an execution that started
    /// earlier. It then gets the outcome of a newer execution, like a call of
    /// [`execute_fresh`](Self::execute_fresh). It joins a running execution that is young enough. The window
    /// still bounds the age: an expired result is never served.
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute).
    ///
    /// # Panics
    ///
    /// As [`execute`](Self::execute).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Coalescer, ManualClock};
    ///
    /// let (clock, second) = (ManualClock::new(), Duration::from_secs(1));
    /// let stock = Coalescer::builder()
    ///     .window(60 * second)
    ///     .clock(clock.clone())
    ///     .build(|id: &u64| Ok::<u64, ()>(id * 10));
    /// stock.execute(&7).unwrap();
    /// clock.advance(5 * second);
    /// stock.execute_within(&7, 5 * second).unwrap(); // served by the window
    /// stock.execute_within(&7, 2 * second).unwrap(); // too old: a new execution
    /// assert_eq!(stock.stats().executed_requests, 2);
    /// ```
    pub fn execute_within<Q>(&self, key: &Q, max_age: Duration) -> Result<Handle<V>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
    {
        self.answer(key, Want::within(max_age)).map(|answered| answered.value)
    }

    /// Returns true if both are handles of one coalescer.
    pub(crate) fn is_handle_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.group.core, &other.group.core)
    }
}

// As for `Group`. A panic of the function unwinds through the leader's call, so the leader's caller
// decides whether the values that the function captures are still usable.
impl<K, V, E, S> UnwindSafe for Coalescer<K, V, E, S> {}
impl<K, V, E, S> RefUnwindSafe for Coalescer<K, V, E, S> {}

impl<K, V, E, S> Clone for Coalescer<K, V, E, S> {
    fn clone(&self) -> Self {
        Self { group: self.group.clone(), load: Arc::clone(&self.load) }
    }
}

impl<K, V, E, S: BuildHasher> fmt::Debug for Coalescer<K, V, E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coalescer")
            .field("name", &self.name())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
