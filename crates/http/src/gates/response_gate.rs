//! The response gate: who may get a response.
//!
//! ```text
//!  may another request get it? ───────── no ──▶ unshared: followers run the handler themselves
//!  may a later request get it? ───────── no ──▶ unkept: followers get it
//!                                        yes ─▶ kept: followers and the window get it
//! ```

use http::header::{CONNECTION, EXPIRES, HOST, SET_COOKIE, VARY};
use http::response::Parts;
use http::{HeaderMap, HeaderName, StatusCode};

use crate::gates::Gates;
use crate::gates::cache_control::{CacheControl, age};
use crate::gates::fields::{Malformed, elements};
use crate::gates::request_gate::CREDENTIALS;
use crate::key::Key;
use crate::verdict::{ResponseVerdict, Unkept, Unshared};

impl Gates {
    /// Decides who may get the response that a handler made for a request of this key.
    ///
    /// `body` is the length of the body in bytes, or `None` if the length is unknown. The result
    /// depends on the settings and the arguments only. Does not block and calls no user code.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{Gates, RequestVerdict, ResponseVerdict, Unkept};
    ///
    /// let gates = Gates::new();
    /// let (request, ()) = http::Request::get("/").body(()).unwrap().into_parts();
    /// let RequestVerdict::Shared(key) = gates.request(&request) else { panic!() };
    ///
    /// let (page, ()) = http::Response::new(()).into_parts();
    /// assert_eq!(gates.response(&key, &page, Some(0)), ResponseVerdict::Kept);
    ///
    /// let (busy, ()) = http::Response::builder().status(503).body(()).unwrap().into_parts();
    /// let verdict = gates.response(&key, &busy, Some(0));
    /// assert_eq!(verdict, ResponseVerdict::Unkept(Unkept::ServerError));
    /// ```
    pub fn response(&self, key: &Key, response: &Parts, body: Option<u64>) -> ResponseVerdict {
        let control = match self.check_shared(key, response, body) {
            Ok(control) => control,
            Err(reason) => return ResponseVerdict::Unshared(reason),
        };
        match self.why_unkept(response, control) {
            Some(reason) => ResponseVerdict::Unkept(reason),
            None => ResponseVerdict::Kept,
        }
    }

    /// Checks that another request may get the response. Returns its parsed `Cache-Control`.
    fn check_shared(
        &self,
        key: &Key,
        response: &Parts,
        body: Option<u64>,
    ) -> Result<CacheControl, Unshared> {
        let Parts { headers, status, .. } = response;
        let control = CacheControl::of(headers)?;
        let varies_by = elements(headers, VARY)?;
        // `remove_hop_by_hop` parses it later and cannot report an error.
        elements(headers, CONNECTION)?;
        let is_anonymous = !key.has_credentials();
        let why_not = [
            (control.no_store, Unshared::NoStore),
            (sets_cookie(headers), Unshared::SetCookie),
            (varies_by.contains(&b"*".as_slice()), Unshared::VaryAny),
            (status.is_informational(), Unshared::Informational),
            (body.is_none(), Unshared::UnknownEnd),
            (body.is_some_and(|length| length > self.max_body), Unshared::TooLong),
            (is_anonymous && control.private, Unshared::Private),
            (is_anonymous && is_refusal(*status), Unshared::Refusal),
            (varies_by.iter().any(|name| !self.is_fixed_by_key(name)), Unshared::Vary),
        ];
        match why_not.into_iter().find(|(holds, _)| *holds) {
            Some((_, reason)) => Err(reason),
            None => Ok(control),
        }
    }

    /// The reason not to retain a response that may be shared.
    fn why_unkept(&self, response: &Parts, control: CacheControl) -> Option<Unkept> {
        let headers = &response.headers;
        let lifetime = control.max_age.map(|max_age| max_age.saturating_sub(age(headers)));
        let why_not = [
            (control.no_cache, Unkept::NoCache),
            (lifetime.is_some_and(|seconds| self.is_too_short(seconds)), Unkept::MaxAge),
            (lifetime.is_none() && headers.contains_key(EXPIRES), Unkept::Expires),
            (response.status.is_server_error(), Unkept::ServerError),
        ];
        why_not.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
    }

    /// Returns `true` if all requests of one key have equal values of this field. The field is in the
    /// key (`Host` as the authority), or a request that has it is passed through.
    fn is_fixed_by_key(&self, name: &[u8]) -> bool {
        HeaderName::from_bytes(name)
            .is_ok_and(|name| self.has_in_key(&name) || name == HOST || CREDENTIALS.contains(&name))
    }
}

impl From<Malformed> for Unshared {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

fn sets_cookie(headers: &HeaderMap) -> bool {
    headers.contains_key(SET_COOKIE) || headers.contains_key("set-cookie2")
}

/// Returns `true` if the status depends on the client, or on how often it asks.
fn is_refusal(status: StatusCode) -> bool {
    let refusals = [
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    refusals.contains(&status)
}
