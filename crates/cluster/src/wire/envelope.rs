//! The envelope of an outcome: what it is, whose it is, and a checksum.
//!
//! ```text
//!  0  "CO"              2 B
//!  2  format, 1         1 B
//!  3  kind              1 B   1: value, 2: error; +128: the body begins with its lifetime
//!  4  codec             4 B   of the digest of its name
//!  8  schema            8 B   of its digest
//! 16  key's digest     16 B
//! 32  body's length     4 B   little-endian
//! 36  checksum         16 B   BLAKE3 of all bytes before it and of the body, keyed if there is a secret
//! 52  body
//! ```
//!
//! Nothing follows the body. A lifetime is 8 B of nanoseconds, little-endian, from the begin of the execution.

use std::fmt;
use std::time::Duration;

use crate::codec::{CodecError, contained};
use crate::engine::Digest;
use crate::hash::first;
use crate::sync::nanos;

use super::FORMAT;
use super::schema::Schema;

/// The length of an envelope without its body.
pub const HEADER: usize = 52;

/// The place of the checksum, which covers all before it.
const CHECKSUM: usize = 36;

/// Marks a kind whose body begins with a lifetime.
const WITH_LIFETIME: u8 = 0x80;

/// The kind of outcome in an envelope.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::wire::Kind;
///
/// assert_ne!(Kind::Value, Kind::Error);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A value.
    Value,
    /// An error that processes share.
    Error,
}

impl Kind {
    const fn byte(self) -> u8 {
        match self {
            Self::Value => 1,
            Self::Error => 2,
        }
    }

    const fn of(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Value),
            2 => Some(Self::Error),
            _ => None,
        }
    }
}

/// An envelope that was opened.
///
/// # Examples
///
/// See [`Seal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened<'b> {
    /// The kind of the outcome.
    pub kind: Kind,
    /// The outcome is served for so long after the begin of its execution, if that is shorter than its window.
    pub lives_for: Option<Duration>,
    /// The codec's bytes.
    pub body: &'b [u8],
}

/// Says why bytes are no envelope for a call. It never hands anything out: the result is removed, and the call
/// leads.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::Digest;
/// use coalescer_cluster::wire::{Schema, Seal, Undecodable};
///
/// let seal = Seal::new(Schema::named("3"), "bytes");
/// assert_eq!(seal.open(Digest::new([7; 16]), b"CO"), Err(Undecodable::Short));
/// assert_eq!(Undecodable::Short.to_string(), "the bytes are too few for an envelope");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Undecodable {
    /// There are fewer bytes than a header has.
    Short,
    /// They do not begin as an envelope does.
    Foreign,
    /// Another format, of another version of this crate.
    Format,
    /// The length is not that of the body.
    Length,
    /// The checksum is wrong: other bytes, or another secret.
    Checksum,
    /// Another codec.
    Codec,
    /// Another schema.
    Schema,
    /// Another key.
    Key,
    /// A kind that this version does not know.
    Kind,
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "the bytes are too few for an envelope",
            Self::Foreign => "the bytes are no envelope",
            Self::Format => "the envelope is of another version of this crate",
            Self::Length => "the envelope is cut off, or has bytes behind its body",
            Self::Checksum => "the envelope's bytes were changed, or its writer has another secret",
            Self::Codec => "the envelope was written by another codec",
            Self::Schema => "the envelope is of another build or schema",
            Self::Key => "the envelope is of another key",
            Self::Kind => "the envelope has neither a value nor an error",
        })
    }
}

impl std::error::Error for Undecodable {}

/// Makes and opens the envelopes of one scope.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::codec::{Bytes, Codec};
/// use coalescer_cluster::engine::Digest;
/// use coalescer_cluster::wire::{Kind, Schema, Seal};
///
/// let digest = Digest::new([7; 16]);
/// let seal = Seal::new(Schema::named("3"), "text").secret(&[9; 32]);
/// let encode = |out: &mut Vec<u8>| Bytes.encode(&"ada".to_owned(), out);
/// let envelope = seal.close(Kind::Value, digest, None, encode)?;
///
/// let opened = seal.open(digest, &envelope).unwrap();
/// assert_eq!((opened.kind, opened.body), (Kind::Value, &b"ada"[..]));
///
/// let stranger = Seal::new(Schema::named("3"), "text");
/// assert!(stranger.open(digest, &envelope).is_err(), "it does not know the secret");
/// # Ok::<(), coalescer_cluster::codec::CodecError>(())
/// ```
#[derive(Clone)]
pub struct Seal {
    codec: [u8; 4],
    schema: [u8; 8],
    secret: Option<[u8; 32]>,
}

