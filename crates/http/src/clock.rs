//! [`Clock`]: the clock of a layer's settings, from which its group takes the ages of pages.

use std::time::{Duration, Instant};

use coalescer::{ManualClock, Settings};

/// The system's clock, or the one that moves by hand.
#[derive(Clone, Debug)]
pub(crate) struct Clock(Option<ManualClock>);

impl Clock {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self(settings.get_clock().cloned())
    }

    pub(crate) fn now(&self) -> Instant {
        self.0.as_ref().map_or_else(Instant::now, ManualClock::now)
    }

    /// The time that has passed since then.
    pub(crate) fn since(&self, then: Instant) -> Duration {
        self.now().saturating_duration_since(then)
    }
}
