//! The view of operators: counters and flights of all coalescers and groups of a manager.

use std::any::Any;
use std::hash::BuildHasher;
use std::time::Duration;

use crate::coalescer::Coalescer;
use crate::group::Group;
#[cfg(feature = "serde")]
use crate::in_flight::serialize;
use crate::in_flight::{Elsewhere, InFlight};
use crate::stats::Stats;
use crate::sync::Thread;

/// A coalescer or a group, whose types the manager does not know.
pub(crate) trait Managed: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn group(&self) -> &dyn AnyGroup;
}

/// The group of a coalescer, or a group itself.
pub(crate) trait AnyGroup {
    fn name(&self) -> &str;
    fn stats(&self) -> Stats;
    fn in_flight(&self) -> Vec<InFlight<()>>;
    fn forget_all(&self) -> usize;
    fn purge_expired(&self) -> usize;
    fn shrink_to_fit(&self);
    #[cfg(feature = "metrics")]
    fn publish_metrics(&self);
}

impl<K, V, E, S> Managed for Coalescer<K, V, E, S>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn group(&self) -> &dyn AnyGroup {
        &self.group
    }
}

impl<K, V, E, S> Managed for Group<K, V, E, S>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn group(&self) -> &dyn AnyGroup {
        self
    }
}

impl<K, V, E, S: BuildHasher> AnyGroup for Group<K, V, E, S> {
    fn name(&self) -> &str {
        self.name().unwrap_or_default()
    }

    fn stats(&self) -> Stats {
        self.stats()
    }

    fn in_flight(&self) -> Vec<InFlight<()>> {
        self.in_flight_without_keys()
    }

    fn forget_all(&self) -> usize {
        self.forget_all()
    }

    fn purge_expired(&self) -> usize {
        self.purge_expired()
    }

    fn shrink_to_fit(&self) {
        self.shrink_to_fit();
    }

    #[cfg(feature = "metrics")]
    fn publish_metrics(&self) {
        self.publish_metrics();
    }
}

/// The counters of all coalescers of a [`Manager`](crate::Manager).
///
/// # Examples
///
/// ```
/// use coalescer::Manager;
///
/// let manager = Manager::new();
/// manager.named("squares", |n: &u64| Ok::<u64, ()>(n * n)).unwrap().execute(&7).unwrap();
/// manager.named("cubes", |n: &u64| Ok::<u64, ()>(n * n * n)).unwrap().execute(&7).unwrap();
///
/// let stats = manager.stats();
/// assert_eq!(stats.total.executed_requests, 2);
/// let names: Vec<_> = stats.coalescers.iter().map(|one| one.name.as_str()).collect();
/// assert_eq!(names, ["cubes", "squares"]);
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ManagerStats {
    /// The sums over all coalescers.
    pub total: Stats,
    /// The counters of each coalescer, sorted by name.
    pub coalescers: Vec<NamedStats>,
}

/// The counters of one coalescer of a [`Manager`](crate::Manager).
///
/// # Examples
///
/// ```
/// use coalescer::Manager;
///
/// let manager = Manager::new();
/// manager.named("squares", |n: &u64| Ok::<u64, ()>(n * n)).unwrap().execute(&7).unwrap();
/// let one = &manager.stats().coalescers[0];
/// assert_eq!((one.name.as_str(), one.stats.executed_requests), ("squares", 1));
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct NamedStats {
    /// The name that was given, the path of the function, or the type of the group.
    pub name: String,
    /// Its counters.
    pub stats: Stats,
}

/// A flight of one coalescer of a [`Manager`](crate::Manager), as
/// [`in_flight`](crate::Manager::in_flight) lists it.
///
/// It has no key, because the coalescers have keys of different types. The coalescer itself lists its
/// flights with their keys.
///
/// # Examples
///
/// ```
/// use coalescer::Manager;
///
/// let manager = Manager::new();
/// let weak = manager.downgrade();
/// let squares = manager.named("squares", move |n: &u64| {
///     let flight = &weak.upgrade().unwrap().in_flight()[0];
///     assert_eq!((flight.name.as_str(), flight.followers), ("squares", 0));
///     Ok::<u64, ()>(n * n)
/// });
/// squares.unwrap().execute(&7).unwrap();
/// assert!(manager.in_flight().is_empty());
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct NamedInFlight {
    /// The name that was given, the path of the function, or the type of the group.
    pub name: String,
    /// As [`InFlight::age`]. As JSON: `age_seconds`.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "age_seconds", serialize_with = "serialize::seconds")
    )]
    pub age: Duration,
    /// As [`InFlight::followers`].
    pub followers: usize,
    /// As [`InFlight::executions`].
    pub executions: usize,
    /// As [`InFlight::leader`].
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize::thread"))]
    pub leader: Option<Thread>,
    /// As [`InFlight::elsewhere`].
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub elsewhere: Option<Elsewhere>,
}

impl NamedStats {
    pub(super) fn new(name: &str, stats: Stats) -> Self {
        Self { name: name.to_owned(), stats }
    }
}

impl NamedInFlight {
    pub(super) fn new(name: &str, flight: InFlight<()>) -> Self {
        let InFlight { key: (), age, followers, executions, leader, elsewhere } = flight;
        Self { name: name.to_owned(), age, followers, executions, leader, elsewhere }
    }
}
