//! Sharing with other processes: what the table of a coalescer asks, and what a *tier* answers.
//!
//! A coalescer shares results among the threads of one process. With
//! [`Builder::shared`](crate::Builder::shared) it has a [`Tier`] behind it, which knows the other processes: a
//! leader asks the tier before it runs its function. Another process may have the result, or may run the
//! function now. This library has no tier of its own: a crate that connects processes implements this
//! module, and its users need nothing of it.
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
//!     Ask, Asked, Attachment, Ended, ForgetEverywhere, Served, SharedBy, Tier,
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
//! ```

use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Weak};
use std::time::Duration;

pub use crate::asked::{Asked, Claim, Ended, Finished, Lease, Moment, Served};
use crate::core::Core;
use crate::key::ToKey;
use crate::settings::Settings;
pub use crate::tier::{Ask, Tier, Wait};
pub use crate::unreached::{ForgetEverywhere, Unreached};

/// Something that makes the [`Tier`] of a table: the argument of
/// [`Builder::shared`](crate::Builder::shared).
///
/// [`Alone`] is the default. An `Option` of one is one too, so that a configuration can decide. `S` is
/// the hasher of the table.
///
/// # Examples
///
/// See [`Tier`].
pub trait SharedBy<K, V, E, S> {
    /// Makes the tier of one table. `None` means that the table shares with no other process.
    ///
    /// The builder's `build` calls it once. The table exists when `build` returns, so a [`Local`] finds
    /// none before that.
    fn attach(self, table: Attachment<'_, K, V, E, S>) -> Option<Arc<dyn Tier<K, V, E>>>;

    /// A text that tells this one from others of its type. A [`Manager`](crate::Manager) refuses a
    /// second caller of a name whose text differs.
    fn describe(&self) -> String {
        String::new()
    }
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

    fn describe(&self) -> String {
        self.as_ref().map_or_else(|| "none".to_owned(), R::describe)
    }
}

/// A table whose tier is being made.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use coalescer::Coalescer;
/// use coalescer::shared::{Attachment, SharedBy, Tier};
///
/// /// Shares with nobody, and looks at the settings of the table.
/// struct Looks;
///
/// impl<E, S> SharedBy<u32, u32, E, S> for Looks {
///     fn attach(self, table: Attachment<'_, u32, u32, E, S>) -> Option<Arc<dyn Tier<u32, u32, E>>> {
///         assert_eq!((table.name(), table.window()), (Some("squares"), Duration::from_secs(1)));
///         assert_eq!((table.max_requests(), table.leader_timeout()), (Some(10), None));
///         None
///     }
/// }
/// let squares = Coalescer::builder()
///     .name("squares")
///     .window(Duration::from_secs(1))
///     .max_requests(10)
///     .shared(Looks)
///     .build(|n: &u32| Ok::<u32, ()>(n * n));
/// ```
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
        K: ToKey<K> + Send + Sync + 'static,
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

/// The table of a process, as far as its tier may change it. It does not keep the table: when the last handle of
/// the coalescer is gone, each method does nothing.
///
/// # Examples
///
/// ```
/// use std::hash::BuildHasher;
/// use std::sync::Arc;
/// use std::sync::mpsc::{Sender, channel};
/// use coalescer::Coalescer;
/// use coalescer::shared::{Attachment, Local, SharedBy, Tier};
///
/// /// Shares with nobody, and hands the table on.
/// struct Hands(Sender<Local<u32>>);
///
/// impl<E, S> SharedBy<u32, u32, E, S> for Hands
/// where
///     E: Send + Sync + 'static,
///     S: BuildHasher + Send + Sync + 'static,
/// {
///     fn attach(self, table: Attachment<'_, u32, u32, E, S>) -> Option<Arc<dyn Tier<u32, u32, E>>> {
///         self.0.send(table.local()).unwrap();
///         None
///     }
/// }
/// let (hands, tables) = channel();
/// let squares = Coalescer::builder()
///     .window(std::time::Duration::MAX)
///     .shared(Hands(hands))
///     .build(|n: &u32| Ok::<u32, ()>(n * n));
/// let table = tables.recv().unwrap();
/// squares.execute(&3).unwrap();
/// assert!(table.forget(&3)); // the word of another process
/// assert_eq!(table.forget_all(), 0);
/// drop(squares);
/// assert!(table.now().is_none() && !table.forget(&3));
/// ```
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

impl<K, V, E, S> Forgets<K> for Core<K, V, E, S>
where
    K: ToKey<K> + Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    fn forget_here(&self, key: &K) -> bool {
        Core::forget_here(self, key)
    }

    fn forget_all_here(&self) -> usize {
        self.table.forget_all()
    }

    fn moment(&self) -> Moment {
        Moment(self.table.clock.now())
    }
}
