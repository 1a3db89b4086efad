//! [`NameError`]: the reason why a manager has no such coalescer.

use std::error::Error as StdError;
use std::fmt;

/// The reason why a [`Manager`](crate::Manager) has no such coalescer under this name.
///
/// # Examples
///
/// ```
/// use coalescer::{Coalescer, Manager, NameError};
///
/// let manager = Manager::new();
/// manager.named("squares", |n: &u64| Ok::<u64, ()>(n * n)).unwrap();
///
/// let cubes = manager.named("squares", |n: &u64| Ok::<u64, ()>(n * n * n));
/// assert!(matches!(cubes, Err(NameError::OtherFunction { .. })));
///
/// let squares: Result<Coalescer<String, u64, ()>, _> = manager.get("squares");
/// assert!(matches!(squares, Err(NameError::OtherTypes { .. })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// There is no coalescer of this name yet.
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// The coalescer of this name has another type of key, value, error or hasher.
    OtherTypes {
        /// The name that was asked for.
        name: String,
        /// The type of the coalescer that has the name.
        has: &'static str,
        /// The type that the caller asked for.
        asked: &'static str,
    },
    /// The coalescer of this name runs another function.
    OtherFunction {
        /// The name that was asked for.
        name: String,
        /// The type of the function that it runs.
        has: &'static str,
        /// The type of the function that the caller brought.
        asked: &'static str,
    },
    /// The coalescer of this name has other settings.
    OtherSettings {
        /// The name that was asked for.
        name: String,
        /// The first setting that differs, as the name of its builder method.
        setting: &'static str,
    },
    /// The name for an adopted coalescer belongs to another one.
    Taken {
        /// The name that the caller gave.
        name: String,
    },
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => write!(f, "there is no coalescer named {name:?} yet"),
            Self::OtherTypes { name, has, asked } => write!(
                f,
                "the coalescer named {name:?} is a `{has}`, and was asked for as a `{asked}`"
            ),
            Self::OtherFunction { name, has, asked } => write!(
                f,
                "the coalescer named {name:?} runs the function `{has}`, not `{asked}`; \
                 give the other function another name, or get the coalescer by its name alone"
            ),
            Self::Taken { name } => write!(
                f,
                "the name {name:?} belongs to another coalescer; adopt this one by another name"
            ),
            Self::OtherSettings { name, setting } => write!(
                f,
                "the coalescer named {name:?} has another {setting}; \
                 give the other settings another name, or get the coalescer by its name alone"
            ),
        }
    }
}

impl StdError for NameError {}
