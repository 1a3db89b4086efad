//! Sharing with other processes: what the table of a coalescer asks, and what a *tier* answers.
//!
//! A coalescer shares results among the threads of one process. With
//! [`Builder::shared`](crate::Builder::shared) it has a [`Tier`] behind it, which knows the other processes: a
//! leader asks the tier before it runs its function. Another process may have the result, or may run the
//! function now. The crate `coalescer-cluster` has tiers for servers and for one host. This module is
//! what such a crate implements; who uses one does not need it.
//!
//! ```text
//! lead ─▶ Tier::ask ─┬─ Lead ────▶ runs the function ─▶ Lease::end tells the others
//!                    ├─ Served ──▶ ends the flight with the result of another process
//!                    ├─ Alone ───▶ runs the function, for this process only
//!                    └─ TimedOut, WouldBlock ─▶ gives its place to a call that waits
//! ```
//!
//! The library calls a tier under no lock. A hit and a follower ask nothing: only leaders do. A leader
//! blocks while its tier answers, and its followers wait for both.
//!
//! # Examples
//!
//! A tier that answers every question itself:
//!
//! ```
//! use std::sync::Arc;
//! use coalescer::shared::{
//!     Ask, Asked, Attachment, Ended, ForgetEverywhere, Served, SharedBy, Tier, Unreached,
//! };
//! use coalescer::{Coalescer, Role};
//!
//! struct Oracle;
//!
//! impl<E> Tier<u32, u32, E> for Oracle {
//!     fn keeps_copies(&self) -> bool {
//!         false
//!     }
//!
//!     fn ask<'a>(&'a self, ask: Ask<'a, u32>) -> Asked<'a, u32, E> {
//!         Asked::Served(Served::new(Ended::Value(Arc::new(42)), ask.asked()))
//!     }
//!
//!     fn forget(&self, _: &u32) -> ForgetEverywhere<bool> {
//!         Ok(true)
//!     }
//!
//!     fn forget_all(&self) -> ForgetEverywhere<()> {
//!         Ok(())
//!     }
//! }
//!
//! impl<E, S> SharedBy<u32, u32, E, S> for Oracle {
//!     fn attach(self, _: Attachment<'_, u32, u32, E, S>) -> Option<Arc<dyn Tier<u32, u32, E>>> {
//!         Some(Arc::new(self))
//!     }
//! }
//!
//! let answers = Coalescer::builder().shared(Oracle).build(|n: &u32| Ok::<u32, ()>(*n));
//! let outcome = answers.call(&1).outcome().unwrap();
//! assert_eq!((*outcome.value, outcome.role), (42, Role::Shared));
//! # let _: ForgetEverywhere<()> = Err(Unreached::new(true, 0, std::time::Duration::ZERO));
//! ```

use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::core::Core;
use crate::settings::Settings;
use crate::share::ShareWith;
use crate::sync::Handle;
use crate::wait::clock::{FOREVER, Nanos, nanos};

/// Something that makes the [`Tier`] of a table: the argument of
/// [`Builder::shared`](crate::Builder::shared).
///
/// [`Alone`] is the default. An `Option` of one is one too, so that a configuration can decide. `S` is
/// the hasher of the table.
pub trait SharedBy<K, V, E, S> {
    /// Makes the tier of one table. `None` means that the table shares with no other process.
    ///
    /// The builder's `build` calls it once. The table exists when `build` returns, so a [`Local`] finds
    /// none before that.
    fn attach(self, table: Attachment<'_, K, V, E, S>) -> Option<Arc<dyn Tier<K, V, E>>>;
}

/// No other process: each asks for itself. The default of every builder.
///
/// # Examples
///
/// ```
/// use coalescer::shared::Alone;
///
/// let squares = coalescer::Coalescer::builder().shared(Alone).build(|n: &u64| Ok::<u64, ()>(n * n));
/// assert_eq!(*squares.execute(&3).unwrap(), 9);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alone;

impl<K, V, E, S> SharedBy<K, V, E, S> for Alone {
    fn attach(self, _: Attachment<'_, K, V, E, S>) -> Option<Arc<dyn Tier<K, V, E>>> {
        None
    }
}

impl<K, V, E, S, R: SharedBy<K, V, E, S>> SharedBy<K, V, E, S> for Option<R> {
    fn attach(self, table: Attachment<'_, K, V, E, S>) -> Option<Arc<dyn Tier<K, V, E>>> {
        self?.attach(table)
    }
}

/// What stands behind a table and knows the other processes.
///
/// The library calls each method on the thread of a call, under no lock. A panic goes on to that call;
/// one of the calls that wait leads next.
pub trait Tier<K, V, E>: Send + Sync {
    /// True if this process may keep copies of shared results, because the tier takes them back when
    /// another process forgets their key. Otherwise no result is kept, and an answer is only for calls
    /// that entered before the question was asked.
    fn keeps_copies(&self) -> bool;

