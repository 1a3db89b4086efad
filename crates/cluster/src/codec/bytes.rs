//! Values that are bytes already.

use super::{Codec, CodecError};

/// The codec of `Vec<u8>` and `String`: their bytes as they are. It needs no serde.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::codec::{Bytes, Codec, CodecError};
///
/// let mut bytes = Vec::new();
/// Bytes.encode(&"ada".to_owned(), &mut bytes)?;
/// assert_eq!(bytes, b"ada");
/// let value: String = Bytes.decode(&bytes)?;
/// assert_eq!(value, "ada");
/// # Ok::<(), CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Bytes;

impl Codec<Vec<u8>> for Bytes {
    fn name(&self) -> &str {
        "bytes"
    }

    fn encode(&self, value: &Vec<u8>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(value);
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
        Ok(bytes.to_vec())
    }
}

impl Codec<String> for Bytes {
    fn name(&self) -> &str {
        "text"
    }

    fn encode(&self, value: &String, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(value.as_bytes());
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, CodecError> {
        let text = std::str::from_utf8(bytes);
        text.map(str::to_owned).map_err(CodecError::of)
    }
}
