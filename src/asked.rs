//! The answers of a tier to the question of a leader; [`shared`](crate::shared) has the overview.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::share::ShareWith;
use crate::sync::Handle;
use crate::wait::clock::{Nanos, nanos};

/// The answer of a [`Tier`](crate::shared::Tier).
///
/// # Examples
///
/// ```
/// # use std::sync::Arc;
/// use coalescer::{Coalescer, Role};
/// use coalescer::shared::{Ask, Asked};
/// # use coalescer::shared::{Attachment, ForgetEverywhere, SharedBy, Tier};
/// # struct By<F>(F);
/// # impl<E, F> Tier<u32, u32, E> for By<F>
/// # where
/// #     F: for<'a> Fn(Ask<'a, u32>) -> Asked<'a, u32, E> + Send + Sync,
/// # {
/// #     fn keeps_copies(&self) -> bool { true }
/// #     fn ask<'a>(&'a self, ask: Ask<'a, u32>) -> Asked<'a, u32, E> { (self.0)(ask) }
/// #     fn forget(&self, _: &u32) -> ForgetEverywhere<bool> { Ok(false) }
/// #     fn forget_all(&self) -> ForgetEverywhere<()> { Ok(()) }
/// # }
/// # impl<E, S, F> SharedBy<u32, u32, E, S> for By<F>
/// # where
/// #     F: for<'a> Fn(Ask<'a, u32>) -> Asked<'a, u32, E> + Send + Sync + 'static,
/// # {
/// #     fn attach(self, _: Attachment<'_, u32, u32, E, S>) -> Option<Arc<dyn Tier<u32, u32, E>>> {
/// #         Some(Arc::new(self))
/// #     }
/// # }
/// // The engine is down: each process coalesces by itself.
/// fn answer<'a>(_: Ask<'a, u32>) -> Asked<'a, u32, ()> {
///     Asked::Alone { keep: true }
/// }
/// let table = Coalescer::builder()
///     .window(std::time::Duration::from_secs(60))
///     .shared(By(answer))
///     .build(|n: &u32| Ok(*n));
/// assert_eq!(table.call(&7).outcome().unwrap().role, Role::Leader);
/// assert_eq!(table.call(&7).outcome().unwrap().role, Role::Late);
/// ```
pub enum Asked<'a, V, E> {
    /// The call runs its function, and then ends the lease.
    Lead(Claim<'a, V, E>),
    /// A result of another process.
    Served(Served<V, E>),
    /// The call runs its function, for this process only.
    Alone {
        /// True if this process keeps the result in its window, as if there were no other process.
        keep: bool,
    },
    /// The deadline came first.
    TimedOut,
    /// Another process runs the function, and the call does not wait.
    WouldBlock,
}

impl<V, E> fmt::Debug for Asked<'_, V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lead(_) => "Lead",
            Self::Served(_) => "Served",
            Self::Alone { .. } => "Alone",
            Self::TimedOut => "TimedOut",
            Self::WouldBlock => "WouldBlock",
        })
    }
}

/// The right of a call to run the function for all processes.
///
/// # Examples
///
/// See [`Tier`](crate::shared::Tier).
pub struct Claim<'a, V, E> {
    pub(crate) lease: Box<dyn Lease<V, E> + 'a>,
    pub(crate) began: Moment,
}

impl<'a, V, E> Claim<'a, V, E> {
    /// A claim whose run counts from `began`: a time before the tier made it.
    pub fn new(lease: impl Lease<V, E> + 'a, began: Moment) -> Self {
        Self { lease: Box::new(lease), began }
    }
}

impl<V, E> fmt::Debug for Claim<'_, V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("began", &self.began).finish_non_exhaustive()
    }
}

/// The duty of a leader towards the other processes. Dropped without [`end`](Self::end), because the
/// function never ran, it tells them to ask again.
///
/// # Examples
///
/// See [`Tier`](crate::shared::Tier).
pub trait Lease<V, E> {
    /// True if this process may keep a copy of the result from now on: whatever forgets the key until the
    /// result is published will find the copy.
    fn may_keep(&self) -> bool;

