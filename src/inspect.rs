//! The view of operators on one handle: its counters, its flights and its name.

use std::hash::BuildHasher;

use crate::coalescer::Coalescer;
use crate::group::Group;
use crate::in_flight::{Elsewhere, InFlight};
use crate::stats::Stats;

impl<K, V, E, S: BuildHasher> Coalescer<K, V, E, S> {
    /// The counters so far.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Coalescer;
    ///
    /// let squares = Coalescer::new(|n: &u64| Ok::<u64, ()>(n * n));
    /// squares.execute(&7).unwrap();
    /// assert_eq!(squares.stats().total_requests, 1);
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.group.stats()
    }

    /// Every flight under way, the oldest first; empty when every call has returned.
    ///
    /// Meant for a status page. It visits all keys, retained ones too, and locks one shard at a time.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Coalescer;
    ///
    /// let squares = Coalescer::new(|n: &u64| Ok::<u64, ()>(n * n));
    /// assert!(squares.in_flight().is_empty());
    /// ```
    #[must_use]
    pub fn in_flight(&self) -> Vec<InFlight<K>>
    where
        K: Clone,
    {
        self.group.in_flight()
    }

    /// Adds the changes since the last call to the metrics; see [`metrics`](crate::metrics).
    ///
    /// Meant for the code that answers a scrape. It reads the counters as [`stats`](Self::stats) does, and
    /// calls the recorder under no lock.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Coalescer;
    ///
    /// let squares = Coalescer::builder().name("squares").build(|n: &u64| Ok::<u64, ()>(n * n));
    /// squares.execute(&7).unwrap();
    /// squares.publish_metrics(); // coalescer_calls_total{name="squares",role="leader"} 1
    /// ```
    #[cfg(feature = "metrics")]
    pub fn publish_metrics(&self) {
        self.group.publish_metrics();
    }

    /// The name that the builder gave it.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Coalescer;
    ///
    /// let squares = Coalescer::builder().name("squares").build(|n: &u64| Ok::<u64, ()>(n * n));
    /// assert_eq!(squares.name(), Some("squares"));
    /// ```
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.group.name()
    }
}

impl<K, V, E, S: BuildHasher> Group<K, V, E, S> {
    /// The counters so far.
    ///
    /// # Examples
    ///
    /// ```
    /// let group: coalescer::Group<u32, u32, ()> = coalescer::Group::new();
    /// group.execute(&1, || Ok(1)).unwrap();
    /// assert_eq!(group.stats().executed_requests, 1);
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.core.table.stats()
    }

    /// As [`Coalescer::in_flight`].
    ///
    /// # Examples
    ///
    /// ```
    /// let group: coalescer::Group<u32, u32, ()> = coalescer::Group::new();
    /// assert!(group.in_flight().is_empty());
    /// ```
    #[must_use]
    pub fn in_flight(&self) -> Vec<InFlight<K>>
    where
        K: Clone,
    {
        self.core.table.in_flight(|key| (key.clone(), self.elsewhere(key)))
    }

    /// Like `in_flight`, without the keys.
    pub(crate) fn in_flight_without_keys(&self) -> Vec<InFlight<()>> {
        self.core.table.in_flight(|key| ((), self.elsewhere(key)))
    }

    /// The execution of another process for which a flight of this key waits.
    fn elsewhere(&self, key: &K) -> Option<Elsewhere> {
        self.core.sharing.tier.as_ref()?.elsewhere(key)
    }

    /// As [`Coalescer::publish_metrics`].
    ///
    /// # Examples
    ///
    /// ```
    /// let group: coalescer::Group<u32, u32, ()> =
    ///     coalescer::Group::builder().name("prices").build();
    /// group.execute(&1, || Ok(1)).unwrap();
    /// group.publish_metrics(); // coalescer_calls_total{name="prices",role="leader"} 1
    /// ```
    #[cfg(feature = "metrics")]
    pub fn publish_metrics(&self) {
        self.core.table.publish_metrics();
    }

    /// The name that the builder gave it.
    ///
    /// # Examples
    ///
    /// ```
    /// let group: coalescer::Group<u32, u32, ()> =
    ///     coalescer::Group::builder().name("prices").build();
    /// assert_eq!(group.name(), Some("prices"));
    /// ```
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.core.name.as_deref()
    }
}
