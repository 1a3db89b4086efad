//! [`Stats`]: a snapshot of the counters.

use std::fmt;
use std::iter::Sum;
use std::ops::AddAssign;

/// The counters of a coalescer, as a snapshot.
///
/// [`Coalescer::stats`](crate::Coalescer::stats), [`Group::stats`](crate::Group::stats) and
/// [`Manager::stats`](crate::Manager::stats) return it.
///
/// # When each counter changes
///
/// | counter | counts |
/// |---|---|
/// | `total_requests` | calls that were admitted |
/// | `executed_requests` | calls whose function ran, on their own thread or as a job: as leader, after a take-over, or unshared because the call could neither share the outcome nor wait for it |
/// | `followers` | calls that waited and got the outcome of their flight, also an error, a panic or an abandonment; and tickets of followers that were dropped earlier |
/// | `late` | calls that got a kept result |
/// | `shared` | calls that led, asked other processes, and got a result from there; see [`shared`](crate::shared) |
/// | `coalesced_requests` | always `followers + late + shared` |
/// | `timed_out` | followers whose deadline passed; and tickets that were dropped after a wait had timed out |
/// | `refused` | `WouldBlock`, `WouldDeadlock`, `Rejected`; jobs that were dropped before they ran; and tickets that were dropped after a wait had been refused |
/// | `failed`, `panicked` | executions that returned `Err`, or panicked; they are counted in `executed_requests` too |
/// | `takeovers` | executions that started because the youngest of their flight was [`leader_timeout`](crate::Builder::leader_timeout) old |
/// | `refreshes` | executions that began as a refresh: [`refresh_after`](crate::Builder::refresh_after) was over, or [`refresh`](crate::Coalescer::refresh) was called. A refresh that the executor runs is a call of its own, in addition to the late call that caused it |
/// | `refresh_failures` | refreshes that brought no value for late calls: they returned an error or a value that is not for them, panicked, or did not run |
/// | `batches` | runs of a function for [many keys](crate::Group::execute_many); `executed_requests` counts each of their keys |
/// | `in_flight` | executions that run or are queued now; the only counter that decreases |
///
/// At rest, `total_requests` is the sum of `executed_requests`, `coalesced_requests`, `timed_out`
/// and `refused`. While calls run, it is larger by the number of calls that have no result yet.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer::Coalescer;
///
/// let lengths = Coalescer::builder()
///     .window(Duration::from_secs(60))
///     .build(|word: &String| Ok::<usize, ()>(word.len()));
/// for word in ["test", "test", "test", "other"] {
///     lengths.execute(word).unwrap();
/// }
/// let stats = lengths.stats();
/// assert_eq!(stats.total_requests, 4);
/// assert_eq!(stats.executed_requests, 2);
/// assert_eq!(stats.coalesced_requests, 2);
/// assert_eq!(stats.coalesced_ratio(), 0.5);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Stats {
    /// All calls.
    pub total_requests: u64,
    /// Calls whose function ran.
    pub executed_requests: u64,
    /// Calls that another call's execution answered: `followers + late + shared`.
    pub coalesced_requests: u64,
    /// Calls that waited for a running execution and got its outcome.
    pub followers: u64,
    /// Calls that got a kept result, without waiting.
    pub late: u64,
    /// Calls that asked other processes and got a result from there; see
    /// [`shared`](crate::shared). Zero without a tier.
    pub shared: u64,
    /// Executions that returned an error.
    pub failed: u64,
    /// Executions that panicked.
    pub panicked: u64,
    /// Followers whose deadline passed before the outcome was there, and leaders whose deadline passed
    /// while they asked other processes.
    pub timed_out: u64,
    /// Calls that were refused.
    pub refused: u64,
    /// Executions that started because another execution of the flight was stuck.
    pub takeovers: u64,
    /// Executions that began as a refresh of a value.
    pub refreshes: u64,
    /// Refreshes that brought no value for late calls.
    pub refresh_failures: u64,
    /// Runs of a function for many keys, each of which is one execution for each key.
    pub batches: u64,
    /// Executions that run or are queued now.
    pub in_flight: u64,
}

impl Stats {
    /// Returns the share of calls that caused no execution, from 0 to 1. Without any call it is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Group, Stats};
    ///
    /// let group: Group<u32, u32, ()> = Group::builder().window(std::time::Duration::MAX).build();
    /// for _ in 0..4 {
    ///     group.execute(&7, || Ok(49)).unwrap();
    /// }
    /// assert_eq!(group.stats().coalesced_ratio(), 0.75);
    /// assert_eq!(Stats::default().coalesced_ratio(), 0.0);
    /// ```
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people to read")]
    pub fn coalesced_ratio(&self) -> f64 {
        match self.total_requests {
            0 => 0.0,
            total => self.coalesced_requests as f64 / total as f64,
        }
    }
}

/// Formats the counters as one line of a log.
///
/// # Examples
///
/// ```
/// let line = coalescer::Stats::default().to_string();
/// assert!(line.starts_with("0 calls, 0 executed, 0 coalesced (0.0 %)"));
/// ```
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} calls, {} executed, {} coalesced ({:.1} %), {} failed, {} panicked, \
             {} timed out, {} refused, {} take-overs, {} refreshes ({} failed), {} in flight",
            self.total_requests,
            self.executed_requests,
            self.coalesced_requests,
            100.0 * self.coalesced_ratio(),
            self.failed,
            self.panicked,
            self.timed_out,
            self.refused,
            self.takeovers,
            self.refreshes,
            self.refresh_failures,
            self.in_flight
        )
    }
}

impl AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        self.total_requests += other.total_requests;
        self.executed_requests += other.executed_requests;
        self.coalesced_requests += other.coalesced_requests;
        self.followers += other.followers;
        self.late += other.late;
        self.shared += other.shared;
        self.failed += other.failed;
        self.panicked += other.panicked;
        self.timed_out += other.timed_out;
        self.refused += other.refused;
        self.takeovers += other.takeovers;
        self.refreshes += other.refreshes;
        self.refresh_failures += other.refresh_failures;
        self.batches += other.batches;
        self.in_flight += other.in_flight;
    }
}

/// Adds the counters of several coalescers.
///
/// # Examples
///
/// ```
/// use coalescer::{Group, Stats};
///
/// let groups: [Group<u32, u32, ()>; 2] = [Group::new(), Group::new()];
/// for group in &groups {
///     group.execute(&1, || Ok(1)).unwrap();
/// }
/// let all: Stats = groups.iter().map(|group| group.stats()).sum();
/// assert_eq!(all.total_requests, 2);
/// ```
impl Sum for Stats {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, one| {
            sum += one;
            sum
        })
    }
}
