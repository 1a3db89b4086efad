//! [`Body`]: the body of a response, in memory or behind a reader.

use std::fmt;
use std::io::{self, Cursor, Read};

use bytes::Bytes;

/// The body of a response: bytes in memory, or a reader with or without a known length.
///
/// | body | shared |
/// |---|---|
/// | bytes in memory | yes, without a copy |
/// | a reader of known length ([`sized`](Self::sized)) | yes: the leader reads it into memory, if it is no longer than `max_body` |
/// | a reader of unknown length ([`stream`](Self::stream)) | no: the leader's client gets it as the handler made it |
///
/// A `Body` implements [`Read`], so a server sends all three in the same way.
///
/// # Examples
///
/// ```
/// use std::io::Read;
/// use coalescer_http::Body;
///
/// let mut body = Body::from("hello");
/// assert_eq!(body.len(), Some(5));
///
/// let mut text = String::new();
/// body.read_to_string(&mut text).unwrap();
/// assert_eq!(text, "hello");
/// ```
#[derive(Default)]
pub struct Body(Kind);

enum Kind {
    Bytes(Bytes),
    Reader(Box<dyn Read + Send>, Option<u64>),
}

impl Default for Kind {
    fn default() -> Self {
        Self::Bytes(Bytes::new())
    }
}

impl Body {
    /// Makes a body without bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(coalescer_http::Body::empty().len(), Some(0));
    /// ```
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Makes a body of unknown length, which ends where the reader ends. It is never shared.
    ///
    /// # Examples
    ///
    /// ```
    /// let body = coalescer_http::Body::stream(std::io::empty());
    /// assert_eq!(body.len(), None);
    /// ```
    #[must_use]
    pub fn stream(reader: impl Read + Send + 'static) -> Self {
        Self(Kind::Reader(Box::new(reader), None))
    }

    /// Makes a body of `length` bytes, for instance of a file. It reads no byte beyond `length`.
    ///
    /// A reader that ends before `length` makes the response unshared: see
    /// [`Unshared::BrokenBody`](crate::Unshared::BrokenBody).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs::File;
    /// use coalescer_http::Body;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let file = File::open("Cargo.toml")?;
    /// let length = file.metadata()?.len();
    /// let body = Body::sized(file, length);
    /// assert_eq!(body.len(), Some(length));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn sized(reader: impl Read + Send + 'static, length: u64) -> Self {
        Self(Kind::Reader(Box::new(reader.take(length)), Some(length)))
    }

    /// Returns the number of bytes left to read, or `None` if the length is unknown.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::Body;
    ///
    /// assert_eq!(Body::from("four").len(), Some(4));
    /// assert_eq!(Body::stream(std::io::empty()).len(), None);
    /// ```
    #[must_use]
    pub fn len(&self) -> Option<u64> {
        match &self.0 {
            Kind::Bytes(bytes) => Some(bytes.len() as u64),
            Kind::Reader(_, left) => *left,
        }
    }

    /// Returns `true` if the length is known and no byte is left to read.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::Body;
    ///
    /// assert!(Body::empty().is_empty());
    /// assert!(!Body::stream(std::io::empty()).is_empty()); // its length is unknown
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// Returns the rest of the body as bytes in memory.
    ///
    /// Reads a reader to its end, without a limit on the length. Blocks as long as that takes.
    ///
    /// # Errors
    ///
    /// Returns the reader's error, or [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if a reader of
    /// known length ends too soon.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_http::Body;
    ///
    /// assert_eq!(Body::from("hello").into_bytes().unwrap(), "hello");
    /// assert!(Body::sized(std::io::empty(), 1).into_bytes().is_err());
    /// ```
    pub fn into_bytes(self) -> io::Result<Bytes> {
        self.collect().map_err(|(_, error)| error)
    }

    /// Does the same as [`into_bytes`](Self::into_bytes). On an error it returns a body too, which
    /// yields the bytes read so far and then the error.
    pub(crate) fn collect(self) -> Result<Bytes, (Self, io::Error)> {
        let (mut reader, announced) = match self.0 {
            Kind::Bytes(bytes) => return Ok(bytes),
            Kind::Reader(reader, left) => (reader, left),
        };
        let mut read = Vec::new();
        let missing = || io::Error::new(io::ErrorKind::UnexpectedEof, "the body ends too soon");
        let error = match reader.read_to_end(&mut read) {
            Ok(length) if announced.is_none_or(|announced| announced == length as u64) => {
                return Ok(read.into());
            }
            Ok(_) => missing(),
            Err(error) => error,
        };
        let again = Broken(Some(io::Error::new(error.kind(), error.to_string())));
        let body = Kind::Reader(Box::new(Cursor::new(read).chain(again)), announced);
        Err((Self(body), error))
    }
}

/// A reader that fails once and then ends.
struct Broken(Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Kind::Bytes(bytes) => {
                let length = into.len().min(bytes.len());
                into[..length].copy_from_slice(&bytes.split_to(length));
                Ok(length)
            }
            Kind::Reader(reader, left) => {
                let length = reader.read(into)?;
                if let Some(left) = left {
                    *left = left.saturating_sub(length as u64);
                }
                Ok(length)
            }
        }
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self(Kind::Bytes(bytes.into()))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.len() {
            Some(length) => write!(f, "Body({length} bytes)"),
            None => f.write_str("Body(of unknown length)"),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_all_kinds_read_the_same_and_count_what_is_left() {
        let bodies = [
            Body::from("hello"),
            Body::from(b"hello".to_vec()),
            Body::from(String::from("hello")),
            Body::sized(&b"hello, and more"[..], 5),
        ];
        for mut body in bodies {
            let mut two = [0; 2];
            body.read_exact(&mut two).unwrap();
            assert_eq!((&two, body.len(), body.is_empty()), (b"he", Some(3), false));
            assert_eq!(body.into_bytes().unwrap(), "llo");
        }
        assert_eq!(Body::stream(&b"hello"[..]).into_bytes().unwrap(), "hello");
        assert_eq!(Body::empty().into_bytes().unwrap(), "");
    }

    #[test]
    fn a_body_that_ends_too_soon_reads_on_as_it_would_have() {
        let short = Body::sized(&b"hello"[..], 9);
        let (mut body, error) = short.collect().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let mut read = Vec::new();
        assert_eq!(body.read_to_end(&mut read).unwrap_err().kind(), error.kind());
        assert_eq!(read, b"hello");
    }

    #[test]
    fn a_reader_that_fails_gives_back_what_it_had_read_and_its_error() {
        let reader = (&b"hel"[..]).chain(Broken(Some(io::Error::other("disk on fire"))));
        let (mut body, error) = Body::sized(reader, 5).collect().unwrap_err();
        assert_eq!((error.to_string().as_str(), body.len()), ("disk on fire", Some(5)));
        let mut read = Vec::new();
        let error = body.read_to_end(&mut read).unwrap_err();
        assert_eq!((read.as_slice(), error.to_string().as_str()), (&b"hel"[..], "disk on fire"));
    }

    #[test]
    fn a_body_says_how_long_it_is() {
        assert_eq!(format!("{:?}", Body::from("four")), "Body(4 bytes)");
        assert_eq!(format!("{:?}", Body::stream(io::empty())), "Body(of unknown length)");
    }
}
