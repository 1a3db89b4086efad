//! What a leader hands to the others: the part of its response that is not its own.

use bytes::Bytes;
use http::header::{AGE, HeaderValue};
use http::{HeaderMap, Response, StatusCode, response};

use crate::ShareWith;
use crate::http::body::Body;
use crate::http::cache_control::age;
use crate::http::fields::remove_hop_by_hop;
use crate::http::gates::Gates;
use crate::http::key::Key;
use crate::http::verdict::{ResponseVerdict, Unshared};
use crate::wait::clock::Nanos;

/// The value of a flight.
#[derive(Debug)]
pub(super) enum Page {
    /// The leader keeps its response; nobody ever gets this.
    Own,
    Shared(SharedPage),
}

/// A response without what belongs to the leader's connection, such as the version, and without
/// extensions: those are the server's notes on one request.
#[derive(Debug)]
pub(super) struct SharedPage {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    share_with: ShareWith,
    /// When the handler was called, on the layer's clock.
    started: Nanos,
}

impl Page {
    pub(super) fn share_with(&self) -> ShareWith {
        match self {
            Self::Own => ShareWith::Nobody,
            Self::Shared(page) => page.share_with,
        }
    }

    /// Asks the gate about a handler's response, and takes out what others may have. The response
    /// itself stays what it is.
    pub(super) fn of(
        gates: &Gates,
        key: &Key,
        response: Response<Body>,
        started: Nanos,
    ) -> (Self, Response<Body>, ResponseVerdict) {
        let (parts, body) = response.into_parts();
        let verdict = gates.response(key, &parts, body.len());
        if verdict.share_with() == ShareWith::Nobody {
            return (Self::Own, Response::from_parts(parts, body), verdict);
        }
        match body.collect() {
            Ok(bytes) => {
                let page = SharedPage::new(&parts, bytes.clone(), verdict.share_with(), started);
                let own = Response::from_parts(parts, Body::from(bytes));
                (Self::Shared(page), own, verdict)
            }
            Err((body, _)) => {
                let verdict = ResponseVerdict::Unshared(Unshared::BrokenBody);
                (Self::Own, Response::from_parts(parts, body), verdict)
            }
        }
    }
}

impl SharedPage {
    fn new(parts: &response::Parts, body: Bytes, share_with: ShareWith, started: Nanos) -> Self {
        let mut headers = parts.headers.clone();
        remove_hop_by_hop(&mut headers);
        Self { status: parts.status, headers, body, share_with, started }
    }

    /// A response of its own for one more client.
    pub(super) fn response(&self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        response
    }

    /// The same for a late client, which is told how old it is (RFC 9111, 5.1).
    pub(super) fn late_response(&self, now: Nanos) -> Response<Body> {
        let mut response = self.response();
        let seconds = now.saturating_sub(self.started) / 1_000_000_000;
        let age = age(&self.headers).saturating_add(seconds);
        response.headers_mut().insert(AGE, HeaderValue::from(age));
        response
    }
}