    /// Publishes the result. Returns true if that is certain, and no process has forgotten the key since the
    /// claim. If not, this process keeps no copy.
    ///
    /// With a tier that [keeps copies](crate::shared::Tier::keeps_copies), the followers of this process have the result
    /// before. With any other they have it afterwards, and if this returns false, only if all of them had
    /// joined before the claim: else the leader has it alone, and one of the others asks next.
    fn end(self: Box<Self>, result: Finished<'_, V, E>) -> bool;
}

/// The result of a leader's function, as its process has it.
///
/// # Examples
///
/// ```
/// use coalescer::ShareWith;
/// use coalescer::shared::Finished;
///
/// // What a lease sends to other processes.
/// fn bytes(result: Finished<'_, String, std::io::Error>) -> Option<Vec<u8>> {
///     match result {
///         Finished::Value(_, ShareWith::Nobody) => None,
///         Finished::Value(value, _) => Some(value.clone().into_bytes()),
///         _ => None, // errors and panics stay in their process
///     }
/// }
/// let value = "ada".to_owned();
/// assert_eq!(bytes(Finished::Value(&value, ShareWith::Everyone)), Some(b"ada".to_vec()));
/// assert_eq!(bytes(Finished::Panicked(Some("no such user"))), None);
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Finished<'a, V, E> {
    /// The function returned this value. It is shared with these calls.
    Value(&'a V, ShareWith),
    /// The function returned this error. It is shared with these calls.
    Failed(&'a E, ShareWith),
    /// The function panicked, with this text.
    Panicked(Option<&'a str>),
}

/// A result of another process.
///
/// # Examples
///
/// ```
/// # use std::sync::Arc;
/// use std::time::Duration;
/// use coalescer::{Coalescer, Role};
/// use coalescer::shared::{Ask, Asked, Ended, Served};
/// # use coalescer::shared::{Attachment, ForgetEverywhere, SharedBy, Tier};
/// # struct By<F>(F);
/// # impl<E, F> Tier<u32, u32, E> for By<F>
/// # where
/// #     F: for<'a> Fn(Ask<'a, u32>) -> Asked<'a, u32, E> + Send + Sync,
/// # {
/// #     fn keeps_copies(&self) -> bool { true }
/// #     fn ask<'a>(&'a self, ask: Ask<'a, u32>) -> Asked<'a, u32, E> { (self.0)(ask) }
/// #     fn forget(&self, _: &u32) -> ForgetEverywhere<bool> { Ok(false) }
/// #     fn forget_all(&self) -> ForgetEverywhere<()> { Ok(()) }
/// # }
/// # impl<E, S, F> SharedBy<u32, u32, E, S> for By<F>
/// # where
/// #     F: for<'a> Fn(Ask<'a, u32>) -> Asked<'a, u32, E> + Send + Sync + 'static,
/// # {
/// #     fn attach(self, _: Attachment<'_, u32, u32, E, S>) -> Option<Arc<dyn Tier<u32, u32, E>>> {
/// #         Some(Arc::new(self))
/// #     }
/// # }
/// // The result of a run that began a second ago, and that lives for a minute.
/// fn answer<'a>(ask: Ask<'a, u32>) -> Asked<'a, u32, ()> {
///     let began = ask.asked().before(Duration::from_secs(1));
///     let served = Served::new(Ended::Value(Arc::new(1)), began);
///     Asked::Served(served.keep_for(Duration::from_secs(60)))
/// }
/// let hour = Duration::from_secs(3600);
/// let table = Coalescer::builder().window(hour).shared(By(answer)).build(|n: &u32| Ok(*n));
/// assert_eq!(table.call(&7).outcome().unwrap().role, Role::Shared);
/// let late = table.call(&7).outcome().unwrap();
/// assert_eq!((*late.value, late.role), (1, Role::Late));
/// ```
#[derive(Debug)]
pub struct Served<V, E> {
    pub(crate) outcome: Ended<V, E>,
    pub(crate) began: Moment,
    pub(crate) good_until: Option<Moment>,
    pub(crate) reach: ShareWith,
}

/// The outcome of an execution in another process.
///
/// # Examples
///
/// ```
/// # use std::sync::Arc;
/// use coalescer::{Coalescer, Error};
/// use coalescer::shared::{Ask, Asked, Ended, Served};
/// # use coalescer::shared::{Attachment, ForgetEverywhere, SharedBy, Tier};
/// # struct By<F>(F);
/// # impl<E, F> Tier<u32, u32, E> for By<F>
/// # where
/// #     F: for<'a> Fn(Ask<'a, u32>) -> Asked<'a, u32, E> + Send + Sync,
/// # {
/// #     fn keeps_copies(&self) -> bool { true }
/// #     fn ask<'a>(&'a self, ask: Ask<'a, u32>) -> Asked<'a, u32, E> { (self.0)(ask) }
/// #     fn forget(&self, _: &u32) -> ForgetEverywhere<bool> { Ok(false) }
/// #     fn forget_all(&self) -> ForgetEverywhere<()> { Ok(()) }
/// # }
/// # impl<E, S, F> SharedBy<u32, u32, E, S> for By<F>
/// # where
/// #     F: for<'a> Fn(Ask<'a, u32>) -> Asked<'a, u32, E> + Send + Sync + 'static,
/// # {
/// #     fn attach(self, _: Attachment<'_, u32, u32, E, S>) -> Option<Arc<dyn Tier<u32, u32, E>>> {
/// #         Some(Arc::new(self))
/// #     }
/// # }
/// fn answer<'a>(ask: Ask<'a, u32>) -> Asked<'a, u32, String> {
///     let ended = match ask.key() {
///         1 => Ended::Failed(Arc::new("no such user".to_owned())),
///         _ => Ended::Panicked(Some("out of memory".into())),
///     };
///     Asked::Served(Served::new(ended, ask.asked()))
/// }
/// let table = Coalescer::builder().shared(By(answer)).build(|n: &u32| Ok(*n));
/// assert!(matches!(table.execute(&1), Err(Error::Failed(error)) if *error == "no such user"));
/// assert!(matches!(table.execute(&2), Err(Error::LeaderPanicked { .. })));
/// ```
#[derive(Debug)]
pub enum Ended<V, E> {
    /// It returned this value.
    Value(Handle<V>),
    /// It returned this error.
    Failed(Handle<E>),
    /// It panicked, with this text.
    Panicked(Option<Arc<str>>),
}

impl<V, E> Served<V, E> {
    /// A result that counts from `began`, and is for all calls that wait. This process keeps no copy.
    #[must_use]
    pub fn new(outcome: Ended<V, E>, began: Moment) -> Self {
        Self { outcome, began, good_until: None, reach: ShareWith::Followers }
    }

    /// Lets this process keep a copy until its window ends. Only a tier that
    /// [takes copies back](crate::shared::Tier::keeps_copies) may say so.
    #[must_use]
    pub fn keep(mut self, keep: bool) -> Self {
        self.reach = if keep { ShareWith::Everyone } else { ShareWith::Followers };
        self
    }

    /// Lets this process keep a copy for so long after the start, or until its window ends if that is earlier.
    #[must_use]
    pub fn keep_for(mut self, limit: Duration) -> Self {
        self.reach = ShareWith::For(limit);
        self
    }

    /// The result is only for calls that entered before this time. One of the others asks next.
    #[must_use]
    pub fn good_until(mut self, end: Moment) -> Self {
        self.good_until = Some(end);
        self
    }
}

/// A time by the clock of one table. Two tables, or two processes, have nothing to compare.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer::shared::Moment;
///
/// /// When a result began that was so old when the tier asked for it.
/// fn began(asked: Moment, age: Duration) -> Moment {
///     let began = asked.before(age);
///     assert!(began <= asked && began.after(asked.since(began)) == asked);
///     began
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub(crate) Nanos);

impl Moment {
    /// The time from an earlier moment to this one; zero if that one is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The moment so much earlier, or the beginning of the clock: a result that began before that has less time to live.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(by)))
    }

    /// The moment so much later.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(nanos(by)))
    }
}
