//! [`SharedResponse`]: the part of a response that other requests may get.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AGE, HeaderValue};
use http::{HeaderMap, Response, StatusCode, response};

use crate::body::Body;
use crate::gates::cache_control::{OLDEST, age};
use crate::gates::response_fields::keep_shared;

/// The part of a response that other requests may get: its status, its body, and those of its fields that
/// belong to the page.
///
/// | part of the response | shared |
/// |---|---|
/// | status, body, fields | yes, but for the rows below |
/// | hop-by-hop fields: those that `Connection` names, `Connection`, `Keep-Alive`, `Proxy-Connection`, `TE`, `Trailer`, `Transfer-Encoding`, `Upgrade` | no: they belong to a connection (RFC 9110, 7.6.1) |
/// | numbers of one request, such as `X-Request-Id`, `Traceparent` and `Server-Timing`; `RateLimit-*` | no |
/// | version | no: it belongs to a connection |
/// | extensions | no: they are a server's notes on one request |
/// | `Age` | as the handler said, plus the time in the window: see [`late_response`](Self::late_response) |
///
/// A [`CoalesceLayer`](crate::CoalesceLayer) makes one for each run that may be shared. Use it yourself with
/// the [`Gates`](crate::Gates) alone. It does not ask the gates: a response that they call unshared must not
/// reach another request in any form.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer_http::SharedResponse;
///
/// let page = http::Response::builder()
///     .header("connection", "close")
///     .header("etag", "\"1\"")
///     .body("hello")
///     .unwrap();
/// let (parts, body) = page.into_parts();
/// let shared = SharedResponse::new(&parts, body);
///
/// let follower = shared.response();
/// assert_eq!(follower.headers().len(), 1);
/// let hit = shared.late_response(Duration::from_millis(2500));
/// assert_eq!((&hit.headers()["etag"], &hit.headers()["age"]), (&"\"1\"".parse().unwrap(), &2.into()));
/// ```
#[derive(Clone, Debug)]
pub struct SharedResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl SharedResponse {
    /// Copies what others may get from a handler's response. Does not block.
    ///
    /// # Examples
    ///
    /// See [`SharedResponse`].
    #[must_use]
    pub fn new(parts: &response::Parts, body: impl Into<Bytes>) -> Self {
        let mut headers = parts.headers.clone();
        keep_shared(&mut headers);
        Self { status: parts.status, headers, body: body.into() }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn from_parts(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Self { status, headers, body }
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn parts(&self) -> (StatusCode, &HeaderMap, &Bytes) {
        (self.status, &self.headers, &self.body)
    }

    /// Makes the response for a request that waited. The body is not copied. Does not block.
    ///
    /// # Examples
    ///
    /// See [`SharedResponse`].
    #[must_use]
    pub fn response(&self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        response
    }

    /// Makes the response for a request that came later, after `in_window` since the run began.
    ///
    /// Its `Age` is this time in seconds, and the age that the handler's response stated (RFC 9111, 5.1). It
    /// is 2147483648 at most, the number for what is too large. Does not block.
    ///
    /// # Examples
    ///
    /// See [`SharedResponse`].
    #[must_use]
    pub fn late_response(&self, in_window: Duration) -> Response<Body> {
        let mut response = self.response();
        let age = age(&self.headers).saturating_add(in_window.as_secs()).min(OLDEST);
        response.headers_mut().insert(AGE, HeaderValue::from(age));
        response
    }
}
