//! Pages past their lifetime: how long a response may be served then, and to which requests (RFC 5861).

use std::time::Duration;

use http::HeaderMap;
use http::header::CACHE_CONTROL;

use crate::gates::Gates;
use crate::gates::cache_control::{CacheControl, directive, lower, seconds};
use crate::gates::fields::{Malformed, elements};
use crate::gates::response_gate::lifetime;

/// The times of a response that may be served after its lifetime, from now on: while it is made anew, or in the place of
/// trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StaleTimes {
    pub(crate) fresh_for: Duration,
    /// The lifetime and `stale-while-revalidate`: until then it is served at once.
    pub(crate) served_for: Duration,
    /// The lifetime and the longer one of `stale-while-revalidate` and `stale-if-error`.
    pub(crate) kept_for: Duration,
}

impl StaleTimes {
    /// The times that the fields of a response state. `None` if it may not be served after its lifetime, or has none.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let control = CacheControl::of_response(headers).ok()?;
        let fresh_for = lifetime(headers, control)?;
        let stale_for = Duration::from_secs(control.stale.unwrap_or(0));
        let if_error = Duration::from_secs(control.stale_if_error.unwrap_or(0)).max(stale_for);
        let may_be_served = !(control.no_cache || fresh_for.is_zero() || if_error.is_zero());
        let (served_for, kept_for) =
            (fresh_for.saturating_add(stale_for), fresh_for.saturating_add(if_error));
        may_be_served.then_some(Self { fresh_for, served_for, kept_for })
    }
}

impl Gates {
    /// Returns `true` if a request that shares accepts a page which has been past its lifetime for this long.
    pub(crate) fn accepts_stale(&self, request: &HeaderMap, past: Duration) -> bool {
        self.ignores_directives || past < tolerance(request).unwrap_or(Duration::ZERO)
    }
}

