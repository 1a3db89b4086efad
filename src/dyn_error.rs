//! [`DynError`]: an error type for an `E` that does not implement `std::error::Error`.

use std::error::Error as StdError;
use std::fmt;

use crate::error::Error;

/// An [`Error`] whose `E` is `anyhow::Error`, `eyre::Report` or a boxed error; from
/// [`Error::into_dyn`].
///
/// It implements `std::error::Error`, so `?` converts it. Its source is the error inside `E`.
///
/// # Examples
///
/// ```
/// use coalescer::{DynError, Error};
///
/// let error: DynError<anyhow::Error> = Error::TimedOut.into_dyn();
/// assert!(error.0.is_timeout());
/// let report = anyhow::Error::from(error);
/// assert!(report.is::<DynError<anyhow::Error>>());
/// ```
pub struct DynError<E>(pub Error<E>);

impl<E> Error<E> {
    /// Converts this error for `?`, where `E` is `anyhow::Error`, `eyre::Report` or a boxed error.
    ///
    /// An `E` of this kind does not implement `std::error::Error`, so `?` alone cannot convert `Error<E>`. If `E`
    /// implements it, no conversion is needed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::error::Error as StdError;
    /// use coalescer::{Coalescer, Error};
    ///
    /// type Boxed = Box<dyn StdError + Send + Sync>;
    ///
    /// let users = Coalescer::new(|_: &u64| Err::<String, Boxed>("no such user".into()));
    /// let find = || -> Result<usize, Boxed> {
    ///     Ok(users.execute(&7).map_err(Error::into_dyn)?.len())
    /// };
    /// let error = find().unwrap_err();
    /// assert_eq!(error.source().unwrap().to_string(), "no such user");
    /// ```
    pub fn into_dyn(self) -> DynError<E> {
        DynError(self)
    }
}

impl<E: fmt::Debug> fmt::Debug for DynError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<E: fmt::Display> fmt::Display for DynError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<E> StdError for DynError<E>
where
    E: AsRef<dyn StdError + Send + Sync + 'static> + fmt::Debug + fmt::Display,
{
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0 {
            Error::Failed(error) => {
                let error: &(dyn StdError + Send + Sync + 'static) = E::as_ref(error);
                Some(error)
            }
            _ => None,
        }
    }
}
