//! The question of a table to its [`Tier`]; [`shared`](crate::shared) has the overview.

use std::fmt;

use crate::asked::{Asked, Moment};
use crate::in_flight::Elsewhere;
use crate::unreached::ForgetEverywhere;
use crate::wait::clock::{FOREVER, Nanos};
use crate::wait::deadlock::ThreadToken;

/// The part behind a table that knows the other processes.
///
/// The library calls each method on the thread of a call, under no lock. A panic goes on to that call;
/// one of the calls that wait leads next.
///
/// # Examples
///
/// Two tables of one program are as two processes, with a store between them:
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Arc, Mutex};
/// use coalescer::shared::{
///     Ask, Asked, Attachment, Claim, Ended, Finished, ForgetEverywhere, Lease, Served, SharedBy, Tier,
/// };
/// use coalescer::{Coalescer, Role};
///
/// #[derive(Clone, Default)]
/// struct Store(Arc<Mutex<HashMap<u32, u64>>>);
///
/// impl<E> Tier<u32, u64, E> for Store {
///     fn keeps_copies(&self) -> bool {
///         false // it could not take them back
///     }
///
///     fn ask<'a>(&'a self, ask: Ask<'a, u32>) -> Asked<'a, u64, E> {
///         let key = *ask.key();
///         match self.0.lock().unwrap().get(&key) {
///             Some(value) => Asked::Served(Served::new(Ended::Value(Arc::new(*value)), ask.asked())),
///             None => Asked::Lead(Claim::new(Publish { store: self, key }, ask.asked())),
///         }
///     }
///
///     fn forget(&self, key: &u32) -> ForgetEverywhere<bool> {
///         Ok(self.0.lock().unwrap().remove(key).is_some())
///     }
///
///     fn forget_all(&self) -> ForgetEverywhere<()> {
///         self.0.lock().unwrap().clear();
///         Ok(())
///     }
/// }
///
/// struct Publish<'a> { store: &'a Store, key: u32 }
///
/// impl<E> Lease<u64, E> for Publish<'_> {
///     fn may_keep(&self) -> bool {
///         false
///     }
///
///     fn end(self: Box<Self>, result: Finished<'_, u64, E>) -> bool {
///         let Finished::Value(value, _) = result else { return false };
///         self.store.0.lock().unwrap().insert(self.key, *value);
///         true
///     }
/// }
///
/// impl<E, S> SharedBy<u32, u64, E, S> for Store {
///     fn attach(self, _: Attachment<'_, u32, u64, E, S>) -> Option<Arc<dyn Tier<u32, u64, E>>> {
///         Some(Arc::new(self))
///     }
/// }
///
/// let store = Store::default();
/// let [here, there] = [(); 2].map(|()| {
///     let double = |n: &u32| Ok::<u64, ()>(u64::from(*n) * 2);
///     Coalescer::builder().shared(store.clone()).build(double)
/// });
/// assert_eq!(here.call(&4).outcome().unwrap().role, Role::Leader);
/// assert_eq!(there.call(&4).outcome().unwrap().role, Role::Shared);
/// assert_eq!(there.forget_everywhere(&4), Ok(true));
/// assert_eq!(there.call(&4).outcome().unwrap().role, Role::Leader);
/// ```
pub trait Tier<K, V, E>: Send + Sync {
    /// True if this process may keep copies of shared results, because the tier takes them back when
    /// another process forgets their key. Otherwise no result is kept, and an answer is only for calls
    /// that entered before the question was asked.
    ///
    /// The answer may change: the library asks when a question begins and when a run ends. A tier that
    /// knows of no other process at the moment may keep copies too.
    fn keeps_copies(&self) -> bool;

    /// True if other processes may share results of this key. The calls of a key that stays in its process join
    /// its flight at any time, as they do without a tier, and [`ask`](Self::ask) answers
    /// [`Asked::Alone`] with `keep`.
    ///
    /// The library asks only while the tier does not [keep copies](Self::keeps_copies), before each question. The answer
    /// for a key does not change. Default: every key is shared.
    fn shares(&self, key: &K) -> bool {
        let _ = key;
        true
    }

    /// Asks for the result of a key. May wait for another process, until the question's deadline.
    fn ask<'a>(&'a self, ask: Ask<'a, K>) -> Asked<'a, V, E>;

    /// Makes every other process forget the key. Returns true if something was there.
    ///
    /// # Errors
    ///
    /// [`Unreached`](crate::shared::Unreached) if somebody may go on with what it has.
    fn forget(&self, key: &K) -> ForgetEverywhere<bool>;

    /// Makes every other process forget every key.
    ///
    /// # Errors
    ///
    /// [`Unreached`](crate::shared::Unreached) if somebody may go on with what it has.
    fn forget_all(&self) -> ForgetEverywhere<()>;

