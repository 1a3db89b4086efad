//! The time of an engine in memory: the system's, or one that a test moves.

use std::time::Instant;

use coalescer::ManualClock;

use crate::sync::{Nanos, nanos, now};

/// Counts from the moment at which the engine was made.
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

    pub(super) fn manual(&self) -> Option<&ManualClock> {
        self.manual.as_ref()
    }

    pub(super) fn now(&self) -> Nanos {
        let now = self.manual.as_ref().map_or_else(now, ManualClock::now);
        nanos(now.saturating_duration_since(self.origin))
    }
}
