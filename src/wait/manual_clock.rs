//! A clock that stands still until a test moves it.
//!
//! A bounded wait arms an alarm at the clock. [`ManualClock::advance`] moves the time first and rings
//! the alarms that are due afterwards:
//!
//! ```text
//! waiter   locks its gate ─▶ arms an alarm ─▶ reads the time ─▶ parks, which unlocks the gate
//! advance  moves the time ─▶ collects due alarms ─▶ locks and unlocks the gate ─▶ notifies
//! ```
//!
//! Either the waiter reads the new time, or `advance` finds the alarm and then waits for the gate's
//! lock until the waiter is parked. So no alarm is lost.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sync::{AtomicU64, Condvar, GateGuard, Mutex, Ordering, now};
use crate::wait::nanos::{FOREVER, Nanos, nanos};

/// A gate that a clock can wake.
pub(crate) trait Alarm: Send + Sync {
    /// Wakes all threads that are parked at the gate. It locks and unlocks the gate first, so that it
    /// misses no thread between that thread's last look at the time and its park.
    fn ring(&self);
}

/// A clock for tests, which stands still until [`advance`](Self::advance) moves it.
///
/// Give it to [`Builder::clock`](crate::Builder::clock). That coalescer then measures its window, its
/// deadlines and all other durations with this clock, so a test sets the time and need not sleep.
///
/// A clone is a handle to the same clock. One clock can drive several coalescers.
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
///
/// clock.advance(Duration::from_millis(99));
/// squares.execute(&3).unwrap(); // within the window: no new execution
/// assert_eq!(squares.stats().executed_requests, 1);
///
/// clock.advance(Duration::from_millis(1));
/// squares.execute(&3).unwrap(); // 100 ms after the start: a new execution
/// assert_eq!(squares.stats().executed_requests, 2);
/// ```
#[derive(Clone)]
pub struct ManualClock {
    inner: Arc<Inner>,
}

struct Inner {
    /// The instant that the clock showed first.
    origin: Instant,
    /// The sum of all `advance`s, in [`Nanos`].
    elapsed: AtomicU64,
    alarms: Mutex<Alarms>,
}

/// The alarms that are armed now: one for each bounded wait.
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

// No panic leaves the list of alarms half changed: nothing but `Vec` runs under its lock.
impl UnwindSafe for ManualClock {}
impl RefUnwindSafe for ManualClock {}

impl ManualClock {
    /// Makes a clock. It shows the instant at which it was made.
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
            origin: now(),
            elapsed: AtomicU64::new(0),
            alarms: Mutex::new(Alarms::default()),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Returns the instant that this clock shows, for example to compute a deadline from it.
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
        let elapsed = Duration::from_nanos(self.since_origin());
        self.inner.origin.checked_add(elapsed).unwrap_or(self.inner.origin)
    }

    /// Moves the clock forward and wakes all calls whose deadline has come.
    ///
    /// It returns at once: it does not wait until those calls have returned, and it waits for no code
    /// of the user's.
    ///
    /// # Panics
    ///
    /// If the clock would pass 584 years. It has not moved then.
    ///
    /// # Examples
    ///
    /// The deadline of a follower expires when the clock reaches it:
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    /// use std::time::Duration;
    /// use coalescer::{Group, ManualClock};
    ///
    /// let clock = ManualClock::new();
    /// let group: Group<String, u32, ()> = Group::builder().clock(clock.clone()).build();
    /// let second = Duration::from_secs(1);
    /// let (finish, finished) = channel();
    ///
    /// std::thread::scope(|s| {
    ///     let leader = s.spawn(|| group.execute("k", move || Ok(finished.recv().unwrap())));
    ///     while group.in_flight().is_empty() { std::thread::yield_now(); }
    ///
    ///     let follower = s.spawn(|| group.execute_timeout("k", second, || Ok(2)));
    ///     while group.in_flight()[0].followers == 0 { std::thread::yield_now(); }
    ///
    ///     clock.advance(second);
    ///     assert!(follower.join().unwrap().unwrap_err().is_timeout());
    ///
    ///     finish.send(1).unwrap();
    ///     assert_eq!(*leader.join().unwrap().unwrap(), 1);
    /// });
    /// ```
    pub fn advance(&self, by: Duration) {
        let later = |now: Nanos| now.checked_add(nanos(by)).filter(|then| *then < FOREVER);
        let moved = self.inner.elapsed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later);
        let now = moved.ok().and_then(later).expect("a manual clock counts up to 584 years");
        // The list's lock is not held here: `ring` locks a gate, and a waiter that holds its gate
        // locks the list.
        for alarm in self.due(now) {
            alarm.ring();
        }
    }

    /// Returns true if both are handles to one clock.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Returns the time since the clock's first instant.
    #[inline]
    pub(super) fn since_origin(&self) -> Nanos {
        self.inner.elapsed.load(Ordering::Relaxed)
    }

    /// Converts an instant; one before the clock's first instant becomes zero.
    pub(super) fn at(&self, instant: Instant) -> Nanos {
        nanos(instant.saturating_duration_since(self.inner.origin))
    }

    /// Parks the caller until it is notified or `until` has come; see [`Clock::wait`].
    ///
    /// [`Clock::wait`]: crate::wait::clock::Clock::wait
    pub(super) fn wait<T>(
        &self,
        until: Nanos,
        alarm: Arc<dyn Alarm>,
        condvar: &Condvar,
        guard: &mut GateGuard<'_, T>,
    ) {
        let armed = self.arm(until, alarm);
        // The time is read after the alarm is armed. An `advance` that did not find the alarm locked
        // the list before this thread did, so this reads the time that it set.
        if self.since_origin() < until {
            condvar.wait(guard);
        }
        drop(armed);
    }

    /// How many alarms are armed.
    pub(crate) fn alarms(&self) -> usize {
        self.inner.alarms.lock().armed.len()
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

/// Disarms its alarm when it is dropped.
struct ArmedAlarm<'a> {
    clock: &'a ManualClock,
    id: u64,
}

impl Drop for ArmedAlarm<'_> {
    fn drop(&mut self) {
        let mut alarms = self.clock.inner.alarms.lock();
        let index = alarms.armed.iter().position(|armed| armed.id == self.id);
        let disarmed = index.map(|index| alarms.armed.swap_remove(index));
        // The handle to the gate is dropped after the list is unlocked.
        drop(alarms);
        drop(disarmed);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_can_be_caught_with_a_panic() {
        let clock = ManualClock::new();
        let caught = std::panic::catch_unwind(|| clock.advance(Duration::MAX));
        assert!(caught.is_err(), "584 years have passed");
        assert_eq!(clock.since_origin(), 0);
    }
}
