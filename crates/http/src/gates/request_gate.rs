//! The request gate: which requests may share a response, and their keys.
//!
//! ```text
//!  method, body or fields forbid sharing? ─────────── yes ─▶ passed through
//!  credentials that are not in the key? ───────────── yes ─▶ passed through
//!  authority ambiguous? ───────────────────────────── yes ─▶ passed through
//!  `should_coalesce` returns false? ───────────────── yes ─▶ passed through
//!  `no-cache`, or `max-age` below the window? ─────── yes ─▶ fresh
//!                                                     no ──▶ shared
//! ```
//!
//! The order matters. The credentials are checked before `no-cache`, so that two users who ask for a
//! fresh response never get the same key.

use std::time::Duration;

use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, PROXY_AUTHORIZATION,
    TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, Method, Version};

use crate::gates::Gates;
use crate::gates::cache_control::CacheControl;
use crate::gates::fields::{Malformed, elements, trim};
use crate::key::{Key, KeyParts, Target};
use crate::verdict::{PassThrough, RequestVerdict};

/// The fields that carry credentials.
pub(crate) const CREDENTIALS: [HeaderName; 3] = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE];

/// Fields by which a GET asks the server to treat it as another method.
const METHOD_OVERRIDES: [&str; 3] =
    ["x-http-method-override", "x-http-method", "x-method-override"];

/// The prefix of the fields of a conditional request, such as `If-None-Match`.
pub(crate) const CONDITIONAL: &str = "if-";

impl Gates {
    /// Decides if a request may share a response, and makes its key.
    ///
    /// The result depends on the settings and on `request` only. Calls the functions given to
    /// [`should_coalesce`](Self::should_coalesce) and [`key_part`](Self::key_part) on this thread.
    /// Does not block.
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
    ///     RequestVerdict::Fresh(_) => unreachable!("it has no cache-control"),
    ///     RequestVerdict::PassThrough(reason) => unreachable!("passed through: {reason}"),
    /// }
    /// ```
    pub fn request(&self, request: &Parts) -> RequestVerdict {
        self.judge(request).unwrap_or_else(RequestVerdict::PassThrough)
    }

    fn judge(&self, request: &Parts) -> Result<RequestVerdict, PassThrough> {
        check_method(request)?;
        check_body(request)?;
        let wants_fresh = self.check_fields(&request.headers)?;
        let is_outside = |name| request.headers.contains_key(name) && !self.has_in_key(name);
        if CREDENTIALS.iter().any(is_outside) {
            return Err(PassThrough::Credentials);
        }
        let target = self.target(request)?;
        if self.should_coalesce.as_ref().is_some_and(|should| !should(request)) {
            return Err(PassThrough::Declined);
        }
        let key = self.key(request, target);
        Ok(if wants_fresh { RequestVerdict::Fresh(key) } else { RequestVerdict::Shared(key) })
    }

    /// Checks the fields. Returns `true` if the request asks for a fresh response.
    fn check_fields(&self, headers: &HeaderMap) -> Result<bool, PassThrough> {
        if headers.contains_key(UPGRADE) {
            return Err(PassThrough::Upgrade);
        }
        if headers.contains_key(EXPECT) {
            return Err(PassThrough::Expect);
        }
        if accepts_event_stream(headers)? {
            return Err(PassThrough::EventStream);
        }
        let control = CacheControl::of(headers)?;
        if control.no_store {
            return Err(PassThrough::NoStore);
        }
        Ok(control.no_cache || control.max_age.is_some_and(|age| self.is_too_short(age)))
    }

    /// Returns `true` if a `max-age` of this many seconds forbids the window to serve a response.
    pub(crate) fn is_too_short(&self, seconds: u64) -> bool {
        seconds == 0 || Duration::from_secs(seconds) < self.window
    }

    /// Returns `true` if the field is a part of every key.
    pub(crate) fn has_in_key(&self, name: &HeaderName) -> bool {
        name.as_str().starts_with(CONDITIONAL) || self.key_headers.contains(name)
    }

