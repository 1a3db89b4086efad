//! The request gate: which requests may share a response, and their keys.
//!
//! ```text
//!  method, body or fields forbid sharing? ─────────── yes ─▶ passed through
//!  a field that a handler may be unable to read? ──── yes ─▶ passed through
//!  credentials that are not in the key? ───────────── yes ─▶ passed through
//!  a cookie that no setting names? ────────────────── yes ─▶ passed through
//!  a field that replaces the path? ────────────────── yes ─▶ passed through
//!  authority ambiguous or not in its usual form? ──── yes ─▶ passed through
//!  `should_coalesce` returns false? ───────────────── yes ─▶ passed through
//!  `only-if-cached`? ──────────────────────────────── yes ─▶ the window alone
//!  `no-cache`, or `max-age` of 0? ─────────────────── yes ─▶ fresh
//!  `max-age` below the window? ────────────────────── yes ─▶ shared within that age
//!                                                     no ──▶ shared
//! ```
//!
//! The order matters. The credentials are checked before `no-cache`, so that two users who ask for a
//! fresh response never get the same key.

use std::time::Duration;

use http::header::{ACCEPT, CONTENT_LENGTH, EXPECT, FORWARDED, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};

use crate::gates::cache_control::CacheControl;
use crate::gates::fields::{Malformed, elements, trim};
use crate::gates::forwarded::without_addresses;
use crate::gates::request_fields::Class;
use crate::gates::{Gates, Replaced};
use crate::key::{Key, KeyParts, Target};
use crate::key_lines::KeyLines;
use crate::verdict::{PassThrough, RequestVerdict};

/// Fields by which a GET asks the server to treat it as another method.
const METHOD_OVERRIDES: [&str; 3] =
    ["x-http-method-override", "x-http-method", "x-method-override"];

/// The longest value of a field that shares, in bytes. A handler may refuse a longer one.
const LONGEST_VALUE: usize = 4 << 10;

/// The longest fields that share, in bytes: names and values of all lines.
const LONGEST_FIELDS: usize = 16 << 10;

/// The result of the gate for a request that shares.
pub(crate) struct Judged {
    pub(crate) verdict: RequestVerdict,
    /// The fields that the handler sees in the form that the key has.
    pub(crate) replaced: Replaced,
}

impl Judged {
    pub(crate) fn passed_through(reason: PassThrough) -> Self {
        Self { verdict: RequestVerdict::PassThrough(reason), replaced: Replaced::default() }
    }
}

/// The lines of the fields that are in the key.
type Lines<'r> = Vec<(&'r HeaderName, &'r HeaderValue)>;

impl Gates {
    /// Decides if a request may share a response, and makes its key.
    ///
    /// The result depends on the settings and on `request` only. Calls the functions given to
    /// [`should_coalesce`](Self::should_coalesce), [`key_part`](Self::key_part) and others on this thread.
    /// Does not block.
    ///
    /// The fields alone tell if the request has a body. With HTTP/2 they seldom do: see
    /// [`request_with`](Self::request_with).
    ///
    /// # Panics
    ///
    /// A panic of one of these functions unwinds through this call.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{Gates, RequestVerdict};
    ///
    /// let (request, body) = http::Request::get("/a?b=c").body(()).unwrap().into_parts();
    /// match Gates::new().request(&request) {
    ///     RequestVerdict::Shared(key) => assert_eq!(key.path_and_query(), "/a?b=c"),
    ///     RequestVerdict::PassThrough(reason) => unreachable!("passed through: {reason}"),
    ///     verdict => unreachable!("it has no cache-control: {verdict:?}"),
    /// }
    /// ```
    pub fn request(&self, request: &Parts) -> RequestVerdict {
        self.judge(request, None).unwrap_or_else(Judged::passed_through).verdict
    }