    /// The execution of another process for which a question of this key waits now, for
    /// [`in_flight`](crate::Coalescer::in_flight).
    fn elsewhere(&self, key: &K) -> Option<Elsewhere> {
        let _ = key;
        None
    }
}

/// One question to a [`Tier`]: what it is about, and what the call accepts.
///
/// # Examples
///
/// ```
/// # use std::sync::Arc;
/// use coalescer::Coalescer;
/// use coalescer::shared::{Ask, Asked, Ended, Served, Wait};
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
/// // A tier answers by this function.
/// fn answer<'a>(ask: Ask<'a, u32>) -> Asked<'a, u32, ()> {
///     assert_eq!((*ask.key(), ask.wait()), (7, Wait::Endless));
///     assert!(ask.not_before().is_none(), "any result in its window will do");
///     assert!(ask.admits() && !ask.leads_others());
///     Asked::Served(Served::new(Ended::Value(Arc::new(1)), ask.asked()))
/// }
/// let table = Coalescer::builder().shared(By(answer)).build(|n: &u32| Ok(*n));
/// assert_eq!(*table.execute(&7).unwrap(), 1);
/// ```
pub struct Ask<'a, K> {
    pub(crate) key: &'a K,
    pub(crate) asked: Moment,
    pub(crate) not_before: Option<Moment>,
    pub(crate) wait: Wait,
    pub(crate) admits: bool,
    pub(crate) door: &'a dyn Door,
    pub(crate) leads_others: bool,
}

/// Lets calls of this process join a flight that asks, or not.
pub(crate) trait Door {
    fn set(&self, opens: bool) -> bool;
}

impl<K> Clone for Ask<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Ask<'_, K> {}

/// Without the key, which may be secret and need not be printable.
impl<K> fmt::Debug for Ask<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask")
            .field("asked", &self.asked)
            .field("not_before", &self.not_before)
            .field("wait", &self.wait)
            .field("admits", &self.admits)
            .field("leads_others", &self.leads_others)
            .finish_non_exhaustive()
    }
}

/// How long a question may wait for another process.
///
/// # Examples
///
/// ```
/// # use std::sync::Arc;
/// use coalescer::Coalescer;
/// use coalescer::shared::{Ask, Asked, Wait};
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
/// // Another process runs the function, for a long time.
/// fn answer<'a>(ask: Ask<'a, u32>) -> Asked<'a, u32, ()> {
///     match ask.wait() {
///         Wait::Never => Asked::WouldBlock,
///         _ => Asked::TimedOut,
///     }
/// }
/// let table = Coalescer::builder().shared(By(answer)).build(|n: &u32| Ok(*n));
/// assert!(table.try_execute(&7).unwrap_err().would_block());
/// assert!(table.execute_timeout(&7, std::time::Duration::ZERO).unwrap_err().is_timeout());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all: the call never waits for an execution.
    Never,
    /// Until this time.
    Until(Moment),
    /// As long as the other process takes.
    Endless,
}

impl Wait {
    pub(crate) fn until(deadline: Nanos) -> Self {
        if deadline == FOREVER { Self::Endless } else { Self::Until(Moment(deadline)) }
    }
}

impl<'a, K> Ask<'a, K> {
    /// The question of a leader, who accepts a result that began at `not_before` or later. The door is that of its
    /// flight, and `admits` tells if it is open.
    pub(crate) fn new(
        key: &'a K,
        (door, admits): (&'a dyn Door, bool),
        (asked, not_before): (Nanos, Nanos),
        wait: Wait,
        leader: ThreadToken,
    ) -> Self {
        let not_before = (not_before > 0).then_some(Moment(not_before));
        let leads_others = leader.depth() > 1;
        Self { key, asked: Moment(asked), not_before, wait, admits, door, leads_others }
    }

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

    /// True if calls of this process that come after the question join the flight: when the question began, the tier
    /// [kept copies](Tier::keeps_copies), or did not [share](Tier::shares) the key. If not, they wait for the next flight, until
    /// the tier [reopens](Self::reopen) this one.
    #[must_use]
    pub fn admits(&self) -> bool {
        self.admits
    }

    /// Lets calls of this process that come from now on join the flight. A tier without copies does so while it
    /// waits for another process, and [shuts](Self::shut) the flight before it looks at the outcome.
    pub fn reopen(&self) {
        self.door.set(true);
    }

    /// Lets calls of this process that come from now on wait for the next flight. Returns true if a call has
    /// joined since the question began: then the outcome must be for that call too.
    pub fn shut(&self) -> bool {
        self.door.set(false)
    }

    /// True if the thread leads a further flight. Then a wait without an end could be part of a cycle over
    /// several processes, which no process sees.
    #[must_use]
    pub fn leads_others(&self) -> bool {
        self.leads_others
    }
}
