//! [`Stats`]: a snapshot of the counters.

use std::fmt;
use std::iter::Sum;
use std::ops::AddAssign;

/// What has happened so far: a snapshot of the counters of one coalescer.
///
/// # The rules by which counters move
///
/// | counter | moves when |
/// |---|---|
/// | `total_requests` | a call is admitted |
/// | `executed_requests` | a call has run the function itself, or its job has: as leader, by take-over, or alone because it could not share the outcome or wait for it |
/// | `followers` | a call that waited gets its flight's outcome, also if that is an error, a panic or an abandonment; or its ticket is dropped before |
/// | `late` | a call is served by the result that the window kept |
/// | `coalesced_requests` | always `followers + late` |
/// | `timed_out` | a follower's deadline comes first; or its ticket is dropped when a wait has timed out |
/// | `refused` | `WouldBlock`, `WouldDeadlock`, `Rejected`; a job goes away without having run; or a ticket is dropped when a wait has been refused |
/// | `failed`, `panicked` | an execution returns `Err`, or panics; it counts as executed as well |
/// | `takeovers` | an execution begins on a flight whose youngest is `leader_timeout` old |
/// | `in_flight` | the number of executions under way or queued now; the only one that goes down |
///
/// When nothing is under way, `total_requests` is the sum of `executed_requests`,
/// `coalesced_requests`, `timed_out` and `refused`. While calls are under way it is larger by those
/// that have not been decided. No counter but `in_flight` ever goes back.
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
    /// Calls so far.
    pub total_requests: u64,
    /// Calls that ran the function themselves.
    pub executed_requests: u64,
    /// Calls that were answered by another call's execution: `followers + late`.
    pub coalesced_requests: u64,
    /// Calls that waited for a running execution and got its outcome.
    pub followers: u64,
    /// Calls that were served at once by a result within its window.
    pub late: u64,
    /// Executions that returned an error.
    pub failed: u64,
    /// Executions that panicked.
    pub panicked: u64,
    /// Followers whose deadline came before the outcome.
    pub timed_out: u64,
    /// Calls that were refused rather than answered.
    pub refused: u64,
    /// Executions that were begun beside one that had been running for too long.
    pub takeovers: u64,
    /// Executions under way or queued at this moment.
    pub in_flight: u64,
}

impl Stats {
    /// The share of all calls that cost no execution, from 0 to 1; 0 where there was no call.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(coalescer::Stats::default().coalesced_ratio(), 0.0);
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

/// The counters as a line for a log: `4 calls, 2 executed, 2 coalesced (50.0 %), ..`.
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
             {} timed out, {} refused, {} take-overs, {} in flight",
            self.total_requests,
            self.executed_requests,
            self.coalesced_requests,
            100.0 * self.coalesced_ratio(),
            self.failed,
            self.panicked,
            self.timed_out,
            self.refused,
            self.takeovers,
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
        self.failed += other.failed;
        self.panicked += other.panicked;
        self.timed_out += other.timed_out;
        self.refused += other.refused;
        self.takeovers += other.takeovers;
        self.in_flight += other.in_flight;
    }
}

/// The counters of several coalescers, or shards, as one.
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