    /// Does the same as [`request`](Self::request) for a request of which the transport tells if it has a body.
    ///
    /// A request of HTTP/2 or later needs no field to announce a body. Without the transport's word each of them is passed
    /// through, unless it has `Content-Length: 0`. `has_body` is `true` if there is a body or may be one. With hyper it is
    /// `!body.is_end_stream()`. A request whose fields announce a body is passed through in any case.
    ///
    /// # Panics
    ///
    /// As [`request`](Self::request).
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{Gates, PassThrough, RequestVerdict};
    ///
    /// let request = http::Request::get("https://example.com/").version(http::Version::HTTP_2);
    /// let (request, ()) = request.body(()).unwrap().into_parts();
    /// let gates = Gates::new();
    /// assert!(matches!(gates.request_with(&request, false), RequestVerdict::Shared(_)));
    /// for verdict in [gates.request_with(&request, true), gates.request(&request)] {
    ///     assert_eq!(verdict, RequestVerdict::PassThrough(PassThrough::Body));
    /// }
    /// ```
    pub fn request_with(&self, request: &Parts, has_body: bool) -> RequestVerdict {
        self.judge(request, Some(has_body)).unwrap_or_else(Judged::passed_through).verdict
    }

    /// Judges a request, with the transport's word on its body.
    pub(crate) fn judge(
        &self,
        request: &Parts,
        has_body: Option<bool>,
    ) -> Result<Judged, PassThrough> {
        check_method(request)?;
        check_body(request, has_body)?;
        check_readable(&request.headers)?;
        let control = self.check_fields(&request.headers)?;
        let replaced = self.replaced(request)?;
        let lines = self.keyed_lines(&request.headers, &replaced)?;
        let target = self.target(request)?;
        if self.should_coalesce.as_ref().is_some_and(|should| !should(request)) {
            return Err(PassThrough::Declined);
        }
        let key = self.key(request, target, &lines)?;
        Ok(Judged { verdict: self.verdict(key, control), replaced })
    }

    /// Checks the fields. Returns what the request says about the age of its answer.
    fn check_fields(&self, headers: &HeaderMap) -> Result<CacheControl, PassThrough> {
        if headers.contains_key(UPGRADE) {
            return Err(PassThrough::Upgrade);
        }
        if headers.contains_key(EXPECT) {
            return Err(PassThrough::Expect);
        }
        if accepts_event_stream(headers)? {
            return Err(PassThrough::EventStream);
        }
        if self.ignores_directives {
            return Ok(CacheControl::default());
        }
        let control = CacheControl::of(headers)?;
        if control.no_store {
            return Err(PassThrough::NoStore);
        }
        Ok(control)
    }

    /// The answers that a request accepts, by its `Cache-Control`.
    fn verdict(&self, key: Key, control: CacheControl) -> RequestVerdict {
        let max_age = control.max_age.filter(|seconds| self.is_too_short(*seconds, &key));
        let max_age = if control.no_cache { Some(0) } else { max_age };
        match max_age.map(Duration::from_secs) {
            age if control.only_if_cached => RequestVerdict::OnlyIfCached(key, age),
            None => RequestVerdict::Shared(key),
            Some(Duration::ZERO) => RequestVerdict::Fresh(key),
            Some(age) => RequestVerdict::Within(key, age),
        }
    }

    /// Returns `true` if a `max-age` of this many seconds forbids the window to serve some of its responses.
    fn is_too_short(&self, seconds: u64, key: &Key) -> bool {
        seconds == 0 || Duration::from_secs(seconds) < self.window_of(key)
    }

    /// Returns what becomes of a field, by the user's settings and by the table.
    pub(crate) fn class_of(&self, name: &HeaderName) -> Class {
        if self.key_headers.contains(name) || self.negotiates(name) {
            return Class::Keyed;
        }
        let is_ignored = self.ignored_headers.contains(name);
        match Class::of(name) {
            Class::Judged => Class::Judged,
            _ if is_ignored => Class::Outside,
            Class::Outside | Class::Unknown if self.is_strict => Class::Keyed,
            class => class,
        }
    }

