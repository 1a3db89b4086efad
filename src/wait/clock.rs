//! Time as the library sees it: nanoseconds of the system's monotonic clock, or of one moved by hand.
//!
//! Everything inside counts in [`Nanos`], so that a window is one addition and one comparison;
//! [`FOREVER`] is the end of time, and sums stop there instead of overflowing (S11, S12).
//!
//! Reading the time is half of a late call, so a call begins with a *glance*: where the system has
//! a clock that is cheap and lags by no more than some timer ticks, it is read first. A glance is
//! never ahead, so what is over by it is over, and what still is not when the lag is added is not.
//! Only in between, in the last moments of a window, the precise clock is asked:
//!
//! ```text
//! start                                   end - lag            end
//!   ├──────── the glance says: serve ──────────┼── ask ──────────┼── the glance says: over
//! ```
//!
//! A [`ManualClock`] makes time a thing that a test moves. A bounded wait leaves an alarm with it;
//! [`ManualClock::advance`] moves the time first and then rings what is due:
//!
//! ```text
//! waiter   locks its gate ─▶ leaves an alarm ─▶ reads the time ─▶ parks, letting the gate go
//! advance  moves the time ─▶ takes due alarms ─▶ locks the gate and lets it go ─▶ notifies
//! ```
//!
//! Either the waiter reads the new time, or `advance` finds its alarm and is held up at the gate
//! until the waiter is parked. So an alarm is never lost.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sync::{AtomicU64, Condvar, GateGuard, Mutex, Ordering, TimeSource, now};

/// Nanoseconds since a beginning that the clock has chosen: 584 years of them.
pub(crate) type Nanos = u64;

/// Later than every instant.
pub(crate) const FOREVER: Nanos = Nanos::MAX;

/// A duration as [`Nanos`]; what does not fit is [`FOREVER`].
pub(crate) fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(FOREVER)
}

/// Where a group reads the time and bounds its waits.
#[derive(Debug)]
pub(crate) enum Clock {
    /// The system's, whose glances are behind by no more than `lag`.
    System {
        time: TimeSource,
        lag: Nanos,
    },
    Manual(ManualClock),
}

impl Clock {
    pub(crate) fn system() -> Self {
        let time = TimeSource::new();
        let lag = time.lag();
        Self::System { time, lag }
    }

    /// The system's clock, each reading of which is precise.
    pub(crate) fn precise_system() -> Self {
        Self::System { time: TimeSource::new(), lag: 0 }
    }

    #[inline]
    pub(crate) fn now(&self) -> Nanos {
        match self {
            Self::System { time, .. } => time.precise(),
            Self::Manual(clock) => clock.inner.elapsed.load(Ordering::Relaxed),
        }
    }

    /// The time, or one shortly before it; see [`is_before`](Self::is_before) and
    /// [`precise`](Self::precise) for what it can be used for.
    #[inline]
    pub(crate) fn coarse_now(&self) -> Nanos {
        match self {
            Self::System { time, lag: 1.. } => time.rough(),
            _ => self.now(),
        }
    }

    /// How far behind a glance may be.
    #[inline]
    fn lag(&self) -> Nanos {
        match self {
            Self::System { lag, .. } => *lag,
            Self::Manual(_) => 0,
        }
    }

    /// Whether the time of this glance was before `end`.
    #[inline]
    pub(crate) fn is_before(&self, glance: Nanos, end: Nanos) -> bool {
        if end.saturating_sub(glance) > self.lag() {
            true
        } else {
            self.is_just_before(glance, end)
        }
    }

    #[cold]
    fn is_just_before(&self, glance: Nanos, end: Nanos) -> bool {
        glance < end && self.refine(glance) < end
    }

    /// The precise time for a glance: the glance itself, or what the time is now.
    #[inline]
    pub(crate) fn refine(&self, glance: Nanos) -> Nanos {
        if self.lag() == 0 { glance } else { self.now() }
    }

