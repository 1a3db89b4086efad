//! The verbs of a [`Batcher`] for one key.

use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use crate::batcher::{Batcher, Plan};
use crate::core::{Patience, Want};
use crate::engine::call::Call;
use crate::error::Error;
use crate::execute::answer_of;
use crate::key::ToKey;
use crate::many::batch::Batch;
use crate::many::part::OfKey;
use crate::sync::Handle;

impl<K: Clone, V, E, S: BuildHasher> Batcher<K, V, E, S> {
    fn answer_one<Q>(&self, key: &Q, want: Want) -> OfKey<V, E>
    where
        Q: ?Sized + ToKey<K>,
    {
        let core = &*self.group.core;
        let entry = core.table.clock.coarse_now();
        let Want { max_age, mode, .. } = want;
        // Most calls are late, and need nothing that a call of many keys does.
        if let Ok(hit) =
            core.table.look_up(&Call { key, hash: core.hash(key), entry, max_age, mode })
        {
            return answer_of(hit).map(|answered| answered.value);
        }
        self.answer([key], want).pop().expect("one answer for each key")
    }

    /// Returns the value for this key: from the window, from a running execution, or by a run of the function for
    /// this key.
    ///
    /// As [`Coalescer::execute`](crate::Coalescer::execute), also for errors, panics and deadlocks.
    ///
    /// # Errors
    ///
    /// Those of [`Coalescer::execute`](crate::Coalescer::execute), and [`Missing`](crate::Error::Missing).
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Batcher;
    ///
    /// let squares = Batcher::builder()
    ///     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// assert_eq!(*squares.execute(&3).unwrap(), 9);
    /// ```
    #[doc(alias = "load")]
    #[doc(alias = "get")]
    pub fn execute<Q>(&self, key: &Q) -> Result<Handle<V>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
    {
        self.answer_one(key, Want::MANY)
    }

    /// As [`Coalescer::execute_timeout`](crate::Coalescer::execute_timeout).
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute), and [`TimedOut`](crate::Error::TimedOut).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Batcher;
    ///
    /// let squares = Batcher::builder()
    ///     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// assert_eq!(*squares.execute_timeout(&3, Duration::from_secs(1)).unwrap(), 9);
    /// ```
    pub fn execute_timeout<Q>(&self, key: &Q, timeout: Duration) -> Result<Handle<V>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
    {
        self.answer_one(key, Want { patience: Patience::For(timeout), ..Want::MANY })
    }

    /// As [`Coalescer::execute_deadline`](crate::Coalescer::execute_deadline).
    ///
    /// # Errors
    ///
    /// As [`execute_timeout`](Self::execute_timeout).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use coalescer::Batcher;
    ///
    /// let squares = Batcher::builder()
    ///     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// let deadline = Instant::now() + Duration::from_secs(1);
    /// assert_eq!(*squares.execute_deadline(&3, deadline).unwrap(), 9);
    /// ```
    pub fn execute_deadline<Q>(&self, key: &Q, deadline: Instant) -> Result<Handle<V>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
    {
        self.answer_one(key, Want { patience: Patience::Until(deadline), ..Want::MANY })
    }

    /// As [`Coalescer::try_execute`](crate::Coalescer::try_execute).
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute), and [`WouldBlock`](crate::Error::WouldBlock).
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Batcher;
    ///
    /// let squares = Batcher::builder()
    ///     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// assert_eq!(*squares.try_execute(&3).unwrap(), 9);
    /// ```
    pub fn try_execute<Q>(&self, key: &Q) -> Result<Handle<V>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
    {
        self.answer_one(key, Want::TRY)
    }

    /// As [`Coalescer::execute_fresh`](crate::Coalescer::execute_fresh).
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute).
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Batcher;
    ///
    /// let squares = Batcher::builder()
    ///     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// squares.execute(&3).unwrap();
    /// squares.execute_fresh(&3).unwrap();
    /// assert_eq!(squares.stats().batches, 2);
    /// ```
    pub fn execute_fresh<Q>(&self, key: &Q) -> Result<Handle<V>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
    {
        self.answer_one(key, Want { max_age: 0, ..Want::MANY })
    }

    /// As [`Coalescer::execute_within`](crate::Coalescer::execute_within).
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Batcher;
    ///
    /// let squares = Batcher::builder()
    ///     .window(Duration::from_secs(60))
    ///     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// squares.execute(&3).unwrap();
    /// squares.execute_within(&3, Duration::from_secs(30)).unwrap();
    /// assert_eq!(squares.stats().batches, 1);
    /// ```
    pub fn execute_within<Q>(&self, key: &Q, max_age: Duration) -> Result<Handle<V>, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
    {
        let Want { max_age, .. } = Want::within(max_age);
        self.answer_one(key, Want { max_age, ..Want::MANY })
    }

    /// Runs the function for this key now, and lets the window serve the old value meanwhile. Returns false if an
    /// execution of the key runs already: it does nothing then.
    ///
    /// As [`Coalescer::refresh`](crate::Coalescer::refresh). A batcher of
    /// [`build_refreshing`](crate::Builder::build_refreshing) has the executor run it, together with the other keys that are
    /// due. In any other batcher this thread runs the function, for this key alone.
    ///
    /// # Errors
    ///
    /// If this thread runs the function: [`Failed`](crate::Error::Failed) with its error, or
    /// [`Missing`](crate::Error::Missing). The old value stays then.
    ///
    /// # Panics
    ///
    /// As [`Coalescer::refresh`](crate::Coalescer::refresh).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Batcher;
    ///
    /// let squares = Batcher::builder()
    ///     .window(Duration::from_secs(60))
    ///     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// squares.execute(&3)?;
    /// assert!(squares.refresh(&3)?);
    /// assert_eq!((squares.stats().refreshes, squares.stats().batches), (1, 2));
    /// # Ok::<(), coalescer::Error<()>>(())
    /// ```
    #[doc(alias = "reload")]
    pub fn refresh<Q>(&self, key: &Q) -> Result<bool, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
    {
        let Plan { load, max_batch, collector } = &*self.plan;
        let mut load = |batch: &mut Batch<'_, K, V, E>| load(batch);
        let call = self.group.many(Want::MANY, (*max_batch, collector.as_ref()));
        call.refresh((key, self.group.core.hash(key)), &mut load)
    }
}
