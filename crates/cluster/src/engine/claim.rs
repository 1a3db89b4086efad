//! The first step: a process asks who runs a key.

use std::sync::Arc;
use std::time::Duration;

use super::names::{FlightId, Inbox, Key, Token};

/// The longest time for which anything stays in an engine.
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The results and flights that a claim accepts.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::Manner;
///
/// assert_eq!(Manner::default(), Manner::Normal);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Manner {
    /// A result within its window, or the outcome of the running flight.
    #[default]
    Normal,
    /// Neither: the first claim of a fresh call. It leads if nothing runs. If something runs, it waits for
    /// the end, and its next claim is normal and [excludes](Claim::excluded) that flight.
    Fresh,
    /// As normal, but it never waits: [`Claimed::Busy`] if it would have to.
    Try,
    /// As normal, from a process that has twice found that the leader's inbox has no listener. The engine
    /// looks again, and lets it take over if none of the flight's leaders listens. An engine that wakes
    /// by blocking calls treats it as normal.
    Suspect,
}

/// The ability of a process to get messages.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::Presence;
///
/// assert!(Presence::KeepsCopies > Presence::Listens && Presence::Listens > Presence::Absent);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Presence {
    /// It hears nothing. The engine enrols it nowhere and notes no copy.
    #[default]
    Absent,
    /// It hears the ends of flights, and keeps no copy of a result.
    Listens,
    /// It hears the ends of flights and words to forget, and keeps copies of results.
    KeepsCopies,
}

/// Settings of a coalescer that count in the whole cluster.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::Limits;
///
/// let limits = Limits::default();
/// assert_eq!((limits.leader_timeout, limits.max_leaders, limits.max_join_age), (None, 2, None));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A flight whose youngest execution is that old gets one more.
    pub leader_timeout: Option<Duration>,
    /// At most so many executions of a key run. Those of forgotten flights do not count.
    pub max_leaders: u32,
    /// A flight that is that old is not joined.
    pub max_join_age: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { leader_timeout: None, max_leaders: 2, max_join_age: None }
    }
}

/// A process asks who runs a key. The engine decides and enrols it in one step, so no wake-up is lost.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer_cluster::engine::{Claim, Digest, Inbox, Key, Manner, Token};
///
/// let token = Token::new(Inbox::draw("shop"), 1);
/// let key = Key { namespace: "shop", name: "users", digest: Digest::new([7; 16]) };
/// let mut claim = Claim::new(key, &token, Duration::from_secs(3));
/// claim.manner = Manner::Try;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Claim<'a> {
    /// The key.
    pub key: Key<'a>,
    /// The name of this claim. A claim that is repeated with its token gets the same lead again.
    ///
    /// A call that waits asks again with its token. Once the token was told to lead, no claim has it any more:
    /// it may be the name of the flight. After an answer that was lost it is repeated within a lease, or
    /// [released](super::Engine::release).
    pub token: &'a Token,
    /// The lead ends so long after the claim unless it is renewed. Engines without leases ignore it.
    pub lease: Duration,
    /// The results and flights that the claim accepts.
    pub manner: Manner,
    /// It accepts neither the result nor the outcome of this flight: the flight whose end a fresh call
    /// waited for, or whose outcome this process has used up.
    pub excluded: Option<&'a FlightId>,
    /// The claim waits for this flight already, and asks again. It has joined, so the flight's age no longer
    /// matters.
    pub joined: Option<&'a FlightId>,
    /// The ability of the process to get messages.
    pub presence: Presence,
    /// The settings of the coalescer.
    pub limits: Limits,
}

impl<'a> Claim<'a> {
    /// Makes a normal claim of a process that hears nothing, with the default limits.
    #[must_use]
    pub fn new(key: Key<'a>, token: &'a Token, lease: Duration) -> Self {
        let (manner, presence, limits) = Default::default();
        Self { key, token, lease, manner, excluded: None, joined: None, presence, limits }
    }
}

/// The answer to a claim. Ages count from the begin of the flight, by the engine's clock.
///
/// A process reckons the begin on its own clock: the moment before it claimed, minus the age. That is never
/// later than the true begin.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer_cluster::engine::{Claimed, FlightId};
///
/// let flight = FlightId::new("17");
/// let age = Duration::ZERO;
/// let follow = Claimed::Follow { flight: flight.clone(), age, holder: None };
/// assert_eq!(follow.flight(), Some(&flight));
/// assert_eq!(Claimed::Busy.flight(), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Claimed {
    /// There is a result within its window.
    Hit {
        /// The flight that it came from.
        flight: FlightId,
        /// The time since that flight began.
        age: Duration,
        /// The outcome that was published.
        bytes: Arc<[u8]>,
    },
    /// The caller runs the function, then publishes or releases. The flight may be older than the claim:
    /// then the caller takes over.
    Lead {
        /// The flight.
        flight: FlightId,
        /// The time since the flight began.
        age: Duration,
    },
    /// The flight runs, and its outcome is for this claim too. If the process listens it gets a message.
    Follow {
        /// The flight.
        flight: FlightId,
        /// The time since it began.
        age: Duration,
        /// The process that leads it; the one that began last, if there are several. `None` if the engine
        /// does not know.
        holder: Option<Inbox>,
    },
    /// A flight runs whose outcome the claim does not accept. When it has ended, the process claims again.
    Wait {
        /// The flight.
        flight: FlightId,
        /// The time since it began.
        age: Duration,
        /// The process that leads it; the one that began last, if there are several. `None` if the engine
        /// does not know.
        holder: Option<Inbox>,
    },
    /// The flight is too old to join, and as many executions run as may: the caller runs its function for its
    /// own process. Also: the process uses all connections that it may.
    Full,
    /// The flight is too old to join, and this engine cannot have a second one of its key: as `Full`.
    Old,
    /// The claim would have to wait, and [`Manner::Try`] does not.
    Busy,
}

impl Claimed {
    /// Returns the flight that the answer names.
    #[must_use]
    pub const fn flight(&self) -> Option<&FlightId> {
        match self {
            Self::Hit { flight, .. }
            | Self::Lead { flight, .. }
            | Self::Follow { flight, .. }
            | Self::Wait { flight, .. } => Some(flight),
            Self::Full | Self::Old | Self::Busy => None,
        }
    }
}
