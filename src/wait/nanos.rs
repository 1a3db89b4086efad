//! Instants and durations in nanoseconds, so that a window is one addition and one comparison.

use std::time::Duration;

/// Nanoseconds since an origin that the clock has chosen; they last for 584 years.
pub(crate) type Nanos = u64;

/// The end of time. Sums stop here instead of overflowing (S11, S12).
pub(crate) const FOREVER: Nanos = Nanos::MAX;

/// Converts a duration; one that does not fit becomes [`FOREVER`].
pub(crate) fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(FOREVER)
}
