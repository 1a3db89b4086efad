//! A codec as JSON, with smaller bytes.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Codec, CodecError, whole};

/// The codec of MessagePack, with the names of fields.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::codec::{Codec, CodecError, MessagePack};
///
/// let mut bytes = Vec::new();
/// MessagePack.encode(&vec![Some(7_u32), None], &mut bytes)?;
/// assert_eq!(bytes, [0x92, 7, 0xc0]);
/// let value: Vec<Option<u32>> = MessagePack.decode(&bytes)?;
/// assert_eq!(value, [Some(7), None]);
/// # Ok::<(), CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MessagePack;

impl<T: Serialize + DeserializeOwned> Codec<T> for MessagePack {
    fn name(&self) -> &str {
        "messagepack"
    }

    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        rmp_serde::encode::write_named(out, value).map_err(CodecError::of)
    }

    fn decode(&self, mut bytes: &[u8]) -> Result<T, CodecError> {
        let value = rmp_serde::from_read(&mut bytes).map_err(CodecError::of)?;
        whole(value, bytes)
    }
}
