//! A codec that people can read.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Codec, CodecError};

/// The codec of JSON. Maps must have keys that are text, and a number is finite.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::codec::{Codec, CodecError, Json};
///
/// let mut bytes = Vec::new();
/// Json.encode(&vec![Some(7_u32), None], &mut bytes)?;
/// assert_eq!(bytes, b"[7,null]");
/// let value: Vec<Option<u32>> = Json.decode(&bytes)?;
/// assert_eq!(value, [Some(7), None]);
/// # Ok::<(), CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

impl<T: Serialize + DeserializeOwned> Codec<T> for Json {
    fn name(&self) -> &str {
        "json"
    }

    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        serde_json::to_writer(out, value).map_err(CodecError::of)
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError> {
        // The position, and not the text around it: that is the value's.
        let told = |error: serde_json::Error| {
            CodecError::new(format!(
                "no value of this type: line {}, column {}",
                error.line(),
                error.column()
            ))
        };
        serde_json::from_slice(bytes).map_err(told)
    }
}