    /// Asks for the result of a key. May wait for another process, until the question's deadline.
    fn ask<'a>(&'a self, ask: Ask<'a, K>) -> Asked<'a, V, E>;

    /// Makes every other process forget the key. Returns true if something was there.
    ///
    /// # Errors
    ///
    /// [`Unreached`] if somebody may go on with what it has.
    fn forget(&self, key: &K) -> ForgetEverywhere<bool>;

    /// Makes every other process forget every key.
    ///
    /// # Errors
    ///
    /// [`Unreached`] if somebody may go on with what it has.
    fn forget_all(&self) -> ForgetEverywhere<()>;
}

/// The result of forgetting in all processes.
pub type ForgetEverywhere<T> = Result<T, Unreached>;

/// One question to a [`Tier`]: what it is about, and what the call accepts.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a, K> {
    pub(crate) key: &'a K,
    pub(crate) asked: Moment,
    pub(crate) not_before: Option<Moment>,
    pub(crate) wait: Wait,
    pub(crate) leads_others: bool,
}

/// How long a question may wait for another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all: the call never waits for an execution.
    Never,
    /// Until this time.
    Until(Moment),
    /// As long as the other process takes.
    Endless,
}

impl<'a, K> Ask<'a, K> {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &'a K {
        self.key
    }

    /// When the call asked, by the clock of the table. Windows count from here if the call leads.
    #[must_use]
    pub fn asked(&self) -> Moment {
        self.asked
    }

    /// A result that began before this time is too old for the call, or for one that waits with it.
    /// `None` if every result in its window will do.
    #[must_use]
    pub fn not_before(&self) -> Option<Moment> {
        self.not_before
    }

    /// How long the question may wait for another process.
    #[must_use]
    pub fn wait(&self) -> Wait {
        self.wait
    }

    /// True if the thread leads a further flight. Then a wait without an end could be part of a cycle over
    /// several processes, which no process sees.
    #[must_use]
    pub fn leads_others(&self) -> bool {
        self.leads_others
    }
}

/// The answer of a [`Tier`].
pub enum Asked<'a, V, E> {
    /// The call runs its function, and then ends the lease.
    Lead(Lead<'a, V, E>),
    /// A result of another process.
    Served(Served<V, E>),
    /// The call runs its function, for this process only.
    Alone,
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
            Self::Alone => "Alone",
            Self::TimedOut => "TimedOut",
            Self::WouldBlock => "WouldBlock",
        })
    }
}

/// The right of a call to run the function for all processes.
pub struct Lead<'a, V, E> {
    pub(crate) lease: Box<dyn Lease<V, E> + 'a>,
    pub(crate) began: Moment,
}

impl<'a, V, E> Lead<'a, V, E> {
    /// A lead that counts from `began`: a time before the tier claimed it.
    pub fn new(lease: impl Lease<V, E> + 'a, began: Moment) -> Self {
        Self { lease: Box::new(lease), began }
    }
}

impl<V, E> fmt::Debug for Lead<'_, V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lead").field("began", &self.began).finish_non_exhaustive()
    }
}

/// The duty of a leader towards the other processes. Dropped without [`end`](Self::end), because the
/// function never ran, it tells them to ask again.
pub trait Lease<V, E> {
    /// True if this process may keep a copy of the result from now on: whatever forgets the key until the
    /// result is published will find the copy.
    fn may_keep(&self) -> bool;

    /// Publishes the result. Returns true if that is certain; if not, this process keeps no copy.
    ///
    /// With a tier that [keeps copies](Tier::keeps_copies), the followers of this process have the result
    /// before.
    fn end(self: Box<Self>, result: Finished<'_, V, E>) -> bool;
}

/// The result of a leader's function, as its process has it.
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
#[derive(Debug)]
pub struct Served<V, E> {
    pub(crate) outcome: Ended<V, E>,
    pub(crate) began: Moment,
    pub(crate) good_until: Option<Moment>,
    pub(crate) keep: bool,
}

/// The outcome of an execution in another process.
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
        Self { outcome, began, good_until: None, keep: false }
    }

    /// Lets this process keep a copy until its window ends. Only a tier that
    /// [takes copies back](Tier::keeps_copies) may say so.
    #[must_use]
    pub fn keep(mut self, keep: bool) -> Self {
        self.keep = keep;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub(crate) Nanos);

