//! The default codec.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Codec, CodecError, whole};

/// The codec of the format postcard, version 1: small, with specified bytes, and without names of fields.
///
/// Its bytes do not say what they are. Two types of one layout decode into each other, so values cross only
/// between equal builds, unless a schema is named.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::codec::{Codec, CodecError, Postcard};
///
/// let mut bytes = Vec::new();
/// Postcard.encode(&(7_u32, "ada".to_owned()), &mut bytes)?;
/// assert_eq!(bytes, [7, 3, b'a', b'd', b'a']);
///
/// let value: (u32, String) = Postcard.decode(&bytes)?;
/// assert_eq!(value, (7, "ada".to_owned()));
/// let shorter: Result<u32, CodecError> = Postcard.decode(&bytes);
/// assert!(shorter.is_err(), "bytes are left over");
/// # Ok::<(), CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Postcard;

impl<T: Serialize + DeserializeOwned> Codec<T> for Postcard {
    fn name(&self) -> &str {
        "postcard"
    }

    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        write(value, out)
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError> {
        read(bytes)
    }
}

pub(crate) fn write<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    *out = postcard::to_extend(value, std::mem::take(out)).map_err(CodecError::of)?;
    Ok(())
}

pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(CodecError::of)?;
    whole(value, rest)
}
