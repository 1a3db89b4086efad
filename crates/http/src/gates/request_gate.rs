//! The request gate: whether a request may share a response, and by which key.
//!
//! ```text
//!  would it harm to answer it with another's response? ── yes ─▶ passed through
//!  does it have credentials that the key has not? ─────── yes ─▶ passed through
//!  is it clear for whom it is? ────────────────────────── no ──▶ passed through
//!  does the user's function agree? ────────────────────── no ──▶ passed through
//!  does it ask for what is computed from now on? ──────── yes ─▶ fresh
//!                                                         no ──▶ shared
//! ```

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

/// The fields by which a request says who asks.
pub(crate) const CREDENTIALS: [HeaderName; 3] = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE];

/// The fields by which a GET can ask to be taken for something else.
const METHOD_OVERRIDES: [&str; 3] =
    ["x-http-method-override", "x-http-method", "x-method-override"];

/// How the names of the fields of a conditional request begin.
pub(crate) const CONDITIONAL: &str = "if-";

impl Gates {
    /// What is to be done with a request.
    ///
    /// A pure function of the settings and of `request`. It calls the functions that were given to
    /// `should_coalesce` and `key_part`, on this thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{Gates, RequestVerdict};
    ///
    /// let (request, body) = http::Request::get("/a?b=c").body(()).unwrap().into_parts();
    /// match Gates::new().request(&request) {
    ///     RequestVerdict::Shared(key) => assert_eq!(key.path_and_query(), "/a?b=c"),
    ///     RequestVerdict::Fresh(_) => unreachable!("it does not ask for fresh answers"),
    ///     RequestVerdict::PassThrough(reason) => unreachable!("passed through for its {reason}"),
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

    /// Whether the request asks for what is computed from now on, if its fields let it be shared.
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
        let said = CacheControl::of(headers)?;
        if said.no_store {
            return Err(PassThrough::NoStore);
        }
        Ok(said.no_cache || said.max_age.is_some_and(|age| self.is_too_short(age)))
    }

    /// Whether what may be this many seconds old may not come from the window.
    pub(crate) fn is_too_short(&self, seconds: u64) -> bool {
        seconds == 0 || Duration::from_secs(seconds) < self.window
    }

    /// Whether the field is one of those that every key has a place for.
    pub(crate) fn has_in_key(&self, name: &HeaderName) -> bool {
        name.as_str().starts_with(CONDITIONAL) || self.key_headers.contains(name)
    }

    fn key(&self, request: &Parts, target: Target) -> Key {
        let headers = &request.headers;
        let mut conditional: Vec<_> = headers.keys().filter(|name| is_conditional(name)).collect();
        conditional.sort_unstable_by_key(|name| name.as_str());
        let named = self.key_headers.iter().filter(|name| !is_conditional(name));
        let lines_of = |name| headers.get_all(name).iter().map(move |value| (name, value));
        // Copies: the request's own may be parts of a large buffer, which a kept key would keep.
        let copied = |(name, value): (&HeaderName, &http::HeaderValue)| {
            let name = HeaderName::from_bytes(name.as_str().as_bytes());
            (name.expect("it is the name of a field"), value.as_bytes().into())
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
            // A handler may go by the one or the other.
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

/// A body that the parts do not show could be dropped with a follower's request.
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

/// What the `Host` field names, if anything.
fn host(headers: &HeaderMap) -> Result<Option<Authority>, PassThrough> {
    let mut lines = headers.get_all(HOST).iter();
    let (first, second) = (lines.next(), lines.next());
    if second.is_some() {
        return Err(PassThrough::Authority);
    }
    let Some(host) = first.filter(|host| !host.is_empty()) else { return Ok(None) };
    Authority::try_from(host.as_bytes()).map(Some).map_err(|_| PassThrough::Malformed)
}

/// The host in lower case, with the port if it is not the scheme's own (RFC 9110, 4.2.3).
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
