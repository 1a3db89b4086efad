//! The one error type: what a call gets instead of a value.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::sync::Handle;

/// Why a call got no value.
///
/// [`Failed`](Self::Failed) is the function's own error, shared by all calls that waited for it.
/// The other variants are the library's.
///
/// | variant | who gets it, and why | worth a retry | usual HTTP status |
/// |---|---|---|---|
/// | [`Failed`](Self::Failed) | every call of the flight: the function returned an error | as for that error | yours |
/// | [`LeaderPanicked`](Self::LeaderPanicked) | followers and tickets: the function panicked on another thread | once; the next call runs it again | 500 |
/// | [`Abandoned`](Self::Abandoned) | followers and tickets: the executor dropped the job | yes | 503 |
/// | [`TimedOut`](Self::TimedOut) | a follower: its deadline or `max_wait` came first | later | 503, or 504 for a gateway |
/// | [`WouldBlock`](Self::WouldBlock) | `try_execute`, `no_wait`: an execution is under way | soon, or use another verb | 503 |
/// | [`WouldDeadlock`](Self::WouldDeadlock) | a call that would wait for its own thread | no, it is a bug in the program | 500 |
/// | [`Rejected`](Self::Rejected) | `submit`: the executor did not accept the job | later | 503 |
///
/// # With anyhow, thiserror, eyre
///
/// `Error<E>` is an error type if `E` is one, so `?` takes it into `anyhow::Error`, `eyre::Report`
/// and `Box<dyn Error + Send + Sync>`. Its own text says only that the function failed, and
/// [`source`](StdError::source) is `E`. So a chain prints each text once, and a downcast finds `E`:
///
/// ```
/// use anyhow::Context;
/// use coalescer::Coalescer;
///
/// fn user(users: &Coalescer<u64, String, std::io::Error>) -> anyhow::Result<usize> {
///     let user = users.execute(&7).context("loading user 7")?;
///     Ok(user.len())
/// }
///
/// let users = Coalescer::new(|_: &u64| Err(std::io::Error::other("disk on fire")));
/// let error = user(&users).unwrap_err();
/// assert_eq!(format!("{error:#}"), "loading user 7: the function failed: disk on fire");
/// assert!(error.chain().any(|cause| cause.is::<std::io::Error>()));
/// ```
///
/// Without such a crate, `{error:#}` prints both texts, also where `E` is a plain `String`.
///
/// `anyhow::Error`, `eyre::Report` and boxed errors are no error types themselves. Where `E` is one
/// of them, [`into_dyn`](Self::into_dyn) makes an error type of it, with the same chain:
///
/// ```
/// use coalescer::{Coalescer, Error};
///
/// fn user(users: &Coalescer<u64, String, anyhow::Error>) -> anyhow::Result<usize> {
///     Ok(users.execute(&7).map_err(Error::into_dyn)?.len())
/// }
///
/// let users = Coalescer::new(|_: &u64| Err(std::io::Error::other("disk on fire").into()));
/// let error = user(&users).unwrap_err();
/// assert_eq!(format!("{error:#}"), "the function failed: disk on fire");
/// assert!(error.chain().any(|cause| cause.is::<std::io::Error>()));
/// ```
///
/// An error type of your own takes all of it with one line, with thiserror or by hand. To keep your
/// own errors as they are, and take the library's failures alone, use
/// [`failed_or`](Self::failed_or):
///
/// ```
/// use std::convert::Infallible;
/// use coalescer::{Coalescer, Error};
///
/// #[derive(Clone, Debug, thiserror::Error)]
/// enum DbError {
///     #[error("no such user")]
///     NotFound,
///     #[error("no answer")]
///     NoAnswer(#[from] Error<Infallible>), // the one line
/// }
///
/// #[derive(Debug, thiserror::Error)]
/// enum AppError {
///     #[error("users are unavailable")]
///     Users(#[from] Error<DbError>), // or this one
/// }
///
/// let users = Coalescer::new(|_: &u64| Err::<String, _>(DbError::NotFound));
/// let find = || users.execute(&7).map_err(|error| error.failed_or(DbError::from));
/// assert!(matches!(find(), Err(DbError::NotFound)));
/// let page = || -> Result<usize, AppError> { Ok(users.execute(&7)?.len()) };
/// assert!(matches!(page(), Err(AppError::Users(Error::Failed(_)))));
/// ```
///
/// # Examples
///
/// ```
/// use coalescer::{Error, Group};
///
/// let group: Group<String, String, std::io::Error> = Group::new();
/// let error = group.execute("k", || Err(std::io::Error::other("disk on fire"))).unwrap_err();
/// match error {
///     Error::Failed(io) => assert_eq!(io.to_string(), "disk on fire"),
///     other => panic!("not the function's own error: {other}"),
/// }
/// ```
#[non_exhaustive]
pub enum Error<E> {
    /// The function returned this error. Leader and followers hold the same one.
    Failed(Handle<E>),
    /// The leader's function panicked. The leader itself unwinds; its followers get this, and its
    /// ticket, if it was submitted.
    LeaderPanicked {
        /// The panic's message, if it was text.
        message: Option<Arc<str>>,
    },
    /// The execution was dropped before it had an outcome: an executor dropped the job.
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
    pub fn failed(&self) -> Option<&Handle<E>> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// The function's own error, or else the library's.
    ///
    /// # Errors
    ///
    /// The library's own failure, which does not depend on the function's errors.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Error, Group};
    ///
    /// let group: Group<u32, u32, String> = Group::new();
    /// let error = group.execute(&1, || Err("no such user".to_string())).unwrap_err();
    /// assert_eq!(*error.into_failed().unwrap(), "no such user");
    /// assert!(Error::<String>::TimedOut.into_failed().unwrap_err().is_timeout());
    /// ```
    pub fn into_failed(self) -> Result<Handle<E>, Error<Infallible>> {
        Err(match self {
            Self::Failed(error) => return Ok(error),
            Self::LeaderPanicked { message } => Error::LeaderPanicked { message },
            Self::Abandoned => Error::Abandoned,
            Self::TimedOut => Error::TimedOut,
            Self::WouldBlock => Error::WouldBlock,
            Self::WouldDeadlock => Error::WouldDeadlock,
            Self::Rejected => Error::Rejected,
        })
    }

    /// The function's own error by value, or what `other` makes of the library's.
    ///
    /// The error is cloned if another call has it too.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use coalescer::{Error, Group};
    ///
    /// #[derive(Clone, Debug, PartialEq)]
    /// enum DbError { NotFound, NoAnswer }
    ///
    /// impl From<Error<Infallible>> for DbError {
    ///     fn from(_: Error<Infallible>) -> Self { DbError::NoAnswer }
    /// }
    ///
    /// let group: Group<u32, u32, DbError> = Group::new();
    /// let error = group.execute(&1, || Err(DbError::NotFound)).unwrap_err();
    /// assert_eq!(error.failed_or(DbError::from), DbError::NotFound);
    /// assert_eq!(Error::<DbError>::TimedOut.failed_or(DbError::from), DbError::NoAnswer);
    /// ```
    pub fn failed_or(self, other: impl FnOnce(Error<Infallible>) -> E) -> E
    where
        E: Clone,
    {
        match self.into_failed() {
            Ok(error) => Handle::try_unwrap(error).unwrap_or_else(|shared| E::clone(&shared)),
            Err(library) => other(library),
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
            Self::Failed(error) => Self::Failed(Handle::clone(error)),
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
            Self::Rejected => f.write_str("the executor did not take the job"),
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