    /// A caller's instant on this clock; one that is past is now.
    pub(crate) fn at(&self, instant: Instant) -> Nanos {
        match self {
            Self::System { .. } => {
                // In this order: whatever comes between makes the end later, and never too early.
                let left = nanos(instant.saturating_duration_since(now()));
                self.now().saturating_add(left)
            }
            Self::Manual(clock) => nanos(instant.saturating_duration_since(clock.inner.base)),
        }
    }

    /// Parks the caller on `condvar` until it is notified or `until` has come. May return early.
    ///
    /// `alarm` is the waiter's gate: the mutex that `guard` holds and the condvar.
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
            Self::Manual(clock) => {
                let armed = clock.arm(until, alarm.clone());
                // An `advance` that missed the alarm had the alarms' lock before, so its time is seen.
                if clock.inner.elapsed.load(Ordering::Relaxed) < until {
                    condvar.wait(guard);
                }
                drop(armed);
            }
        }
    }
}

/// A gate that a clock can wake.
pub(crate) trait Alarm: Send + Sync {
    /// Wakes everyone who is parked here. It passes through the gate's lock first, so nobody who
    /// is between its last look and its park is missed.
    fn ring(&self);
}

/// A clock that stands still until a test moves it.
///
/// Give it to [`Builder::clock`](crate::Builder::clock). Windows, deadlines, `leader_timeout` and
/// every other duration of that coalescer are then measured on it, so a test says what time it is
/// instead of sleeping. Clones are handles to the same clock, and one clock may drive many
/// coalescers.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer::{Coalescer, ManualClock};
///
/// let clock = ManualClock::new();
/// let squares = Coalescer::builder()
///     .window(Duration::from_millis(100))
///     .clock(clock.clone())
///     .build(|n: &u64| Ok::<u64, std::convert::Infallible>(n * n));
///
/// squares.execute(&3).unwrap();
/// clock.advance(Duration::from_millis(99));
/// squares.execute(&3).unwrap(); // within the window: served late
/// clock.advance(Duration::from_millis(1));
/// squares.execute(&3).unwrap(); // 100 ms after the start: a new execution
/// assert_eq!(squares.stats().executed_requests, 2);
/// ```
#[derive(Clone)]
pub struct ManualClock {
    inner: Arc<Inner>,
}

struct Inner {
    base: Instant,
    elapsed: AtomicU64,
    alarms: Mutex<Alarms>,
}

/// The alarms that are armed now; as many as there are bounded waits under way.
#[derive(Default)]
struct Alarms {
    next_id: u64,
    armed: Vec<Armed>,
}

struct Armed {
    id: u64,
    due: Nanos,
    alarm: Arc<dyn Alarm>,
}

impl ManualClock {
    /// A clock that stands at an instant of its own choosing.
    ///
    /// # Examples
    ///
    /// ```
    /// let clock = coalescer::ManualClock::new();
    /// assert_eq!(clock.now(), clock.now());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        let inner = Inner {
            base: now(),
            elapsed: AtomicU64::new(0),
            alarms: Mutex::new(Alarms::default()),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The time that this clock shows, for instance to make a deadline from.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let clock = coalescer::ManualClock::new();
    /// let before = clock.now();
    /// clock.advance(Duration::from_secs(5));
    /// assert_eq!(clock.now() - before, Duration::from_secs(5));
    /// ```
    #[must_use]
    pub fn now(&self) -> Instant {
        let elapsed = Duration::from_nanos(self.inner.elapsed.load(Ordering::Relaxed));
        self.inner.base.checked_add(elapsed).unwrap_or(self.inner.base)
    }

