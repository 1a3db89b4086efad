//! [`CookieRules`]: which cookies are in the key, and which are taken out of the request (RFC 6265).
//!
//! Parsers of cookies disagree about everything that the grammar for servers (4.2.1) does not allow: blanks, quotes,
//! commas, cookies without a name. A gate that reads such a field in one way, before a handler that reads it in
//! another, would put the wrong cookie into the key. So the gate reads that grammar alone.

use http::header::COOKIE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Version};

use crate::gates::Gates;
use crate::gates::cache_control::token;
use crate::gates::fields::Malformed;
use crate::verdict::PassThrough;

/// The cookies that the user has named.
#[derive(Clone, Debug, Default)]
pub(super) struct CookieRules {
    keyed: Vec<String>,
    /// A name, or the beginning of names and a `*`.
    ignored: Vec<String>,
}

/// The user's decision about a cookie.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Keyed,
    Ignored,
    Unnamed,
}

impl CookieRules {
    /// Returns `true` if the gate reads no cookies.
    pub(super) fn is_empty(&self) -> bool {
        self.keyed.is_empty() && self.ignored.is_empty()
    }

    #[cfg(feature = "cluster")]
    pub(super) fn lists(&self) -> [&[String]; 2] {
        [&self.keyed, &self.ignored]
    }

    fn fate(&self, name: &[u8]) -> Fate {
        if self.keyed.iter().any(|keyed| keyed.as_bytes() == name) {
            return Fate::Keyed;
        }
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start.as_bytes()),
            None => name == pattern.as_bytes(),
        };
        if self.ignored.iter().any(fits) { Fate::Ignored } else { Fate::Unnamed }
    }

    /// Returns the `Cookie` field with the cookies of the key, or `None` if there are none.
    fn kept(
        &self,
        headers: &HeaderMap,
        keeps_unnamed: bool,
    ) -> Result<Option<HeaderValue>, PassThrough> {
        let (mut kept, mut names) = (Vec::new(), Vec::new());
        for line in headers.get_all(COOKIE) {
            for pair in pairs(line.as_bytes()) {
                let (name, pair) = pair?;
                match self.fate(name) {
                    Fate::Ignored => continue,
                    Fate::Unnamed if !keeps_unnamed => return Err(PassThrough::Credentials),
                    Fate::Unnamed | Fate::Keyed => names.push(name),
                }
                if !kept.is_empty() {
                    kept.extend_from_slice(SEPARATOR);
                }
                kept.extend_from_slice(pair);
            }
        }
        // Some handlers take the first of two cookies with one name, and some the last.
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(PassThrough::Malformed);
        }
        if kept.is_empty() {
            return Ok(None);
        }
        let mut value = HeaderValue::from_bytes(&kept).map_err(|_| Malformed)?;
        value.set_sensitive(headers.get_all(COOKIE).iter().any(HeaderValue::is_sensitive));
        Ok(Some(value))
    }
}

impl Gates {
    /// Adds a cookie to the key. A request whose other cookies are all ignored then shares.
    ///
    /// Without this setting a request with `Cookie` is passed through. With it, the request shares with those that have
    /// an equal value of this cookie, or have none, if [`ignore_cookies`](Self::ignore_cookies) names each of its
    /// other cookies. A cookie that no setting names passes the request through, as a credential does. So does a field
    /// that is not exactly in the form `a=b; c=d` of RFC 6265 (4.2.1), that has two lines before HTTP/2, or that has this
    /// cookie twice. The key of a request with such a cookie has credentials: see
    /// [`Key::has_credentials`](crate::Key::has_credentials).
    ///
    /// The name is compared byte for byte. A second call of this method adds a cookie. Without a layer, call
    /// [`rewrite`](Self::rewrite) before the handler.
    ///
    /// # Panics
    ///
    /// Panics if `name` is no name of a cookie, or has a `*`.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{Gates, PassThrough, RequestVerdict};
    ///
    /// let gates = Gates::new().key_cookie("session").ignore_cookies(["_ga*", "theme"]);
    /// let verdict = |cookies: &str| {
    ///     let request = http::Request::get("/").header("cookie", cookies);
    ///     gates.request(&request.body(()).unwrap().into_parts().0)
    /// };
    /// assert_eq!(verdict("session=ada; _ga=1; theme=dark"), verdict("_ga_X=2; session=ada"));
    /// assert_ne!(verdict("session=ada"), verdict("session=bob"));
    ///
    /// let passed_through = RequestVerdict::PassThrough(PassThrough::Credentials);
    /// assert_eq!(verdict("session=ada; cart=7"), passed_through);
    /// ```
    #[track_caller]
    pub fn key_cookie(mut self, name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        assert!(
            token(name.as_bytes()).is_ok() && !name.contains('*'),
            "key_cookie({name:?}): no cookie has such a name; use one such as session, and no pattern"
        );
        if !self.cookies.keyed.iter().any(|keyed| keyed == name) {
            self.cookies.keyed.push(name.to_owned());
        }
        self
    }

