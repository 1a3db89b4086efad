//! [`Page`]: the part of a handler's response that other requests may get.

use std::time::Duration;

use bytes::Bytes;
use coalescer::ShareWith;
use http::header::{AGE, HeaderValue};
use http::{HeaderMap, Response, StatusCode, response};

use crate::body::Body;
use crate::gates::Gates;
use crate::gates::cache_control::age;
use crate::gates::fields::remove_hop_by_hop;
use crate::key::Key;
use crate::verdict::{ResponseVerdict, Unshared};

/// The value of a flight.
#[derive(Debug)]
pub(crate) enum Page {
    /// The leader keeps its response. The flight shares this value with no other request.
    Own,
    Shared(SharedPage),
}

/// A response without the version and the hop-by-hop fields, which belong to a connection, and
/// without extensions, which are a server's notes on one request.
#[derive(Debug)]
pub(crate) struct SharedPage {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    share_with: ShareWith,
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
                let page = SharedPage::new(&parts, bytes.clone(), verdict.share_with());
                (verdict, Self::Shared(page), Response::from_parts(parts, Body::from(bytes)))
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
            Self::Shared(page) => page.share_with,
        }
    }

    /// A response for one more request. A page that the window served has an `age`.
    pub(crate) fn response(&self, age: Option<Duration>) -> Response<Body> {
        let Self::Shared(page) = self else {
            unreachable!("a flight does not share the page that its leader keeps")
        };
        let mut response = page.response();
        if let Some(age) = age {
            response.headers_mut().insert(AGE, page.age_after(age));
        }
        response
    }
}

impl SharedPage {
    fn new(parts: &response::Parts, body: Bytes, share_with: ShareWith) -> Self {
        let mut headers = parts.headers.clone();
        remove_hop_by_hop(&mut headers);
        Self { status: parts.status, headers, body, share_with }
    }

    fn response(&self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        response
    }

    /// The value of `Age`: the time in the window, and the age that the handler's response stated
    /// (RFC 9111, 5.1).
    fn age_after(&self, in_window: Duration) -> HeaderValue {
        HeaderValue::from(age(&self.headers).saturating_add(in_window.as_secs()))
    }
}
