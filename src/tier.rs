//! The words between a table and its [`Tier`]; [`shared`](crate::shared) has the overview.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::in_flight::Elsewhere;
use crate::share::ShareWith;
use crate::sync::Handle;
use crate::wait::clock::{FOREVER, Nanos, nanos};
use crate::wait::deadlock::ThreadToken;

/// The part behind a table that knows the other processes.
///
/// The library calls each method on the thread of a call, under no lock. A panic goes on to that call;
/// one of the calls that wait leads next.
pub trait Tier<K, V, E>: Send + Sync {
    /// True if this process may keep copies of shared results, because the tier takes them back when
    /// another process forgets their key. Otherwise no result is kept, and an answer is only for calls
    /// that entered before the question was asked.
    ///
    /// The answer may change: the library asks when a question begins and when a run ends. A tier that
    /// knows of no other process at the moment may keep copies too.
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

    /// The execution of another process for which a question of this key waits now, for
    /// [`in_flight`](crate::Coalescer::in_flight).
    fn elsewhere(&self, key: &K) -> Option<Elsewhere> {
        let _ = key;
        None
    }
}

/// The result of forgetting in all processes.
pub type ForgetEverywhere<T> = Result<T, Unreached>;

/// One question to a [`Tier`]: what it is about, and what the call accepts.
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

    /// True if calls of this process that come after the question join the flight: the tier
    /// [kept copies](Tier::keeps_copies) when the question began. If not, they wait for the next flight, until
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

/// The answer of a [`Tier`].
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
pub trait Lease<V, E> {
    /// True if this process may keep a copy of the result from now on: whatever forgets the key until the
    /// result is published will find the copy.
    fn may_keep(&self) -> bool;

    /// Publishes the result. Returns true if that is certain, and no process has forgotten the key since the
    /// claim. If not, this process keeps no copy.
    ///
    /// With a tier that [keeps copies](Tier::keeps_copies), the followers of this process have the result
    /// before. With any other they have it afterwards, and if this returns false, only if all of them had
    /// joined before the claim: else the leader has it alone, and one of the others asks next.
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
    pub(crate) reach: ShareWith,
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
        Self { outcome, began, good_until: None, reach: ShareWith::Followers }
    }

    /// Lets this process keep a copy until its window ends. Only a tier that
    /// [takes copies back](Tier::keeps_copies) may say so.
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
            false => {
                write!(f, "{processes} processes did not answer; old results go within {at_most:?}")
            }
        }
    }
}

impl std::error::Error for Unreached {}
