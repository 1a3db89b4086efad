//! The counters of the steps and their failures.

use serde::Serialize;

use crate::engine::{Claimed, ErrorKind};
use crate::sync::{AtomicU64, Ordering};

/// Counts what a process asks of its engine. The numbers only rise.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::engine::{Claimed, ErrorKind};
/// use coalescer_cluster::health::Counters;
///
/// let counters = Counters::default();
/// counters.answered(&Claimed::Busy);
/// counters.failed(ErrorKind::TimedOut);
/// let stats = counters.snapshot();
/// assert_eq!((stats.busy, stats.errors.timed_out), (1, 1));
/// ```
#[derive(Debug, Default)]
pub struct Counters {
    round_trips: AtomicU64,
    leads: AtomicU64,
    hits: AtomicU64,
    follows: AtomicU64,
    waits: AtomicU64,
    full: AtomicU64,
    busy: AtomicU64,
    not_asked: AtomicU64,
    lost_leases: AtomicU64,
    takeovers: AtomicU64,
    undecodable: AtomicU64,
    forgets_everywhere: AtomicU64,
    forgets_unreached: AtomicU64,
    errors: Errors,
}

/// By the kinds of errors.
#[derive(Debug, Default)]
struct Errors {
    refused: AtomicU64,
    lost: AtomicU64,
    timed_out: AtomicU64,
    full: AtomicU64,
    denied: AtomicU64,
    read_only: AtomicU64,
    exhausted: AtomicU64,
    unexpected: AtomicU64,
}

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
    /// Steps that failed, by kind.
    pub errors: EngineErrors,
}

/// Steps that failed, by [`ErrorKind`].
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
    /// [`ErrorKind::Refused`].
    pub refused: u64,
    /// [`ErrorKind::Lost`].
    pub lost: u64,
    /// [`ErrorKind::TimedOut`].
    pub timed_out: u64,
    /// [`ErrorKind::Full`].
    pub full: u64,
    /// [`ErrorKind::Denied`].
    pub denied: u64,
    /// [`ErrorKind::ReadOnly`].
    pub read_only: u64,
    /// [`ErrorKind::Exhausted`].
    pub exhausted: u64,
    /// [`ErrorKind::Unexpected`].
    pub unexpected: u64,
}

impl Counters {
    /// A step was sent.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::health::Counters;
    /// let counters = Counters::default();
    /// counters.sent();
    /// assert_eq!(counters.snapshot().round_trips, 1);
    /// ```
    pub fn sent(&self) {
        add(&self.round_trips);
    }

    /// A step was not sent.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::health::Counters;
    /// let counters = Counters::default();
    /// counters.not_sent();
    /// assert_eq!(counters.snapshot().not_asked, 1);
    /// ```
    pub fn not_sent(&self) {
        add(&self.not_asked);
    }

    /// A claim was answered.
    ///
    /// # Examples
    ///
    /// See [`Counters`].
    pub fn answered(&self, claimed: &Claimed) {
        add(match claimed {
            Claimed::Lead { .. } => &self.leads,
            Claimed::Hit { .. } => &self.hits,
            Claimed::Follow { .. } => &self.follows,
            Claimed::Wait { .. } => &self.waits,
            Claimed::Full | Claimed::Old => &self.full,
            Claimed::Busy => &self.busy,
        });
    }

    /// A step failed.
    ///
    /// # Examples
    ///
    /// See [`Counters`].
    pub fn failed(&self, kind: ErrorKind) {
        let errors = &self.errors;
        add(match kind {
            ErrorKind::Refused => &errors.refused,
            ErrorKind::Lost => &errors.lost,
            ErrorKind::TimedOut => &errors.timed_out,
            ErrorKind::Full => &errors.full,
            ErrorKind::Denied => &errors.denied,
            ErrorKind::ReadOnly => &errors.read_only,
            ErrorKind::Exhausted => &errors.exhausted,
            ErrorKind::Unexpected => &errors.unexpected,
        });
    }

    /// A lead of this process was taken over or lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::health::Counters;
    /// let counters = Counters::default();
    /// counters.lost_lease();
    /// assert_eq!(counters.snapshot().lost_leases, 1);
    /// ```
    pub fn lost_lease(&self) {
        add(&self.lost_leases);
    }

    /// This process has taken a lead over.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::health::Counters;
    /// let counters = Counters::default();
    /// counters.took_over();
    /// assert_eq!(counters.snapshot().takeovers, 1);
    /// ```
    pub fn took_over(&self) {
        add(&self.takeovers);
    }

    /// A result could not be decoded.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::health::Counters;
    /// let counters = Counters::default();
    /// counters.found_undecodable();
    /// assert_eq!(counters.snapshot().undecodable, 1);
    /// ```
    pub fn found_undecodable(&self) {
        add(&self.undecodable);
    }

    /// A forget reached everybody.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::health::Counters;
    /// let counters = Counters::default();
    /// counters.forgot_everywhere();
    /// assert_eq!(counters.snapshot().forgets_everywhere, 1);
    /// ```
    pub fn forgot_everywhere(&self) {
        add(&self.forgets_everywhere);
    }

    /// A forget did not reach everybody.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::health::Counters;
    /// let counters = Counters::default();
    /// counters.forgot_unreached();
    /// assert_eq!(counters.snapshot().forgets_unreached, 1);
    /// ```
    pub fn forgot_unreached(&self) {
        add(&self.forgets_unreached);
    }

    /// Reads the numbers.
    ///
    /// # Examples
    ///
    /// See [`Counters`].
    #[must_use]
    pub fn snapshot(&self) -> ClusterStats {
        ClusterStats {
            round_trips: read(&self.round_trips),
            leads: read(&self.leads),
            hits: read(&self.hits),
            follows: read(&self.follows),
            waits: read(&self.waits),
            full: read(&self.full),
            busy: read(&self.busy),
            not_asked: read(&self.not_asked),
            lost_leases: read(&self.lost_leases),
            takeovers: read(&self.takeovers),
            undecodable: read(&self.undecodable),
            forgets_everywhere: read(&self.forgets_everywhere),
            forgets_unreached: read(&self.forgets_unreached),
            errors: self.errors.snapshot(),
        }
    }
}

impl Errors {
    fn snapshot(&self) -> EngineErrors {
        EngineErrors {
            refused: read(&self.refused),
            lost: read(&self.lost),
            timed_out: read(&self.timed_out),
            full: read(&self.full),
            denied: read(&self.denied),
            read_only: read(&self.read_only),
            exhausted: read(&self.exhausted),
            unexpected: read(&self.unexpected),
        }
    }
}

// Nothing is ordered by these numbers.
fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
