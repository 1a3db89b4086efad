//! The one error type: what a call gets instead of a value.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc as StdArc;

use crate::sync::Arc;

/// Why a call got no value.
///
/// [`Failed`](Self::Failed) is the function's own error, shared by everyone who waited for it. Its
/// text and source are that error's own, so it can be logged as if the library were not there. The
/// other variants are the library's.
///
/// # Examples
///
/// ```
/// use coalescer::{Error, Group};
///
/// let group: Group<String, String, std::io::Error> = Group::new();
/// let error = group.execute("k", || Err(std::io::Error::other("disk on fire"))).unwrap_err();
/// assert_eq!(error.to_string(), "disk on fire");
/// match error {
///     Error::Failed(io) => assert_eq!(io.kind(), std::io::ErrorKind::Other),
///     other => panic!("not the function's own error: {other}"),
/// }
/// ```
#[non_exhaustive]
pub enum Error<E> {
    /// The function returned this error. Leader and followers hold the same one.
    Failed(Arc<E>),
    /// The leader's function panicked. The leader itself unwinds; its followers get this, and its
    /// ticket, if it was submitted.
    LeaderPanicked {
        /// The panic's message, if it was text.
        message: Option<StdArc<str>>,
    },
    /// The execution went away without an outcome: an executor dropped the job.
    Abandoned,
    /// The deadline came before the outcome. The execution goes on for the others.
    TimedOut,
    /// `try_execute` would have had to wait.
    WouldBlock,
    /// The wait would never have ended: it would wait for its own thread, directly or over a chain
    /// of threads that lead one flight and wait for another.
    WouldDeadlock,
    /// The executor did not take the job; from `submit`, or from a ticket that would have taken over.
    Rejected,
}

impl<E> Error<E> {
    /// The function's own error, if that is what this is.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Error, Group};
    ///
    /// let group: Group<u32, u32, String> = Group::new();
    /// let error = group.execute(&1, || Err("no such user".to_string())).unwrap_err();
    /// assert_eq!(error.failed().map(|e| e.as_str()), Some("no such user"));
    /// assert!(Error::<String>::TimedOut.failed().is_none());
    /// ```
    pub fn failed(&self) -> Option<&Arc<E>> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the function returned an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Error;
    ///
    /// assert!(Error::Failed(std::sync::Arc::new("no")).is_failed());
    /// assert!(!Error::<&str>::TimedOut.is_failed());
    /// ```
    pub fn is_failed(&self) -> bool {
        matches!(self, Self::Failed(_))
    }

    /// Whether the leader's function panicked.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Error;
    ///
    /// assert!(Error::<()>::LeaderPanicked { message: None }.is_panic());
    /// assert!(!Error::<()>::Abandoned.is_panic());
    /// ```
    pub fn is_panic(&self) -> bool {
        matches!(self, Self::LeaderPanicked { .. })
    }

    /// Whether the execution went away without an outcome.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Error;
    ///
    /// assert!(Error::<()>::Abandoned.is_abandoned());
    /// assert!(!Error::<()>::TimedOut.is_abandoned());
    /// ```
    pub fn is_abandoned(&self) -> bool {
        matches!(self, Self::Abandoned)
    }

    /// Whether the deadline came before the outcome.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Error;
    ///
    /// assert!(Error::<()>::TimedOut.is_timeout());
    /// assert!(!Error::<()>::WouldBlock.is_timeout());
    /// ```
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::TimedOut)
    }

    /// Whether a call that must not wait would have had to.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Error;
    ///
    /// assert!(Error::<()>::WouldBlock.would_block());
    /// assert!(!Error::<()>::WouldDeadlock.would_block());
    /// ```
    pub fn would_block(&self) -> bool {
        matches!(self, Self::WouldBlock)
    }

    /// Whether the wait would never have ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Error;
    ///
    /// assert!(Error::<()>::WouldDeadlock.would_deadlock());
    /// assert!(!Error::<()>::WouldBlock.would_deadlock());
    /// ```
    pub fn would_deadlock(&self) -> bool {
        matches!(self, Self::WouldDeadlock)
    }

    /// Whether the executor did not take the job.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Error;
    ///
    /// assert!(Error::<()>::Rejected.is_rejected());
    /// assert!(!Error::<()>::Abandoned.is_rejected());
    /// ```
    pub fn is_rejected(&self) -> bool {
        matches!(self, Self::Rejected)
    }
}

/// Clones the handle, not the error: `E` need not be `Clone`.
impl<E> Clone for Error<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Failed(error) => Self::Failed(Arc::clone(error)),
            Self::LeaderPanicked { message } => Self::LeaderPanicked { message: message.clone() },
            Self::Abandoned => Self::Abandoned,
            Self::TimedOut => Self::TimedOut,
            Self::WouldBlock => Self::WouldBlock,
            Self::WouldDeadlock => Self::WouldDeadlock,
            Self::Rejected => Self::Rejected,
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => f.debug_tuple("Failed").field(error).finish(),
            Self::LeaderPanicked { message } => {
                f.debug_struct("LeaderPanicked").field("message", message).finish()
            }
            Self::Abandoned => f.write_str("Abandoned"),
            Self::TimedOut => f.write_str("TimedOut"),
            Self::WouldBlock => f.write_str("WouldBlock"),
            Self::WouldDeadlock => f.write_str("WouldDeadlock"),
            Self::Rejected => f.write_str("Rejected"),
        }
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::LeaderPanicked { message: Some(message) } => {
                write!(f, "the call that ran the function for this one panicked: {message}")
            }
            Self::LeaderPanicked { message: None } => {
                f.write_str("the call that ran the function for this one panicked")
            }
            Self::Abandoned => f.write_str("the execution went away without an outcome"),
            Self::TimedOut => f.write_str("timed out waiting for another call's execution"),
            Self::WouldBlock => f.write_str("another call's execution is under way"),
            Self::WouldDeadlock => f.write_str(
                "waiting for this key would never end, as its execution waits for this thread; \
                 call another key, or set on_deadlock(OnDeadlock::Bypass)",
            ),
            Self::Rejected => f.write_str("the executor did not take the job"),
        }
    }
}

impl<E: StdError + 'static> StdError for Error<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Failed(error) => error.source(),
            _ => None,
        }
    }
}
