//! The part of `Forwarded` (RFC 7239) that decides the page: all of it but the addresses.
//!
//! `for` and `by` name addresses, which differ for each client and would end all sharing behind a proxy.
//! `host` and `proto` decide links, and a handler may read any other parameter.

use http::HeaderMap;
use http::header::FORWARDED;

use crate::gates::fields::{Malformed, split_at, trim};

/// Returns `Forwarded` without the addresses, or `None` if the request has no such field.
///
/// Each element stays in its place, also if nothing of it is left, because handlers go by the first or
/// the last one.
pub(crate) fn without_addresses(headers: &HeaderMap) -> Result<Option<Vec<u8>>, Malformed> {
    if !headers.contains_key(FORWARDED) {
        return Ok(None);
    }
    let mut kept = Vec::new();
    for line in headers.get_all(FORWARDED) {
        let mut elements = Vec::new();
        split_at(line.as_bytes(), b',', &mut elements)?;
        for element in elements {
            let mut pairs = Vec::new();
            split_at(element, b';', &mut pairs)?;
            for pair in pairs.into_iter().filter(|pair| !is_address(trim(pair))) {
                kept.extend_from_slice(pair);
                kept.push(b';');
            }
            kept.push(b',');
        }
        kept.push(b'\n');
    }
    // Where only addresses stand, a chain of proxies is like another one of any length.
    Ok(kept.iter().any(|byte| !b",\n".contains(byte)).then_some(kept))
}

/// Returns `true` for a `for` or `by` whose value cannot be taken for anything else.
///
/// A handler that looks for `;host=` without regard to quotes would find one in
/// `for="a;host=evil.example"`, so such a value is no address.
fn is_address(pair: &[u8]) -> bool {
    let Some(equals) = pair.iter().position(|byte| *byte == b'=') else { return false };
    let (name, value) = (&pair[..equals], &pair[equals + 1..]);
    let value = match value {
        [b'"', quoted @ .., b'"'] => quoted,
        bare => bare,
    };
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b".:[]_-".contains(byte);
    let is_named = name.eq_ignore_ascii_case(b"for") || name.eq_ignore_ascii_case(b"by");
    is_named && value.iter().all(is_plain)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn kept(lines: &[&'static str]) -> Result<Option<String>, Malformed> {
        let lines = lines.iter().map(|line| (FORWARDED, HeaderValue::from_static(line)));
        let kept = without_addresses(&lines.collect())?;
        Ok(kept.map(|kept| String::from_utf8_lossy(&kept).into_owned()))
    }

    /// H4: the addresses are left out, and nothing else is.
    #[test]
    fn everything_but_the_addresses_is_kept() {
        let same = ["for=192.0.2.1", "For=\"[2001:db8::1]:4711\";by=_hidden", "for=1, for=2"];
        for line in same {
            assert_eq!(kept(&[line]), Ok(None), "{line}");
        }
        assert_eq!(kept(&["for=1;host=a;proto=http"]), Ok(Some("host=a;proto=http;,\n".into())));
        assert_eq!(kept(&["for=1, host=a"]), kept(&["for=2, host=a"]));
        assert_ne!(kept(&["host=a"]), kept(&[",host=a"]));
        assert_ne!(kept(&["for=1, host=a"]), kept(&["host=a, for=1"]));
        for line in [
            "for=\"a;host=evil.example\"",
            "for=\"a,host=evil.example\"",
            "for=\"a=b\"",
            "for",
            "host=",
            "for =1",
            "for= 1",
            "for=\"a\\\"b\"",
            "secret=1",
            "for=a b",
        ] {
            assert!(matches!(kept(&[line]), Ok(Some(_))), "{line}");
        }
        assert_eq!(kept(&["for=\"a"]), Err(Malformed));
        assert_eq!(kept(&[]), Ok(None));
    }
}
