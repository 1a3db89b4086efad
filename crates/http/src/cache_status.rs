//! The member of `Cache-Status` that a layer adds (RFC 9211), and its metric of `Server-Timing`.
//!
//! ```text
//! pages; hit; ttl=3
//! pages; fwd=miss; stored
//! pages; fwd=miss; collapsed
//! pages; fwd=stale; fwd-status=503; detail=status-5xx
//! pages; fwd=bypass; detail=credentials
//! ```

use std::fmt::{self, Write};

use http::header::{CACHE_STATUS, HeaderValue};
use http::{HeaderMap, HeaderName, StatusCode};

use crate::served::Served;

static SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The longest integer of a structured field has 15 digits (RFC 9651, 3.3.1).
const LARGEST: i64 = 999_999_999_999_999;

/// The name of a layer in `Cache-Status`, as it stands there: a token, or a text in quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CacheName(Box<str>);

impl CacheName {
    /// Returns `None` for a name that the field cannot have, and for an empty one.
    pub(crate) fn new(name: &str) -> Option<Self> {
        if name.is_empty() || !name.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return None;
        }
        if is_token(name) {
            return Some(Self(name.into()));
        }
        let mut quoted = String::from("\"");
        for letter in name.chars() {
            if matches!(letter, '"' | '\\') {
                quoted.push('\\');
            }
            quoted.push(letter);
        }
        quoted.push('"');
        Some(Self(quoted.into()))
    }

    /// Adds the member behind those of caches that are nearer to the origin.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap, member: &Member) {
        // The name and the words of a member are visible ASCII.
        if let Ok(line) = HeaderValue::try_from(format!("{}{member}", self.0)) {
            headers.append(CACHE_STATUS, line);
        }
    }
}

/// A token of a structured field (RFC 9651, 3.3.4).
fn is_token(text: &str) -> bool {
    let is_first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'*';
    let is_next = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte);
    text.as_bytes().first().is_some_and(is_first) && text.bytes().all(is_next)
}

/// Why a request went forward to the handler: the values of `fwd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forward {
    Method,
    Bypass,
    Miss,
    Request,
    Stale,
}

impl Forward {
    fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Bypass => "bypass",
            Self::Miss => "miss",
            Self::Request => "request",
            Self::Stale => "stale",
        }
    }
}

/// The parameters of a member. Shown with the semicolon in front of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Member {
    /// The page comes from a window, and the request did not go forward.
    pub(crate) is_hit: bool,
    pub(crate) forward: Option<Forward>,
    /// The handler's status, if the client gets another one.
    pub(crate) forward_status: Option<StatusCode>,
    /// The remaining lifetime in seconds. Negative for a page past it.
    pub(crate) ttl: Option<i64>,
    pub(crate) is_stored: bool,
    /// The request waited for the run of another one. `false` if it had to run the handler all the same.
    pub(crate) is_collapsed: Option<bool>,
    pub(crate) detail: Option<&'static str>,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_hit {
            f.write_str("; hit")?;
        }
        if let Some(forward) = self.forward {
            write!(f, "; fwd={}", forward.as_str())?;
        }
        if let Some(status) = self.forward_status {
            write!(f, "; fwd-status={}", status.as_str())?;
        }
        if let Some(ttl) = self.ttl.filter(|ttl| (-LARGEST..=LARGEST).contains(ttl)) {
            write!(f, "; ttl={ttl}")?;
        }
        if self.is_stored {
            f.write_str("; stored")?;
        }
        match self.is_collapsed {
            Some(true) => f.write_str("; collapsed")?,
            Some(false) => f.write_str("; collapsed=?0")?,
            None => {}
        }
        match self.detail {
            Some(reason) => write!(f, "; detail={}", Detail(reason)),
            None => Ok(()),
        }
    }
}

/// A reason, shown as a token: `set-cookie`, `status-5xx`.
struct Detail(&'static str);

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '*' | '-');
        let mut words = self.0.split(|letter| !is_part(letter)).filter(|word| !word.is_empty());
        let first = words.next().unwrap_or("none");
        if !is_token(first) {
            f.write_str("status-")?;
        }
        f.write_str(first)?;
        words.try_for_each(|word| write!(f, "-{word}"))
    }
}

/// Adds the role of the request, and how long it waited for others.
pub(crate) fn add_timing(headers: &mut HeaderMap, served: &Served) {
    let mut line = format!("coalescer;desc=\"{}\"", served.role());
    if let Some(waited) = served.waited() {
        // Writing to a text does not fail.
        let _ = write!(line, ";dur={:.1}", waited.as_secs_f64() * 1000.0);
    }
    if let Ok(line) = HeaderValue::try_from(line) {
        headers.append(&SERVER_TIMING, line);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::verdict::{PassThrough, Unkept, Unshared};

    fn shown(name: &str) -> Option<String> {
        CacheName::new(name).map(|name| name.0.into())
    }

    #[test]
    fn a_name_is_a_token_or_a_text_in_quotes() {
        for token in ["pages", "shop.example", "*", "a:b/c", "p!#$%&'*+-.^_`|~"] {
            assert_eq!(shown(token).as_deref(), Some(token));
        }
        for text in ["two words", "10.0.0.1", "a;b", "a,b", "-a", " "] {
            assert_eq!(shown(text), Some(format!("\"{text}\"")));
        }
        assert_eq!(shown(r#"a "b" \c"#).as_deref(), Some(r#""a \"b\" \\c""#));
        for bad in ["", "p\u{e4}ges", "a\nb", "a\tb", "\u{7f}"] {
            assert_eq!(shown(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn each_reason_has_a_token_of_its_own_within_its_kind() {
        let of_requests = PassThrough::ALL.iter().map(|reason| reason.text());
        let of_responses = Unshared::ALL.iter().map(|reason| reason.text());
        let of_windows = Unkept::ALL.iter().map(|reason| reason.text());
        let kinds: [Vec<_>; 3] =
            [of_requests.collect(), of_responses.collect(), of_windows.collect()];
        for texts in kinds {
            let tokens: HashSet<_> = texts.iter().map(|text| Detail(text).to_string()).collect();
            assert_eq!(tokens.len(), texts.len());
            assert!(tokens.iter().all(|token| is_token(token)), "{tokens:?}");
        }
        let token = |text| Detail(text).to_string();
        assert_eq!(token("401, 403, 407 or 429"), "status-401-403-407-or-429");
        assert_eq!((token("vary"), token("vary: *")), ("vary".into(), "vary-*".into()));
        assert_eq!((token(""), token("5xx")), ("none".into(), "status-5xx".into()));
    }

    #[test]
    fn a_member_has_its_parameters_in_one_order() {
        let all = Member {
            is_hit: true,
            forward: Some(Forward::Stale),
            forward_status: Some(StatusCode::BAD_GATEWAY),
            ttl: Some(-3),
            is_stored: true,
            is_collapsed: Some(true),
            detail: Some("two words"),
        };
        let text = "; hit; fwd=stale; fwd-status=502; ttl=-3; stored; collapsed; detail=two-words";
        assert_eq!(all.to_string(), text);
        assert_eq!(Member::default().to_string(), "");
        let not = Member { is_collapsed: Some(false), ..Member::default() };
        assert_eq!(not.to_string(), "; collapsed=?0");
        for (ttl, text) in [(LARGEST, "; ttl=999999999999999"), (LARGEST + 1, "")] {
            assert_eq!(Member { ttl: Some(ttl), ..Member::default() }.to_string(), text);
        }
    }
}
