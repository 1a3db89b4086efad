//! How keys become bytes.
//!
//! Keys of one digest share a value. So keys that differ must have bytes that differ, and nothing in the
//! language promises that `Serialize` does so: a field may be skipped, and a secret may write itself as stars.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::{contained, postcard_read, postcard_write};

/// Writes the parts of a key. Each part has its sort and its length in front, so no two lists of parts have the
/// same bytes.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::wire::KeyWriter;
///
/// let mut one = KeyWriter::new();
/// one.text("ab").text("c").number(7_u8);
/// let mut other = KeyWriter::new();
/// other.text("a").text("bc").number(7_u8);
/// assert_ne!(one.bytes(), other.bytes());
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KeyWriter {
    bytes: Vec<u8>,
}

impl KeyWriter {
    /// Makes a writer that has written nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(coalescer_cluster::wire::KeyWriter::new().bytes().is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a text.
    ///
    /// # Examples
    ///
    /// See [`KeyWriter`].
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.part(b't', text.as_bytes())
    }

    /// Writes bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::wire::KeyWriter;
    /// let mut key = KeyWriter::new();
    /// key.blob(&[1, 2]).blob(&[]);
    /// ```
    pub fn blob(&mut self, bytes: &[u8]) -> &mut Self {
        self.part(b'b', bytes)
    }

    /// Writes a number.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::wire::KeyWriter;
    /// let [mut one, mut other] = [KeyWriter::new(), KeyWriter::new()];
    /// assert_eq!(one.number(7_u8), other.number(7_u64));
    /// ```
    pub fn number(&mut self, number: impl Into<u128>) -> &mut Self {
        self.part(b'n', &number.into().to_le_bytes())
    }

    /// Writes a number with a sign.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::wire::KeyWriter;
    /// KeyWriter::new().signed(-7_i32);
    /// ```
    pub fn signed(&mut self, number: impl Into<i128>) -> &mut Self {
        self.part(b's', &number.into().to_le_bytes())
    }

    /// Writes a truth value.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::wire::KeyWriter;
    /// KeyWriter::new().flag(true);
    /// ```
    pub fn flag(&mut self, flag: bool) -> &mut Self {
        self.part(b'f', &[u8::from(flag)])
    }

    /// Returns what was written.
    ///
    /// # Examples
    ///
    /// See [`KeyWriter`].
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn part(&mut self, sort: u8, bytes: &[u8]) -> &mut Self {
        self.bytes.push(sort);
        self.bytes.extend((bytes.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(bytes);
        self
    }
}

/// The bytes of a key may be a secret, so their number is shown alone.
impl fmt::Debug for KeyWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyWriter").field("len", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// Writes keys of one type.
///
/// # Examples
///
/// See [`ReadBack`] and [`With`], which implement it.
#[diagnostic::on_unimplemented(
    message = "keys of type `{K}` cannot be written by `{Self}`, so they cannot be shared with other processes",
    label = "a key is written and read back by serde",
    note = "derive `Serialize` and `Deserialize` for it, or write it by a function: `.key_with(..)`"
)]
pub trait WriteKey<K: ?Sized>: Send + Sync + 'static {
    /// Writes a key.
    ///
    /// # Errors
    ///
    /// If the key's bytes do not stand for it. Such a key stays in its process.
    fn write(&self, key: &K, out: &mut KeyWriter) -> Result<(), KeyError>;
}

/// Writes keys by serde, and reads each one back: what does not come back equal is refused.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::wire::{KeyError, KeyWriter, ReadBack, WriteKey};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(PartialEq, Eq, Serialize, Deserialize)]
/// struct Tenant { id: u64, #[serde(skip)] region: u8 }
///
/// let mut out = KeyWriter::new();
/// ReadBack.write(&Tenant { id: 7, region: 0 }, &mut out)?;
/// assert!(ReadBack.write(&Tenant { id: 7, region: 1 }, &mut out).is_err(), "the region is lost");
/// # Ok::<(), KeyError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadBack;

impl<K: Serialize + DeserializeOwned + Eq> WriteKey<K> for ReadBack {
    fn write(&self, key: &K, out: &mut KeyWriter) -> Result<(), KeyError> {
        let mut written = Vec::new();
        let comes_back = contained(|| {
            postcard_write(key, &mut written)?;
            Ok(postcard_read::<K>(&written)? == *key)
        });
        match comes_back {
            Ok(true) => {
                out.part(b'k', &written);
                Ok(())
            }
            Ok(false) => Err(KeyError::new("it came back as another key")),
            Err(error) => Err(KeyError::new(error.to_string())),
        }
    }
}

/// Writes keys by a function, for keys that serde cannot read back, such as `&'static str`.
///
/// The function must write all that `Eq` compares.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::wire::{KeyError, KeyWriter, With, WriteKey};
///
/// let writer = With(|key: &&'static str, out: &mut KeyWriter| {
///     out.text(key);
/// });
/// let [mut one, mut other] = [KeyWriter::new(), KeyWriter::new()];
/// writer.write(&"EUR", &mut one)?;
/// writer.write(&"USD", &mut other)?;
/// assert_ne!(one, other);
/// # Ok::<(), KeyError>(())
/// ```
#[derive(Clone, Copy)]
pub struct With<F>(pub F);

impl<K, F: Fn(&K, &mut KeyWriter) + Send + Sync + 'static> WriteKey<K> for With<F> {
    fn write(&self, key: &K, out: &mut KeyWriter) -> Result<(), KeyError> {
        let before = out.bytes.len();
        let written = contained(|| {
            (self.0)(key, out);
            Ok(())
        });
        written.map_err(|error| KeyError::new(error.to_string()))?;
        // Else all keys would be one.
        if out.bytes.len() == before {
            return Err(KeyError::new("its function wrote nothing"));
        }
        Ok(())
    }
}

impl<F> fmt::Debug for With<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("With").finish_non_exhaustive()
    }
}

/// A key has no bytes that stand for it. The call stays in its process.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::wire::{KeyWriter, With, WriteKey};
///
/// let writer = With(|_: &u8, _: &mut KeyWriter| {});
/// let error = writer.write(&7, &mut KeyWriter::new()).unwrap_err();
/// assert!(error.to_string().starts_with("the key cannot be shared: its function wrote nothing"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError {
    text: Box<str>,
    is_by_choice: bool,
}

impl KeyError {
    /// Makes an error of a text, which must not have the key in it.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_cluster::wire::KeyError;
    ///
    /// assert!(KeyError::new("no").to_string().contains("cannot be shared: no"));
    /// ```
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self { text: text.into(), is_by_choice: false }
    }

    /// The key could be shared, and a setting says that it stays in its process. It is counted by itself, and is no
    /// mistake: a build with debug assertions does not panic.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_cluster::wire::KeyError;
    ///
    /// let error = KeyError::by_choice("it holds credentials");
    /// assert_eq!(error.to_string(), "the key stays in its process: it holds credentials");
    /// ```
    #[must_use]
    pub fn by_choice(text: impl Into<Box<str>>) -> Self {
        Self { text: text.into(), is_by_choice: true }
    }

    pub(crate) fn is_by_choice(&self) -> bool {
        self.is_by_choice
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, is_by_choice } = self;
        match is_by_choice {
            true => write!(f, "the key stays in its process: {text}"),
            false => write!(
                f,
                "the key cannot be shared: {text}. Write it by `With`, with all that `Eq` compares"
            ),
        }
    }
}

impl std::error::Error for KeyError {}
