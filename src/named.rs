//! Coalescers by name: a manager's second map, and what can be wrong with a name.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc as StdArc;
use std::time::Duration;

use crate::coalescer::Coalescer;
use crate::in_flight::InFlight;
#[cfg(feature = "serde")]
use crate::in_flight::serialize;
use crate::settings::Settings;
use crate::stats::Stats;
use crate::sync::{Mutex, Thread};

/// What a manager knows of a coalescer without knowing its types.
pub(crate) trait Managed: Any + Send + Sync {
    fn stats(&self) -> NamedStats;
    fn in_flight(&self) -> Vec<NamedInFlight>;
    fn forget_all(&self) -> usize;
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
    fn stats(&self) -> NamedStats {
        NamedStats { name: self.name().unwrap_or_default().into(), stats: self.stats() }
    }

    fn in_flight(&self) -> Vec<NamedInFlight> {
        let name = self.name().unwrap_or_default();
        let flights = self.in_flight_without_keys().into_iter();
        flights.map(|flight| NamedInFlight::new(name, flight)).collect()
    }

    fn forget_all(&self) -> usize {
        self.forget_all()
    }

    #[cfg(feature = "metrics")]
    fn publish_metrics(&self) {
        self.publish_metrics();
    }
}

/// The counters of everything that a [`Manager`](crate::Manager) has made.
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
    /// Each coalescer's own, in the order of their names.
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
    /// The name that was given, or the path of the function.
    pub name: String,
    /// Its counters.
    pub stats: Stats,
}

/// A flight of one coalescer of a [`Manager`](crate::Manager), as
/// [`in_flight`](crate::Manager::in_flight) lists it.
///
/// It has no key: keys of different coalescers are of different types, and not every type can be
/// shown. The coalescer itself lists its flights with their keys.
///
/// # Examples
///
/// ```
/// use coalescer::Manager;
///
/// let manager = Manager::new();
/// let handle = manager.clone();
/// let squares = manager.named("squares", move |n: &u64| {
///     let flight = &handle.in_flight()[0];
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
    /// The name that was given, or the path of the function.
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
}

impl NamedInFlight {
    fn new(name: &str, flight: InFlight<()>) -> Self {
        let InFlight { key: (), age, followers, executions, leader } = flight;
        Self { name: name.to_owned(), age, followers, executions, leader }
    }
}

/// Why a [`Manager`](crate::Manager) has no such coalescer under this name.
///
/// # Examples
///
/// ```
/// use coalescer::{Coalescer, Manager, NameError};
///
/// let manager = Manager::new();
/// manager.named("squares", |n: &u64| Ok::<u64, ()>(n * n)).unwrap();
///
/// let cubes = manager.named("squares", |n: &u64| Ok::<u64, ()>(n * n * n));
/// assert!(matches!(cubes, Err(NameError::OtherFunction { .. })));
///
/// let squares: Result<Coalescer<String, u64, ()>, _> = manager.get("squares");
/// assert!(matches!(squares, Err(NameError::OtherTypes { .. })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// Nobody has made a coalescer of this name yet.
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// The coalescer of this name has another type of key, value, error or hasher.
    OtherTypes {
        /// The name that was asked for.
        name: String,
        /// The type of what has the name.
        has: &'static str,
        /// The type that was asked for.
        asked: &'static str,
    },
    /// The coalescer of this name runs another function.
    OtherFunction {
        /// The name that was asked for.
        name: String,
        /// The type of the function that it runs.
        has: &'static str,
        /// The type of the function that was brought.
        asked: &'static str,
    },
    /// The coalescer of this name has other settings.
    OtherSettings {
        /// The name that was asked for.
        name: String,
        /// The first setting that differs, by the name of its method of the builder.
        setting: &'static str,
    },
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => write!(f, "there is no coalescer named {name:?} yet"),
            Self::OtherTypes { name, has, asked } => write!(
                f,
                "the coalescer named {name:?} is a `{has}`, and was asked for as a `{asked}`"
            ),
            Self::OtherFunction { name, has, asked } => write!(
                f,
                "the coalescer named {name:?} runs the function `{has}`, not `{asked}`; \
                 give the other function another name, or get the coalescer by its name alone"
            ),
            Self::OtherSettings { name, setting } => write!(
                f,
                "the coalescer named {name:?} has another {setting}; \
                 give the other settings another name, or get the coalescer by its name alone"
            ),
        }
    }
}

impl StdError for NameError {}

/// A type, told apart by its id and shown by its name.
#[derive(Clone, Copy)]
pub(crate) struct TypeOf {
    id: TypeId,
    name: &'static str,
}

impl TypeOf {
    pub(crate) fn of<T: 'static>() -> Self {
        Self { id: TypeId::of::<T>(), name: type_name::<T>() }
    }
}

/// What has a name, and what the next caller of that name must agree with.
pub(crate) struct Named {
    pub(crate) coalescer: Box<dyn Managed>,
    pub(crate) types: TypeOf,
    pub(crate) function: TypeOf,
    pub(crate) settings: Settings,
}

impl Named {
    /// The coalescer, if it has these types.
    pub(crate) fn typed<C: Clone + 'static>(&self, name: &str) -> Result<C, NameError> {
        let coalescer: &dyn Any = &*self.coalescer;
        coalescer.downcast_ref::<C>().cloned().ok_or_else(|| NameError::OtherTypes {
            name: name.to_owned(),
            has: self.types.name,
            asked: type_name::<C>(),
        })
    }

    /// Whether it is what somebody would make who brings this function and these settings.
    pub(crate) fn agrees(
        &self,
        name: &str,
        function: TypeOf,
        settings: &Settings,
    ) -> Result<(), NameError> {
        let name = || name.to_owned();
        if self.function.id != function.id {
            let (has, asked) = (self.function.name, function.name);
            return Err(NameError::OtherFunction { name: name(), has, asked });
        }
        match self.settings.differs_in(settings) {
            Some(setting) => Err(NameError::OtherSettings { name: name(), setting }),
            None => Ok(()),
        }
    }
}

/// The named coalescers. The lock is a leaf: names are compared under it, and nothing else is done.
pub(crate) struct Names(Mutex<HashMap<StdArc<str>, StdArc<Named>>>);

impl Names {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    pub(crate) fn get(&self, name: &str) -> Option<StdArc<Named>> {
        self.0.lock().get(name).cloned()
    }

    /// What has this name: this one, unless another was there before. An argument goes after the
    /// variables, so what is not needed is dropped when the lock has been let go.
    pub(crate) fn get_or_add(&self, name: &str, new: StdArc<Named>) -> StdArc<Named> {
        let mut names = self.0.lock();
        StdArc::clone(names.entry(name.into()).or_insert_with(|| StdArc::clone(&new)))
    }

    pub(crate) fn all(&self) -> Vec<StdArc<Named>> {
        self.0.lock().values().cloned().collect()
    }
}
