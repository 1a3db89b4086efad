//! [`CacheControl`]: the parsed `Cache-Control`, `Pragma` and `Age` fields (RFC 9111, 5).

use http::header::{AGE, CACHE_CONTROL, PRAGMA};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::gates::fields::{Malformed, elements, lists, trim};

/// The directives that decide about sharing. All other directives are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheControl {
    pub(crate) no_store: bool,
    /// Set by `no-cache` with or without field names, and by `Pragma: no-cache`.
    pub(crate) no_cache: bool,
    /// Set by `private` with or without field names.
    pub(crate) private: bool,
    /// The smallest lifetime that a field states, in seconds. A value that is no number counts as zero.
    pub(crate) max_age: Option<u64>,
    /// For how long after its lifetime the fields let a response be served, in seconds: the smallest
    /// `stale-while-revalidate` (RFC 5861, 3). Zero if a field states a lifetime without it, or forbids it. Nothing
    /// of a request.
    pub(crate) stale: Option<u64>,
    /// The same for a response that is served in the place of trouble: the smallest `stale-if-error` (RFC 5861, 4).
    pub(crate) stale_if_error: Option<u64>,
    /// Of a request: it wants what a cache has, or an error.
    pub(crate) only_if_cached: bool,
}

/// The times that one field states, in seconds.
#[derive(Default)]
struct Lifetimes {
    max_age: Option<u64>,
    s_maxage: Option<u64>,
    stale: Option<u64>,
    stale_if_error: Option<u64>,
}

impl CacheControl {
    /// Parses the fields of a request.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Malformed> {
        let mut control = Self::without_lifetime(headers)?;
        let Lifetimes { max_age, s_maxage, .. } = control.add(headers, CACHE_CONTROL)?;
        [max_age, s_maxage].into_iter().flatten().for_each(|seconds| control.limit(seconds));
        Ok(control)
    }

    fn without_lifetime(headers: &HeaderMap) -> Result<Self, Malformed> {
        Ok(Self { no_cache: lists(headers, PRAGMA, "no-cache")?, ..Self::default() })
    }

    /// Parses the fields of a response: `Cache-Control`, and the fields that speak to gateways
    /// (RFC 9213 and its forerunners). Of what they say, the one that shares least holds. Within a field,
    /// `s-maxage` holds and `max-age` does not (RFC 9111, 5.2.2.10).
    pub(crate) fn of_response(headers: &HeaderMap) -> Result<Self, Malformed> {
        let mut control = Self::without_lifetime(headers)?;
        let targeted = headers.keys().filter(|name| is_targeted(name)).cloned();
        for name in targeted.chain([CACHE_CONTROL]) {
            let Lifetimes { max_age, s_maxage, stale, stale_if_error } =
                control.add(headers, name)?;
            let lifetime = s_maxage.or(max_age);
            lifetime.into_iter().for_each(|seconds| control.limit(seconds));
            // A field that states a lifetime alone forbids both.
            let unstated = lifetime.and(Some(0));
            for (least, stated) in
                [(&mut control.stale, stale), (&mut control.stale_if_error, stale_if_error)]
            {
                stated.or(unstated).into_iter().for_each(|seconds| lower(least, seconds));
            }
        }
        for value in headers.get_all(ACCEL_EXPIRES) {
            let seconds = seconds(trim(value.as_bytes())).unwrap_or(0);
            control.no_store |= seconds == 0;
            control.limit(seconds);
            lower(&mut control.stale, 0);
            lower(&mut control.stale_if_error, 0);
        }
        Ok(control)
    }

    /// Adds what a field says, and returns the lifetimes that it states.
    fn add(&mut self, headers: &HeaderMap, name: HeaderName) -> Result<Lifetimes, Malformed> {
        let mut lifetimes = Lifetimes::default();
        for element in elements(headers, name)? {
            let (name, argument) = directive(element)?;
            self.set(name, argument.as_deref(), &mut lifetimes);
        }
        Ok(lifetimes)
    }

    fn limit(&mut self, seconds: u64) {
        lower(&mut self.max_age, seconds);
    }

    fn set(&mut self, name: &[u8], argument: Option<&[u8]>, lifetimes: &mut Lifetimes) {
        let seconds = || argument.and_then(seconds).unwrap_or(0);
        let is = |directive: &str| name.eq_ignore_ascii_case(directive.as_bytes());
        if is("no-store") || is("no-store-remote") || is("bypass-cache") {
            self.no_store = true;
        } else if is("no-cache") {
            self.no_cache = true;
        } else if is("private") {
            self.private = true;
        } else if is("only-if-cached") {
            self.only_if_cached = true;
        } else if is("max-age") {
            lower(&mut lifetimes.max_age, seconds());
        } else if is("s-maxage") {
            lower(&mut lifetimes.s_maxage, seconds());
        } else if is("stale-while-revalidate") {
            lower(&mut lifetimes.stale, seconds());
        } else if is("stale-if-error") {
            lower(&mut lifetimes.stale_if_error, seconds());
        } else if is("must-revalidate") || is("proxy-revalidate") {
            lower(&mut lifetimes.stale, 0);
            lower(&mut lifetimes.stale_if_error, 0);
        }
    }
}

