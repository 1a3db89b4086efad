//! The clock of a group: the system's monotonic clock, or one that a test moves.
//!
//! Reading the precise time is half of the cost of a hit. So a call first takes a *coarse* reading,
//! where the system has a clock that is cheap and behind by a few timer ticks. A coarse reading is
//! behind by at most `lag` and never ahead: `coarse >= end` means expired, `coarse + lag < end` means
//! not expired. Only in between, in the last moments of a window, the clock is read precisely:
//!
//! ```text
//! start                              end - lag                end
//!   ├───── coarse: not expired ───────────┼─── read precisely ───┼───── coarse: expired
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sync::{Condvar, GateGuard, TimeSource, now};
use crate::wait::manual_clock::{Alarm, ManualClock};
pub(crate) use crate::wait::nanos::{FOREVER, Nanos, nanos};

/// Tells a group the time and bounds its waits.
#[derive(Debug)]
pub(crate) enum Clock {
    /// The system's clock, whose coarse readings are behind by at most `lag`. Zero means that all
    /// readings are precise.
    System { time: TimeSource, lag: Nanos },
    /// A test's clock, whose readings are all precise.
    Manual(ManualClock),
}

impl Clock {
    pub(crate) fn system() -> Self {
        let time = TimeSource::new();
        let lag = time.lag();
        Self::System { time, lag }
    }

    /// Makes a system clock whose readings are all precise.
    pub(crate) fn precise_system() -> Self {
        Self::System { time: TimeSource::new(), lag: 0 }
    }

    /// Reads the precise time.
    #[inline]
    pub(crate) fn now(&self) -> Nanos {
        match self {
            Self::System { time, .. } => time.now(),
            Self::Manual(clock) => clock.since_origin(),
        }
    }

    /// Takes a coarse reading: the time, or one shortly before it. [`is_before`](Self::is_before)
    /// compares it with the end of a window, [`refine`](Self::refine) makes a precise time of it.
    #[inline]
    pub(crate) fn coarse_now(&self) -> Nanos {
        match self {
            Self::System { time, lag: 1.. } => time.coarse_now(),
            _ => self.now(),
        }
    }

    /// Returns how far a coarse reading may be behind.
    #[inline]
    fn lag(&self) -> Nanos {
        match self {
            Self::System { lag, .. } => *lag,
            Self::Manual(_) => 0,
        }
    }

    /// Returns true if `end` had not come when `coarse` was read.
    #[inline]
    pub(crate) fn is_before(&self, coarse: Nanos, end: Nanos) -> bool {
        if end.saturating_sub(coarse) > self.lag() {
            true
        } else {
            self.is_just_before(coarse, end)
        }
    }

    #[cold]
    fn is_just_before(&self, coarse: Nanos, end: Nanos) -> bool {
        coarse < end && self.refine(coarse) < end
    }

    /// Returns a precise time for a coarse reading: the reading itself if this clock has only precise
    /// ones, or else the time now.
    #[inline]
    pub(crate) fn refine(&self, coarse: Nanos) -> Nanos {
        if self.lag() == 0 { coarse } else { self.now() }
    }

    /// Converts a caller's instant to this clock. An instant that is past becomes the time now.
    pub(crate) fn at(&self, instant: Instant) -> Nanos {
        match self {
            Self::System { .. } => {
                // The order matters: a delay between the two readings makes the result later, and
                // never too early.
                let left = nanos(instant.saturating_duration_since(now()));
                self.now().saturating_add(left)
            }
            Self::Manual(clock) => clock.at(instant),
        }
    }

    /// Parks the caller on `condvar` until it is notified or `until` has come. Wake-ups may be
    /// spurious.
    ///
    /// `alarm` is the gate that owns `condvar` and the mutex that `guard` holds.
    pub(crate) fn wait<T>(
        &self,
        until: Nanos,
        alarm: &Arc<impl Alarm + 'static>,
        condvar: &Condvar,
        guard: &mut GateGuard<'_, T>,
    ) {
        if until == FOREVER {
            return condvar.wait(guard);
        }
        match self {
            Self::System { .. } => {
                let left = until.saturating_sub(self.now());
                condvar.wait_for(guard, Duration::from_nanos(left));
            }
            Self::Manual(clock) => clock.wait(until, alarm.clone(), condvar, guard),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agrees_with_the_precise_time(clock: &Clock) {
        let reach = clock.lag() + 1_000_000;
        for step in 0..20_000_u64 {
            let end = clock.now() + reach - step * reach / 10_000;
            let before = clock.now();
            let is_before = clock.is_before(clock.coarse_now(), end);
            let after = clock.now();
            let agrees = if is_before { before < end } else { after >= end };
            assert!(agrees, "{is_before} for the end {end} between {before} and {after}");
        }
    }

    #[test]
    fn a_coarse_reading_tells_expired_from_not_expired() {
        agrees_with_the_precise_time(&Clock::system());
        agrees_with_the_precise_time(&Clock::precise_system());
    }

    #[test]
    fn a_coarse_reading_is_never_ahead_and_seldom_far_behind() {
        let clock = Clock::system();
        let far = (0..100_000).filter(|_| {
            let coarse = clock.coarse_now();
            let now = clock.now();
            assert!(coarse <= now, "{coarse} is ahead of {now}");
            // Without a lag the reading is precise, and `now` was merely read after it.
            clock.lag() > 0 && now - coarse > clock.lag()
        });
        let far = far.count();
        // More than a few would mean that the coarse clock ticks more slowly than the kernel says.
        assert!(
            far < 1000,
            "{far} of 100000 coarse readings were more than {} ns behind",
            clock.lag()
        );
    }

    #[test]
    fn a_precise_clock_has_no_coarse_readings() {
        let clock = Clock::precise_system();
        let before = clock.now();
        assert!(clock.coarse_now() >= before, "it is behind");
        assert_eq!(clock.refine(before), before);
    }

    #[test]
    fn every_reading_of_a_manual_clock_is_precise() {
        let manual = ManualClock::new();
        let clock = Clock::Manual(manual.clone());
        manual.advance(Duration::from_nanos(5));
        assert_eq!((clock.coarse_now(), clock.refine(5)), (5, 5));
        assert!(clock.is_before(5, 6) && !clock.is_before(5, 5));
    }
}
