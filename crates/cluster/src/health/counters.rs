//! The counters of the steps and their failures.

use crate::engine::{Claimed, ErrorKind};
use crate::sync::{Counter, Ordering};

use super::stats::{AloneCalls, ClusterStats, EngineErrors};

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
    round_trips: Counter,
    leads: Counter,
    hits: Counter,
    follows: Counter,
    waits: Counter,
    full: Counter,
    busy: Counter,
    not_asked: Counter,
    lost_leases: Counter,
    takeovers: Counter,
    undecodable: Counter,
    forgets_everywhere: Counter,
    forgets_unreached: Counter,
    alone: Alone,
    unshareable_keys: Counter,
    own_keys: Counter,
    not_encoded: Counter,
    too_large: Counter,
    errors: Errors,
}

/// By the reasons for which a call ran its function for its own process.
#[derive(Debug, Default)]
struct Alone {
    down: Counter,
    deaf: Counter,
    full: Counter,
    told_to: Counter,
    waited_enough: Counter,
    cycle: Counter,
    undecodable: Counter,
}

/// By the kinds of errors.
#[derive(Debug, Default)]
struct Errors {
    refused: Counter,
    lost: Counter,
    timed_out: Counter,
    full: Counter,
    denied: Counter,
    read_only: Counter,
    exhausted: Counter,
    unexpected: Counter,
}

/// Why a call runs its function for its own process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The engine is not asked, or a step failed.
    Down,
    /// The process has begun or ceased to hear messages since the call asked.
    Deaf,
    /// As many flights run, or connections are in use, as may.
    Full,
    /// The leader's outcome is for its own process.
    RunYourOwn,
    /// It has waited as long as it may.
    WaitedEnough,
    /// The engine has found a cycle of waits.
    Cycle,
    /// The bytes of others cannot be decoded.
    Undecodable,
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

    /// A call runs its function for its own process.
    pub(crate) fn ran_alone(&self, reason: Reason) {
        let alone = &self.alone;
        add(match reason {
            Reason::Down => &alone.down,
            Reason::Deaf => &alone.deaf,
            Reason::Full => &alone.full,
            Reason::RunYourOwn => &alone.told_to,
            Reason::WaitedEnough => &alone.waited_enough,
            Reason::Cycle => &alone.cycle,
            Reason::Undecodable => &alone.undecodable,
        });
    }

    /// A key has no bytes that stand for it.
    pub(crate) fn found_unshareable_key(&self) {
        add(&self.unshareable_keys);
    }

    /// A key stays in its process by choice.
    pub(crate) fn kept_key(&self) {
        add(&self.own_keys);
    }

    /// A codec could not write an outcome.
    pub(crate) fn could_not_encode(&self) {
        add(&self.not_encoded);
    }

    /// A value is larger than `max_value`.
    pub(crate) fn was_too_large(&self) {
        add(&self.too_large);
    }

    fn alone_calls(&self) -> AloneCalls {
        let alone = &self.alone;
        AloneCalls {
            down: read(&alone.down),
            deaf: read(&alone.deaf),
            full: read(&alone.full),
            told_to: read(&alone.told_to),
            waited_enough: read(&alone.waited_enough),
            cycle: read(&alone.cycle),
            undecodable: read(&alone.undecodable),
        }
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
            alone: self.alone_calls(),
            unshareable_keys: read(&self.unshareable_keys),
            own_keys: read(&self.own_keys),
            not_encoded: read(&self.not_encoded),
            too_large: read(&self.too_large),
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
fn add(counter: &Counter) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn read(counter: &Counter) -> u64 {
    counter.load(Ordering::Relaxed)
}
