//! The numbers that operators see.

use serde::Serialize;

/// The numbers of a process at one moment. Each is right; together they may differ by what happened meanwhile.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::health::{ClusterStats, Counters};
///
/// assert_eq!(Counters::default().snapshot(), ClusterStats::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ClusterStats {
    /// Steps that were sent to the engine, those that failed among them.
    pub round_trips: u64,
    /// Claims that were told to lead.
    pub leads: u64,
    /// Claims that got a result.
    pub hits: u64,
    /// Claims that were told to follow another process.
    pub follows: u64,
    /// Claims that were told to wait for the end of a flight.
    pub waits: u64,
    /// Claims that were told to run for their own process.
    pub full: u64,
    /// Claims that would have had to wait, and did not want to.
    pub busy: u64,
    /// Steps that were not sent, since the engine is down or the process is a forked child.
    pub not_asked: u64,
    /// Leads that another process took over, or that the engine lost.
    pub lost_leases: u64,
    /// Leads that this process took over.
    pub takeovers: u64,
    /// Results that could not be decoded.
    pub undecodable: u64,
    /// Forgets that reached everybody.
    pub forgets_everywhere: u64,
    /// Forgets that did not.
    pub forgets_unreached: u64,
    /// Calls that ran their function for their own process alone.
    pub alone: AloneCalls,
    /// Keys whose bytes do not stand for them, so that they stay in their process.
    pub unshareable_keys: u64,
    /// Keys that stay in their process because a setting says so, such as those of pages with credentials.
    pub own_keys: u64,
    /// Values and errors that the codec could not write, or that were read as others.
    pub not_encoded: u64,
    /// Values that are larger than `max_value`.
    pub too_large: u64,
    /// Steps that failed, by kind.
    pub errors: EngineErrors,
}

/// Calls that ran their function for their own process alone, by reason.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::health::{AloneCalls, Counters};
///
/// assert_eq!(Counters::default().snapshot().alone, AloneCalls::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AloneCalls {
    /// The engine was down, or a step failed.
    pub down: u64,
    /// The process began or ceased to hear messages while they asked.
    pub deaf: u64,
    /// As many executions of the key ran, or as many connections were in use, as may.
    pub full: u64,
    /// The leader's outcome was for its own process.
    pub told_to: u64,
    /// They had waited as long as they may.
    pub waited_enough: u64,
    /// The engine found a cycle of waits.
    pub cycle: u64,
    /// The bytes of others could not be decoded, twice.
    pub undecodable: u64,
}

/// Steps that failed, by [`ErrorKind`](crate::engine::ErrorKind).
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::ErrorKind;
/// use coalescer_cluster::health::Counters;
///
/// let counters = Counters::default();
/// counters.failed(ErrorKind::Refused);
/// assert_eq!(counters.snapshot().errors.refused, 1);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EngineErrors {
    /// [`ErrorKind::Refused`](crate::engine::ErrorKind::Refused).
    pub refused: u64,
    /// [`ErrorKind::Lost`](crate::engine::ErrorKind::Lost).
    pub lost: u64,
    /// [`ErrorKind::TimedOut`](crate::engine::ErrorKind::TimedOut).
    pub timed_out: u64,
    /// [`ErrorKind::Full`](crate::engine::ErrorKind::Full).
    pub full: u64,
    /// [`ErrorKind::Denied`](crate::engine::ErrorKind::Denied).
    pub denied: u64,
    /// [`ErrorKind::ReadOnly`](crate::engine::ErrorKind::ReadOnly).
    pub read_only: u64,
    /// [`ErrorKind::Exhausted`](crate::engine::ErrorKind::Exhausted).
    pub exhausted: u64,
    /// [`ErrorKind::Unexpected`](crate::engine::ErrorKind::Unexpected).
    pub unexpected: u64,
}