    /// Moves the time on and wakes every call whose deadline has come.
    ///
    /// It does not wait for those calls to return. It waits for no user code: a gate is locked
    /// only for a moment.
    ///
    /// # Panics
    ///
    /// If the clock would pass 584 years. It has not moved then.
    ///
    /// # Examples
    ///
    /// A follower with a deadline returns when the clock reaches it:
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    /// use std::time::Duration;
    /// use coalescer::{Group, ManualClock};
    ///
    /// let clock = ManualClock::new();
    /// let group: Group<String, u32, ()> = Group::builder().clock(clock.clone()).build();
    /// let (finish, told_to_finish) = channel::<()>();
    /// let second = Duration::from_secs(1);
    /// std::thread::scope(|s| {
    ///     let leader = s.spawn(|| group.execute("k", move || { told_to_finish.recv().ok(); Ok(1) }));
    ///     while group.in_flight().is_empty() { std::thread::yield_now(); }
    ///
    ///     let follower = s.spawn(|| group.execute_timeout("k", second, || Ok(2)));
    ///     while group.in_flight()[0].followers == 0 { std::thread::yield_now(); }
    ///
    ///     clock.advance(second);
    ///     assert!(follower.join().unwrap().unwrap_err().is_timeout());
    ///     finish.send(()).unwrap();
    ///     assert_eq!(*leader.join().unwrap().unwrap(), 1);
    /// });
    /// ```
    pub fn advance(&self, by: Duration) {
        let later = |now: Nanos| now.checked_add(nanos(by)).filter(|then| *then < FOREVER);
        let moved = self.inner.elapsed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later);
        let now = moved.ok().and_then(later).expect("a manual clock counts up to 584 years");
        // Rung outside the lock: an alarm takes its gate's lock, and a waiter that holds its gate
        // takes this one.
        for alarm in self.due(now) {
            alarm.ring();
        }
    }

    /// Whether both are handles of one clock.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    fn due(&self, now: Nanos) -> Vec<Arc<dyn Alarm>> {
        let alarms = self.inner.alarms.lock();
        let due = alarms.armed.iter().filter(|armed| armed.due <= now);
        due.map(|armed| Arc::clone(&armed.alarm)).collect()
    }

    fn arm(&self, due: Nanos, alarm: Arc<dyn Alarm>) -> ArmedAlarm<'_> {
        let mut alarms = self.inner.alarms.lock();
        let id = alarms.next_id;
        alarms.next_id += 1;
        alarms.armed.push(Armed { id, due, alarm });
        ArmedAlarm { clock: self, id }
    }
}

/// An alarm that is taken back when the wait is over.
struct ArmedAlarm<'a> {
    clock: &'a ManualClock,
    id: u64,
}

impl Drop for ArmedAlarm<'_> {
    fn drop(&mut self) {
        let mut alarms = self.clock.inner.alarms.lock();
        let place = alarms.armed.iter().position(|armed| armed.id == self.id);
        let taken = place.map(|place| alarms.armed.swap_remove(place));
        drop(alarms);
        drop(taken);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

// A panic that passes through a call leaves no alarm behind.
impl std::panic::UnwindSafe for ManualClock {}
impl std::panic::RefUnwindSafe for ManualClock {}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualClock").field("now", &self.now()).finish_non_exhaustive()
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
    fn a_glance_tells_what_is_over_from_what_is_not() {
        agrees_with_the_precise_time(&Clock::system());
        agrees_with_the_precise_time(&Clock::precise_system());
    }

    #[test]
    fn a_glance_is_never_ahead_and_seldom_far_behind() {
        let clock = Clock::system();
        let far = (0..100_000).filter(|_| {
            let glance = clock.coarse_now();
            let now = clock.now();
            assert!(glance <= now, "{glance} is ahead of {now}");
            // Where nothing lags, a glance is precise, and `now` was merely read after it.
            clock.lag() > 0 && now - glance > clock.lag()
        });
        let far = far.count();
        // More than a few would be a kernel whose coarse clock does not tick as it says.
        assert!(far < 1000, "{far} of 100000 glances were more than {} ns behind", clock.lag());
    }

    #[test]
    fn a_precise_clock_does_not_glance() {
        let clock = Clock::precise_system();
        let before = clock.now();
        assert!(clock.coarse_now() >= before, "it may lag");
        assert_eq!(clock.refine(before), before);
    }

    #[test]
    fn a_glance_at_a_manual_clock_is_precise() {
        let manual = ManualClock::new();
        let clock = Clock::Manual(manual.clone());
        manual.advance(Duration::from_nanos(5));
        assert_eq!((clock.coarse_now(), clock.refine(5)), (5, 5));
        assert!(clock.is_before(5, 6) && !clock.is_before(5, 5));
    }
}
