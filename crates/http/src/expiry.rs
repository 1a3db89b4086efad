//! [`Expiry`]: the time after its lifetime in which a page is still served, and which request makes it anew.
//!
//! ```text
//! start             fresh_for                     served_for                    kept_for
//!   │ served at once  │ one request makes it anew,   │ requests wait for the run     │ it is no more
//!   │                 │ the others are served        │ that makes it anew, and are   │
//!   │                 │                              │ served if that is in trouble  │
//! ```
//!
//! The page itself knows who makes it anew and when that has failed. So this goes with the page, and a request that
//! finds a fresh one looks at no lock but that of its flight.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderMap;

use crate::gates::staleness::StaleTimes;

/// The time between a revalidation that failed and the next one. It doubles with each further failure.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The times of one page, which count from the start of its run.
#[derive(Debug)]
pub(crate) struct Expiry {
    times: StaleTimes,
    attempts: Mutex<Attempts>,
}

/// The part of a request in making a page anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The request makes the page anew, and calls [`Expiry::end`].
    Begins,
    /// Another request does.
    IsUnderWay,
    /// The last one has failed, and the next one is not due yet.
    Pauses,
}

#[derive(Debug, Default)]
struct Attempts {
    /// A request makes the page anew now.
    is_under_way: bool,
    /// Those that have failed, one after the other.
    failures: u32,
    /// The age of the page from which on the next request tries.
    not_before: Duration,
}

impl Expiry {
    /// Reads the fields of a page. `None` if it is not served after its lifetime.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        StaleTimes::of(headers).map(|times| Self { times, attempts: Mutex::default() })
    }

    pub(crate) fn times(&self) -> StaleTimes {
        self.times
    }

    /// How long a page of this age has been past its lifetime. `None` if it is fresh.
    pub(crate) fn past(&self, age: Duration) -> Option<Duration> {
        age.checked_sub(self.times.fresh_for)
    }

    /// True if a page that has been past its lifetime for this long is served while it is made anew.
    pub(crate) fn is_served_at_once(&self, past: Duration) -> bool {
        past < self.times.served_for - self.times.fresh_for
    }

    /// The part of a request that finds the page at this age.
    pub(crate) fn attempt(&self, age: Duration) -> Attempt {
        let mut attempts = self.attempts();
        if attempts.is_under_way {
            return Attempt::IsUnderWay;
        }
        if age < attempts.not_before {
            return Attempt::Pauses;
        }
        attempts.is_under_way = true;
        Attempt::Begins
    }

    /// Notes the end of an attempt that began at this age of the page. A page that is still there after a success was
    /// not replaced: then the next attempt pauses, too.
    pub(crate) fn end(&self, began: Duration, has_succeeded: bool) {
        let mut attempts = self.attempts();
        let pause =
            SHORTEST_PAUSE.saturating_mul(1_u32.checked_shl(attempts.failures).unwrap_or(u32::MAX));
        attempts.not_before = began.saturating_add(pause.min(LONGEST_PAUSE));
        attempts.failures = if has_succeeded { 0 } else { attempts.failures.saturating_add(1) };
        attempts.is_under_way = false;
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests {
    use http::header::CACHE_CONTROL;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn expiry() -> Expiry {
        let line = "max-age=3, stale-while-revalidate=600".parse().unwrap();
        Expiry::of(&[(CACHE_CONTROL, line)].into_iter().collect()).unwrap()
    }

    /// H33
    #[test]
    fn the_pause_after_a_failure_doubles_up_to_a_minute() {
        let expiry = expiry();
        let mut age = 3 * SECOND;
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(expiry.attempt(age), Attempt::Begins);
            assert_eq!(expiry.attempt(age + 600 * SECOND), Attempt::IsUnderWay);
            expiry.end(age, false);
            age += seconds * SECOND;
            let early = expiry.attempt(age - Duration::from_nanos(1));
            assert_eq!(early, Attempt::Pauses, "{seconds}");
        }
        for _ in 0..100 {
            expiry.end(age, false);
        }
        assert_eq!(expiry.attempt(age + 59 * SECOND), Attempt::Pauses);
        assert_eq!(expiry.attempt(age + 60 * SECOND), Attempt::Begins, "no overflow");
    }

    #[test]
    fn a_page_that_is_not_replaced_by_a_success_is_tried_again_after_a_pause() {
        let expiry = expiry();
        for failures in [1, 3] {
            for _ in 0..failures {
                expiry.end(3 * SECOND, false);
            }
            expiry.end(600 * SECOND, true);
            expiry.end(900 * SECOND, false);
            let early = expiry.attempt(901 * SECOND - Duration::from_nanos(1));
            assert_eq!(early, Attempt::Pauses);
            assert_eq!(expiry.attempt(901 * SECOND), Attempt::Begins);
            expiry.end(901 * SECOND, true);
        }
    }

    #[test]
    fn a_page_is_fresh_until_its_lifetime_ends() {
        let expiry = expiry();
        assert_eq!(expiry.past(3 * SECOND - Duration::from_nanos(1)), None);
        assert_eq!(expiry.past(3 * SECOND), Some(Duration::ZERO));
        assert_eq!(expiry.times().served_for, 603 * SECOND);
    }
}
