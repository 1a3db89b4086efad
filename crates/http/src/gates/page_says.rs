//! [`PageSays`]: what a response says about the later ones of its key.

use http::StatusCode;

use crate::gates::response_gate::is_about_one_request;
use crate::gates::statuses::Sharing;
use crate::key::Key;
use crate::verdict::{ResponseVerdict, Unshared};

/// The word of a response about the later ones of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageSays {
    /// Others may get it.
    Shared,
    /// Others may not get it, for a reason of the page.
    Unshared,
    /// Nothing: one request can have caused it, by what is not in the key.
    Nothing,
}

impl PageSays {
    /// A status that is not about the page decides first: an error page often has `no-store`, and one bad request
    /// would switch sharing off for all.
    pub(crate) fn of(key: &Key, status: StatusCode, verdict: ResponseVerdict) -> Self {
        let is_about_the_page = matches!(Sharing::of(status), Sharing::Page | Sharing::With(_))
            && !is_about_one_request(status, key);
        if !is_about_the_page {
            return Self::Nothing;
        }
        let ResponseVerdict::Unshared(reason) = verdict else { return Self::Shared };
        match reason {
            Unshared::NoStore
            | Unshared::SetCookie
            | Unshared::Secret
            | Unshared::VaryAny
            | Unshared::UnknownEnd
            | Unshared::TooLong
            | Unshared::TransferCoding
            | Unshared::Trailers
            | Unshared::Private
            | Unshared::Vary
            | Unshared::Declined => Self::Unshared,
            Unshared::Malformed
            | Unshared::Informational
            | Unshared::Refusal
            | Unshared::Status
            | Unshared::ServerError
            | Unshared::BrokenBody
            | Unshared::Failed => Self::Nothing,
        }
    }
}
