//! The tags of a response, by which pages are forgotten: the words of `Surrogate-Key` and the elements of `Cache-Tag`.
//!
//! Nobody remembers them: a page has its fields, and they are read when a tag is forgotten.

use std::sync::Arc;

use http::HeaderMap;

use crate::gates::fields::trim;

/// The names of the fields.
pub(crate) const FIELDS: [&str; 2] = ["surrogate-key", "cache-tag"];

/// The longest fields that are read, in bytes, all lines together.
const LONGEST: usize = 16 << 10;

/// A tag as a user or a request states it.
pub(crate) type Tag = Arc<[u8]>;

/// Returns `true` if the message has fields of tags.
pub(crate) fn has_fields(headers: &HeaderMap) -> bool {
    FIELDS.iter().any(|name| headers.contains_key(*name))
}

/// Returns `true` if the response has one of these tags. One whose fields are too long has every tag.
pub(crate) fn has_any(headers: &HeaderMap, tags: &[Tag]) -> bool {
    let is_one = |word: &[u8]| tags.iter().any(|tag| tag.eq_ignore_ascii_case(word));
    is_too_long(headers) || words(headers).any(is_one)
}

/// The tags in their order, without empty ones.
pub(crate) fn words(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let [words, elements] = FIELDS;
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let words = headers.get_all(words).iter().flat_map(move |line| line.as_bytes().split(is_blank));
    let elements = headers.get_all(elements).iter();
    let elements = elements.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    words.chain(elements.map(trim)).filter(|word| !word.is_empty())
}

/// Returns `true` if the fields are longer than those that are read.
pub(crate) fn is_too_long(headers: &HeaderMap) -> bool {
    let lines = FIELDS.iter().flat_map(|name| headers.get_all(*name));
    lines.map(|line| line.len()).sum::<usize>() > LONGEST
}

/// Converts tags of a user. An empty one is none.
pub(crate) fn of_user(tags: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<Tag> {
    let tags = tags.into_iter().map(|tag| Tag::from(trim(tag.as_ref().as_bytes())));
    tags.filter(|tag| !tag.is_empty()).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(lines: &[(&'static str, &[u8])]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, line) in lines {
            headers.append(*name, HeaderValue::from_bytes(line).unwrap());
        }
        headers
    }

    fn read(headers: &HeaderMap) -> Vec<&str> {
        words(headers).map(|word| std::str::from_utf8(word).unwrap()).collect()
    }

    /// H47
    #[test]
    fn blanks_separate_surrogate_keys_and_commas_separate_cache_tags() {
        let both = headers(&[
            ("cache-tag", b" c ,, d e\t,"),
            ("surrogate-key", b"a b,x"),
            ("surrogate-key", b"\t y  "),
            ("cache-tag", b"f"),
        ]);
        assert_eq!(read(&both), ["a", "b,x", "y", "c", "d e", "f"]);
        let has = |tag: &str| has_any(&both, &of_user([tag]));
        assert!(has("a") && has("B,X") && has(" d e ") && has("F"));
        assert!(!has("x") && !has("b") && !has("d") && !has("") && !has("g"));
        assert!(has_any(&both, &of_user(["g", "", "f"])));
        assert!(has_fields(&both) && !has_fields(&HeaderMap::new()));
        assert!(!has_any(&HeaderMap::new(), &of_user(["a"])));
    }

    /// H47: what is not read has every tag.
    #[test]
    fn a_response_with_too_many_tags_has_every_tag() {
        let half = vec![b'a'; LONGEST / 2];
        let longest = [("surrogate-key", &half[..]), ("cache-tag", &half[..])];
        assert!(!has_any(&headers(&longest), &of_user(["b"])));
        let longer = [&longest[..], &[("cache-tag", b"a")]].concat();
        assert!(has_any(&headers(&longer), &of_user(["b"])));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Bytes of any kind are read, never a panic, and each tag that is read is found.
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..40), is_list in any::<bool>()) {
            if HeaderValue::from_bytes(&bytes).is_ok() {
                let headers = headers(&[(FIELDS[usize::from(is_list)], &bytes)]);
                for word in words(&headers) {
                    prop_assert!(has_any(&headers, &[Tag::from(word.to_ascii_uppercase())]));
                }
            }
        }
    }
}
