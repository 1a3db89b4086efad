//! `Accept-Encoding` and `Accept-Language` as one of the values that a site has (RFC 9110, 12.5.3 and 12.5.4).
//!
//! Browsers say the same in many words. The gate answers the question that the handler would ask, and the key and the
//! handler have the answer.

use http::header::{ACCEPT_ENCODING, ACCEPT_LANGUAGE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::gates::Gates;
use crate::gates::cache_control::token;
use crate::gates::fields::{Malformed, elements, trim};

/// The weight of an element without `q`, in thousandths.
const WHOLE: u16 = 1000;

/// The coding that is none.
const IDENTITY: &str = "identity";

impl Gates {
    /// States the content codings that the site has, the best one first. The handler sees `Accept-Encoding` with one of
    /// them, or with `identity`.
    ///
    /// Without this setting, each spelling of `Accept-Encoding` is a key of its own. With it, the key has the coding of the
    /// list that the request gives the largest weight, of equal ones the first. A coding that the field does not name has the
    /// weight of `*`, and one of weight 0 is refused. If the request accepts none of the list, or gives `identity` a
    /// larger weight, the value is `identity`. A request without the field stays without it. A field
    /// that cannot be read, or refuses `identity` and accepts none of the list, is in the key as it is.
    ///
    /// It holds also if [`key_header`](Self::key_header) or [`ignore_header`](Self::ignore_header) names the field. A
    /// second call of this method replaces the list. Without a layer, call [`rewrite`](Self::rewrite) before the
    /// handler.
    ///
    /// # Panics
    ///
    /// Panics if the list is empty, or if one of it is no coding, `identity` or `*`.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::Gates;
    ///
    /// let gates = Gates::new().accept_encodings(["br", "gzip"]);
    /// let seen = |field: &str| {
    ///     let request = http::Request::get("/").header("accept-encoding", field);
    ///     let (mut request, ()) = request.body(()).unwrap().into_parts();
    ///     gates.rewrite(&mut request); // a layer does it
    ///     request.headers["accept-encoding"].to_str().unwrap().to_owned()
    /// };
    /// assert_eq!(seen("gzip, deflate, br, zstd"), "br");
    /// assert_eq!(seen("gzip;q=1.0, *;q=0.5"), "gzip");
    /// assert_eq!(seen("deflate"), "identity");
    /// ```
    #[track_caller]
    pub fn accept_encodings<T: AsRef<str>>(mut self, codings: impl IntoIterator<Item = T>) -> Self {
        let codings = codings.into_iter().map(|coding| {
            let coding = coding.as_ref().to_ascii_lowercase();
            let is_coding = token(coding.as_bytes()).is_ok() && coding != IDENTITY && coding != "*";
            match HeaderValue::from_str(&coding) {
                Ok(value) if is_coding => value,
                _ => panic!(
                    "accept_encodings({coding:?}): use a content coding such as gzip; identity is always there"
                ),
            }
        });
        self.encodings = codings.collect();
        assert!(!self.encodings.is_empty(), "accept_encodings: name a coding, such as gzip");
        self
    }

    /// States the languages that the site has, the best one first. The handler sees `Accept-Language` with one of them, or
    /// no such field.
    ///
    /// Without this setting, each spelling of `Accept-Language` is a key of its own. With it, the key has the language of the
    /// list that the request gives the largest weight, of equal ones the one that the request names first. A range of
    /// the request is for its language and for all longer ones: `pt` for `pt-BR`. If no range is for a language of the list, a
    /// longer range is: `en-US` for `en`. All others have the weight of `*`. A weight of 0 refuses. If the request accepts none of
    /// the list, the handler sees no field, and answers in the language of its choice. A field that cannot be read is
    /// in the key as it is.
    ///
    /// It holds also if [`key_header`](Self::key_header) or [`ignore_header`](Self::ignore_header) names the field. A
    /// second call of this method replaces the list. Without a layer, call [`rewrite`](Self::rewrite) before the
    /// handler.
    ///
    /// # Panics
    ///
    /// Panics if the list is empty, or if one of it is no language tag such as `en` or `pt-BR`.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::Gates;
    ///
    /// let gates = Gates::new().accept_languages(["en", "de", "pt-BR"]);
    /// let seen = |field: &str| {
    ///     let request = http::Request::get("/").header("accept-language", field);
    ///     let (mut request, ()) = request.body(()).unwrap().into_parts();
    ///     gates.rewrite(&mut request); // a layer does it
    ///     request.headers.get("accept-language").map(|value| value.to_str().unwrap().to_owned())
    /// };
    /// assert_eq!(seen("de-CH,de;q=0.9,en;q=0.8").as_deref(), Some("de"));
    /// assert_eq!(seen("pt").as_deref(), Some("pt-BR"));
    /// assert_eq!(seen("fr"), None);
    /// ```
    #[track_caller]
    pub fn accept_languages<T: AsRef<str>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        let tags = tags.into_iter().map(|tag| {
            let tag = tag.as_ref();
            match HeaderValue::from_str(tag) {
                Ok(value) if is_range(tag.as_bytes()) && tag != "*" => value,
                _ => panic!("accept_languages({tag:?}): use a language tag such as en or pt-BR"),
            }
        });
        self.languages = tags.collect();
        assert!(!self.languages.is_empty(), "accept_languages: name a language, such as en");
        self
    }

    /// Returns `true` if the key has this field as the gate writes it.
    pub(super) fn negotiates(&self, name: &HeaderName) -> bool {
        name == ACCEPT_ENCODING && !self.encodings.is_empty()
            || name == ACCEPT_LANGUAGE && !self.languages.is_empty()
    }

    /// The `Accept-Encoding` of the key and of the handler, if it is another one than the request's.
    pub(super) fn encoding(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if self.encodings.is_empty() || !headers.contains_key(ACCEPT_ENCODING) {
            return None;
        }
        let codings = Codings::of(headers).ok()?;
        codings.best(&self.encodings)
    }

    /// The `Accept-Language` of the key and of the handler, if it is another one than the request's.
    pub(super) fn language(&self, headers: &HeaderMap) -> Option<Option<HeaderValue>> {
        if self.languages.is_empty() || !headers.contains_key(ACCEPT_LANGUAGE) {
            return None;
        }
        let ranges = weighted(headers, ACCEPT_LANGUAGE).ok()?;
        ranges.iter().all(|(range, _)| is_range(range)).then(|| language(&ranges, &self.languages))
    }
}

