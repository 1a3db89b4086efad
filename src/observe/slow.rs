//! The hook for slow flights, and the report that it gets.

use std::any::TypeId;
use std::sync::Arc;
use std::time::Duration;

use crate::sync::{Thread, thread_of};
use crate::wait::clock::Nanos;
use crate::wait::contain::contain;
use crate::wait::deadlock::ThreadToken;

/// A flight that runs for too long, as [`on_slow`](crate::Builder::on_slow) reports it to its hook.
///
/// # Examples
///
/// The clock stands in for a query of six seconds:
///
/// ```
/// use std::sync::Mutex;
/// use std::time::Duration;
/// use coalescer::{Coalescer, ManualClock, SlowFlight};
///
/// static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());
///
/// fn warn(slow: &SlowFlight<'_, String>) {
///     let state = if slow.ended { "took" } else { "has been running for" };
///     LOG.lock().unwrap().push(format!(
///         "{}: {:?} {state} {:?}, {} calls wait",
///         slow.name.unwrap_or("unnamed"), slow.key, slow.age, slow.followers,
///     ));
/// }
///
/// let clock = ManualClock::new();
/// let database = clock.clone();
/// let pages = Coalescer::builder()
///     .name("pages")
///     .clock(clock)
///     .on_slow(Duration::from_secs(5), warn)
///     .build(move |path: &String| {
///         database.advance(Duration::from_secs(6));
///         Ok::<usize, std::io::Error>(path.len())
///     });
/// assert_eq!(*pages.execute("/").unwrap(), 1);
/// assert_eq!(*LOG.lock().unwrap(), [r#"pages: "/" took 6s, 0 calls wait"#]);
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SlowFlight<'a, K> {
    /// The name of the coalescer, if it has one.
    pub name: Option<&'a str>,
    /// The key of the flight.
    pub key: &'a K,
    /// The time since the first execution of the flight began. In JSON: `age_seconds`.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "age_seconds", serialize_with = "crate::in_flight::serialize::seconds")
    )]
    pub age: Duration,
    /// The number of calls that wait for the flight now.
    pub followers: usize,
    /// The thread that runs the oldest execution. `None` while that execution is queued as a job,
    /// and if its job was dropped. In JSON: the name of the thread, or its number if it has no
    /// name.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::in_flight::serialize::thread"))]
    pub leader: Option<Thread>,
    /// True if that execution has just returned or its job was dropped: no other call noticed the
    /// flight earlier.
    pub ended: bool,
}

/// The function that gets the slow flights.
pub(crate) type Hook<K> = dyn Fn(&SlowFlight<'_, K>) + Send + Sync;

/// The state of a slow flight, read under its locks by the one call that reports it.
pub(crate) struct SlowReport<K> {
    pub(crate) key: Arc<K>,
    pub(crate) age: Nanos,
    pub(crate) followers: usize,
    pub(crate) leader: Option<ThreadToken>,
    pub(crate) ended: bool,
}

impl<K> SlowReport<K> {
    /// Calls the hook. A panic of the hook is caught here, after the panic hook has printed it. It
    /// affects neither the flight nor the call that noticed it (S24, S54).
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

/// The hook of a builder, the age of a flight at which it is called, and the type of its function.
/// Two hooks of one type are equal.
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
