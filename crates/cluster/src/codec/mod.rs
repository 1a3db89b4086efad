//! How values become bytes and come back.
//!
//! | codec | values | its bytes |
//! |---|---|---|
//! | [`Postcard`], the default | those of serde | small, and only for equal types on both sides |
//! | `Json` (feature `json`) | those of serde | readable; fields may come and go, if the types say so |
//! | `MessagePack` (feature `messagepack`) | those of serde | as JSON, smaller |
//! | [`Bytes`] | `Vec<u8>` and `String` | as they are |
//!
//! **What serde leaves out is missing in the other processes.** A field with `#[serde(skip)]` has its default
//! there.

mod bytes;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "messagepack")]
mod message_pack;
mod postcard;

use std::fmt;

use crate::panics::caught;

pub use bytes::Bytes;
#[cfg(feature = "json")]
#[cfg_attr(docsrs, doc(cfg(feature = "json")))]
pub use json::Json;
#[cfg(feature = "messagepack")]
#[cfg_attr(docsrs, doc(cfg(feature = "messagepack")))]
pub use message_pack::MessagePack;
pub use postcard::Postcard;
pub(crate) use postcard::{read as postcard_read, write as postcard_write};

/// Writes values as bytes, and reads them.
///
/// It runs without any lock. If it fails or panics, the value stays in its process: in encoding, the others run
/// their own functions; in decoding, the result is removed, and the call leads.
///
/// # Examples
///
/// A codec that encrypts is a wrapper:
///
/// ```
/// use coalescer_cluster::codec::{Codec, CodecError, Postcard};
///
/// struct Veiled<C>(C, u8);
///
/// impl<T, C: Codec<T>> Codec<T> for Veiled<C> {
///     fn name(&self) -> &str { "veiled" }
///
///     fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
///         let from = out.len();
///         self.0.encode(value, out)?;
///         out[from..].iter_mut().for_each(|byte| *byte ^= self.1); // in earnest: a real cipher
///         Ok(())
///     }
///
///     fn decode(&self, bytes: &[u8]) -> Result<T, CodecError> {
///         let clear: Vec<_> = bytes.iter().map(|byte| byte ^ self.1).collect();
///         self.0.decode(&clear)
///     }
/// }
///
/// let codec = Veiled(Postcard, 0x55);
/// let mut bytes = Vec::new();
/// codec.encode(&(7_u32, "ada".to_owned()), &mut bytes)?;
/// let value: (u32, String) = codec.decode(&bytes)?;
/// assert_eq!(value, (7, "ada".to_owned()));
/// # Ok::<(), CodecError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{T}` cannot be written by the codec `{Self}`, so it cannot be shared with other processes",
    label = "values, and errors with `share_errors`, need bytes",
    note = "derive serde's `Serialize` and `Deserialize` for it, or give a codec of your own: `.codec(..)`"
)]
pub trait Codec<T>: Send + Sync + 'static {
    /// The name, which is part of every key: processes with codecs of other names never meet. Change it when the
    /// bytes change.
    fn name(&self) -> &str;

    /// Appends the value's bytes.
    ///
    /// # Errors
    ///
    /// If the value has no bytes in this format.
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Reads a value that is the whole of these bytes. Bytes that are left over are an error.
    ///
    /// # Errors
    ///
    /// If the bytes are no value.
    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError>;

    /// Reads a value that the engine had kept when the call asked. A value that the call waited for is read by
    /// [`decode`](Self::decode). By default there is no difference. It is for values that say so themselves, as
    /// a page of HTTP does by its `Age`.
    ///
    /// # Errors
    ///
    /// As in [`decode`](Self::decode).
    fn decode_kept(&self, bytes: &[u8]) -> Result<T, CodecError> {
        self.decode(bytes)
    }
}

/// A codec failed or panicked.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::codec::{Bytes, Codec, CodecError};
///
/// let decoded: Result<String, CodecError> = Bytes.decode(&[0xff]);
/// assert!(decoded.unwrap_err().to_string().contains("utf-8"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecError(Box<str>);

impl CodecError {
    /// Makes an error of a text. The text must not have the value in it, since logs show it.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_cluster::codec::CodecError;
    ///
    /// assert_eq!(CodecError::new("no key for it").to_string(), "no key for it");
    /// ```
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    fn of(error: impl fmt::Display) -> Self {
        Self::new(error.to_string())
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CodecError {}

/// A value that was read, if it was the whole of its bytes.
fn whole<T>(value: T, rest: &[u8]) -> Result<T, CodecError> {
    match rest {
        [] => Ok(value),
        rest => Err(CodecError::new(format!("{} bytes are left over", rest.len()))),
    }
}

/// Runs a codec's code, and makes an error of its panic.
pub(crate) fn contained<T>(code: impl FnOnce() -> Result<T, CodecError>) -> Result<T, CodecError> {
    caught(code).unwrap_or_else(|text| Err(CodecError::new(format!("it panicked: {text}"))))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let of_text = contained::<()>(|| panic!("no such variant"));
        assert_eq!(of_text.unwrap_err().to_string(), "it panicked: no such variant");
        let formatted = contained::<()>(|| panic!("no variant {}", 7));
        assert_eq!(formatted.unwrap_err().to_string(), "it panicked: no variant 7");
        assert!(contained(|| Ok(7)).is_ok());
    }
}