/// The codings of a request, with their weights in thousandths.
struct Codings<'r>(Vec<(&'r [u8], u16)>);

impl<'r> Codings<'r> {
    /// Each coding stands in the field once. Of two weights nobody knows which one holds.
    fn of(headers: &'r HeaderMap) -> Result<Self, Malformed> {
        let codings = weighted(headers, ACCEPT_ENCODING)?;
        let mut names: Vec<_> =
            codings.iter().map(|(coding, _)| usual(coding).to_ascii_lowercase()).collect();
        names.sort_unstable();
        let is_clear = names.windows(2).all(|pair| pair[0] != pair[1]);
        if is_clear { Ok(Self(codings)) } else { Err(Malformed) }
    }

    fn stated(&self, name: &[u8]) -> Option<u16> {
        let is_it = |coding: &[u8]| usual(coding).eq_ignore_ascii_case(usual(name));
        self.0.iter().find(|(coding, _)| is_it(coding)).map(|(_, weight)| *weight)
    }

    /// The weight of a coding: its own, or that of all that are not named.
    fn weight(&self, name: &[u8]) -> Option<u16> {
        self.stated(name).or_else(|| self.stated(b"*"))
    }

    /// `None` if the request accepts nothing of this, and not even a page without a coding.
    fn best(&self, offers: &[HeaderValue]) -> Option<HeaderValue> {
        let mut best: Option<(&HeaderValue, u16)> = None;
        for offer in offers {
            let weight = self.weight(offer.as_bytes()).unwrap_or(0);
            if weight > best.map_or(0, |(_, weight)| weight) {
                best = Some((offer, weight));
            }
        }
        let identity = self.weight(IDENTITY.as_bytes());
        match best {
            Some((offer, weight)) if identity.is_none_or(|identity| identity <= weight) => {
                Some(offer.clone())
            }
            None if identity == Some(0) => None,
            _ => Some(HeaderValue::from_static(IDENTITY)),
        }
    }
}