impl Moment {
    /// The time from an earlier moment to this one; zero if that one is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The moment so much earlier, or the beginning of the clock.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(by)))
    }

    /// The moment so much later.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(nanos(by)))
    }

    pub(crate) fn in_time(time: Nanos) -> Option<Self> {
        (time != FOREVER).then_some(Self(time))
    }
}

/// Not everybody has forgotten: an old result may be served elsewhere for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreached {
    engine: bool,
    processes: usize,
    at_most: Duration,
}

impl Unreached {
    /// `engine` tells if the engine itself was not reached, `processes` how many processes did not
    /// answer, and `at_most` how long an old result can still be served.
    #[must_use]
    pub fn new(engine: bool, processes: usize, at_most: Duration) -> Self {
        Self { engine, processes, at_most }
    }

    /// True if the engine was not reached.
    #[must_use]
    pub fn engine(&self) -> bool {
        self.engine
    }

    /// How many processes did not answer.
    #[must_use]
    pub fn processes(&self) -> usize {
        self.processes
    }

    /// How long an old result can still be served elsewhere, at most.
    #[must_use]
    pub fn at_most(&self) -> Duration {
        self.at_most
    }
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (processes, at_most) = (self.processes, self.at_most);
        match self.engine {
            true => write!(f, "the engine was not reached; old results go within {at_most:?}"),
            false => write!(f, "{processes} processes did not answer; old results go within {at_most:?}"),
        }
    }
}

impl std::error::Error for Unreached {}

/// A table whose tier is being made.
pub struct Attachment<'a, K, V, E, S> {
    core: &'a Weak<Core<K, V, E, S>>,
    settings: &'a Settings,
    name: Option<&'a str>,
}

impl<'a, K, V, E, S> Attachment<'a, K, V, E, S> {
    pub(crate) fn new(
        core: &'a Weak<Core<K, V, E, S>>,
        settings: &'a Settings,
        name: Option<&'a str>,
    ) -> Self {
        Self { core, settings, name }
    }

    /// The name of the coalescer, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&'a str> {
        self.name
    }

    /// How long after its start a success is served.
    #[must_use]
    pub fn window(&self) -> Duration {
        self.settings.window
    }

    /// How long after its start an error is served.
    #[must_use]
    pub fn error_window(&self) -> Duration {
        self.settings.error_window
    }

    /// The age of an execution at which another call takes over.
    #[must_use]
    pub fn leader_timeout(&self) -> Option<Duration> {
        self.settings.leader_timeout
    }

    /// How many executions of one key run at a time.
    #[must_use]
    pub fn max_leaders(&self) -> usize {
        self.settings.max_leaders
    }

    /// The age from which a running flight is no longer joined.
    #[must_use]
    pub fn max_join_age(&self) -> Option<Duration> {
        self.settings.max_join_age
    }

    /// How many calls one flight serves at most.
    #[must_use]
    pub fn max_requests(&self) -> Option<u32> {
        self.settings.max_requests
    }

    /// True if a test moves the clock of the table.
    #[must_use]
    pub fn has_manual_clock(&self) -> bool {
        self.settings.clock.is_manual()
    }

    /// A handle to the table, for what other processes tell.
    #[must_use]
    pub fn local(&self) -> Local<K>
    where
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
        E: Send + Sync + 'static,
        S: BuildHasher + Send + Sync + 'static,
    {
        Local(Weak::clone(self.core) as Weak<dyn Forgets<K>>)
    }
}

impl<K, V, E, S> fmt::Debug for Attachment<'_, K, V, E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a tier may do to the table of its process. It does not keep the table: when the last handle of
/// the coalescer is gone, each method does nothing.
pub struct Local<K>(Weak<dyn Forgets<K>>);

impl<K> Local<K> {
    /// Forgets a key in this process alone, as [`Coalescer::forget`](crate::Coalescer::forget) does.
    /// Returns true if something was there.
    pub fn forget(&self, key: &K) -> bool {
        self.0.upgrade().is_some_and(|table| table.forget_here(key))
    }

    /// Forgets every key in this process alone. Returns how many keys had something.
    pub fn forget_all(&self) -> usize {
        self.0.upgrade().map_or(0, |table| table.forget_all_here())
    }

    /// The time by the clock of the table. `None` when the table is gone.
    #[must_use]
    pub fn now(&self) -> Option<Moment> {
        self.0.upgrade().map(|table| table.moment())
    }
}

impl<K> Clone for Local<K> {
    fn clone(&self) -> Self {
        Self(Weak::clone(&self.0))
    }
}

impl<K> fmt::Debug for Local<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").finish_non_exhaustive()
    }
}

/// A table without the types of its values and of its hasher.
trait Forgets<K>: Send + Sync {
    fn forget_here(&self, key: &K) -> bool;
    fn forget_all_here(&self) -> usize;
    fn moment(&self) -> Moment;
}
