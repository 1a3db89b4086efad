//! What an operator sees of the flights under way.

use std::time::Duration;

use crate::sync::Thread;

/// A flight that is under way: who leads it, for how long, and how many wait for it.
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
/// With the feature `serde` it is a line of a status page, if the key can be one:
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
    /// The key that was asked for.
    pub key: K,
    /// How long ago the flight started. As JSON: `age_seconds`. With neither a window nor a rule
    /// about age, that is known to within one tick of the kernel only, some milliseconds.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "age_seconds", serialize_with = "serialize::seconds")
    )]
    pub age: Duration,
    /// How many calls wait for it now.
    pub followers: usize,
    /// How many executions of it are under way or queued: one, or more after a take-over; none while it
    /// waits for the flight before it to end (`execute_fresh`).
    pub executions: usize,
    /// The thread that runs the oldest of them; none while it is queued as a job. As JSON: its name,
    /// or its number where it has none.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize::thread"))]
    pub leader: Option<Thread>,
}

/// What a thread is called: its name, or its number where it has none.
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
