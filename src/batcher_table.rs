//! The verbs of a [`Batcher`] that ask for nothing: what it keeps, forgets and counts.

use std::hash::BuildHasher;

use crate::batcher::Batcher;
use crate::in_flight::InFlight;
use crate::key::ToKey;
use crate::outcome::Outcome;
use crate::stats::Stats;
use crate::sync::Handle;

impl<K, V, E, S: BuildHasher> Batcher<K, V, E, S> {
    /// As [`Coalescer::forget`](crate::Coalescer::forget).
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer::Batcher;
    /// # let squares = Batcher::builder().window(std::time::Duration::MAX)
    /// #     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// squares.execute(&3).unwrap();
    /// assert!(squares.forget(&3));
    /// ```
    pub fn forget<Q>(&self, key: &Q) -> bool
    where
        Q: ?Sized + ToKey<K>,
    {
        self.group.forget(key)
    }

    /// As [`Coalescer::forget_all`](crate::Coalescer::forget_all).
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer::Batcher;
    /// # let squares = Batcher::builder().window(std::time::Duration::MAX)
    /// #     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// squares.execute_many(&[3, 4]);
    /// assert_eq!(squares.forget_all(), 2);
    /// ```
    pub fn forget_all(&self) -> usize {
        self.group.forget_all()
    }

    /// As [`Coalescer::peek`](crate::Coalescer::peek).
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer::Batcher;
    /// # let squares = Batcher::builder().window(std::time::Duration::MAX)
    /// #     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// assert!(squares.peek(&3).is_none());
    /// squares.execute(&3).unwrap();
    /// assert_eq!(squares.peek(&3).as_deref(), Some(&9));
    /// ```
    pub fn peek<Q>(&self, key: &Q) -> Option<Handle<V>>
    where
        Q: ?Sized + ToKey<K>,
    {
        self.group.peek(key)
    }

    /// As [`Coalescer::peek_outcome`](crate::Coalescer::peek_outcome).
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer::Batcher;
    /// # let squares = Batcher::builder().window(std::time::Duration::MAX)
    /// #     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// squares.execute(&3).unwrap();
    /// let found = squares.peek_outcome(&3).unwrap();
    /// assert!(found.age < std::time::Duration::from_secs(60));
    /// ```
    pub fn peek_outcome<Q>(&self, key: &Q) -> Option<Outcome<V>>
    where
        Q: ?Sized + ToKey<K>,
    {
        self.group.peek_outcome(key)
    }

    /// As [`Coalescer::insert`](crate::Coalescer::insert).
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer::Batcher;
    /// # let squares = Batcher::builder().window(std::time::Duration::MAX)
    /// #     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// squares.insert(&3, 9);
    /// assert_eq!(*squares.execute(&3).unwrap(), 9);
    /// assert_eq!(squares.stats().batches, 0);
    /// ```
    pub fn insert<Q>(&self, key: &Q, value: V) -> Handle<V>
    where
        Q: ?Sized + ToKey<K>,
    {
        self.group.insert(key, value)
    }

    /// As [`Coalescer::stats`](crate::Coalescer::stats).
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer::Batcher;
    /// # let squares = Batcher::builder().window(std::time::Duration::MAX)
    /// #     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// squares.execute_many(&[3, 4]);
    /// assert_eq!((squares.stats().executed_requests, squares.stats().batches), (2, 1));
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.group.stats()
    }

    /// As [`Coalescer::in_flight`](crate::Coalescer::in_flight).
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer::Batcher;
    /// # let squares = Batcher::builder().window(std::time::Duration::MAX)
    /// #     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// assert!(squares.in_flight().is_empty());
    /// ```
    #[must_use]
    pub fn in_flight(&self) -> Vec<InFlight<K>>
    where
        K: Clone,
    {
        self.group.in_flight()
    }

    /// As [`Coalescer::name`](crate::Coalescer::name).
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer::Batcher;
    /// # let squares = Batcher::builder().window(std::time::Duration::MAX)
    /// #     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// assert_eq!(squares.name(), None);
    /// ```
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.group.name()
    }

    /// As [`Coalescer::publish_metrics`](crate::Coalescer::publish_metrics).
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer::Batcher;
    /// # let squares = Batcher::builder().window(std::time::Duration::MAX)
    /// #     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// squares.publish_metrics();
    /// ```
    #[cfg(feature = "metrics")]
    pub fn publish_metrics(&self) {
        self.group.publish_metrics();
    }

    /// As [`Coalescer::purge_expired`](crate::Coalescer::purge_expired).
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer::Batcher;
    /// # let squares = Batcher::builder().window(std::time::Duration::MAX)
    /// #     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// assert_eq!(squares.purge_expired(), 0);
    /// ```
    pub fn purge_expired(&self) -> usize {
        self.group.purge_expired()
    }

    /// As [`Coalescer::shrink_to_fit`](crate::Coalescer::shrink_to_fit).
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer::Batcher;
    /// # let squares = Batcher::builder().window(std::time::Duration::MAX)
    /// #     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// squares.shrink_to_fit();
    /// ```
    pub fn shrink_to_fit(&self) {
        self.group.shrink_to_fit();
    }
}

impl<K: Eq, V, E, S> Batcher<K, V, E, S> {
    /// As [`Coalescer::forget_if`](crate::Coalescer::forget_if).
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer::Batcher;
    /// # let squares = Batcher::builder().window(std::time::Duration::MAX)
    /// #     .build(|ns: &[u64]| Ok::<_, ()>(ns.iter().map(|n| (*n, n * n)).collect::<Vec<_>>()));
    /// squares.execute_many(&[3, 4, 5]);
    /// assert_eq!(squares.forget_if(|n| n % 2 == 1), 2);
    /// ```
    pub fn forget_if(&self, fits: impl FnMut(&K) -> bool) -> usize {
        self.group.forget_if(fits)
    }
}
