//! [`Page`]: the value of a flight.

use std::time::Duration;

use coalescer::{Role, ShareWith};
use http::Response;

use crate::body::Body;
use crate::gates::Gates;
use crate::key::Key;
use crate::shared_response::SharedResponse;
use crate::verdict::{ResponseVerdict, Unshared};

/// The value of a flight.
#[derive(Debug)]
pub enum Page {
    /// The leader keeps what its handler returned. The flight shares this value with no other request.
    Own,
    Shared(SharedResponse, ShareWith),
    /// Another process made it.
    #[cfg(feature = "cluster")]
    Elsewhere {
        shared: SharedResponse,
        /// It was there when the request asked, and not on its way.
        is_kept: bool,
    },
}

impl Page {
    /// Asks the response gate, and makes the page for others from a handler's response.
    ///
    /// Returns the response with the same content. Reads a body of known length into memory if the
    /// gate lets others have it, and blocks as long as that takes.
    pub(crate) fn split(
        gates: &Gates,
        key: &Key,
        response: Response<Body>,
    ) -> (ResponseVerdict, Self, Response<Body>) {
        let (parts, body) = response.into_parts();
        let verdict = gates.response(key, &parts, body.len());
        if let ResponseVerdict::Unshared(_) = verdict {
            return (verdict, Self::Own, Response::from_parts(parts, body));
        }
        match body.collect() {
            Ok(bytes) => {
                let shared = SharedResponse::new(&parts, bytes.clone());
                let page = Self::Shared(shared, verdict.share_with());
                (verdict, page, Response::from_parts(parts, Body::from(bytes)))
            }
            Err((body, _)) => {
                let verdict = ResponseVerdict::Unshared(Unshared::BrokenBody);
                (verdict, Self::Own, Response::from_parts(parts, body))
            }
        }
    }

    pub(crate) fn share_with(&self) -> ShareWith {
        match self {
            Self::Own => ShareWith::Nobody,
            Self::Shared(_, share_with) => *share_with,
            // The process that made it has decided, and this one only has a copy.
            #[cfg(feature = "cluster")]
            Self::Elsewhere { .. } => ShareWith::Nobody,
        }
    }

    /// A response for one more request, which has this role, when the page's run began so long ago. A page that
    /// a window served has an `Age`: the window of this process, or that of another one.
    pub(crate) fn response(&self, role: Role, age: Duration) -> Response<Body> {
        let (shared, was_kept) = match self {
            Self::Shared(shared, _) => (shared, false),
            #[cfg(feature = "cluster")]
            Self::Elsewhere { shared, is_kept } => (shared, *is_kept),
            Self::Own => unreachable!("a flight does not share the page that its leader keeps"),
        };
        match was_kept || role == Role::Late {
            true => shared.late_response(age),
            false => shared.response(),
        }
    }
}
