//! [`Unreached`]: the processes that have not forgotten what was to be forgotten everywhere.

use std::fmt;
use std::time::Duration;

/// The result of forgetting in all processes.
///
/// # Examples
///
/// ```
/// use coalescer::shared::{ForgetEverywhere, Unreached};
///
/// fn report(forgotten: ForgetEverywhere<bool>) -> String {
///     match forgotten {
///         Ok(was_there) => format!("nobody has it any more; it was there: {was_there}"),
///         Err(unreached) => format!("to be looked at: {unreached}"),
///     }
/// }
/// let late = Unreached::new(false, 2, std::time::Duration::from_millis(350));
/// assert_eq!(report(Err(late)), "to be looked at: 2 processes did not answer; old results go within 350ms");
/// ```
pub type ForgetEverywhere<T> = Result<T, Unreached>;

/// Not everybody has forgotten: an old result may be served elsewhere for a while.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer::shared::Unreached;
///
/// let unreached = Unreached::new(true, 0, Duration::from_secs(1));
/// assert!(unreached.engine());
/// assert_eq!((unreached.processes(), unreached.at_most()), (0, Duration::from_secs(1)));
/// assert_eq!(unreached.to_string(), "the engine was not reached; old results go within 1s");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreached {
    engine: bool,
    processes: usize,
    at_most: Duration,
}

impl Unreached {
    /// `engine` tells if the engine itself was not reached, `processes` how many processes did not
    /// answer, and `at_most` how long an old result can still be served.
    #[must_use]
    pub fn new(engine: bool, processes: usize, at_most: Duration) -> Self {
        Self { engine, processes, at_most }
    }

    /// True if the engine was not reached.
    #[must_use]
    pub fn engine(&self) -> bool {
        self.engine
    }

    /// How many processes did not answer.
    #[must_use]
    pub fn processes(&self) -> usize {
        self.processes
    }

    /// How long an old result can still be served elsewhere, at most.
    #[must_use]
    pub fn at_most(&self) -> Duration {
        self.at_most
    }
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (processes, at_most) = (self.processes, self.at_most);
        match self.engine {
            true => write!(f, "the engine was not reached; old results go within {at_most:?}"),
            false => {
                write!(f, "{processes} processes did not answer; old results go within {at_most:?}")
            }
        }
    }
}

impl std::error::Error for Unreached {}
