//! [`PageCodec`]: the bytes of a page.
//!
//! ```text
//! status                        2 B
//! number of lines of fields     4 B
//! for each line                 length of the name 4 B, name, length of the value 4 B, value, 1 if it is a secret 1 B
//! length of the body            8 B
//! body
//! ```
//!
//! Numbers are little-endian, and nothing follows. A page has no version: it belongs to a connection (H21). One page
//! has one form: what is read is written with the same bytes, or it is refused.

use bytes::Bytes;
use coalescer_cluster::codec::{Codec, CodecError};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::page::{Page, SharedPage};
use crate::shared_response::SharedResponse;

/// A map of fields panics if it gets more than 24 576 names.
const MOST_LINES: u32 = 1 << 14;

/// Writes and reads pages. What a leader keeps for its own request has no bytes.
#[derive(Clone, Copy, Debug)]
pub struct PageCodec;

impl Codec<Page> for PageCodec {
    /// Raise the number when the bytes change.
    fn name(&self) -> &str {
        "http-page-1"
    }

    fn encode(&self, page: &Page, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match page {
            Page::Own | Page::ForLeader(_) => {
                Err(CodecError::new("the page is for its own request"))
            }
            Page::Shared(shared, _) | Page::Elsewhere { shared, .. } => {
                write(&shared.response, out)
            }
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<Page, CodecError> {
        read(bytes).map(|shared| Page::Elsewhere { shared, is_kept: false })
    }

    fn decode_kept(&self, bytes: &[u8]) -> Result<Page, CodecError> {
        read(bytes).map(|shared| Page::Elsewhere { shared, is_kept: true })
    }
}

fn write(page: &SharedResponse, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let (status, headers, body) = page.parts();
    let fields: usize =
        headers.iter().map(|(name, value)| 9 + name.as_str().len() + value.len()).sum();
    out.reserve(14 + fields + body.len());
    out.extend(status.as_u16().to_le_bytes());
    if headers.len() > MOST_LINES as usize {
        return Err(too_many());
    }
    out.extend(short(headers.len())?);
    for (name, value) in headers {
        for part in [name.as_str().as_bytes(), value.as_bytes()] {
            out.extend(short(part.len())?);
            out.extend_from_slice(part);
        }
        out.push(u8::from(value.is_sensitive()));
    }
    out.extend((body.len() as u64).to_le_bytes());
    out.extend_from_slice(body);
    Ok(())
}

fn short(length: usize) -> Result<[u8; 4], CodecError> {
    let length = u32::try_from(length).map_err(|_| CodecError::new("a field of 4 GiB"))?;
    Ok(length.to_le_bytes())
}

fn read(mut bytes: &[u8]) -> Result<SharedPage, CodecError> {
    let rest = &mut bytes;
    let status = StatusCode::from_u16(u16::from_le_bytes(array(rest)?));
    let status = status.map_err(|_| CodecError::new("no status"))?;
    let headers = fields(rest)?;
    let length = u64::from_le_bytes(array(rest)?);
    if u64::try_from(rest.len()) != Ok(length) {
        return Err(CodecError::new("the body has another length"));
    }
    let body = Bytes::copy_from_slice(rest);
    Ok(SharedPage::with_expiry(SharedResponse::from_parts(status, headers, body)))
}

fn fields(rest: &mut &[u8]) -> Result<HeaderMap, CodecError> {
    let count = u32::from_le_bytes(array(rest)?);
    if count > MOST_LINES {
        return Err(too_many());
    }
    let mut headers = HeaderMap::new();
    let mut last = None;
    for _ in 0..count {
        let name = HeaderName::from_lowercase(part(rest)?);
        let name = name.map_err(|_| CodecError::new("no name of a field"))?;
        let value = HeaderValue::from_bytes(part(rest)?);
        let mut value = value.map_err(|_| CodecError::new("no value of a field"))?;
        value.set_sensitive(match array(rest)? {
            [0] => false,
            [1] => true,
            _ => return Err(CodecError::new("neither a secret nor none")),
        });
        // The lines of one field stand together, as a map has them.
        if last.as_ref() != Some(&name) && headers.contains_key(&name) {
            return Err(CodecError::new("a field in two places"));
        }
        headers.append(name.clone(), value);
        last = Some(name);
    }
    Ok(headers)
}

fn part<'b>(rest: &mut &'b [u8]) -> Result<&'b [u8], CodecError> {
    let length = usize::try_from(u32::from_le_bytes(array(rest)?)).unwrap_or(usize::MAX);
    let (part, after) = rest.split_at_checked(length).ok_or_else(cut_off)?;
    *rest = after;
    Ok(part)
}

fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], CodecError> {
    let (array, after) = rest.split_first_chunk().ok_or_else(cut_off)?;
    *rest = after;
    Ok(*array)
}

fn too_many() -> CodecError {
    CodecError::new("too many fields")
}

