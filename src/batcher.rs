//! [`Batcher`]: a group and the one function for many keys that all its calls run.

use std::fmt;
use std::hash::BuildHasher;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::builder::Builder;
use crate::core::{Patience, Want};
use crate::group::Group;
use crate::hasher::DefaultHashBuilder;
use crate::key::ToKey;
use crate::many::batch::Batch;
use crate::many::collector::Collector;
use crate::many::part::OfKey;
use crate::max_batch::ForBatcher;
use crate::settings::Settings;

/// Coalesces calls of one function that takes many keys, such as one query for many rows.
///
/// A call asks for many keys at once, with [`execute_many`](Self::execute_many), or for one. Each key has a flight and
/// a window of its own, as in a [`Coalescer`](crate::Coalescer): a key that another call is getting, or that the window
/// keeps, is not asked for again. The function gets all the others in one run.
///
/// The function runs on the thread of a call. A call for one key runs it for that key alone, unless the batcher gathers: with
/// [`gather_while_busy`](Builder::gather_while_busy), the keys that come one by one while a run is under way are asked
/// for together in the next one.
///
/// A batcher is a handle: clones share the function, the flights and the counters.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use coalescer::{Batcher, Error};
///
/// # fn select_any(ids: &[i64]) -> Result<Vec<(i64, String)>, String> {
/// #     Ok(ids.iter().map(|id| (*id, format!("user {id}"))).collect())
/// # }
/// // SELECT id, name FROM users WHERE id = ANY($1)
/// let users = Batcher::builder().max_batch(500).build(|ids: &[i64]| select_any(ids));
///
/// let page: Vec<Arc<String>> =
///     users.execute_many(&[3, 1, 3]).into_iter().collect::<Result<_, _>>()?;
/// assert_eq!(*page[0], "user 3");
/// assert_eq!(*users.execute(&1)?, "user 1"); // the window's
/// assert_eq!(users.stats().batches, 1);
/// # Ok::<(), Error<String>>(())
/// ```
#[doc(alias = "DataLoader")]
#[doc(alias = "dataloader")]
#[doc(alias = "loader")]
pub struct Batcher<K, V, E, S = DefaultHashBuilder> {
    pub(crate) group: Group<K, V, E, S>,
    pub(crate) plan: Arc<Plan<K, V, E>>,
}

/// How a batcher runs.
pub(crate) struct Plan<K, V, E> {
    pub(crate) load: Arc<SharedLoad<K, V, E>>,
    pub(crate) max_batch: usize,
    /// Where the calls of one key meet, if they are to.
    pub(crate) collector: Option<Collector<K, V, E>>,
}

