//! The response gate: with whom a response may be shared.
//!
//! ```text
//!  may another caller see it at all? ────────────── no ─▶ unshared: followers run their own
//!  may one see it who comes after it was made? ──── no ─▶ unkept: to those who waited
//!                                                  yes ─▶ kept for the window
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
    /// With whom a response may be shared that was made for a request of this key.
    ///
    /// A pure function of the settings and its arguments. `body` is the body's length in bytes, or
    /// `None` if it is not known where it ends.
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
        let said = match self.check_shared(key, response, body) {
            Ok(said) => said,
            Err(reason) => return ResponseVerdict::Unshared(reason),
        };
        match self.why_unkept(response, said) {
            Some(reason) => ResponseVerdict::Unkept(reason),
            None => ResponseVerdict::Kept,
        }
    }

    /// What `Cache-Control` says, if another caller may have the response at all.
    fn check_shared(
        &self,
        key: &Key,
        response: &Parts,
        body: Option<u64>,
    ) -> Result<CacheControl, Unshared> {
        let Parts { headers, status, .. } = response;
        let said = CacheControl::of(headers)?;
        let varies_by = elements(headers, VARY)?;
        // It is taken apart later, when the hop-by-hop fields go.
        elements(headers, CONNECTION)?;
        let is_private = !key.has_credentials();
        let why_not = [
            (said.no_store, Unshared::NoStore),
            (sets_cookie(headers), Unshared::SetCookie),
            (varies_by.contains(&b"*".as_slice()), Unshared::VaryAny),
            (status.is_informational(), Unshared::Informational),
            (body.is_none(), Unshared::UnknownEnd),
            (body.is_some_and(|length| length > self.max_body), Unshared::TooLong),
            (is_private && said.private, Unshared::Private),
            (is_private && is_refusal(*status), Unshared::Refusal),
            (varies_by.iter().any(|name| !self.decides(name)), Unshared::Vary),
        ];
        match why_not.into_iter().find(|(holds, _)| *holds) {
            Some((_, reason)) => Err(reason),
            None => Ok(said),
        }
    }

    /// Why a response that may be shared is not for those who come after it was made.
    fn why_unkept(&self, response: &Parts, said: CacheControl) -> Option<Unkept> {
        let headers = &response.headers;
        let lifetime = said.max_age.map(|max_age| max_age.saturating_sub(age(headers)));
        let why_not = [
            (said.no_cache, Unkept::NoCache),
            (lifetime.is_some_and(|seconds| self.is_too_short(seconds)), Unkept::MaxAge),
            (lifetime.is_none() && headers.contains_key(EXPIRES), Unkept::Expires),
            (response.status.is_server_error(), Unkept::ServerError),
        ];
        why_not.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
    }

    /// Whether all requests of one key agree in this field: it is in the key, or requests that have
    /// it are passed through.
    fn decides(&self, name: &[u8]) -> bool {
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

/// Whether the status is about who asks, or how often.
fn is_refusal(status: StatusCode) -> bool {
    let refusals = [
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    refusals.contains(&status)
}
