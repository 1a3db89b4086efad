//! The breaker: an engine that is down is left alone for a while.
//!
//! ```text
//!            three failures in a row, or one that is final
//!   closed ───────────────────────────────────────────────▶ open for 250 ms, 500 ms, .. 5 s
//!     ▲                                                       │ its time is over: one caller may ask
//!     └──────────────── its step succeeds ◀──── probing ◀─────┘ (it fails: open, for twice as long)
//! ```

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::engine::{EngineError, ErrorKind};
use crate::sync::Mutex;

/// So many failures in a row open it.
const FAILURES: u32 = 3;

const FIRST_PAUSE: Duration = Duration::from_millis(250);

const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Says whether a process asks its engine now.
///
/// Time is the caller's, so a test can move it.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use coalescer_cluster::engine::ErrorKind;
/// use coalescer_cluster::health::Breaker;
///
/// let now = Instant::now();
/// let breaker = Breaker::new(now);
/// let asking = breaker.lets_ask(now).unwrap();
/// assert!(breaker.failed(asking, &ErrorKind::Refused.into(), now), "one refusal opens it");
/// assert!(breaker.lets_ask(now).is_none());
///
/// let later = now + Duration::from_millis(250);
/// let probing = breaker.lets_ask(later).expect("one caller asks if the engine is back");
/// assert!(breaker.lets_ask(later).is_none(), "and no other, before it knows");
/// breaker.succeeded(probing, later);
/// assert!(breaker.lets_ask(later).is_some());
/// ```
pub struct Breaker {
    state: Mutex<State>,
}

struct State {
    /// Failures in a row.
    failures: u32,
    /// `None`: closed.
    open: Option<Open>,
    since: Instant,
    last_error: Option<EngineError>,
}

#[derive(Clone, Copy)]
struct Open {
    /// From then on one caller may ask.
    until: Instant,
    pause: Duration,
    /// A caller asks, and has not said what became of it.
    is_probed: bool,
}

/// That a caller may ask, from [`Breaker::lets_ask`].
///
/// # Examples
///
/// See [`Breaker`].
#[derive(Clone, Copy, Debug)]
pub struct Permit {
    /// The breaker is open, and the caller asks if the engine is back.
    probes: bool,
}

impl Breaker {
    /// Makes a breaker that is closed: the engine is asked.
    ///
    /// # Examples
    ///
    /// See [`Breaker`].
    #[must_use]
    pub fn new(now: Instant) -> Self {
        let state = State { failures: 0, open: None, since: now, last_error: None };
        Self { state: Mutex::new(state) }
    }

    /// Returns a permit if this caller may ask the engine. It then says what became of it. A caller that does not
    /// say so is not waited for: after a further pause, another one may ask.
    ///
    /// # Examples
    ///
    /// See [`Breaker`].
    pub fn lets_ask(&self, now: Instant) -> Option<Permit> {
        let state = &mut *self.state.lock();
        match &mut state.open {
            None => Some(Permit { probes: false }),
            Some(open) if now < open.until => None,
            Some(open) => {
                open.until = later(now, open.pause);
                open.is_probed = true;
                Some(Permit { probes: true })
            }
        }
    }

    /// Returns true if nobody may ask now.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use coalescer_cluster::engine::ErrorKind;
    /// use coalescer_cluster::health::Breaker;
    ///
    /// let now = Instant::now();
    /// let breaker = Breaker::new(now);
    /// assert!(!breaker.is_open(now));
    /// breaker.failed(breaker.lets_ask(now).unwrap(), &ErrorKind::Refused.into(), now);
    /// assert!(breaker.is_open(now));
    /// assert!(!breaker.is_open(now + Duration::from_millis(250)), "one caller may ask");
    /// ```
    pub fn is_open(&self, now: Instant) -> bool {
        self.state.lock().open.is_some_and(|open| now < open.until)
    }

