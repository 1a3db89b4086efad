//! [`Group`]: flights by key, where each call brings the function it would run.

use std::fmt;
use std::hash::BuildHasher;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::builder::{Builder, ForGroup};
#[cfg(doc)]
use crate::coalescer::Coalescer;
use crate::core::{Core, Patience, Want};
use crate::engine::answer::Answer;
use crate::engine::call::Call;
use crate::error::Error;
use crate::execute::Caller;
use crate::hasher::DefaultHashBuilder;
use crate::key::ToKey;
use crate::settings::Settings;
use crate::sync::Handle;
use crate::work::{WithoutKey, Work};

/// Coalesces calls by key; each call brings the function that it would run. Calls of one key must be
/// interchangeable: use it for reads, or for writes that are idempotent. Of several calls, the function
/// of one call runs.
///
/// The first call of a key is the **leader**: it runs its function on its own thread. Calls that
/// arrive while it runs are **followers**: they wait, their functions are dropped without running,
/// and all get the leader's outcome. The window is zero unless the builder sets one, so nothing is
/// kept: a pure single flight.
///
/// A group is a handle: clones share the same flights. Use [`Coalescer`] where every call runs the
/// same function; its methods have the full documentation of each verb.
///
/// Take a pooled connection, a permit or a lock **inside** the function, never before the call. A
/// follower needs none.
///
/// # Examples
///
/// A group in a `static`:
///
/// ```
/// use std::sync::LazyLock;
/// use coalescer::Group;
///
/// static PRICES: LazyLock<Group<String, u64, std::io::Error>> = LazyLock::new(Group::new);
///
/// assert_eq!(*PRICES.execute("tea", || Ok(3)).unwrap(), 3);
/// ```
///
/// The functions may borrow from the caller:
///
/// ```
/// use coalescer::Group;
///
/// let group: Group<String, usize, std::io::Error> = Group::new();
/// let page = String::from("<html>");
/// let length = group.execute("/index.html", || Ok(page.len())).unwrap();
/// assert_eq!(*length, 6);
/// ```
#[doc(alias = "singleflight")]
#[doc(alias = "single_flight")]
#[doc(alias = "dedupe")]
pub struct Group<K, V, E, S = DefaultHashBuilder> {
    pub(crate) core: Arc<Core<K, V, E, S>>,
}

impl<K, V, E> Group<K, V, E> {
    /// Makes a group with a zero window and no limits.
    ///
    /// # Examples
    ///
    /// ```
    /// let group: coalescer::Group<u64, String, std::io::Error> = coalescer::Group::new();
    /// assert_eq!(*group.execute(&7, || Ok("seven".into())).unwrap(), "seven");
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Group::builder().build()
    }
}

impl Group<(), (), ()> {
    /// Settings for a group; [`build`](Builder::build) makes it. The default window is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Group;
    ///
    /// let group: Group<u64, String, std::io::Error> =
    ///     Group::builder().window(Duration::from_millis(50)).max_requests(1000).build();
    /// # assert_eq!(group.stats().total_requests, 0);
    /// ```
    pub fn builder<K, V>() -> Builder<ForGroup, K, V> {
        Builder::new(Settings::new().window(Duration::ZERO))
    }
}

impl<K, V, E, S: BuildHasher> Group<K, V, E, S> {
    pub(crate) fn from_core(core: Arc<Core<K, V, E, S>>) -> Self {
        Self { core }
    }

    /// The common entry of every call.
    #[inline(always)]
    pub(crate) fn call_with<Q>(&self, key: &Q, want: Want, work: impl Work<K, V, E>) -> Answer<V, E>
    where
        Q: ?Sized + ToKey<K>,
    {
        let core = &*self.core;
        let clock = &core.table.clock;
        let entry = clock.coarse_now();
        let deadline = want.patience.deadline(clock, entry, core.table.rules.max_wait);
        let hash = core.hash(key);
        let call = Call { key, hash, entry, max_age: want.max_age, mode: want.mode };
        Caller { table: &core.table, sharing: &core.sharing, call, deadline }.answer(work)
    }

    #[inline]
    pub(crate) fn answer<Q, F>(&self, key: &Q, want: Want, f: F) -> Answer<V, E>
    where
        Q: ?Sized + ToKey<K>,
        F: FnOnce() -> Result<V, E>,
    {
        self.call_with(key, want, WithoutKey(f))
    }

    /// Like [`Coalescer::execute`], with the function `f`.
    ///
    /// A follower's `f` is dropped without running, unless it takes over from a stuck leader
    /// ([`leader_timeout`](crate::Settings::leader_timeout)) or the outcome cannot be shared
    /// ([`share_if`](Builder::share_if)).
    ///
    /// # Errors
    ///
    /// As [`Coalescer::execute`].
    ///
    /// # Panics
    ///
    /// As [`Coalescer::execute`]. If this call runs `f`, a panic of `f` unwinds through this call.
    ///
    /// # Deadlocks
    ///
    /// As [`Coalescer::execute`].
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Group;
    ///
    /// let group: Group<u64, String, std::io::Error> = Group::new();
    /// let name = group.execute(&7, || Ok("ada".to_string()))?;
    /// assert_eq!(*name, "ada");
    /// # Ok::<(), coalescer::Error<std::io::Error>>(())
    /// ```
    #[doc(alias = "Do")]
    #[doc(alias = "work")]
    #[doc(alias = "get_with")]
    pub fn execute<Q, F>(&self, key: &Q, f: F) -> Result<Handle<V>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
        F: FnOnce() -> Result<V, E>,
    {
        self.answer(key, Want::ANY, f).map(|answered| answered.value)
    }

