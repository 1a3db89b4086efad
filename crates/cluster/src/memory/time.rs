//! The time of an engine in memory: the system's, or one that a test moves.

use std::time::{Duration, Instant};

use coalescer::ManualClock;

use crate::sync::now;

/// Nanoseconds since the engine was made.
pub(super) type Nanos = u64;

pub(super) struct Time {
    origin: Instant,
    manual: Option<ManualClock>,
}

impl Time {
    pub(super) fn of_the_system() -> Self {
        Self { origin: now(), manual: None }
    }

    pub(super) fn of(clock: ManualClock) -> Self {
        Self { origin: clock.now(), manual: Some(clock) }
    }

    pub(super) fn is_manual(&self) -> bool {
        self.manual.is_some()
    }

    pub(super) fn now(&self) -> Nanos {
        let now = self.manual.as_ref().map_or_else(now, ManualClock::now);
        nanos(now.saturating_duration_since(self.origin))
    }
}

/// More than 584 years are as many.
pub(super) fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}
