//! The work of an engine: the steps, their answers, and the messages.
//!
//! An engine is the one place that all processes of a cluster share. It knows keys as digests and results as
//! bytes, and runs no code of the user's. Each step is atomic: for two steps on one key, one comes first.
//!
//! ```text
//!   claim ─┬─ Hit                        the bytes of a result within its window
//!          ├─ Lead ──▶ run ──▶ publish | release          renew, while the function runs
//!          ├─ Follow, Wait ──▶ a message, or wait, or a claim again
//!          └─ Full, Old, Busy            no part in the cluster's flight
//!
//!   forget, forget_all ──▶ word to the processes that may hold it ──▶ confirm
//! ```
//!
//! [`Memory`](crate::Memory) is the reference for all of them. Your own engine implements [`Engine`], and the
//! test kit `conformance` (a feature) compares it with that reference.
//!
//! # Two kinds of engines
//!
//! [`Engine::can`] tells how an engine wakes those who wait:
//!
//! | | by message (Redis, [`Memory`](crate::Memory)) | by blocking call (PostgreSQL, files) |
//! |---|---|---|
//! | who waits | is enrolled by its claim, and gets a [`Message`] | calls [`Engine::wait`], which returns when the leader's lock is free |
//! | a leader dies | somebody finds that its inbox has no listener, and claims as [suspect](Manner::Suspect) | the server or the kernel frees its lock |
//! | a leader is cut off | its lease ends | its session ends |
//! | copies in the processes | can be taken back by [`forget`](Engine::forget) | none: each call that comes later claims again |

mod claim;
mod ending;
mod error;
mod message;
mod names;

use std::time::Duration;

use coalescer::ManualClock;

pub use claim::{Claim, Claimed, DAY, Limits, Manner, Presence};
pub use ending::{End, Lead, Publication, Published, Release, Released, Wait, Waited};
pub use error::{EngineError, ErrorKind};
pub use message::{Forget, ForgetAll, ForgetId, Forgotten, Listener, Message};
pub use names::{Digest, FlightId, Inbox, Key, PARTITIONS, Token};

/// How an engine wakes those who wait.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::{Can, Wakes};
///
/// assert_eq!(Can::by_messages().wakes, Wakes::Messages);
/// assert_eq!(Can::by_blocking_calls().wakes, Wakes::Blocking);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wakes {
    /// By a [`Message`] to the process.
    Messages,
    /// [`Engine::wait`] blocks until the flight has ended.
    Blocking,
}

/// The abilities of an engine.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::Can;
///
/// let can = Can::by_messages();
/// assert!(can.leases && can.invalidates);
/// let can = Can::by_blocking_calls();
/// assert!(!can.leases && !can.invalidates);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Can {
    /// How it wakes those who wait.
    pub wakes: Wakes,
    /// A lead ends with its lease, so it must be renewed. If not, it ends with a session or a process.
    pub leases: bool,
    /// It can take copies back, so processes may keep them.
    pub invalidates: bool,
}

impl Can {
    /// An engine that sends messages, has leases and can take copies back.
    #[must_use]
    pub const fn by_messages() -> Self {
        let wakes = Wakes::Messages;
        Self { wakes, leases: true, invalidates: true }
    }

    /// An engine in which a lead is a lock that ends with its holder, and waiting is a blocking call.
    #[must_use]
    pub const fn by_blocking_calls() -> Self {
        let wakes = Wakes::Blocking;
        Self { wakes, leases: false, invalidates: false }
    }
}

