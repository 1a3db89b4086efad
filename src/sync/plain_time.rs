//! Monotonic time from [`Instant`], for systems and builds without a coarse clock.

use std::time::Instant;

use super::now;

#[derive(Debug)]
pub(crate) struct TimeSource {
    origin: Instant,
}

impl TimeSource {
    pub(crate) fn new() -> Self {
        Self { origin: now() }
    }

    /// Returns the nanoseconds since this source was made.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        let elapsed = now().saturating_duration_since(self.origin);
        elapsed.as_secs().saturating_mul(1_000_000_000) + u64::from(elapsed.subsec_nanos())
    }

    /// Returns the precise time, as there is no coarse clock.
    #[inline]
    pub(crate) fn coarse_now(&self) -> u64 {
        self.now()
    }

    /// Returns how many nanoseconds a coarse reading may be behind: none.
    pub(crate) fn lag(&self) -> u64 {
        0
    }
}