    fn key(&self, request: &Parts, target: Target) -> Key {
        let headers = &request.headers;
        let mut conditional: Vec<_> = headers.keys().filter(|name| is_conditional(name)).collect();
        conditional.sort_unstable_by_key(|name| name.as_str());
        let named = self.key_headers.iter().filter(|name| !is_conditional(name));
        let lines_of = |name| headers.get_all(name).iter().map(move |value| (name, value));
        // A name or value may be a slice of the server's buffer. A copy does not keep it alive.
        let copied = |(name, value): (&HeaderName, &http::HeaderValue)| {
            let name = HeaderName::from_bytes(name.as_str().as_bytes());
            (name.expect("a valid name of a field"), value.as_bytes().into())
        };
        Key::new(KeyParts {
            method: request.method.clone(),
            target,
            fields: named.chain(conditional).flat_map(lines_of).map(copied).collect(),
            added: self.key_parts.iter().map(|part| part(request)).collect(),
            has_credentials: CREDENTIALS.iter().any(|name| headers.contains_key(name)),
        })
    }

    fn target(&self, request: &Parts) -> Result<Target, PassThrough> {
        let scheme = request.uri.scheme().unwrap_or(&self.scheme);
        let in_uri = request.uri.authority();
        let in_uri = in_uri.map(|authority| normal(authority, scheme)).transpose()?;
        let in_host = host(&request.headers)?;
        let in_host = in_host.map(|authority| normal(&authority, scheme)).transpose()?;
        let authority = match (in_uri, in_host) {
            // The handler may use either, so a response could be for the wrong host.
            (Some(uri), Some(host)) if uri != host => return Err(PassThrough::Authority),
            (Some(authority), _) | (None, Some(authority)) => authority,
            (None, None) => String::new(),
        };
        let path_and_query = request.uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Target {
            scheme: scheme.as_str().to_ascii_lowercase().into(),
            authority: authority.into(),
            path_and_query: path_and_query.into(),
        })
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
/// would be lost. HTTP/2 and later need no field to announce a body, so they need `Content-Length: 0`.
fn check_body(request: &Parts) -> Result<(), PassThrough> {
    let headers = &request.headers;
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter().peekable();
    let has_length = lengths.peek().is_some();
    let is_empty = lengths.all(|length| length == "0");
    let shows_bodies = request.version <= Version::HTTP_11;
    if headers.contains_key(TRANSFER_ENCODING) || !is_empty || !(has_length || shows_bodies) {
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

fn is_conditional(name: &HeaderName) -> bool {
    name.as_str().starts_with(CONDITIONAL)
}

/// Parses the `Host` field. Returns `None` if it is absent or empty.
fn host(headers: &HeaderMap) -> Result<Option<Authority>, PassThrough> {
    let mut lines = headers.get_all(HOST).iter();
    let (first, second) = (lines.next(), lines.next());
    if second.is_some() {
        return Err(PassThrough::Authority);
    }
    let Some(host) = first.filter(|host| !host.is_empty()) else { return Ok(None) };
    Authority::try_from(host.as_bytes()).map(Some).map_err(|_| PassThrough::Malformed)
}

/// Normalises an authority: the host in lower case, without the scheme's default port (RFC 9110,
/// 4.2.3).
fn normal(authority: &Authority, scheme: &Scheme) -> Result<String, PassThrough> {
    if authority.as_str().contains('@') {
        return Err(PassThrough::Authority);
    }
    let host = authority.host();
    let port = match authority.as_str()[host.len()..].strip_prefix(':') {
        None | Some("") => None,
        Some(digits) => Some(digits.parse::<u16>().map_err(|_| PassThrough::Malformed)?),
    };
    let own_port = match scheme.as_str() {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    let mut normal = host.to_ascii_lowercase();
    if let Some(port) = port.filter(|port| Some(*port) != own_port) {
        normal.push_str(&format!(":{port}"));
    }
    Ok(normal)
}