    /// Takes cookies out of a request that shares. The handler does not see them.
    ///
    /// A `*` at the end of a pattern stands for any rest: `_ga*` names `_ga` and `_ga_X1`, and `*` names every cookie. A
    /// cookie that [`key_cookie`](Self::key_cookie) names too stays. With
    /// [`key_header("cookie")`](Self::key_header) all cookies that are not ignored are in the key. Requests that are passed
    /// through keep all cookies. A second call of this method adds patterns. Without a layer, call
    /// [`rewrite`](Self::rewrite) before the handler.
    ///
    /// # Panics
    ///
    /// Panics if a pattern is no name of a cookie, or has a `*` before its end.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::{Gates, RequestVerdict};
    ///
    /// let gates = Gates::new().ignore_cookies(["_ga*", "theme"]);
    /// let (mut request, ()) =
    ///     http::Request::get("/").header("cookie", "_ga=1; theme=dark").body(()).unwrap().into_parts();
    /// assert!(matches!(gates.request(&request), RequestVerdict::Shared(_)));
    /// gates.rewrite(&mut request); // a layer does it
    /// assert!(!request.headers.contains_key("cookie"));
    /// ```
    #[track_caller]
    pub fn ignore_cookies<T: AsRef<str>>(mut self, patterns: impl IntoIterator<Item = T>) -> Self {
        for pattern in patterns {
            let pattern = pattern.as_ref();
            let start = pattern.strip_suffix('*').unwrap_or(pattern);
            let is_name = token(pattern.as_bytes()).is_ok() && !start.contains('*');
            assert!(
                is_name,
                "ignore_cookies({pattern:?}): use a name such as theme, or a beginning and one * at the end, such as _ga*"
            );
            if !self.cookies.ignored.iter().any(|ignored| ignored == pattern) {
                self.cookies.ignored.push(pattern.to_owned());
            }
        }
        self
    }

    /// The `Cookie` field of the key and of the handler, if the gate reads cookies and the request has some.
    pub(super) fn kept_cookies(
        &self,
        request: &Parts,
    ) -> Result<Option<Option<HeaderValue>>, PassThrough> {
        if self.cookies.is_empty() || !request.headers.contains_key(COOKIE) {
            return Ok(None);
        }
        // HTTP/2 and HTTP/3 split the field (RFC 9113, 8.2.3). Before them, a second line is none of a browser's.
        let is_split = request.headers.get_all(COOKIE).iter().nth(1).is_some();
        if is_split && request.version < Version::HTTP_2 {
            return Err(PassThrough::Malformed);
        }
        let keeps_unnamed = self.key_headers.contains(&COOKIE);
        self.cookies.kept(&request.headers, keeps_unnamed).map(Some)
    }
}

/// The text between two cookies.
const SEPARATOR: &[u8] = b"; ";

/// Returns the name of each cookie, and its text with name and value.
fn pairs(line: &[u8]) -> impl Iterator<Item = Result<(&[u8], &[u8]), Malformed>> {
    line.split(|byte| *byte == b';').enumerate().map(|(place, pair)| {
        let pair = match (place, pair) {
            (0, pair) => pair,
            (_, [b' ', pair @ ..]) => pair,
            _ => return Err(Malformed),
        };
        let equals = pair.iter().position(|byte| *byte == b'=').ok_or(Malformed)?;
        let (name, value) = (token(&pair[..equals])?, &pair[equals + 1..]);
        let value = match value {
            [b'"', quoted @ .., b'"'] => quoted,
            bare => bare,
        };
        if value.iter().all(is_cookie_octet) { Ok((name, pair)) } else { Err(Malformed) }
    })
}

/// Visible ASCII but `"`, `,`, `;` and `\`.
fn is_cookie_octet(byte: &u8) -> bool {
    byte.is_ascii_graphic() && !br#"",;\"#.contains(byte)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests;
