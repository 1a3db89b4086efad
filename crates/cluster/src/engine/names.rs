//! Names in an engine: of a key, of a process, of a claim, of a flight.

use std::fmt;
use std::sync::Arc;

use crate::random::random;

/// Digests are spread over so many partitions of a name.
pub const PARTITIONS: u8 = 64;

/// The digest of a key, which stands for the key in an engine.
///
/// It covers the namespace, the name, the schema, the codec, the windows and the key itself. So an engine
/// never sees a key, and processes with other settings never meet.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::Digest;
///
/// let digest = Digest::new([0x0a; 16]);
/// assert_eq!(digest.to_string(), "0a".repeat(16));
/// assert_eq!(digest.bytes(), &[0x0a; 16]);
/// assert_eq!(digest.partition(), 10);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 16]);

impl Digest {
    /// Makes a digest of its bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Returns the partition of the name in which the key lies: less than [`PARTITIONS`].
    #[must_use]
    pub const fn partition(&self) -> u8 {
        self.0[0] % PARTITIONS
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key as an engine sees it.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::{Digest, Key};
///
/// let key = Key { namespace: "shop", name: "users", digest: Digest::new([7; 16]) };
/// assert_eq!(key.to_string(), format!("{{shop:users:7}}:{}", "07".repeat(16)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key<'a> {
    /// The namespace of the cluster.
    pub namespace: &'a str,
    /// The name of the coalescer in the cluster.
    pub name: &'a str,
    /// The digest.
    pub digest: Digest,
}

/// The name under which a server stores the key. What stands in braces decides on the node of a Redis
/// Cluster, and is the same for all keys of a partition.
impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, name, digest } = self;
        write!(f, "{{{namespace}:{name}:{}}}:{digest}", digest.partition())
    }
}

/// The address of a process: its namespace, and 128 random bits.
///
/// A process draws one when it opens a cluster. It is never derived from the number of the process, which
/// another host, or a later process, has as well.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::Inbox;
///
/// let inbox = Inbox::draw("shop");
/// assert_ne!(inbox, Inbox::draw("shop"));
/// assert_eq!(inbox.namespace(), "shop");
/// assert_eq!(Inbox::parse(inbox.as_str()), Some(inbox));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Inbox(Arc<str>);

impl Inbox {
    /// Draws a new one.
    #[must_use]
    pub fn draw(namespace: &str) -> Self {
        Self(format!("{namespace}:{}", Digest(random())).into())
    }

    /// Reads what [`as_str`](Self::as_str) has returned; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (_, bits) = text.split_once(':')?;
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (bits.len() == 32 && bits.bytes().all(is_hex)).then(|| Self(text.into()))
    }

    /// Returns the text, which is unique in all engines.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.0.split_once(':').map_or("", |(namespace, _)| namespace)
    }
}

impl fmt::Display for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of one claim: the inbox of its process, and a number that the process never uses again.
///
/// A claim whose reply is lost may have been carried out. Asked again with its token, the engine gives the
/// same answer; released by its token, it leaves nothing behind.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::{Inbox, Token};
///
/// let inbox = Inbox::draw("shop");
/// let token = Token::new(inbox.clone(), 7);
/// assert_eq!(token.to_string(), format!("{inbox}#7"));
/// assert_eq!(Token::parse(&token.to_string()), Some(token.clone()));
/// assert_eq!((token.inbox(), token.number()), (&inbox, 7));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token {
    inbox: Inbox,
    number: u64,
}

impl Token {
    /// Makes a token.
    #[must_use]
    pub const fn new(inbox: Inbox, number: u64) -> Self {
        Self { inbox, number }
    }

    /// Reads what `Display` has written; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (inbox, number) = text.rsplit_once('#')?;
        let token = Self::new(Inbox::parse(inbox)?, number.parse().ok()?);
        (token.to_string() == text).then_some(token)
    }

    /// Returns the inbox of the process that claims.
    #[must_use]
    pub const fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Returns the number of the claim in its process.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.inbox, self.number)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The identity of a flight of the cluster, unique among all flights that the engine ever had.
///
/// Its text is the engine's: the token that began the flight, or a number of a sequence.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::FlightId;
///
/// let flight = FlightId::new("17");
/// assert_eq!(flight.as_str(), "17");
/// assert_ne!(flight, FlightId::new("18"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlightId(Arc<str>);

impl FlightId {
    /// Makes an identity of its text.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FlightId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FlightId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
