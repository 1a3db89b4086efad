//! [`Error`]: the reason why a call has no value.

use std::convert::Infallible;
#[cfg(doc)]
use std::error::Error as StdError;
use std::sync::Arc;

use crate::sync::Handle;

/// The reason why a call has no value.
///
/// [`Failed`](Self::Failed) is the function's own error, shared by all calls that waited for it.
/// The other variants come from the library.
///
/// | variant | which calls get it, and why | worth a retry | usual HTTP status |
/// |---|---|---|---|
/// | [`Failed`](Self::Failed) | every call of the flight: the function returned an error | depends on that error | your choice |
/// | [`LeaderPanicked`](Self::LeaderPanicked) | followers and tickets: the function panicked on another thread | once; the next call runs it again | 500 |
/// | [`Abandoned`](Self::Abandoned) | a ticket: the executor dropped its job | yes | 503 |
/// | [`TimedOut`](Self::TimedOut) | a follower: its deadline or `max_wait` came first | later | 503, or 504 for a gateway |
/// | [`WouldBlock`](Self::WouldBlock) | `try_execute`, `no_wait`: an execution is under way | soon, or use another verb | 503 |
/// | [`WouldDeadlock`](Self::WouldDeadlock) | a call that would wait for its own thread | no, it is a bug in the program | 500 |
/// | [`Overloaded`](Self::Overloaded) | a call that would be one follower more than `max_followers` | later, with a pause | 503 |
/// | [`Rejected`](Self::Rejected) | `submit`: the executor did not accept the job | later | 503 |
/// | [`Missing`](Self::Missing) | a call of [`execute_many`](crate::Group::execute_many), and its followers: the function told nothing about the key | no | 404, or 500 |
///
/// # With anyhow, thiserror, eyre
///
/// `Error<E>` is an error type if `E` is one, so `?` converts it into `anyhow::Error`, `eyre::Report`
/// and `Box<dyn Error + Send + Sync>`. Its own text says only that the function failed, and
/// [`source`](StdError::source) returns `E`. So a chain prints each text once, and a downcast finds `E`:
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
/// Without such a crate, `{error:#}` prints both texts, even if `E` is a plain `String`.
///
/// `anyhow::Error`, `eyre::Report` and boxed errors do not implement `std::error::Error` themselves.
/// If `E` is one of them, [`into_dyn`](Self::into_dyn) returns an error type with the same chain:
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
/// Your own error type can wrap the whole `Error<E>` with one line, with thiserror or by hand. To keep
/// the function's errors and convert only the library's failures, use [`failed_or`](Self::failed_or):
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
    /// The leader's function panicked. The leader itself unwinds. Its followers get this error, and so
    /// does its ticket if the leader was submitted.
    LeaderPanicked {
        /// The panic's message, if it was text.
        message: Option<Arc<str>>,
    },
    /// The executor dropped the job of this ticket's call before it ran.
    Abandoned,
    /// The deadline passed before the outcome was there. The execution continues for the other calls.
    TimedOut,
    /// A call that must not wait (`try_execute`, `no_wait`) would have had to wait.
    WouldBlock,
    /// The wait would never end: the call would wait for its own thread, directly or over a chain of
    /// threads that each lead one flight and wait for another.
    WouldDeadlock,
    /// As many calls wait for this key as [`max_followers`](crate::Settings::max_followers) admits.
    Overloaded,
    /// The executor did not accept the job, in `submit` or when a ticket took over.
    Rejected,
    /// The function of a call of [many keys](crate::Group::execute_many) returned nothing for this key.
    Missing,
}

impl<E> Error<E> {
    /// The function's own error, if this is [`Failed`](Self::Failed).
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

    /// The function's own error, or else the library's failure as an `Error<Infallible>`.
    ///
    /// # Errors
    ///
    /// The library's failure, in a type that does not depend on `E`.
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
            Self::Overloaded => Error::Overloaded,
            Self::Rejected => Error::Rejected,
            Self::Missing => Error::Missing,
        })
    }

    /// The function's own error by value, or the library's failure converted by `other`.
    ///
    /// The method clones the error if another call has it too.
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

    /// Returns true if the function returned an error.
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

    /// Returns true if the leader's function panicked.
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

    /// Returns true if the executor dropped the job before it had an outcome.
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

    /// Returns true if the deadline passed before the outcome was there.
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

    /// Returns true if a call that must not wait would have had to wait.
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

    /// Returns true if the wait would never end.
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

    /// Returns true if too many calls wait for this key already.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Error;
    ///
    /// assert!(Error::<()>::Overloaded.is_overloaded());
    /// assert!(!Error::<()>::WouldBlock.is_overloaded());
    /// ```
    pub fn is_overloaded(&self) -> bool {
        matches!(self, Self::Overloaded)
    }

    /// Returns true if the function of a call of many keys told nothing about this key.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Error;
    ///
    /// assert!(Error::<()>::Missing.is_missing());
    /// assert!(!Error::<()>::Rejected.is_missing());
    /// ```
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// Returns true if the executor did not accept the job.
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