/// The name of a coding that has two (RFC 9110, 8.4.1).
fn usual(coding: &[u8]) -> &[u8] {
    match coding {
        [b'x' | b'X', b'-', rest @ ..]
            if rest.eq_ignore_ascii_case(b"gzip") || rest.eq_ignore_ascii_case(b"compress") =>
        {
            rest
        }
        coding => coding,
    }
}

/// The language that ranges prefer. Of equal ones, that of the first range.
fn language(ranges: &[(&[u8], u16)], offers: &[HeaderValue]) -> Option<HeaderValue> {
    let mut best: Option<(&HeaderValue, (u16, usize))> = None;
    for offer in offers {
        let Some((weight, place)) = weight_of(offer.as_bytes(), ranges) else { continue };
        let is_better =
            best.is_none_or(|(_, (most, first))| weight > most || weight == most && place < first);
        if weight > 0 && is_better {
            best = Some((offer, (weight, place)));
        }
    }
    best.map(|(offer, _)| offer.clone())
}

/// The weight of a language, and the place of the range that gives it.
fn weight_of(tag: &[u8], ranges: &[(&[u8], u16)]) -> Option<(u16, usize)> {
    let placed =
        || ranges.iter().enumerate().map(|(place, (range, weight))| (*range, *weight, place));
    // The longest range says most about it. Of two equal ones the first holds.
    let own = placed().filter(|(range, ..)| is_beginning(range, tag));
    let own = own.min_by_key(|(range, _, place)| (std::cmp::Reverse(range.len()), *place));
    let longer = || {
        let longer = placed().filter(|(range, weight, _)| *weight > 0 && is_beginning(tag, range));
        longer.min_by_key(|(_, weight, place)| (std::cmp::Reverse(*weight), *place))
    };
    let any = || placed().find(|(range, ..)| *range == b"*");
    own.or_else(longer).or_else(any).map(|(_, weight, place)| (weight, place))
}

/// Returns `true` if a tag is this one, or begins with its subtags.
fn is_beginning(start: &[u8], tag: &[u8]) -> bool {
    let Some((head, rest)) = tag.split_at_checked(start.len()) else { return false };
    head.eq_ignore_ascii_case(start) && (rest.is_empty() || rest[0] == b'-')
}

/// Returns `true` for a basic language range (RFC 4647, 2.1).
fn is_range(range: &[u8]) -> bool {
    let mut subtags = range.split(|byte| *byte == b'-');
    let is_subtag = |subtag: &[u8]| {
        (1..=8).contains(&subtag.len()) && subtag.iter().all(u8::is_ascii_alphanumeric)
    };
    let first = subtags.next().unwrap_or_default();
    let is_language = is_subtag(first) && first.iter().all(u8::is_ascii_alphabetic);
    range == b"*" || is_language && subtags.all(is_subtag)
}

/// The elements of a list, each with its weight.
fn weighted(headers: &HeaderMap, name: HeaderName) -> Result<Vec<(&[u8], u16)>, Malformed> {
    elements(headers, name)?
        .into_iter()
        .map(|element| {
            let mut parts = element.split(|byte| *byte == b';').map(trim);
            let name = token(parts.next().unwrap_or_default())?;
            match (parts.next(), parts.next()) {
                (None, _) => Ok((name, WHOLE)),
                (Some(weight), None) => Ok((name, thousandths(weight)?)),
                _ => Err(Malformed),
            }
        })
        .collect()
}

/// Parses `q=0.123` (RFC 9110, 12.4.2).
fn thousandths(weight: &[u8]) -> Result<u16, Malformed> {
    let [b'q' | b'Q', b'=', whole @ (b'0' | b'1'), rest @ ..] = weight else {
        return Err(Malformed);
    };
    let digits = match rest {
        [] => rest,
        [b'.', digits @ ..] if digits.len() <= 3 && digits.iter().all(u8::is_ascii_digit) => digits,
        _ => return Err(Malformed),
    };
    let digit = |place| u16::from(digits.get(place).map_or(0, |digit: &u8| digit - b'0'));
    let weight = u16::from(whole - b'0') * WHOLE + digit(0) * 100 + digit(1) * 10 + digit(2);
    if weight <= WHOLE { Ok(weight) } else { Err(Malformed) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests;
