//! The hook for flights that are slow, and what it is told.

use std::any::TypeId;
use std::sync::Arc;
use std::time::Duration;

use crate::sync::{Thread, thread_of};
use crate::wait::callbacks::contain;
use crate::wait::clock::Nanos;
use crate::wait::deadlock::ThreadToken;

/// A flight that has been under way for too long; see [`on_slow`](crate::Builder::on_slow).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer::{Coalescer, SlowFlight};
///
/// fn warn(slow: &SlowFlight<'_, String>) {
///     let state = if slow.ended { "took" } else { "has been running for" };
///     eprintln!(
///         "{}: {:?} {state} {:?}, {} wait, led by {:?}",
///         slow.name.unwrap_or("unnamed"), slow.key, slow.age, slow.followers, slow.leader,
///     );
/// }
///
/// let pages = Coalescer::builder()
///     .name("pages")
///     .on_slow(Duration::from_secs(5), warn)
///     .build(|path: &String| Ok::<usize, std::io::Error>(path.len()));
/// assert_eq!(*pages.execute("/").unwrap(), 1);
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SlowFlight<'a, K> {
    /// The name of the coalescer, if it has one.
    pub name: Option<&'a str>,
    /// The key that was asked for.
    pub key: &'a K,
    /// How long ago the flight's first execution began. As JSON: `age_seconds`.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "age_seconds", serialize_with = "crate::in_flight::serialize::seconds")
    )]
    pub age: Duration,
    /// How many calls wait for it now.
    pub followers: usize,
    /// The thread that runs the oldest of its executions; none while that is queued as a job, and if
    /// nobody ran it. As JSON: its name, or its number where it has none.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::in_flight::serialize::thread"))]
    pub leader: Option<Thread>,
    /// Whether that execution has just returned, or its job was dropped: nobody else came by in time to
    /// notice.
    pub ended: bool,
}

/// The function that is called with slow flights.
pub(crate) type Hook<K> = dyn Fn(&SlowFlight<'_, K>) + Send + Sync;

/// What was read of a slow flight under its locks, by the one call that is to tell of it.
pub(crate) struct SlowReport<K> {
    pub(crate) key: Arc<K>,
    pub(crate) age: Nanos,
    pub(crate) followers: usize,
    pub(crate) leader: Option<ThreadToken>,
    pub(crate) ended: bool,
}

impl<K> SlowReport<K> {
    /// Calls the hook. A panic of it ends here: it has been reported by the panic hook, and neither
    /// the flight nor the call that happened to notice has a part in it (S24, S54).
    pub(super) fn call(&self, hook: &Hook<K>, name: Option<&str>) {
        let slow = SlowFlight {
            name,
            key: &*self.key,
            age: Duration::from_nanos(self.age),
            followers: self.followers,
            leader: self.leader.and_then(thread_of),
            ended: self.ended,
        };
        contain(|| hook(&slow));
    }
}

/// The hook of a builder, the age from which on it is called, and the type of its function, which
/// is all that tells two hooks apart.
pub(crate) struct OnSlow<K> {
    pub(crate) after: Duration,
    pub(crate) hook: Arc<Hook<K>>,
    pub(crate) function: TypeId,
}

impl<K> OnSlow<K> {
    pub(crate) fn new<F>(after: Duration, hook: F) -> Self
    where
        F: Fn(&SlowFlight<'_, K>) + Send + Sync + 'static,
    {
        Self { after, hook: Arc::new(hook), function: TypeId::of::<F>() }
    }
}
