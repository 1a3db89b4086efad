//! [`KeyLines`]: the fields of a key, as one text without ambiguity.

use http::{HeaderName, HeaderValue};

/// Lines of fields: for each line the length of the name, the name, the length of the value, the value.
///
/// One allocation, whatever the number of lines. It holds copies, so it keeps no buffer of the server alive.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeyLines(Box<[u8]>);

/// The length of a length.
const PREFIX: usize = size_of::<u32>();

impl KeyLines {
    pub(crate) fn new(lines: &[(&HeaderName, &HeaderValue)]) -> Self {
        let length =
            |(name, value): &(&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
        let total = lines.iter().map(|line| length(line) + 2 * PREFIX).sum();
        let mut text = Vec::with_capacity(total);
        for (name, value) in lines {
            for part in [name.as_str().as_bytes(), value.as_bytes()] {
                // No part is longer than the limit of the request gate.
                let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
                text.extend_from_slice(&length.to_ne_bytes());
                text.extend_from_slice(part);
            }
        }
        Self(text.into())
    }

    /// The name of each line.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.parts().step_by(2).filter_map(|name| std::str::from_utf8(name).ok())
    }

    /// The name and the value of each line, one after the other.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk::<PREFIX>()?;
            let length = usize::try_from(u32::from_ne_bytes(*length)).ok()?;
            let (part, after) = after.split_at_checked(length)?;
            rest = after;
            Some(part)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H1: what one line says does not pass for what another one says.
    #[test]
    fn lines_are_apart_and_names_are_found() {
        let lines = |lines: &[(&'static str, &'static str)]| {
            let lines = lines.iter().map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            });
            let lines: Vec<_> = lines.collect();
            KeyLines::new(&lines.iter().map(|(name, value)| (name, value)).collect::<Vec<_>>())
        };
        let one = lines(&[("accept", "a"), ("range", ""), ("range", "b")]);
        assert_eq!(one.names().collect::<Vec<_>>(), ["accept", "range", "range"]);
        for other in [
            lines(&[]),
            lines(&[("accept", "a"), ("range", "b")]),
            lines(&[("accept", "a"), ("range", "b"), ("range", "")]),
            lines(&[("accept", "arange"), ("range", "b")]),
        ] {
            assert_ne!(one, other);
        }
    }
}
