//! [`InFlight`]: a running flight, as operators see it.

use std::time::Duration;

use crate::sync::Thread;

/// A flight that runs now: its key, its age, its leader, and how many calls wait for it.
///
/// [`Coalescer::in_flight`](crate::Coalescer::in_flight) and
/// [`Group::in_flight`](crate::Group::in_flight) return one for each flight.
///
/// # Examples
///
/// ```
/// use std::sync::Barrier;
/// use coalescer::Group;
///
/// let group: Group<String, u32, ()> = Group::new();
/// let (started, seen) = (Barrier::new(2), Barrier::new(2));
/// std::thread::scope(|s| {
///     s.spawn(|| group.execute("report", || { started.wait(); seen.wait(); Ok(1) }));
///     started.wait();
///     let flights = group.in_flight();
///     assert_eq!((flights[0].key.as_str(), flights[0].followers), ("report", 0));
///     assert!(flights[0].leader.is_some());
///     seen.wait();
/// });
/// assert!(group.in_flight().is_empty());
/// ```
///
/// With the feature `serde` it is a line of a status page, if the key implements `Serialize`:
///
/// ```
/// # #[cfg(feature = "serde")] {
/// let group: coalescer::Group<String, u32, ()> = coalescer::Group::new();
/// group.execute("report", || {
///     let page = serde_json::to_string(&group.in_flight()).unwrap();
///     // [{"key":"report","age_seconds":0.0,"followers":0,"executions":1,"leader":"main"}]
///     assert!(page.starts_with(r#"[{"key":"report","age_seconds":"#));
///     Ok(1)
/// }).unwrap();
/// # }
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct InFlight<K> {
    /// The key of the flight.
    pub key: K,
    /// The time since the flight started. In JSON: `age_seconds`. Without a window and without a
    /// setting about age, its precision is one tick of the kernel, a few milliseconds.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "age_seconds", serialize_with = "serialize::seconds")
    )]
    pub age: Duration,
    /// The number of calls that wait for the flight now.
    pub followers: usize,
    /// The number of its executions that run or are queued: one, or more after a take-over. Zero
    /// while the flight waits for its predecessor to end (`execute_fresh`).
    pub executions: usize,
    /// The thread that runs the oldest execution. `None` while that execution is queued as a job.
    /// In JSON: the name of the thread, or its number if it has no name.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize::thread"))]
    pub leader: Option<Thread>,
    /// The execution of another process for which the flight waits. `None` without
    /// [`shared`](crate::Builder::shared), and while the function runs in this process; JSON leaves it out then.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub elsewhere: Option<Elsewhere>,
}

/// An execution in another process, for which a flight of this one waits.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer::Elsewhere;
///
/// let elsewhere = Elsewhere::new("shop:0a1b", Duration::from_millis(7));
/// assert_eq!((&*elsewhere.holder, elsewhere.age.as_millis()), ("shop:0a1b", 7));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Elsewhere {
    /// The name of that process, as the engine has it. Empty if the engine does not know.
    pub holder: String,
    /// The time since that execution's flight began. In JSON: `age_seconds`.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "age_seconds", serialize_with = "serialize::seconds")
    )]
    pub age: Duration,
}

impl Elsewhere {
    /// Makes one, for a tier of your own.
    ///
    /// # Examples
    ///
    /// See [`Elsewhere`].
    #[must_use]
    pub fn new(holder: impl Into<String>, age: Duration) -> Self {
        Self { holder: holder.into(), age }
    }
}

/// The name of a thread, or its number if it has no name.
#[cfg(any(feature = "serde", feature = "tracing"))]
pub(crate) fn called(thread: &Thread) -> String {
    match thread.name() {
        Some(name) => name.to_owned(),
        None => format!("{:?}", thread.id()),
    }
}

#[cfg(feature = "serde")]
pub(crate) mod serialize {
    use std::time::Duration;

    use serde::{Serialize, Serializer};

    use crate::sync::Thread;

    pub(crate) fn seconds<S: Serializer>(age: &Duration, to: S) -> Result<S::Ok, S::Error> {
        age.as_secs_f64().serialize(to)
    }

    pub(crate) fn thread<S: Serializer>(leader: &Option<Thread>, to: S) -> Result<S::Ok, S::Error> {
        leader.as_ref().map(super::called).serialize(to)
    }
}