impl Seal {
    /// Makes a seal without a secret: its checksum finds accidents, and no malice.
    ///
    /// # Examples
    ///
    /// See [`Seal`].
    #[must_use]
    pub fn new(schema: Schema, codec: &str) -> Self {
        let mut name = blake3::Hasher::new();
        name.update(codec.as_bytes());
        Self { codec: first(&name), schema: schema.begin(), secret: None }
    }

    /// Adds a secret that all processes of the cluster have. Who does not know it can write nothing that they
    /// decode.
    ///
    /// # Examples
    ///
    /// See [`Seal`].
    #[must_use]
    pub const fn secret(mut self, secret: &[u8; 32]) -> Self {
        self.secret = Some(*secret);
        self
    }

    /// Makes an envelope around the bytes that the function appends. With `lives_for`, the outcome is served
    /// for no longer than that after the begin of its execution, even if its window is longer. A panic of the function becomes an error.
    ///
    /// # Errors
    ///
    /// If the function fails or panics, or if it writes more than 4 GiB.
    ///
    /// # Examples
    ///
    /// See [`Seal`].
    pub fn close(
        &self,
        kind: Kind,
        digest: Digest,
        lives_for: Option<Duration>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
    ) -> Result<Vec<u8>, CodecError> {
        let mut envelope = Vec::with_capacity(2 * HEADER);
        envelope.extend_from_slice(b"CO");
        let mark = lives_for.map_or(0, |_| WITH_LIFETIME);
        envelope.extend([FORMAT, kind.byte() | mark]);
        envelope.extend(self.codec);
        envelope.extend(self.schema);
        envelope.extend(digest.bytes());
        envelope.resize(HEADER, 0);
        if let Some(lives_for) = lives_for {
            envelope.extend(nanos(lives_for).to_le_bytes());
        }
        contained(|| write(&mut envelope))?;

        let length = envelope.len().checked_sub(HEADER).and_then(|body| u32::try_from(body).ok());
        let length =
            length.ok_or_else(|| CodecError::new("it wrote more than 4 GiB, or took bytes out"))?;
        envelope[CHECKSUM - 4..CHECKSUM].copy_from_slice(&length.to_le_bytes());
        let checksum = self.checksum(&envelope);
        envelope[CHECKSUM..HEADER].copy_from_slice(&checksum);
        Ok(envelope)
    }

    /// Opens an envelope of this key. Any bytes are safe here.
    ///
    /// # Errors
    ///
    /// If the bytes are not exactly an envelope that a process of this scope has made for this key.
    ///
    /// # Examples
    ///
    /// See [`Seal`].
    pub fn open<'b>(&self, digest: Digest, bytes: &'b [u8]) -> Result<Opened<'b>, Undecodable> {
        let body = bytes.get(HEADER..).ok_or(Undecodable::Short)?;
        if &bytes[..2] != b"CO" {
            return Err(Undecodable::Foreign);
        }
        if bytes[2] != FORMAT {
            return Err(Undecodable::Format);
        }
        let length = u32::try_from(body.len()).map(u32::to_le_bytes);
        if length.as_ref().map(|length| &length[..]) != Ok(&bytes[CHECKSUM - 4..CHECKSUM]) {
            return Err(Undecodable::Length);
        }
        if !is_equal(&self.checksum(bytes), &bytes[CHECKSUM..HEADER]) {
            return Err(Undecodable::Checksum);
        }
        if bytes[4..8] != self.codec {
            return Err(Undecodable::Codec);
        }
        if bytes[8..16] != self.schema {
            return Err(Undecodable::Schema);
        }
        if bytes[16..32] != *digest.bytes() {
            return Err(Undecodable::Key);
        }
        let kind = Kind::of(bytes[3] & !WITH_LIFETIME).ok_or(Undecodable::Kind)?;
        if bytes[3] & WITH_LIFETIME == 0 {
            return Ok(Opened { kind, lives_for: None, body });
        }
        let (lives_for, body) = body.split_first_chunk().ok_or(Undecodable::Length)?;
        let lives_for = Some(Duration::from_nanos(u64::from_le_bytes(*lives_for)));
        Ok(Opened { kind, lives_for, body })
    }

    fn checksum(&self, envelope: &[u8]) -> [u8; 16] {
        let mut hasher = match &self.secret {
            Some(secret) => blake3::Hasher::new_keyed(secret),
            None => blake3::Hasher::new(),
        };
        hasher.update(&envelope[..CHECKSUM]).update(&envelope[HEADER..]);
        first(&hasher)
    }
}

/// The secret is not shown.
impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_secret = self.secret.is_some();
        f.debug_struct("Seal").field("has_secret", &has_secret).finish_non_exhaustive()
    }
}

/// Compares all bytes in any case, so that the time does not tell how many are right.
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    let difference = one.iter().zip(other).fold(0, |all, (one, other)| all | (one ^ other));
    one.len() == other.len() && difference == 0
}
