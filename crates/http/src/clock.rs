//! [`Clock`]: the time by which a layer computes a page's age.

use std::time::Instant;

use coalescer::ManualClock;

/// The clock of a layer's flights.
pub(crate) enum Clock {
    System,
    Manual(ManualClock),
}

impl Clock {
    pub(crate) fn now(&self) -> Instant {
        match self {
            Self::System => Instant::now(),
            Self::Manual(clock) => clock.now(),
        }
    }
}
