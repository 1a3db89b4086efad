//! The steps that end an execution, and the ends that those who wait learn of.

use std::sync::Arc;
use std::time::Duration;

use super::names::{Key, Token};

/// An end of a flight, as somebody learns it who waits for it.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::End;
///
/// let end = End::panicked(&"no such table ".repeat(1000));
/// let End::Panicked(text) = end else { panic!("it is the panic's text") };
/// assert!(text.len() <= End::MAX_TEXT && text.starts_with("no such table"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The outcome.
    Outcome {
        /// The outcome that is published.
        bytes: Arc<[u8]>,
        /// It is a result now, for calls that come later.
        kept: bool,
    },
    /// There is an outcome, too large for a message: [`fetch`](super::Engine::fetch) it.
    Fetch,
    /// The leader has gone without an outcome, or this was a wait for the end alone: claim again.
    AskAgain,
    /// The outcome is not for others: run your own function, all at once, one a process.
    RunYourOwn,
    /// The leader's function panicked with this text.
    Panicked(Arc<str>),
}

impl End {
    /// At most so many bytes of a panic's text reach other processes.
    pub const MAX_TEXT: usize = 1024;

    /// Makes the end of a panic, with as much of its text as other processes get.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_cluster::engine::End;
    ///
    /// assert_eq!(End::panicked("no such table"), End::Panicked("no such table".into()));
    /// ```
    #[must_use]
    pub fn panicked(text: &str) -> Self {
        let fits = |at: &usize| text.is_char_boundary(*at);
        let end = (0..=text.len().min(Self::MAX_TEXT)).rev().find(fits).unwrap_or(0);
        Self::Panicked(text[..end].into())
    }
}

/// A leader hands in the outcome of its function.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer_cluster::engine::{Digest, Inbox, Key, Publication, Token};
///
/// let token = Token::new(Inbox::draw("shop"), 1);
/// let key = Key { namespace: "shop", name: "users", digest: Digest::new([7; 16]) };
/// let mut publication = Publication::new(key, &token, b"an envelope");
/// publication.keep = Some(Duration::from_millis(100));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Publication<'a> {
    /// The key.
    pub key: Key<'a>,
    /// The claim that leads.
    pub token: &'a Token,
    /// The outcome, as everybody gets it.
    pub bytes: &'a [u8],
    /// The result is for later calls until so long after the begin of the flight. `None`: it is for those
    /// who wait, alone. More than a [`DAY`](super::DAY) counts as a day.
    pub keep: Option<Duration>,
    /// It is an error. Other executions of the flight may still succeed, and then the error is published
    /// to nobody.
    pub is_error: bool,
}

impl<'a> Publication<'a> {
    /// Makes the publication of a value that is handed to those who wait and not kept.
    #[must_use]
    pub const fn new(key: Key<'a>, token: &'a Token, bytes: &'a [u8]) -> Self {
        Self { key, token, bytes, keep: None, is_error: false }
    }
}

/// The answer to a publication.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::Published;
///
/// let published = Published::Ended { told: 3, kept: true, forgotten: false };
/// assert_ne!(published, Published::Refused);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Published {
    /// The flight has ended with this outcome.
    Ended {
        /// So many processes were told. Zero with an engine that wakes by blocking calls.
        told: u32,
        /// Later calls get it.
        kept: bool,
        /// The flight had been forgotten, or a younger one had taken its place.
        forgotten: bool,
    },
    /// It was an error, and other executions of the flight run on.
    OthersRun,
    /// The token leads nothing any more: somebody took over. This process must keep no copy.
    Refused,
}

/// A leader ends without an outcome for others.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::{Digest, End, Inbox, Key, Release, Token};
///
/// let token = Token::new(Inbox::draw("shop"), 1);
/// let key = Key { namespace: "shop", name: "users", digest: Digest::new([7; 16]) };
/// let release = Release { key, token: &token, end: End::RunYourOwn };
/// ```
#[derive(Clone, Debug)]
pub struct Release<'a> {
    /// The key.
    pub key: Key<'a>,
    /// The claim that leads, or may lead if its reply was lost.
    pub token: &'a Token,
    /// Those who wait learn this: ask again, run your own, or the panic.
    pub end: End,
}

/// The answer to a release.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::Released;
///
/// let released = Released::Ended { told: 1, forgotten: false };
/// assert_ne!(released, Released::Refused);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Released {
    /// The flight has ended.
    Ended {
        /// So many processes were told. Zero with an engine that wakes by blocking calls.
        told: u32,
        /// The flight had been forgotten, or a younger one had taken its place.
        forgotten: bool,
    },
    /// Other executions of the flight run on.
    OthersRun,
    /// The token leads nothing.
    Refused,
}

/// A lead whose lease is renewed.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer_cluster::engine::{Digest, Inbox, Key, Lead, Token};
///
/// let token = Token::new(Inbox::draw("shop"), 1);
/// let key = Key { namespace: "shop", name: "users", digest: Digest::new([7; 16]) };
/// let lead = Lead { key, token: &token, lease: Duration::from_secs(3) };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Lead<'a> {
    /// The key.
    pub key: Key<'a>,
    /// The claim that leads.
    pub token: &'a Token,
    /// The lease ends so long after this step.
    pub lease: Duration,
}

/// A call waits in the engine, if the engine [wakes by blocking calls](super::Wakes::Blocking). It is for a flight of
/// which a claim was told, by [`Claimed::Follow`](super::Claimed::Follow) or [`Claimed::Wait`](super::Claimed::Wait).
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::{Digest, FlightId, Inbox, Key, Token, Wait};
///
/// let token = Token::new(Inbox::draw("shop"), 1);
/// let key = Key { namespace: "shop", name: "users", digest: Digest::new([7; 16]) };
/// let flight = FlightId::new("17");
/// let wait = Wait { key, token: &token, flight: &flight, leads: None };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Wait<'a> {
    /// The key.
    pub key: Key<'a>,
    /// The claim that was told to follow or to wait.
    pub token: &'a Token,
    /// The flight that it was told of.
    pub flight: &'a super::FlightId,
    /// A lead of the thread that waits. An engine that finds cycles of waits by its sessions waits in the
    /// session of that lead.
    pub leads: Option<&'a Token>,
}

/// The answer to a wait.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::{End, Waited};
///
/// let waited = Waited::Ended { end: End::AskAgain, forgotten: false };
/// assert_ne!(waited, Waited::StillRuns);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Waited {
    /// The flight has ended.
    Ended {
        /// Its end.
        end: End,
        /// The flight had been forgotten: the outcome is for calls that came before the claim was sent,
        /// and for no others.
        forgotten: bool,
    },
    /// The time of this step is over. The call may wait again.
    StillRuns,
    /// The wait would close a cycle of processes that wait for each other: run your own function.
    WouldDeadlock,
}