pub(super) fn lower(least: &mut Option<u64>, seconds: u64) {
    *least = Some(least.map_or(seconds, |least| least.min(seconds)));
}

/// nginx's field for the lifetime: seconds, `off`, or `@` and a time of day. Only seconds are read.
const ACCEL_EXPIRES: &str = "x-accel-expires";

/// Returns `true` for `CDN-Cache-Control`, the like of one gateway, and `Surrogate-Control`.
fn is_targeted(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.ends_with("-cache-control") || name == "surrogate-control" || name == "edge-control"
}

/// The largest age that every recipient can read (RFC 9111, 1.2.2).
pub(crate) const OLDEST: u64 = 1 << 31;

/// The message's age when it arrived, in seconds: the largest `Age`. A value that is no number
/// counts as the largest possible age.
pub(crate) fn age(headers: &HeaderMap) -> u64 {
    let ages = headers.get_all(AGE).iter();
    let seconds = |age: &HeaderValue| seconds(trim(age.as_bytes())).unwrap_or(OLDEST).min(OLDEST);
    ages.map(seconds).max().unwrap_or(0)
}

/// Splits a directive into name and argument: `token`, `token=token` or `token="quoted string"`.
pub(super) fn directive(element: &[u8]) -> Result<(&[u8], Option<Vec<u8>>), Malformed> {
    let Some(equals) = element.iter().position(|byte| *byte == b'=') else {
        return Ok((token(element)?, None));
    };
    let (name, argument) = (&element[..equals], &element[equals + 1..]);
    let argument = match argument {
        [b'"', quoted @ .., b'"'] => unquoted(quoted)?,
        bare => token(bare)?.to_vec(),
    };
    Ok((token(name)?, Some(argument)))
}

pub(super) fn token(text: &[u8]) -> Result<&[u8], Malformed> {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    if !text.is_empty() && text.iter().all(is_token) { Ok(text) } else { Err(Malformed) }
}

/// The value of a quoted string. `quoted` is the text between the quotes.
fn unquoted(quoted: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut text = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter();
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'"' => return Err(Malformed),
            b'\\' => *bytes.next().ok_or(Malformed)?,
            byte => *byte,
        });
    }
    Ok(text)
}

