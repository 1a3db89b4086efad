//! The settings that two processes must agree on before one gets a value of the other's.

use std::fmt;
use std::time::Duration;

use crate::engine::Digest;
use crate::hash::{add, first};

use super::FORMAT;
use super::schema::Schema;

/// A namespace or a name has at most so many bytes.
const LONGEST_NAME: usize = 64;

/// The settings that are part of every digest. Processes that differ in one of them form groups of their own,
/// which is all that a rolling deploy does.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer_cluster::wire::{Digests, Schema, Scope};
///
/// let scope = Scope {
///     namespace: "shop",
///     name: "users",
///     schema: Schema::named("3"),
///     codec: "postcard",
///     window: Duration::from_millis(100),
///     error_window: Duration::ZERO,
/// };
/// let digests = Digests::new(&scope)?;
/// assert_ne!(digests.of(b"7"), digests.of(b"8"));
///
/// let longer = Digests::new(&Scope { window: Duration::from_secs(1), ..scope })?;
/// assert_ne!(digests.of(b"7"), longer.of(b"7"));
/// # Ok::<(), coalescer_cluster::wire::BadName>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The namespace of the cluster.
    pub namespace: &'a str,
    /// The name of the coalescer in the cluster.
    pub name: &'a str,
    /// Who understands whose values.
    pub schema: Schema,
    /// The name of the codec.
    pub codec: &'a str,
    /// The window.
    pub window: Duration,
    /// The window of errors.
    pub error_window: Duration,
}

/// Makes the digests of the keys of one scope.
///
/// # Examples
///
/// See [`Scope`].
#[derive(Clone)]
pub struct Digests {
    /// It has read the scope.
    begun: blake3::Hasher,
}

impl Digests {
    /// Prepares the digests of a scope.
    ///
    /// # Errors
    ///
    /// If the namespace or the name is [no name](check_name).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use coalescer_cluster::wire::{Digests, Schema, Scope};
    /// let scope = Scope {
    ///     namespace: "shop", name: "our users", schema: Schema::named("3"), codec: "postcard",
    ///     window: Duration::ZERO, error_window: Duration::ZERO,
    /// };
    /// assert!(Digests::new(&scope).is_err());
    /// ```
    pub fn new(scope: &Scope<'_>) -> Result<Self, BadName> {
        check_name(scope.namespace)?;
        check_name(scope.name)?;
        let mut begun = blake3::Hasher::new();
        begun.update(&[FORMAT]);
        for text in [scope.namespace, scope.name] {
            add(&mut begun, text.as_bytes());
        }
        add(&mut begun, scope.schema.bytes());
        add(&mut begun, scope.codec.as_bytes());
        for window in [scope.window, scope.error_window] {
            add(&mut begun, &window.as_nanos().to_le_bytes());
        }
        Ok(Self { begun })
    }

    /// Returns the digest of a key's bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use coalescer_cluster::wire::{Digests, Schema, Scope};
    /// # let scope = Scope {
    /// #     namespace: "shop", name: "users", schema: Schema::named("3"), codec: "postcard",
    /// #     window: Duration::ZERO, error_window: Duration::ZERO,
    /// # };
    /// let digests = Digests::new(&scope)?;
    /// assert_eq!(digests.of(b"7"), digests.of(b"7"));
    /// # Ok::<(), coalescer_cluster::wire::BadName>(())
    /// ```
    #[must_use]
    pub fn of(&self, key: &[u8]) -> Digest {
        let mut hasher = self.begun.clone();
        add(&mut hasher, key);
        Digest::new(first(&hasher))
    }
}

impl fmt::Debug for Digests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digests").finish_non_exhaustive()
    }
}

/// Checks a namespace or a name: 1 to 64 letters, digits, `.`, `_` or `-` of ASCII. So it can stand in the
/// keys, channels and rights of every engine.
///
/// # Errors
///
/// If it is anything else.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::wire::check_name;
///
/// assert!(check_name("shop-2.users").is_ok());
/// let error = check_name("shop users").unwrap_err();
/// assert!(error.to_string().starts_with("'shop users' is no name"));
/// ```
pub fn check_name(name: &str) -> Result<(), BadName> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_allowed) {
        Ok(())
    } else {
        Err(BadName(name.chars().take(LONGEST_NAME).collect()))
    }
}

/// A text is no name for a namespace or a coalescer.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::wire::check_name;
///
/// let error = check_name("").unwrap_err();
/// assert!(error.to_string().contains("1 to 64 letters"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadName(Box<str>);

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.escape_debug();
        write!(f, "'{name}' is no name for a cluster: use 1 to 64 letters, digits, '.', '_' or '-'")
    }
}

impl std::error::Error for BadName {}
