//! Forgetting, and the messages that processes get.

use std::time::Duration;

use super::ending::End;
use super::error::EngineError;
use super::names::{Digest, FlightId, Inbox, Key};

/// The number of a forget in the process that asked for it, which never uses it again.
pub type ForgetId = u64;

/// A process forgets a key everywhere.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::{Digest, Forget, Inbox, Key};
///
/// let inbox = Inbox::draw("shop");
/// let key = Key { namespace: "shop", name: "users", digest: Digest::new([7; 16]) };
/// let forget = Forget { key, from: &inbox, id: 1 };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Forget<'a> {
    /// The key.
    pub key: Key<'a>,
    /// The process that asks. It gets the answers, and no word to forget.
    pub from: &'a Inbox,
    /// The number that the answers name.
    pub id: ForgetId,
}

/// A process forgets all keys of a name everywhere.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::{ForgetAll, Inbox};
///
/// let inbox = Inbox::draw("shop");
/// let forget = ForgetAll { namespace: "shop", name: "users", from: &inbox, id: 2 };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ForgetAll<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// The name.
    pub name: &'a str,
    /// The process that asks.
    pub from: &'a Inbox,
    /// The number that the answers name.
    pub id: ForgetId,
}

/// The answer to a forget.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::Forgotten;
///
/// let forgotten = Forgotten { was_there: true, noted: 2, told: 2 };
/// assert_eq!(forgotten.noted - forgotten.told, 0, "everybody was reached");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// There was a result or a running flight. Always false for all keys of a name.
    pub was_there: bool,
    /// So many other processes lead, wait for or may hold the key. For all keys of a name: so many listen.
    pub noted: u32,
    /// So many of them got the word, and will [answer](Message::Dropped). A killed process is noted and not told.
    pub told: u32,
}

/// A message to a process.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::{Digest, End, FlightId, Message};
///
/// let message = Message::Ended {
///     digest: Digest::new([7; 16]),
///     flight: FlightId::new("17"),
///     end: End::RunYourOwn,
/// };
/// assert!(matches!(message, Message::Ended { end: End::RunYourOwn, .. }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// A flight has ended in which this process was enrolled. It counts only for a claim that was told of
    /// this very flight.
    Ended {
        /// The key.
        digest: Digest,
        /// The flight.
        flight: FlightId,
        /// Its end.
        end: End,
    },
    /// Forget this key, then [confirm](super::Engine::confirm).
    Forget {
        /// The name.
        name: Box<str>,
        /// The key.
        digest: Digest,
        /// The process that asks.
        from: Inbox,
        /// The number for the answer.
        id: ForgetId,
    },
    /// Forget all keys of this name, then confirm.
    ForgetAll {
        /// The name.
        name: Box<str>,
        /// The process that asks.
        from: Inbox,
        /// The number for the answer.
        id: ForgetId,
    },
    /// A process has dropped what it was told to forget.
    Dropped {
        /// The number of the forget.
        id: ForgetId,
        /// The process that has dropped it.
        by: Inbox,
    },
}

/// The connection over which a process gets its messages. One thread reads it.
///
/// Messages come in the order in which the engine sent them. When the connection breaks, messages are lost:
/// then [`next`](Self::next) fails, and the process listens anew and drops its copies. Dropping the listener
/// ends it: the engine tells this process nothing any more.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer_cluster::Memory;
/// use coalescer_cluster::engine::{Engine, Inbox, Message};
///
/// let within = Duration::from_millis(100);
/// let engine = Memory::new();
/// let [here, there] = [Inbox::draw("shop"), Inbox::draw("shop")];
/// let mut listener = engine.listen(&here, within)?;
///
/// assert_eq!(listener.next(Duration::ZERO)?, None);
/// engine.confirm(&here, &there, 7, within)?;
/// assert_eq!(listener.next(within)?, Some(Message::Dropped { id: 7, by: there }));
/// # Ok::<(), coalescer_cluster::engine::EngineError>(())
/// ```
pub trait Listener: Send {
    /// Waits for the next message, for at most that time. `None`: there was none. Zero: it does not wait.
    ///
    /// # Errors
    ///
    /// If the connection is broken. All later calls fail as well.
    fn next(&mut self, within: Duration) -> Result<Option<Message>, EngineError>;

    /// Asks the engine over this connection if it is alive, and waits for the answer for at most that time.
    /// Messages that come meanwhile are kept for [`next`](Self::next).
    ///
    /// # Errors
    ///
    /// If no answer came in time, or if the connection is broken.
    fn ping(&mut self, within: Duration) -> Result<(), EngineError>;
}