/// Parses a number of seconds. A number that is too large becomes `u64::MAX`.
pub(super) fn seconds(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let text = std::str::from_utf8(digits).ok()?;
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(lines: &[(HeaderName, &str)]) -> Result<CacheControl, Malformed> {
        let lines = lines.iter().map(|(name, line)| (name.clone(), line.parse().unwrap()));
        CacheControl::of(&lines.collect::<HeaderMap<HeaderValue>>())
    }

    fn control(line: &str) -> Result<CacheControl, Malformed> {
        said(&[(CACHE_CONTROL, line)])
    }

    #[test]
    fn directives_are_read_in_any_case_and_order_and_on_any_line() {
        let lines =
            [(CACHE_CONTROL, "Max-Age=60,NO-STORE"), (CACHE_CONTROL, " , Private ,x=\"y\"")];
        let expected =
            CacheControl { no_store: true, private: true, max_age: Some(60), ..Default::default() };
        assert_eq!(said(&lines), Ok(expected));
        assert_eq!(control(""), Ok(CacheControl::default()));
    }

    #[test]
    fn a_directive_inside_a_quoted_string_is_not_one() {
        let expected = CacheControl { private: true, ..CacheControl::default() };
        assert_eq!(control(r#"private="x, no-store", ext="no-cache""#), Ok(expected));
    }

    #[test]
    fn a_name_that_only_begins_like_a_directive_is_another_one() {
        assert_eq!(control("no-store-please, x-private, no-caches"), Ok(CacheControl::default()));
    }

    #[test]
    fn no_cache_of_some_fields_is_no_cache_and_so_is_the_pragma() {
        assert!(control(r#"no-cache="set-cookie""#).unwrap().no_cache);
        assert!(said(&[(PRAGMA, "x, No-Cache")]).unwrap().no_cache);
        assert!(!said(&[(PRAGMA, "no-cached")]).unwrap().no_cache);
    }

    #[test]
    fn the_least_age_counts_and_what_is_no_number_is_zero() {
        let age = |line| control(line).unwrap().max_age;
        assert_eq!(age("max-age=5, s-maxage=3, max-age=7"), Some(3));
        assert_eq!(age(r#"max-age="5""#), Some(5));
        assert_eq!(age(r#"max-age="\5""#), Some(5));
        assert_eq!(age("max-age=99999999999999999999999"), Some(u64::MAX));
        for line in ["max-age", "max-age=-1", "max-age=1s", r#"max-age="""#, "s-maxage=x"] {
            assert_eq!(age(line), Some(0), "{line}");
        }
        assert_eq!(age("public"), None);
    }

    /// H13: RFC 9111, 5.2.2.10. A request has no such directive, so there the least counts.
    #[test]
    fn the_lifetime_for_gateways_holds_within_a_field_and_the_least_of_several_fields() {
        let age = |lines: &[(HeaderName, &str)]| {
            let lines = lines.iter().map(|(name, line)| (name.clone(), line.parse().unwrap()));
            let headers: HeaderMap<HeaderValue> = lines.collect();
            let control = CacheControl::of_response(&headers).unwrap();
            (control.max_age, CacheControl::of(&headers).unwrap().max_age)
        };
        let cdn = HeaderName::from_static("cdn-cache-control");
        let plain = |line| (CACHE_CONTROL, line);
        assert_eq!(age(&[plain("max-age=0, s-maxage=60")]), (Some(60), Some(0)));
        assert_eq!(age(&[plain("s-maxage=9, max-age=60, s-maxage=8")]), (Some(8), Some(8)));
        let lines = [plain("max-age=5"), (cdn.clone(), "s-maxage=3, max-age=1")];
        assert_eq!(age(&lines), (Some(3), Some(5)));
        assert_eq!(age(&[plain("max-age=2"), (cdn, "s-maxage=3")]), (Some(2), Some(2)));
    }

    #[test]
    fn what_does_not_follow_the_grammar_is_malformed() {
        let malformed = [
            "no store",
            "max-age = 0",
            "=0",
            "max-age=",
            "a=b=c",
            r#"a="b"c"#,
            r#"a=""b""#,
            r#"a="b"#,
            "é",
            "a;b",
            r#"a="b\"#,
            r#"a="""#.trim_end_matches('"'),
        ];
        for line in malformed {
            let lines = [(CACHE_CONTROL, line)];
            let headers =
                lines.map(|(name, line)| (name, HeaderValue::from_bytes(line.as_bytes()).unwrap()));
            let said = CacheControl::of(&headers.into_iter().collect());
            assert_eq!(said, Err(Malformed), "{line}");
        }
        assert_eq!(said(&[(PRAGMA, "\"no-cache")]), Err(Malformed));
    }

    #[test]
    fn the_age_of_a_message_is_the_most_that_it_says() {
        let ages = |lines: &[&'static str]| {
            let lines = lines.iter().map(|line| (AGE, HeaderValue::from_static(line)));
            age(&lines.collect())
        };
        assert_eq!(ages(&[]), 0);
        assert_eq!(ages(&["7 ", "12"]), 12);
        assert_eq!(ages(&["soon"]), OLDEST);
        assert_eq!(ages(&["99999999999999999999"]), OLDEST);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Directives that are written down in any case, spacing and quoting are read as they were.
        #[test]
        fn what_is_written_is_read(
            directives in prop::collection::vec((0..6_usize, 0..100_u64, any::<[bool; 3]>()), 0..6),
        ) {
            let mut expected = CacheControl::default();
            let mut line = String::new();
            for (kind, number, [is_upper, is_quoted, is_spaced]) in directives {
                let names = ["no-store", "no-cache", "private", "max-age", "s-maxage", "ext"];
                expected.no_store |= kind == 0;
                expected.no_cache |= kind == 1;
                expected.private |= kind == 2;
                if kind == 3 || kind == 4 {
                    expected.max_age = Some(expected.max_age.unwrap_or(u64::MAX).min(number));
                }
                let name = if is_upper { names[kind].to_uppercase() } else { names[kind].into() };
                let argument = match (kind, is_quoted) {
                    (3.., true) => format!("=\"{number}\""),
                    (3.., false) => format!("={number}"),
                    _ => String::new(),
                };
                let space = if is_spaced { " " } else { "" };
                line.push_str(&format!("{space}{name}{argument}{space},"));
            }
            prop_assert_eq!(control(&line), Ok(expected));
        }

        /// Bytes of any kind are read or refused, never a panic.
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                CacheControl::of(&[(CACHE_CONTROL, value)].into_iter().collect()).ok();
            }
        }
    }
}
