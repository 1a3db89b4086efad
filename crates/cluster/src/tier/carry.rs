//! The choices of a sharing: its errors, and a look at each value before others get it.

use crate::codec::{Codec, CodecError};

/// How the errors of a table reach other processes: [`OwnErrors`] or [`SharedErrors`].
///
/// # Examples
///
/// ```
/// use coalescer_cluster::codec::Postcard;
/// use coalescer_cluster::sharing::{CarriesErrors, OwnErrors, SharedErrors};
///
/// fn is_shared<E, C, X: CarriesErrors<E, C>>(_: X, _: C) -> bool { X::SHARES }
///
/// assert!(!is_shared::<std::io::Error, _, _>(OwnErrors, Postcard));
/// assert!(is_shared::<String, _, _>(SharedErrors, Postcard));
/// ```
pub trait CarriesErrors<E, C>: Send + Sync + 'static {
    /// Other processes get the errors.
    const SHARES: bool;

    /// Calls of other processes that waited get a panic's text. If not, they run their own functions, all at once,
    /// one a process, and no text reaches the engine.
    const TELLS_PANICS: bool = true;

    /// Appends the error's bytes.
    ///
    /// # Errors
    ///
    /// If the error has none.
    fn encode(&self, codec: &C, error: &E, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Reads an error.
    ///
    /// # Errors
    ///
    /// If the bytes are none.
    fn decode(&self, codec: &C, bytes: &[u8]) -> Result<E, CodecError>;
}

/// Errors stay in the process whose function failed. Calls of other processes that waited for it run their
/// own functions, all at once. The default, since most errors have no bytes.
///
/// # Examples
///
/// See [`CarriesErrors`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnErrors;

/// Errors are shared as values are, by the same codec.
///
/// # Examples
///
/// See [`CarriesErrors`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SharedErrors;

impl<E, C> CarriesErrors<E, C> for OwnErrors {
    const SHARES: bool = false;

    fn encode(&self, _: &C, _: &E, _: &mut Vec<u8>) -> Result<(), CodecError> {
        Err(CodecError::new("errors stay in their process"))
    }

    fn decode(&self, _: &C, _: &[u8]) -> Result<E, CodecError> {
        Err(CodecError::new("errors stay in their process"))
    }
}

impl<E, C: Codec<E>> CarriesErrors<E, C> for SharedErrors {
    const SHARES: bool = true;

    fn encode(&self, codec: &C, error: &E, out: &mut Vec<u8>) -> Result<(), CodecError> {
        codec.encode(error, out)
    }

    fn decode(&self, codec: &C, bytes: &[u8]) -> Result<E, CodecError> {
        codec.decode(bytes)
    }
}

/// Compares a value with what other processes would read.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::sharing::{CheckedBy, ChecksValues, Unchecked};
///
/// let check = CheckedBy(|made: &f64, read: &f64| made.to_bits() == read.to_bits());
/// assert!(check.accepts(&0.5, &0.5));
/// fn looks<V, Q: ChecksValues<V>>(_: Q) -> bool { Q::LOOKS }
/// assert!(!looks::<f64, _>(Unchecked));
/// ```
pub trait ChecksValues<V>: Send + Sync + 'static {
    /// The value is read back before it is published.
    const LOOKS: bool;

    /// Returns true if other processes may get it.
    fn accepts(&self, made: &V, read: &V) -> bool;
}

/// Values are not read back.
///
/// # Examples
///
/// See [`ChecksValues`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unchecked;

/// Values are read back, and compared by this function.
///
/// # Examples
///
/// See [`ChecksValues`].
#[derive(Clone, Copy)]
pub struct CheckedBy<F>(pub F);

impl<V> ChecksValues<V> for Unchecked {
    const LOOKS: bool = false;

    fn accepts(&self, _: &V, _: &V) -> bool {
        true
    }
}

impl<V, F: Fn(&V, &V) -> bool + Send + Sync + 'static> ChecksValues<V> for CheckedBy<F> {
    const LOOKS: bool = true;

    fn accepts(&self, made: &V, read: &V) -> bool {
        (self.0)(made, read)
    }
}

impl<F> std::fmt::Debug for CheckedBy<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckedBy").finish_non_exhaustive()
    }
}
