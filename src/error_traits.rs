//! The traits of an [`Error`]: its text, its source, and its clone.

use std::error::Error as StdError;
use std::fmt;

use crate::error::Error;
use crate::sync::Handle;

/// Clones the handle, not the error: `E` need not be `Clone`.
impl<E> Clone for Error<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Failed(error) => Self::Failed(Handle::clone(error)),
            Self::LeaderPanicked { message } => Self::LeaderPanicked { message: message.clone() },
            Self::Abandoned => Self::Abandoned,
            Self::TimedOut => Self::TimedOut,
            Self::WouldBlock => Self::WouldBlock,
            Self::WouldDeadlock => Self::WouldDeadlock,
            Self::Overloaded => Self::Overloaded,
            Self::Rejected => Self::Rejected,
            Self::Missing => Self::Missing,
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
            Self::Overloaded => f.write_str("Overloaded"),
            Self::Rejected => f.write_str("Rejected"),
            Self::Missing => f.write_str("Missing"),
        }
    }
}

/// The text of this error alone. The alternate form, `{:#}`, adds the function's own error.
impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) if f.alternate() => write!(f, "the function failed: {:#}", **error),
            Self::Failed(_) => f.write_str("the function failed"),
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
            Self::Overloaded => f.write_str(
                "as many calls wait for this key as max_followers admits; call again later",
            ),
            Self::Rejected => f.write_str("the executor did not take the job"),
            Self::Missing => f.write_str("the function told nothing about this key"),
        }
    }
}

impl<E: StdError + 'static> StdError for Error<E> {
    /// The function's own error.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Failed(error) => Some(&**error),
            _ => None,
        }
    }
}