/// How far past its lifetime a request lets a page be. One that says how old a page may be, and not how stale, wants none
/// that is stale (RFC 9111, 5.2.1).
fn tolerance(request: &HeaderMap) -> Result<Duration, Malformed> {
    let (mut limits_age, mut max_stale) = (false, None);
    for element in elements(request, CACHE_CONTROL)? {
        let (name, argument) = directive(element)?;
        let is = |directive: &str| name.eq_ignore_ascii_case(directive.as_bytes());
        if is("max-stale") {
            let any = |argument: Vec<u8>| seconds(&argument).unwrap_or(0);
            lower(&mut max_stale, argument.map_or(u64::MAX, any));
        } else if is("min-fresh") {
            lower(&mut max_stale, 0);
        }
        limits_age |= is("max-age") || is("s-maxage");
    }
    let unstated = if limits_age { 0 } else { u64::MAX };
    Ok(Duration::from_secs(max_stale.unwrap_or(unstated)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let lines = lines.iter().map(|(name, line)| {
            (HeaderName::from_static(name), HeaderValue::from_str(line).unwrap())
        });
        lines.collect()
    }

    /// The lifetime and the time after it, in seconds.
    fn times(lines: &[(&'static str, &str)]) -> Option<(u64, u64)> {
        let StaleTimes { fresh_for, served_for, .. } = StaleTimes::of(&headers(lines))?;
        Some((fresh_for.as_secs(), (served_for - fresh_for).as_secs()))
    }

    /// The time after the lifetime in which the page is kept for trouble, in seconds.
    fn if_error(line: &str) -> Option<u64> {
        let times = StaleTimes::of(&headers(&[("cache-control", line)]))?;
        Some((times.kept_for - times.fresh_for).as_secs())
    }

    fn plain(line: &str) -> Option<(u64, u64)> {
        times(&[("cache-control", line)])
    }

    /// H31
    #[test]
    fn a_response_states_how_long_it_is_fresh_and_how_long_stale() {
        assert_eq!(plain("max-age=3, stale-while-revalidate=7"), Some((3, 7)));
        assert_eq!(plain(r#"Stale-While-Revalidate="7" , MAX-AGE=3"#), Some((3, 7)));
        assert_eq!(plain("max-age=0, s-maxage=2, stale-while-revalidate=7"), Some((2, 7)));
        let in_two =
            [("cache-control", "max-age=3"), ("cache-control", "stale-while-revalidate=7")];
        assert_eq!(times(&in_two), Some((3, 7)));
        let old = [("cache-control", "max-age=30, stale-while-revalidate=7"), ("age", "28")];
        assert_eq!(times(&old), Some((2, 7)));
        let endless = format!("max-age=3, stale-while-revalidate={}", u128::MAX);
        assert_eq!(
            StaleTimes::of(&headers(&[("cache-control", &endless)])).unwrap().served_for,
            Duration::from_secs(3).saturating_add(Duration::from_secs(u64::MAX)),
        );
    }

    /// H68: the longer one of the two times, and each by the same rules.
    #[test]
    fn a_response_states_how_long_it_is_good_enough_in_trouble() {
        assert_eq!(if_error("max-age=3, stale-if-error=7"), Some(7));
        assert_eq!(plain("max-age=3, stale-if-error=7"), Some((3, 0)));
        assert_eq!(if_error("max-age=3, stale-while-revalidate=2, stale-if-error=7"), Some(7));
        assert_eq!(if_error("max-age=3, stale-while-revalidate=9, stale-if-error=7"), Some(9));
        assert_eq!(if_error("max-age=3, stale-if-error=7, Stale-If-Error=\"5\""), Some(5));
        for line in [
            "stale-if-error=7",
            "max-age=0, stale-if-error=7",
            "max-age=3, stale-if-error",
            "max-age=3, stale-if-error=soon",
            "max-age=3, stale-if-error=7, must-revalidate",
            "max-age=3, stale-if-error=7, proxy-revalidate",
            "max-age=3, stale-if-error=7, no-cache",
            "max-age=3, stale-if-errors=7",
        ] {
            assert_eq!(if_error(line), None, "{line}");
        }
        let two =
            [("cache-control", "max-age=3, stale-if-error=7"), ("cdn-cache-control", "max-age=9")];
        assert_eq!(times(&two), None, "a gateway's field states a lifetime alone");
    }

    /// H34: of several readings the most careful one.
    #[test]
    fn a_response_that_forbids_it_or_is_unclear_is_not_served_stale() {
        for line in [
            "max-age=3",
            "stale-while-revalidate=7",
            "max-age=0, stale-while-revalidate=7",
            "max-age=3, stale-while-revalidate=0",
            "max-age=3, stale-while-revalidate",
            "max-age=3, stale-while-revalidate=soon",
            "max-age=3, stale-while-revalidate=-1",
            "max-age=3, stale-while-revalidate=7.5",
            "max-age=3, stale-while-revalidate=7, stale-while-revalidate=0",
            "max-age=3, stale-while-revalidate=7, stale-while-revalidate",
            "max-age=3, max-age=x, stale-while-revalidate=7",
            "max-age=3, stale-while-revalidate=7, must-revalidate",
            "max-age=3, stale-while-revalidate=7, Proxy-Revalidate",
            "max-age=3, stale-while-revalidate=7, must-revalidate=\"x\"",
            "max-age=3, stale-while-revalidate=7, no-cache",
            "max-age=3, stale-while-revalidate=7, no-cache=\"etag\"",
            "max-age=3, stale-while-revalidates=7",
            "max-age=3, stale-while-revalidate=7, a b",
        ] {
            assert_eq!(plain(line), None, "{line}");
        }
        assert_eq!(
            plain("max-age=3, stale-while-revalidate=7, stale-while-revalidate=5"),
            Some((3, 5))
        );
        let good = ("cache-control", "max-age=3, stale-while-revalidate=7");
        for other in [
            ("pragma", "no-cache"),
            ("age", "3"),
            ("age", "old"),
            ("cdn-cache-control", "max-age=60"),
            ("cdn-cache-control", "must-revalidate"),
            ("surrogate-control", "max-age=60, stale-while-revalidate=0"),
            ("x-accel-expires", "60"),
        ] {
            assert_eq!(times(&[good, other]), None, "{other:?}");
        }
        let cdn = ("cdn-cache-control", "max-age=2, stale-while-revalidate=60");
        assert_eq!(times(&[good, cdn]), Some((2, 7)), "the least of each");
        assert_eq!(times(&[cdn, ("cache-control", "public")]), Some((2, 60)));
        assert_eq!(times(&[cdn, ("cache-control", "max-age=9")]), None);
    }

    /// H35
    #[test]
    fn a_request_states_how_stale_a_page_may_be() {
        let accepts = |line: &str, past: Duration| {
            let request = headers(&[("cache-control", line)]);
            assert!(Gates::new().ignore_request_directives().accepts_stale(&request, past));
            Gates::new().accepts_stale(&request, past)
        };
        let longest = Duration::from_secs(1 << 40);
        for line in
            ["", "max-stale", "max-age=60, max-stale", "x, only-if-cached", "stale-if-error=1"]
        {
            assert!(accepts(line, longest), "{line}");
        }
        let five = Duration::from_secs(5);
        for line in [
            "max-stale=5",
            "Max-Stale=\"5\"",
            "max-age=60, max-stale=5",
            "max-stale=5, max-stale=9",
            "max-stale, max-stale=5",
        ] {
            assert!(accepts(line, five - Duration::from_nanos(1)), "{line}");
            assert!(!accepts(line, five), "{line}");
        }
        for line in [
            "max-age=60",
            "min-fresh=0",
            "min-fresh=1, max-stale",
            "max-stale=0",
            "max-stale=x",
            "max-stale=-1",
            "a b",
        ] {
            assert!(!accepts(line, Duration::ZERO), "{line}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// H34: a directive more never makes a page stale for longer, but for the lifetime for gateways.
        #[test]
        fn one_more_directive_never_adds_stale_time(
            kept in prop::collection::vec(0..5_usize, 0..5), more in 0..5_usize, at in any::<prop::sample::Index>(),
        ) {
            let words = ["max-age=9", "stale-while-revalidate=4", "must-revalidate", "max-age=5", "stale-while-revalidate=x"];
            let line = |kinds: &[usize]| {
                let words: Vec<_> = kinds.iter().map(|kind| words[*kind]).collect();
                plain(&format!("max-age=30, stale-while-revalidate=60, {}", words.join(", ")))
            };
            let before = line(&kept);
            let mut longer = kept;
            longer.insert(at.index(longer.len() + 1), more);
            if let Some((fresh, stale)) = line(&longer) {
                prop_assert!(before.is_some_and(|before| fresh <= before.0 && stale <= before.1));
            }
        }

        /// Bytes of any kind are read, never a panic.
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let headers: HeaderMap = [(CACHE_CONTROL, value)].into_iter().collect();
                StaleTimes::of(&headers);
                Gates::new().accepts_stale(&headers, Duration::ZERO);
            }
        }
    }
}
