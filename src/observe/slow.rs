//! The hook for flights that are slow, and what it is told.

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::policy::Token;
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

/// Nobody is told of slow flights: a builder without [`on_slow`](crate::Builder::on_slow).
///
/// # Examples
///
/// It is the default, and so has to be named by nobody:
///
/// ```
/// use coalescer::{Builder, Coalescer, DefaultHashBuilder, ForCoalescer, NoHook, ShareAll};
///
/// let settings: Builder<ForCoalescer, DefaultHashBuilder, ShareAll, NoHook> = Coalescer::builder();
/// let same: Builder<ForCoalescer> = settings;
/// # drop(same);
/// ```
#[derive(Debug, Default)]
pub struct NoHook;

/// A function is told of slow flights: a builder with [`on_slow`](crate::Builder::on_slow).
///
/// # Examples
///
/// A function that returns such a builder says for keys of which type it is:
///
/// ```
/// use std::time::Duration;
/// use coalescer::{Builder, DefaultHashBuilder, ForGroup, Group, OnSlowFn, ShareAll, SlowFlight};
///
/// fn settings() -> Builder<ForGroup, DefaultHashBuilder, ShareAll, OnSlowFn<u64>> {
///     Group::builder().on_slow(Duration::from_secs(5), |slow: &SlowFlight<'_, u64>| {
///         eprintln!("{} takes {:?}", slow.key, slow.age);
///     })
/// }
///
/// let group: Group<u64, u64, ()> = settings().build();
/// assert_eq!(*group.execute(&7, || Ok(49)).unwrap(), 49);
/// ```
pub struct OnSlowFn<K> {
    hook: Arc<Hook<K>>,
    /// The type of the function, which is all that tells two of them apart.
    function: TypeId,
}

impl<K> OnSlowFn<K> {
    pub(crate) fn new<F: Fn(&SlowFlight<'_, K>) + Send + Sync + 'static>(hook: F) -> Self {
        Self { hook: Arc::new(hook), function: TypeId::of::<F>() }
    }
}

impl<K> fmt::Debug for OnSlowFn<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnSlowFn")
    }
}

/// Who is told of slow flights of keys of type `K`; implemented by [`NoHook`] and [`OnSlowFn`] only.
///
/// # Examples
///
/// A function that takes any builder:
///
/// ```
/// use coalescer::{Builder, DefaultHashBuilder, ForGroup, Group, ShareAll, SlowPolicy};
///
/// fn squares<H>(settings: Builder<ForGroup, DefaultHashBuilder, ShareAll, H>) -> Group<u64, u64, ()>
/// where
///     H: SlowPolicy<u64>,
/// {
///     settings.name("squares").build()
/// }
///
/// assert_eq!(squares(Group::builder()).name(), Some("squares"));
/// ```
pub trait SlowPolicy<K>: sealed::Sealed {
    #[doc(hidden)]
    fn into_hook(self, _: Token) -> Option<Arc<Hook<K>>>;

    #[doc(hidden)]
    fn function(&self, _: Token) -> Option<TypeId>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::NoHook {}
    impl<K> Sealed for super::OnSlowFn<K> {}
}

impl<K> SlowPolicy<K> for NoHook {
    fn into_hook(self, _: Token) -> Option<Arc<Hook<K>>> {
        None
    }

    fn function(&self, _: Token) -> Option<TypeId> {
        None
    }
}

impl<K> SlowPolicy<K> for OnSlowFn<K> {
    fn into_hook(self, _: Token) -> Option<Arc<Hook<K>>> {
        Some(self.hook)
    }

    fn function(&self, _: Token) -> Option<TypeId> {
        Some(self.function)
    }
}