/// A store that processes share. See the [module](self) for what the steps are for.
///
/// `within` bounds each step: it is the cluster's `op_timeout`, or what is left of a call's deadline. A step
/// that takes longer fails with [`ErrorKind::TimedOut`], and its connection is not used again, since the answer
/// may still come. Such a step may have been carried out. No step blocks longer, and none panics.
///
/// Steps come from many threads at once.
///
/// # Examples
///
/// Two processes ask for one key. The second one gets what the first one made:
///
/// ```
/// use std::time::Duration;
/// use coalescer_cluster::Memory;
/// use coalescer_cluster::engine::{Claim, Claimed, Digest, Engine, Inbox, Key, Publication, Token};
///
/// let [within, lease] = [Duration::from_millis(100), Duration::from_secs(3)];
/// let engine: &dyn Engine = &Memory::new();
/// let key = Key { namespace: "shop", name: "users", digest: Digest::new([7; 16]) };
/// let [here, there] = [(); 2].map(|()| Token::new(Inbox::draw("shop"), 1));
///
/// let claimed = engine.claim(&Claim::new(key, &here, lease), within)?;
/// assert!(matches!(claimed, Claimed::Lead { .. }));
/// let claimed = engine.claim(&Claim::new(key, &there, lease), within)?;
/// assert!(matches!(claimed, Claimed::Follow { .. }));
///
/// let mut publication = Publication::new(key, &here, b"ada");
/// publication.keep = Some(Duration::MAX);
/// engine.publish(&publication, within)?;
///
/// let claimed = engine.claim(&Claim::new(key, &there, lease), within)?;
/// assert!(matches!(claimed, Claimed::Hit { bytes, .. } if *bytes == *b"ada"));
/// # Ok::<(), coalescer_cluster::engine::EngineError>(())
/// ```
pub trait Engine: Send + Sync + 'static {
    /// Tells what this engine can do. The answer never changes.
    fn can(&self) -> Can;

    /// The clock of a test, if the engine takes the time from one. A cluster over it takes its own time from
    /// there too. No server has one.
    fn clock(&self) -> Option<ManualClock> {
        None
    }

    /// Asks the engine for a sign of life.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`].
    fn ping(&self, within: Duration) -> Result<(), EngineError>;

    /// Asks who runs a key. The first row that applies decides:
    ///
    /// | | answer |
    /// |---|---|
    /// | the token leads a flight of the key | `Lead` of that flight, as before |
    /// | a result within its window, neither fresh nor excluded | `Hit`; a process that keeps copies is noted until the window's end |
    /// | no flight runs | `Lead` of a new flight. What was kept of the last one goes |
    /// | all leases of the running flight are over, or a suspect's leaders do not listen | `Lead` of the same flight. Its former leaders are out, those who wait stay |
    /// | fresh, or the running flight is excluded | `Wait`; a process that listens is enrolled for the end |
    /// | the claim has not joined the flight, which is `max_join_age` old, and fewer than `max_leaders` run | `Lead` of a new flight. The old one serves those who wait for it |
    /// | the same, and `max_leaders` run | `Full` |
    /// | the youngest execution is `leader_timeout` old, and fewer than `max_leaders` run | `Lead` of the same flight, beside its other leaders |
    /// | a try | `Busy` |
    /// | | `Follow`; a process that listens is enrolled for the outcome |
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`]. After an error the claim may have been carried out: [`release`](Self::release) its token.
    fn claim(&self, claim: &Claim<'_>, within: Duration) -> Result<Claimed, EngineError>;

    /// Ends a flight with an outcome. Everybody enrolled is told, and noted as somebody who may hold a copy.
    ///
    /// The outcome becomes the result if the flight is still the key's (neither forgotten nor followed by a
    /// younger one) and its window is not over. The fence: a token that does not lead is refused.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`]. After an error the outcome may be there or not.
    fn publish(
        &self,
        publication: &Publication<'_>,
        within: Duration,
    ) -> Result<Published, EngineError>;

    /// Ends an execution without an outcome. If others of the flight run, only this one is taken out. The answer says if the
    /// flight was still the key's: if not, the outcome is for no call of the leader's process that came after the claim.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`].
    fn release(&self, release: &Release<'_>, within: Duration) -> Result<Released, EngineError>;

    /// Renews leases, all in one round trip. Each answer says if the token still leads.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`].
    fn renew(&self, leads: &[Lead<'_>], within: Duration) -> Result<Vec<bool>, EngineError>;

    /// Removes the result, and detaches the running flight: no later claim joins it, and its outcome is not
    /// kept. Those who wait still get it. Word goes to every process, but the asking one, that leads the key,
    /// waits for it or may hold a copy. No note is removed, so a second forget waits for the same answers.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`].
    fn forget(&self, forget: &Forget<'_>, within: Duration) -> Result<Forgotten, EngineError>;

    /// Forgets all keys of a name. Word goes to every process of the namespace that listens.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`].
    fn forget_all(
        &self,
        forget: &ForgetAll<'_>,
        within: Duration,
    ) -> Result<Forgotten, EngineError>;

    /// Removes the result of a key if it is these bytes, which nobody can decode. Returns whether it was.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`].
    fn discard(&self, key: Key<'_>, bytes: &[u8], within: Duration) -> Result<bool, EngineError>;

    /// Begins to listen at an inbox. An earlier listener of that inbox fails from now on.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`]. `Unexpected` from an engine without messages.
    fn listen(&self, inbox: &Inbox, within: Duration) -> Result<Box<dyn Listener>, EngineError> {
        let _ = (inbox, within);
        Err(EngineError::new(ErrorKind::Unexpected, "this engine sends no messages"))
    }

    /// Tells the process that asked to forget that this one has dropped it.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`].
    fn confirm(
        &self,
        to: &Inbox,
        by: &Inbox,
        id: ForgetId,
        within: Duration,
    ) -> Result<(), EngineError> {
        let _ = (to, by, id, within);
        Err(EngineError::new(ErrorKind::Unexpected, "this engine sends no messages"))
    }

    /// Says for each inbox if anybody listens there. Without messages: everybody does.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`].
    fn listening(&self, inboxes: &[Inbox], within: Duration) -> Result<Vec<bool>, EngineError> {
        let _ = within;
        Ok(vec![true; inboxes.len()])
    }

    /// Returns an outcome that was too large for a message, as [`End::Outcome`]; `None` if it is gone.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`].
    fn fetch(
        &self,
        key: Key<'_>,
        flight: &FlightId,
        within: Duration,
    ) -> Result<Option<End>, EngineError> {
        let _ = (key, flight, within);
        Ok(None)
    }

    /// Blocks until a flight has ended, for at most that time. A claim was told `Follow` or `Wait` with that flight: an engine
    /// need not know how any other one ended. It forgets ends after a while, and then says [`AskAgain`](End::AskAgain).
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`]. `Unexpected` from an engine that wakes by messages.
    fn wait(&self, wait: &Wait<'_>, within: Duration) -> Result<Waited, EngineError> {
        let _ = (wait, within);
        Err(EngineError::new(ErrorKind::Unexpected, "this engine wakes by messages"))
    }
}