    /// Like [`Coalescer::execute_timeout`], with the function `f`.
    ///
    /// # Errors
    ///
    /// As [`Coalescer::execute_timeout`].
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
    ///     let late = group.execute_timeout(&7, Duration::from_millis(1), || Ok(0));
    ///     assert!(late.unwrap_err().is_timeout());
    ///     finish.wait();
    /// });
    /// ```
    pub fn execute_timeout<Q, F>(
        &self,
        key: &Q,
        timeout: Duration,
        f: F,
    ) -> Result<Handle<V>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
        F: FnOnce() -> Result<V, E>,
    {
        let want = Want::patient(Patience::For(timeout));
        self.answer(key, want, f).map(|answered| answered.value)
    }

    /// Like [`Coalescer::execute_deadline`], with the function `f`.
    ///
    /// # Errors
    ///
    /// As [`Coalescer::execute_deadline`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Barrier;
    /// use std::time::Instant;
    /// use coalescer::Group;
    ///
    /// let group: Group<u64, u64, ()> = Group::new();
    /// let (started, finish) = (Barrier::new(2), Barrier::new(2));
    /// std::thread::scope(|s| {
    ///     s.spawn(|| group.execute(&7, || { started.wait(); finish.wait(); Ok(49) }));
    ///     started.wait();
    ///     let late = group.execute_deadline(&7, Instant::now(), || Ok(0));
    ///     assert!(late.unwrap_err().is_timeout());
    ///     finish.wait();
    /// });
    /// ```
    pub fn execute_deadline<Q, F>(
        &self,
        key: &Q,
        deadline: Instant,
        f: F,
    ) -> Result<Handle<V>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
        F: FnOnce() -> Result<V, E>,
    {
        let want = Want::patient(Patience::Until(deadline));
        self.answer(key, want, f).map(|answered| answered.value)
    }

    /// Like [`Coalescer::try_execute`], with the function `f`.
    ///
    /// # Errors
    ///
    /// As [`Coalescer::try_execute`].
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
    ///     assert!(group.try_execute(&7, || Ok(0)).unwrap_err().would_block());
    ///     finish.wait();
    /// });
    /// ```
    pub fn try_execute<Q, F>(&self, key: &Q, f: F) -> Result<Handle<V>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
        F: FnOnce() -> Result<V, E>,
    {
        self.answer(key, Want::TRY, f).map(|answered| answered.value)
    }

    /// Like [`Coalescer::execute_fresh`], with the function `f`.
    ///
    /// # Errors
    ///
    /// As [`Coalescer::execute_fresh`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Group;
    ///
    /// let group: Group<String, u32, ()> = Group::builder().window(Duration::MAX).build();
    /// assert_eq!(*group.execute("stock", || Ok(5)).unwrap(), 5);
    /// assert_eq!(*group.execute("stock", || Ok(4)).unwrap(), 5); // the window's
    /// assert_eq!(*group.execute_fresh("stock", || Ok(4)).unwrap(), 4);
    /// assert_eq!(*group.execute("stock", || Ok(3)).unwrap(), 4); // the fresh one is kept
    /// ```
    pub fn execute_fresh<Q, F>(&self, key: &Q, f: F) -> Result<Handle<V>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
        F: FnOnce() -> Result<V, E>,
    {
        self.answer(key, Want::FRESH, f).map(|answered| answered.value)
    }

    /// Like [`Coalescer::execute_within`], with the function `f`.
    ///
    /// # Errors
    ///
    /// As [`Coalescer::execute`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Group;
    ///
    /// let group: Group<String, u32, ()> = Group::builder().window(Duration::MAX).build();
    /// assert_eq!(*group.execute("stock", || Ok(5)).unwrap(), 5);
    /// let hour = Duration::from_secs(3600);
    /// assert_eq!(*group.execute_within("stock", hour, || Ok(4)).unwrap(), 5); // the window's
    /// ```
    pub fn execute_within<Q, F>(
        &self,
        key: &Q,
        max_age: Duration,
        f: F,
    ) -> Result<Handle<V>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
        F: FnOnce() -> Result<V, E>,
    {
        self.answer(key, Want::within(max_age), f).map(|answered| answered.value)
    }
}

// A panic that unwinds through a call leaves no half-changed state behind (S23), so the group stays
// usable after a caught panic.
impl<K, V, E, S> UnwindSafe for Group<K, V, E, S> {}
impl<K, V, E, S> RefUnwindSafe for Group<K, V, E, S> {}

impl<K, V, E, S> Clone for Group<K, V, E, S> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core) }
    }
}

impl<K, V, E, S: BuildHasher + Default> Default for Group<K, V, E, S> {
    fn default() -> Self {
        Group::builder().hasher(S::default()).build()
    }
}

impl<K, V, E, S> fmt::Debug for Group<K, V, E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = &self.core;
        f.debug_struct("Group")
            .field("name", &core.name)
            .field("stats", &core.table.stats())
            .finish_non_exhaustive()
    }
}