    /// Returns the lines for the key, by name and then in their own order.
    fn keyed_lines<'r>(
        &self,
        headers: &'r HeaderMap,
        replaced: &'r Replaced,
    ) -> Result<Lines<'r>, PassThrough> {
        let (mut lines, mut is_overridden) = (Lines::new(), false);
        for name in headers.keys() {
            if let Some(value) = replaced.get(name) {
                lines.extend(value.map(|value| (name, value)));
                continue;
            }
            match self.class_of(name) {
                Class::Credential => return Err(PassThrough::Credentials),
                Class::Override => is_overridden = true,
                Class::Keyed => {
                    lines.extend(headers.get_all(name).iter().map(|value| (name, value)))
                }
                Class::Judged | Class::Outside | Class::Unknown => {}
            }
        }
        // Stable: the lines of one field stay in their order.
        lines.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        if is_overridden { Err(PassThrough::Override) } else { Ok(lines) }
    }

    fn key(&self, request: &Parts, target: Target, lines: &Lines<'_>) -> Result<Key, PassThrough> {
        Ok(Key::new(KeyParts {
            method: request.method.clone(),
            version: request.version,
            target,
            has_credentials: self.keys_credentials(lines),
            fields: KeyLines::new(lines),
            forwarded: self.forwarded(&request.headers)?,
            added: self.key_parts.iter().map(|part| part(request)).collect(),
            principal: self.principals.iter().map(|principal| principal(request)).collect(),
        }))
    }

    /// Returns `true` if a credential is among the lines. It is then one that the user has named.
    fn keys_credentials(&self, lines: &Lines<'_>) -> bool {
        let is_credential = |name| Class::of(name) == Class::Credential;
        let names_some = !self.key_headers.is_empty() || !self.cookies.is_empty();
        names_some && lines.iter().any(|(name, _)| is_credential(name))
    }

    /// `Forwarded` without its addresses, if the whole field is not in the key.
    fn forwarded(&self, headers: &HeaderMap) -> Result<Option<Box<[u8]>>, Malformed> {
        if !headers.contains_key(FORWARDED) {
            return Ok(None);
        }
        let is_ignored = self.ignored_headers.contains(&FORWARDED);
        if is_ignored || self.class_of(&FORWARDED) == Class::Keyed {
            return Ok(None);
        }
        Ok(without_addresses(headers)?.map(Into::into))
    }
}

impl From<Malformed> for PassThrough {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

fn check_method(request: &Parts) -> Result<(), PassThrough> {
    let is_safe = request.method == Method::GET || request.method == Method::HEAD;
    let is_override = |name: &&str| request.headers.contains_key(*name);
    if !is_safe || METHOD_OVERRIDES.iter().any(is_override) {
        return Err(PassThrough::Method);
    }
    Ok(())
}

/// Refuses a request that has a body or may have one. A follower's request is dropped, and its body
/// would be lost. HTTP/2 and later need no field to announce a body, so they need `Content-Length: 0`, or the
/// transport's word that there is none.
fn check_body(request: &Parts, has_body: Option<bool>) -> Result<(), PassThrough> {
    let headers = &request.headers;
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter().peekable();
    let has_length = lengths.peek().is_some();
    let is_empty = lengths.all(|length| length == "0");
    let shows_bodies = request.version <= Version::HTTP_11;
    let may_have_one = has_body.unwrap_or(!(has_length || shows_bodies));
    if headers.contains_key(TRANSFER_ENCODING) || !is_empty || may_have_one {
        return Err(PassThrough::Body);
    }
    Ok(())
}

fn accepts_event_stream(headers: &HeaderMap) -> Result<bool, Malformed> {
    let is_event_stream = |range: &&[u8]| {
        let media_type = range.split(|byte| *byte == b';').next().unwrap_or_default();
        trim(media_type).eq_ignore_ascii_case(b"text/event-stream")
    };
    Ok(elements(headers, ACCEPT)?.iter().any(is_event_stream))
}

/// Refuses what a handler may be unable to read. It might then fail, for all who share the key.
fn check_readable(headers: &HeaderMap) -> Result<(), PassThrough> {
    let mut length = 0;
    for (name, value) in headers {
        if value.to_str().is_err() {
            return Err(PassThrough::Unreadable);
        }
        length += name.as_str().len() + value.len();
        if value.len() > LONGEST_VALUE || length > LONGEST_FIELDS {
            return Err(PassThrough::TooLong);
        }
    }
    Ok(())
}
