//! Time as the library sees it: nanoseconds since a group was made, real or moved by hand.
//!
//! Everything inside counts in [`Nanos`], so that a window is one addition and one comparison;
//! [`FOREVER`] is the end of time, and sums stop there instead of overflowing (S11, S12).
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

use crate::sync::{AtomicU64, Condvar, Mutex, MutexGuard, Ordering, now, wait_until};

/// Nanoseconds since the clock's own beginning: 584 years of them.
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
    /// The system's monotonic clock, counted from this instant.
    Real(Instant),
    Manual(ManualClock),
}

impl Clock {
    pub(crate) fn real() -> Self {
        Self::Real(now())
    }

    #[inline]
    pub(crate) fn now(&self) -> Nanos {
        match self {
            Self::Real(epoch) => nanos(now().saturating_duration_since(*epoch)),
            Self::Manual(clock) => clock.inner.elapsed.load(Ordering::Relaxed),
        }
    }

    /// A caller's instant on this clock; an instant before the beginning is the beginning.
    pub(crate) fn at(&self, instant: Instant) -> Nanos {
        let epoch = match self {
            Self::Real(epoch) => *epoch,
            Self::Manual(clock) => clock.inner.base,
        };
        nanos(instant.saturating_duration_since(epoch))
    }

    /// Parks the caller on `condvar` until it is notified or `until` has come. May return early.
    ///
    /// `alarm` is the waiter's gate: the mutex that `guard` holds and the condvar.
    pub(crate) fn wait<T>(
        &self,
        until: Nanos,
        alarm: &Arc<impl Alarm + 'static>,
        condvar: &Condvar,
        guard: &mut MutexGuard<'_, T>,
    ) {
        if until == FOREVER {
            return condvar.wait(guard);
        }
        match self {
            Self::Real(epoch) => match epoch.checked_add(Duration::from_nanos(until)) {
                Some(until) => wait_until(condvar, guard, until),
                None => condvar.wait(guard),
            },
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

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualClock").field("now", &self.now()).finish_non_exhaustive()
    }
}