fn cut_off() -> CodecError {
    CodecError::new("the page is cut off")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests {
    use coalescer::ShareWith;
    use proptest::prelude::*;

    use super::*;

    fn written(page: &Page) -> Vec<u8> {
        let mut out = Vec::new();
        PageCodec.encode(page, &mut out).unwrap();
        out
    }

    fn page(status: u16, lines: &[(&str, &[u8], bool)], body: &[u8]) -> Page {
        let mut headers = HeaderMap::new();
        for (name, value, is_secret) in lines {
            let mut value = HeaderValue::from_bytes(value).unwrap();
            value.set_sensitive(*is_secret);
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
        }
        let status = StatusCode::from_u16(status).unwrap();
        let shared = SharedResponse::from_parts(status, headers, Bytes::copy_from_slice(body));
        Page::Shared(SharedPage::with_expiry(shared), ShareWith::Everyone)
    }

    /// H24: the bytes are fixed. If they change, the codec has another name.
    #[test]
    fn a_page_has_these_bytes() {
        let page = page(404, &[("etag", b"\"1\"", false), ("vary", b"", true)], b"gone");
        let expected = b"\x94\x01\x02\0\0\0\
            \x04\0\0\0etag\x03\0\0\0\"1\"\0\
            \x04\0\0\0vary\0\0\0\0\x01\
            \x04\0\0\0\0\0\0\0gone";
        assert_eq!(written(&page), expected);
        assert_eq!(PageCodec.name(), "http-page-1");
    }

    #[test]
    fn what_its_own_request_has_has_no_bytes() {
        assert!(PageCodec.encode(&Page::Own, &mut Vec::new()).is_err());
    }

    #[test]
    fn a_page_has_so_many_lines_at_most() {
        let of = |count: u32| {
            let mut page = b"\xc8\0".to_vec();
            page.extend(count.to_le_bytes());
            for number in 0..count {
                page.extend([b"\x06\0\0\0x", format!("{number:05}").as_bytes(), &[0; 5]].concat());
            }
            page.extend([0; 8]);
            page
        };
        let most = PageCodec.decode(&of(MOST_LINES)).unwrap();
        assert_eq!(written(&most), of(MOST_LINES));
        let refused = read(&of(MOST_LINES + 1)).map(|_| ()).unwrap_err();
        assert_eq!(refused.to_string(), "too many fields");
        let lines = (0..=MOST_LINES).map(|_| ("x-a", &b""[..], false));
        let page = page(200, &lines.collect::<Vec<_>>(), b"");
        assert!(PageCodec.encode(&page, &mut Vec::new()).is_err());
    }

    #[test]
    fn a_page_in_another_form_is_refused() {
        let page = page(200, &[("a", b"1", false), ("a", b"2", false), ("b", b"3", false)], b"");
        let good = written(&page);
        assert!(read(&good).is_ok());
        let with = |changes: &[(usize, u8)]| {
            let mut bytes = good.clone();
            changes.iter().for_each(|(at, byte)| bytes[*at] = *byte);
            read(&bytes).map(|_| ()).map_err(|error| error.to_string())
        };
        let refused = |text: &str| Err(text.to_owned());
        assert_eq!(with(&[(1, 0xff)]), refused("no status"));
        assert_eq!(with(&[(10, b'A')]), refused("no name of a field"), "no capitals");
        assert_eq!(with(&[(15, b'\n')]), refused("no value of a field"));
        assert_eq!(with(&[(16, 2)]), refused("neither a secret nor none"));
        assert_eq!(with(&[(32, b'c')]), Ok(()));
        assert_eq!(with(&[(21, b'c'), (32, b'a')]), refused("a field in two places"));
    }

    fn pages() -> impl Strategy<Value = Page> {
        let names = prop::sample::select(vec!["etag", "vary", "x-a", "age", "content-type"]);
        let values =
            prop::collection::vec(prop_oneof![Just(b'\t'), 32..127_u8, 128..=255_u8], 0..9);
        let lines = prop::collection::vec((names, values, any::<bool>()), 0..6);
        (100..1000_u16, lines, prop::collection::vec(any::<u8>(), 0..20)).prop_map(
            |(status, lines, body)| {
                let lines: Vec<_> = lines
                    .iter()
                    .map(|(name, value, secret)| (*name, &value[..], *secret))
                    .collect();
                page(status, &lines, &body)
            },
        )
    }

    fn shared(page: Page) -> SharedResponse {
        match page {
            Page::Shared(shared, _) | Page::Elsewhere { shared, .. } => shared.response,
            Page::Own | Page::ForLeader(_) => panic!("it is for its own request"),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None, cases: 1000, ..ProptestConfig::default()
        })]

        /// H24: what is written is read as it was, line by line; and a part of it never is a page.
        #[test]
        fn a_page_comes_back(page in pages(), cut in any::<prop::sample::Index>()) {
            let bytes = written(&page);
            let (read, page) = (shared(PageCodec.decode(&bytes).unwrap()), shared(page));
            let lines = |page: &SharedResponse| -> Vec<_> {
                let lines = page.parts().1.iter();
                lines.map(|(name, value)| (name.clone(), value.clone(), value.is_sensitive())).collect()
            };
            prop_assert_eq!(lines(&read), lines(&page));
            prop_assert_eq!((read.parts().0, read.parts().2), (page.parts().0, page.parts().2));
            prop_assert!(PageCodec.decode(&bytes[..cut.index(bytes.len())]).is_err());
            let longer = [&bytes[..], b"!"].concat();
            prop_assert!(PageCodec.decode(&longer).is_err());
        }

        /// H24: bytes of any kind are refused, or are exactly those of the page that is read.
        #[test]
        fn other_bytes_are_another_page_or_none(
            page in pages(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut bytes = written(&page);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Ok(read) = PageCodec.decode(&bytes) {
                prop_assert_eq!(written(&read), bytes);
            }
        }

        #[test]
        fn any_bytes_are_refused_or_exact(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(read) = PageCodec.decode_kept(&bytes) {
                prop_assert_eq!(written(&read), bytes);
            }
        }
    }
}