/// The function of a batcher.
pub(crate) type SharedLoad<K, V, E> =
    dyn Fn(&mut Batch<'_, K, V, E>) -> Result<(), E> + Send + Sync;

impl Batcher<(), (), ()> {
    /// Settings for a batcher; [`build`](Builder::build) takes the function and makes it. The default window is
    /// [`DEFAULT_WINDOW`](crate::DEFAULT_WINDOW).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Batcher;
    ///
    /// let squares = Batcher::builder()
    ///     .window(Duration::from_secs(1))
    ///     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// assert_eq!(*squares.execute(&3).unwrap(), 9);
    /// ```
    pub fn builder<K, V>() -> Builder<ForBatcher, K, V> {
        Builder::new(Settings::new())
    }
}

impl<K, V, E, S> Batcher<K, V, E, S> {
    pub(crate) fn from_parts(group: Group<K, V, E, S>, plan: Plan<K, V, E>) -> Self {
        Self { group, plan: Arc::new(plan) }
    }
}

impl<K: Clone, V, E, S: BuildHasher> Batcher<K, V, E, S> {
    pub(crate) fn answer<'q, Q, I>(&self, keys: I, want: Want) -> Vec<OfKey<V, E>>
    where
        Q: ?Sized + ToKey<K> + 'q,
        I: IntoIterator<Item = &'q Q>,
    {
        let Plan { load, max_batch, collector } = &*self.plan;
        let mut load = |batch: &mut Batch<'_, K, V, E>| load(batch);
        self.group.answer_many(keys, want, (*max_batch, collector.as_ref()), &mut load)
    }

    /// Returns the values for these keys: from the window, from running executions, or by one run of the function
    /// for all the others.
    ///
    /// There is one answer for each key given, in the order given. Equal keys get the same `Arc`. Each distinct key is
    /// one call in the counters. With [`max_batch`](Builder::max_batch) there are as many runs as needed, one after the
    /// other. See [`Group::execute_many`] for what a call of many keys does.
    ///
    /// # Errors
    ///
    /// As [`Group::execute_many`]: each key has its own.
    ///
    /// # Panics
    ///
    /// As [`Group::execute_many`].
    ///
    /// # Deadlocks
    ///
    /// As [`Group::execute_many`].
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Batcher;
    ///
    /// let squares = Batcher::builder()
    ///     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// let answers = squares.execute_many(&[3, 4, 3]);
    /// assert_eq!(answers.into_iter().map(|n| *n.unwrap()).collect::<Vec<_>>(), [9, 16, 9]);
    /// ```
    #[doc(alias = "load_many")]
    #[doc(alias = "get_many")]
    pub fn execute_many<'q, Q, I>(&self, keys: I) -> Vec<OfKey<V, E>>
    where
        Q: ?Sized + ToKey<K> + 'q,
        I: IntoIterator<Item = &'q Q>,
    {
        self.answer(keys, Want::MANY)
    }

    /// Like [`execute_many`](Self::execute_many), and waits for other calls at most for `timeout`.
    ///
    /// The time counts from the start of the call, for all keys together. It bounds waiting only: the call's own runs
    /// are never interrupted.
    ///
    /// # Errors
    ///
    /// Keys that other calls are getting when the time is over have [`TimedOut`](crate::Error::TimedOut). All others
    /// have their answers. Otherwise as [`execute_many`](Self::execute_many).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Batcher;
    ///
    /// let squares = Batcher::builder()
    ///     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// let answers = squares.execute_many_timeout(&[3, 4], Duration::from_millis(50));
    /// assert!(answers.iter().all(Result::is_ok)); // nobody else is getting them
    /// ```
    pub fn execute_many_timeout<'q, Q, I>(&self, keys: I, timeout: Duration) -> Vec<OfKey<V, E>>
    where
        Q: ?Sized + ToKey<K> + 'q,
        I: IntoIterator<Item = &'q Q>,
    {
        self.answer(keys, Want { patience: Patience::For(timeout), ..Want::MANY })
    }

    /// Like [`execute_many_timeout`](Self::execute_many_timeout), with a point in time.
    ///
    /// # Errors
    ///
    /// As [`execute_many_timeout`](Self::execute_many_timeout).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use coalescer::Batcher;
    ///
    /// let squares = Batcher::builder()
    ///     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// let deadline = Instant::now() + Duration::from_millis(50);
    /// assert!(squares.execute_many_deadline(&[3, 4], deadline).iter().all(Result::is_ok));
    /// ```
    pub fn execute_many_deadline<'q, Q, I>(&self, keys: I, deadline: Instant) -> Vec<OfKey<V, E>>
    where
        Q: ?Sized + ToKey<K> + 'q,
        I: IntoIterator<Item = &'q Q>,
    {
        self.answer(keys, Want { patience: Patience::Until(deadline), ..Want::MANY })
    }

    /// Returns values whose computations start after this call.
    ///
    /// It accepts no result of the window. Keys that are idle are asked for in one run. For keys under way, the call
    /// waits until the execution has ended, and shares the next one with other fresh calls, as
    /// [`Coalescer::execute_fresh`](crate::Coalescer::execute_fresh) does.
    ///
    /// # Errors
    ///
    /// As [`execute_many`](Self::execute_many).
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Batcher;
    ///
    /// let squares = Batcher::builder()
    ///     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// squares.execute_many(&[3, 4]);
    /// squares.execute_many_fresh(&[3, 4]);
    /// assert_eq!(squares.stats().batches, 2);
    /// ```
    pub fn execute_many_fresh<'q, Q, I>(&self, keys: I) -> Vec<OfKey<V, E>>
    where
        Q: ?Sized + ToKey<K> + 'q,
        I: IntoIterator<Item = &'q Q>,
    {
        self.answer(keys, Want { max_age: 0, ..Want::MANY })
    }
}

// As for `Coalescer`.
impl<K, V, E, S> UnwindSafe for Batcher<K, V, E, S> {}
impl<K, V, E, S> RefUnwindSafe for Batcher<K, V, E, S> {}

impl<K, V, E, S> Clone for Batcher<K, V, E, S> {
    fn clone(&self) -> Self {
        let Self { group, plan } = self;
        Self { group: group.clone(), plan: Arc::clone(plan) }
    }
}

impl<K, V, E, S: BuildHasher> fmt::Debug for Batcher<K, V, E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batcher")
            .field("name", &self.name())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
