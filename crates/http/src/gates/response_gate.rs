//! The response gate: who may get a response.
//!
//! ```text
//!  may another request get it? ───────── no ──▶ unshared: followers run the handler themselves
//!  may a later request get it? ───────── no ──▶ unkept: followers get it
//!                                        yes ─▶ kept: followers and the window get it, or the window
//!                                               gets it for its own lifetime
//! ```

use std::time::Duration;

use http::header::{CONNECTION, EXPIRES, HOST, VARY};
use http::response::Parts;
use http::{HeaderMap, HeaderName, StatusCode};

use crate::gates::Gates;
use crate::gates::cache_control::{CacheControl, age};
use crate::gates::fields::{Malformed, elements};
use crate::gates::request_fields::Class;
use crate::gates::response_fields::{has_secret, has_transfer_coding, sets_cookie};
use crate::gates::statuses::{Condition, Sharing};
use crate::key::Key;
use crate::verdict::{ResponseVerdict, Unkept, Unshared};

impl Gates {
    /// Decides who may get the response that a handler made for a request of this key.
    ///
    /// `body` is the length of the body in bytes, or `None` if the length is unknown. The result
    /// depends on the settings and the arguments only. Does not block. Calls the functions given to
    /// [`should_share`](Self::should_share) and [`window_for`](Self::window_for) on this thread.
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
        let lifetime = lifetime(&response.headers, control);
        if let Some(reason) = why_unkept(response, control, lifetime) {
            return ResponseVerdict::Unkept(reason);
        }
        let window = self.window_of(key);
        match lifetime.map_or(window, |lifetime| lifetime.min(window)) {
            kept_for if kept_for >= self.window => ResponseVerdict::Kept,
            Duration::ZERO => ResponseVerdict::Unkept(Unkept::Window),
            kept_for => ResponseVerdict::KeptFor(kept_for),
        }
    }

    /// How long the pages of a key are retained at most.
    pub(crate) fn window_of(&self, key: &Key) -> Duration {
        let own = self.window_for.as_ref().and_then(|window_for| window_for(key));
        own.map_or(self.window, |own| own.min(self.window))
    }

    /// Checks that another request may get the response. Returns its parsed `Cache-Control`.
    fn check_shared(
        &self,
        key: &Key,
        response: &Parts,
        body: Option<u64>,
    ) -> Result<CacheControl, Unshared> {
        let Parts { headers, status, .. } = response;
        let control = CacheControl::of_response(headers)?;
        let varies_by = elements(headers, VARY)?;
        // `remove_hop_by_hop` parses it later and cannot report an error.
        elements(headers, CONNECTION)?;
        let is_nobodys = !key.has_principal();
        let why_not = [
            (control.no_store, Unshared::NoStore),
            (sets_cookie(headers), Unshared::SetCookie),
            (has_secret(headers), Unshared::Secret),
            (varies_by.contains(&b"*".as_slice()), Unshared::VaryAny),
            (status.is_informational(), Unshared::Informational),
            (body.is_none(), Unshared::UnknownEnd),
            (body.is_some_and(|length| length > self.max_body), Unshared::TooLong),
            (has_transfer_coding(headers), Unshared::TransferCoding),
            (is_nobodys && control.private, Unshared::Private),
            (is_nobodys && Sharing::of(*status) == Sharing::Refusal, Unshared::Refusal),
            (is_about_one_request(*status, key), Unshared::Status),
            (self.has_own_server_errors && status.is_server_error(), Unshared::ServerError),
            (varies_by.iter().any(|name| !self.is_fixed_by_key(name)), Unshared::Vary),
        ];
        match why_not.into_iter().find(|(holds, _)| *holds) {
            Some((_, reason)) => Err(reason),
            None if self.should_share.iter().all(|should| should(key, response)) => Ok(control),
            None => Err(Unshared::Declined),
        }
    }

    /// Returns `true` if all requests of one key have equal values of this field. The field is in the
    /// key (`Host` as the authority), or a request that has it is passed through.
    fn is_fixed_by_key(&self, name: &[u8]) -> bool {
        let is_fixed = |name: HeaderName| match self.class_of(&name) {
            Class::Keyed | Class::Credential | Class::Override => true,
            Class::Judged => name == HOST,
            Class::Outside | Class::Unknown => false,
        };
        HeaderName::from_bytes(name).is_ok_and(is_fixed)
    }
}

/// How long the response says that it is good, from now on (RFC 9111, 4.2).
pub(super) fn lifetime(headers: &HeaderMap, control: CacheControl) -> Option<Duration> {
    let seconds = control.max_age?.saturating_sub(age(headers));
    Some(Duration::from_secs(seconds))
}

/// The reason not to retain a response that may be shared.
fn why_unkept(
    response: &Parts,
    control: CacheControl,
    lifetime: Option<Duration>,
) -> Option<Unkept> {
    let why_not = [
        (control.no_cache, Unkept::NoCache),
        (lifetime == Some(Duration::ZERO), Unkept::MaxAge),
        (lifetime.is_none() && response.headers.contains_key(EXPIRES), Unkept::Expires),
        (Sharing::of(response.status) == Sharing::ServerError, Unkept::ServerError),
    ];
    why_not.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
}

/// Returns `true` if the status is not about the page that the key names.
pub(super) fn is_about_one_request(status: StatusCode, key: &Key) -> bool {
    match Sharing::of(status) {
        Sharing::OneRequest => true,
        Sharing::With(Condition::Conditional) => !key.has_field(|name| name.starts_with("if-")),
        Sharing::With(Condition::Range) => !key.has_field(|name| name == "range"),
        Sharing::With(Condition::Delta) => !key.has_field(|name| name == "a-im"),
        Sharing::Page | Sharing::ServerError | Sharing::Refusal | Sharing::Informational => false,
    }
}

impl From<Malformed> for Unshared {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}
