//! [`ServedRole`] and [`ServedReason`]: the words by which a layer tells how it has answered a request.

use std::fmt;

use coalescer::Error;

use crate::verdict::{PassThrough, ResponseVerdict, Unkept, Unshared};

/// How a request was answered; from [`Served::role`](crate::Served::role).
///
/// # Examples
///
/// ```
/// use coalescer_http::ServedRole;
///
/// assert_eq!(ServedRole::PassedThrough.to_string(), "passed through");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ServedRole {
    /// The request gate passed it through. It ran the handler.
    PassedThrough,
    /// It ran the handler. Others may have got its response.
    Leader,
    /// It waited for the run of another request, in this process or in another one.
    Follower,
    /// It got a page from a window.
    Hit,
    /// It got a page past its lifetime.
    Stale,
    /// It found a page past its lifetime, and got the new page. It ran the handler, or another request did.
    Revalidation,
    /// Its wait brought no page, so it ran the handler. Nobody else got its response.
    Alone,
    /// It got no page, and the response of [`error_response`](crate::CoalesceLayer::error_response).
    Refused,
    /// It was a PURGE request, which the layer answered: see [`purge_if`](crate::CoalesceLayer::purge_if).
    Purge,
}

impl ServedRole {
    /// Returns the role as a constant text.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(coalescer_http::ServedRole::Stale.as_str(), "stale");
    /// ```
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PassedThrough => "passed through",
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Revalidation => "revalidation",
            Self::Alone => "alone",
            Self::Refused => "refused",
            Self::Purge => "purge",
        }
    }
}

/// Shows the role in one or two words.
impl fmt::Display for ServedRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(feature = "serde")]
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
impl serde::Serialize for ServedRole {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

/// Why a request, or its response, was not shared; from [`Served::reason`](crate::Served::reason).
///
/// # Examples
///
/// ```
/// use coalescer_http::{PassThrough, ServedReason};
///
/// assert_eq!(ServedReason::from(PassThrough::Credentials).to_string(), "credentials");
/// assert_eq!(ServedReason::TimedOut.to_string(), "timed out");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServedReason {
    /// The request gate passed the request through.
    PassThrough(PassThrough),
    /// The response is for its own request only.
    Unshared(Unshared),
    /// The response is not for later requests.
    Unkept(Unkept),
    /// The request waited for `max_wait`.
    TimedOut,
    /// More than `max_followers` requests would have waited.
    Overloaded,
    /// The wait would never have ended: see [`Coalesced::call`](crate::Coalesced::call).
    Deadlock,
    /// The handler panicked in the run that the request waited for.
    Panicked,
    /// The handler returned an error.
    Failed,
    /// The run ended without a page.
    Abandoned,
    /// The request says `only-if-cached`, and the window had no page that it may get.
    NotKept,
}

impl ServedReason {
    pub(crate) fn of<E>(error: &Error<E>) -> Self {
        match error {
            Error::Failed(_) => Self::Failed,
            Error::LeaderPanicked { .. } => Self::Panicked,
            Error::TimedOut => Self::TimedOut,
            Error::WouldDeadlock => Self::Deadlock,
            Error::Overloaded => Self::Overloaded,
            // A layer has no executor, and each of its calls may wait.
            _ => Self::Abandoned,
        }
    }

    /// Why a response is not for others, or not for later requests.
    pub(crate) fn of_verdict(verdict: ResponseVerdict) -> Option<Self> {
        match verdict {
            ResponseVerdict::Unshared(reason) => Some(Self::Unshared(reason)),
            ResponseVerdict::Unkept(reason) => Some(Self::Unkept(reason)),
            ResponseVerdict::KeptFor(_) | ResponseVerdict::Kept => None,
        }
    }

    /// Returns the reason as a constant text.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{ServedReason, Unshared};
    ///
    /// assert_eq!(ServedReason::Unshared(Unshared::SetCookie).as_str(), "set-cookie");
    /// ```
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PassThrough(reason) => reason.text(),
            Self::Unshared(reason) => reason.text(),
            Self::Unkept(reason) => reason.text(),
            Self::TimedOut => "timed out",
            Self::Overloaded => "overloaded",
            Self::Deadlock => "deadlock",
            Self::Panicked => "panic",
            Self::Failed => "error",
            Self::Abandoned => "abandoned",
            Self::NotKept => "not kept",
        }
    }
}

/// Shows the reason in a few words.
impl fmt::Display for ServedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(feature = "serde")]
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
impl serde::Serialize for ServedReason {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl From<PassThrough> for ServedReason {
    fn from(reason: PassThrough) -> Self {
        Self::PassThrough(reason)
    }
}