    /// Returns true if everybody may ask.
    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().open.is_none()
    }

    /// Shows a failure to operators, and counts it for nothing.
    pub(super) fn note(&self, error: &EngineError) {
        self.state.lock().last_error = Some(error.clone());
    }

    /// A step has succeeded. Returns true if that has closed the breaker: its caller asked if the engine is back.
    ///
    /// # Examples
    ///
    /// See [`Breaker`].
    pub fn succeeded(&self, permit: Permit, now: Instant) -> bool {
        let state = &mut *self.state.lock();
        state.failures = 0;
        // Steps that began before it opened succeed after that. Those who were woken must not find it closed.
        let closes = permit.probes && state.open.take().is_some();
        if closes {
            state.since = now;
        }
        closes
    }

    /// A step has failed. Returns true if that has opened the breaker, so that all who wait must be woken.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use coalescer_cluster::engine::ErrorKind;
    /// use coalescer_cluster::health::Breaker;
    ///
    /// let now = Instant::now();
    /// let breaker = Breaker::new(now);
    /// let late = ErrorKind::TimedOut.into();
    /// let asks = || breaker.failed(breaker.lets_ask(now).unwrap(), &late, now);
    /// assert_eq!([(); 3].map(|()| asks()), [false, false, true]);
    /// ```
    pub fn failed(&self, permit: Permit, error: &EngineError, now: Instant) -> bool {
        let state = &mut *self.state.lock();
        state.last_error = Some(error.clone());
        if !error.kind().counts() {
            return false;
        }
        state.failures = state.failures.saturating_add(1);
        let pause = match state.open {
            None if error.kind().is_final() || state.failures >= FAILURES => FIRST_PAUSE,
            None => return false,
            // Steps that began before it opened fail after that. They say nothing new.
            Some(open) if !(permit.probes && open.is_probed) => return false,
            Some(open) => (open.pause * 2).min(LONGEST_PAUSE),
        };
        // A password does not become right by itself.
        let pause = if error.kind() == ErrorKind::Denied { LONGEST_PAUSE } else { pause };
        let opens = state.open.is_none();
        if opens {
            state.since = now;
        }
        state.open = Some(Open { until: later(now, pause), pause, is_probed: false });
        opens
    }

    /// Returns what operators see. `listening`: the process hears messages.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use coalescer_cluster::engine::ErrorKind;
    /// use coalescer_cluster::health::Breaker;
    ///
    /// let now = Instant::now();
    /// let breaker = Breaker::new(now);
    /// breaker.failed(breaker.lets_ask(now).unwrap(), &ErrorKind::Full.into(), now);
    /// let health = breaker.health(now, true);
    /// assert!(!health.up);
    /// assert_eq!(health.retry_in, Some(Duration::from_millis(250)));
    /// ```
    pub fn health(&self, now: Instant, listening: bool) -> Health {
        let state = self.state.lock();
        Health {
            up: state.open.is_none(),
            listening,
            since: now.saturating_duration_since(state.since),
            last_error: state.last_error.as_ref().map(EngineError::to_string),
            retry_in: state.open.map(|open| open.until.saturating_duration_since(now)),
        }
    }
}

fn later(now: Instant, by: Duration) -> Instant {
    now.checked_add(by).unwrap_or(now)
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("is_closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// The state of a process's connection to its engine.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
/// use coalescer_cluster::health::Breaker;
///
/// let now = Instant::now();
/// let health = Breaker::new(now).health(now, false);
/// assert!(health.up && !health.listening && health.last_error.is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// The engine is asked. If not, this process coalesces by itself.
    pub up: bool,
    /// This process hears the messages of the others, or its engine needs none.
    pub listening: bool,
    /// The time since `up` last changed.
    pub since: Duration,
    /// The last failure, even if the engine is up again. It has no password in it.
    pub last_error: Option<String>,
    /// The engine is asked again after so long. `None` if it is up.
    pub retry_in: Option<Duration>,
}
