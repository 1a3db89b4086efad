//! The ways in which a step of an engine fails.

use std::fmt;

/// Says in which way a step failed.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::ErrorKind;
///
/// assert!(ErrorKind::Refused.is_final());
/// assert!(!ErrorKind::TimedOut.is_final());
/// assert!(!ErrorKind::Exhausted.counts());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nobody accepts connections at the engine's address.
    Refused,
    /// The connection broke. The step may have been carried out.
    Lost,
    /// The engine did not answer within the step's time. The step may have been carried out.
    TimedOut,
    /// The engine has no memory or no disk space left.
    Full,
    /// The engine does not let this process in, or denies it this step: password, rights, owner.
    Denied,
    /// The engine accepts no writes: it is a replica, for example after a failover.
    ReadOnly,
    /// This process uses all connections that its settings allow. The engine itself was not asked.
    Exhausted,
    /// The engine answered something that this crate does not know, or it cannot do this step.
    Unexpected,
}

impl ErrorKind {
    /// Returns true if asking again at once is of no use, so that one such failure opens the breaker.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Refused | Self::Full | Self::Denied | Self::ReadOnly)
    }

    /// Returns true if it says something about the engine's health, so that the breaker counts it.
    #[must_use]
    pub const fn counts(self) -> bool {
        !matches!(self, Self::Exhausted)
    }

    /// A step that fails so may have been carried out.
    pub(crate) const fn may_be_done(self) -> bool {
        matches!(self, Self::Lost | Self::TimedOut | Self::Unexpected)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "nobody accepts connections at the engine's address",
            Self::Lost => "the connection to the engine broke",
            Self::TimedOut => "the engine did not answer in time",
            Self::Full => "the engine has no space left",
            Self::Denied => "the engine denies access",
            Self::ReadOnly => "the engine accepts no writes",
            Self::Exhausted => "all connections to the engine are in use",
            Self::Unexpected => "the engine gave an unexpected answer",
        })
    }
}

/// A step of an engine failed.
///
/// No call fails for it: the process goes on by itself. It is shown by the cluster's health.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::{EngineError, ErrorKind};
///
/// let error = EngineError::new(ErrorKind::Denied, "NOPERM: grant the user 'evalsha'");
/// assert_eq!(error.kind(), ErrorKind::Denied);
/// assert_eq!(error.to_string(), "the engine denies access: NOPERM: grant the user 'evalsha'");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineError {
    kind: ErrorKind,
    text: Box<str>,
}

impl EngineError {
    /// Makes an error. The text says more than the kind, and must not have a password in it.
    #[must_use]
    pub fn new(kind: ErrorKind, text: impl Into<Box<str>>) -> Self {
        Self { kind, text: text.into() }
    }

    /// Returns the kind.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns what the engine said.
    #[must_use]
    pub const fn text(&self) -> &str {
        &self.text
    }
}

impl From<ErrorKind> for EngineError {
    fn from(kind: ErrorKind) -> Self {
        Self::new(kind, "")
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.text {
            "" => self.kind.fmt(f),
            text => write!(f, "{}: {text}", self.kind),
        }
    }
}

impl std::error::Error for EngineError {}
