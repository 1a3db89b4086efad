//! Header fields as lists, and the removal of hop-by-hop fields.
//!
//! The elements of a list may stand on several lines of its field. A comma inside a quoted string is
//! no separator (RFC 9110, 5.6.1 and 5.6.4). A list that does not follow the grammar is
//! [`Malformed`]. A gate that finds one shares nothing, because it cannot know what was meant.

use http::header::{CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName};

/// The error for a field that a gate has to understand and cannot parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Returns the elements of a list from all lines of the field, trimmed, without empty ones.
pub(crate) fn elements(headers: &HeaderMap, name: HeaderName) -> Result<Vec<&[u8]>, Malformed> {
    let mut elements = Vec::new();
    for line in headers.get_all(name) {
        split(line.as_bytes(), &mut elements)?;
    }
    Ok(elements)
}

fn split<'a>(line: &'a [u8], elements: &mut Vec<&'a [u8]>) -> Result<(), Malformed> {
    let mut parts = Vec::new();
    split_at(line, b',', &mut parts)?;
    elements.extend(parts.into_iter().map(trim).filter(|element| !element.is_empty()));
    Ok(())
}

/// Splits at a separator that is not inside a quoted string. The parts are the text as it stands.
pub(crate) fn split_at<'a>(
    text: &'a [u8],
    separator: u8,
    parts: &mut Vec<&'a [u8]>,
) -> Result<(), Malformed> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    parts.extend(text.split(|byte| {
        let is_literal = std::mem::take(&mut is_escaped);
        match byte {
            _ if is_literal => {}
            b'\\' => is_escaped = is_quoted,
            b'"' => is_quoted = !is_quoted,
            byte if *byte == separator => return !is_quoted,
            _ => {}
        }
        false
    }));
    if is_quoted { Err(Malformed) } else { Ok(()) }
}

/// Removes spaces and tabs from both ends.
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// Returns `true` if an element of the list equals `word`, in any case.
pub(crate) fn lists(headers: &HeaderMap, name: HeaderName, word: &str) -> Result<bool, Malformed> {
    let elements = elements(headers, name)?;
    Ok(elements.iter().any(|element| element.eq_ignore_ascii_case(word.as_bytes())))
}

/// Removes the fields that belong to one connection: those that RFC 9110 lists in 7.6.1, and those
/// that `Connection` names. Also removes `Trailer`, because a shared body has no trailers.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named = elements(headers, CONNECTION).unwrap_or_default();
    let named: Vec<_> =
        named.into_iter().filter_map(|name| HeaderName::from_bytes(name).ok()).collect();
    let known = [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
    let unregistered = ["keep-alive", "proxy-connection"].map(HeaderName::from_static);
    for name in named.into_iter().chain(known).chain(unregistered) {
        headers.remove(name);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests {
    use http::HeaderValue;
    use http::header::{ACCEPT, CONTENT_TYPE, VARY};
    use proptest::prelude::*;

    use super::*;

    fn headers(name: HeaderName, lines: &[&str]) -> HeaderMap {
        let lines = lines.iter().map(|line| (name.clone(), HeaderValue::from_str(line).unwrap()));
        lines.collect()
    }

    fn texts<'a>(elements: &[&'a [u8]]) -> Vec<&'a str> {
        elements.iter().map(|element| std::str::from_utf8(element).unwrap()).collect()
    }

    #[test]
    fn lists_go_over_lines_and_empty_elements_count_for_nothing() {
        let headers = headers(VARY, &["a,\tb , ,", "", "c"]);
        assert_eq!(texts(&elements(&headers, VARY).unwrap()), ["a", "b", "c"]);
        assert_eq!(elements(&headers, ACCEPT).unwrap(), [b""; 0]);
        assert_eq!(lists(&headers, VARY, "C"), Ok(true));
        assert_eq!(lists(&headers, VARY, "d"), Ok(false));
    }

    #[test]
    fn a_comma_in_a_quoted_string_is_no_separator() {
        let headers = headers(VARY, &[r#"a="1, 2", b="\", 3" , c\, d"#]);
        let expected = [r#"a="1, 2""#, r#"b="\", 3""#, r"c\", "d"];
        assert_eq!(texts(&elements(&headers, VARY).unwrap()), expected);
    }

    #[test]
    fn a_quoted_string_that_does_not_end_is_malformed() {
        for line in [r#"a="1, 2"#, r#"""#, r#"a="\""#] {
            assert_eq!(elements(&headers(VARY, &["x", line]), VARY), Err(Malformed), "{line}");
        }
    }

    #[test]
    fn what_belongs_to_one_connection_is_taken_out() {
        let mut headers = headers(CONNECTION, &["close, X-Hop", "x-other"]);
        let hop_by_hop =
            ["keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];
        for name in hop_by_hop.into_iter().chain(["x-hop", "x-other", "x-end"]) {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        headers.append(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        remove_hop_by_hop(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-type", "x-end"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Elements that are written down in any spacing and on any lines are read as they were.
        #[test]
        fn what_is_written_is_read(
            words in prop::collection::vec(("[a-z]{1,5}(=\"[a-z,;= ]{0,5}\")?", "[ \t]{0,2}", any::<bool>()), 0..8),
        ) {
            let mut lines = vec![String::new()];
            for (word, space, breaks) in &words {
                lines.last_mut().unwrap().push_str(&format!("{space}{word}{space},"));
                if *breaks {
                    lines.push(String::new());
                }
            }
            let lines: Vec<_> = lines.iter().map(String::as_str).collect();
            let expected: Vec<_> = words.iter().map(|(word, ..)| word.as_str()).collect();
            let headers = headers(VARY, &lines);
            prop_assert_eq!(texts(&elements(&headers, VARY).unwrap()), expected);
        }

        /// Bytes of any kind are taken apart or refused, never a panic.
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut elements = Vec::new();
            let is_read = split(&bytes, &mut elements).is_ok();
            prop_assert!(!is_read || elements.iter().all(|element| trim(element) == *element));
        }
    }
}
