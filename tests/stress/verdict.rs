//! Checks that a call may get the value that it got.
//!
//! The logical clock of the round gives the order, and the real clock the ages. A function reads both after
//! its flight has started, and a call reads both before it enters the library. So each check below
//! gives the library the benefit of the time between, and a complaint is always a broken promise.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use coalescer::{Error, OnDeadlock, Outcome, Role};

use crate::counts::Counts;
use crate::product::{Product, Sharing, parse_panic};
use crate::round::Round;
use crate::worker::Verb;

/// A call as it begins.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) verb: Verb,
    pub(crate) key: usize,
    /// How many functions of its own thread it is called from.
    pub(crate) depth: u32,
    pub(crate) at: Instant,
    tick: u64,
    /// Executions that began before this are not for this call (S28, S30).
    floor: u64,
    patience: Option<Duration>,
}

#[derive(Debug)]
pub(crate) enum Got {
    Value(Arc<Product>, Option<Outcome<Product>>),
    Failed(Arc<Product>),
    /// The call's own function panicked, and so did the call.
    Panicked(Option<String>),
    LeaderPanicked(Option<String>),
    TimedOut,
    WouldBlock,
    WouldDeadlock,
    /// Nothing in these rounds leads to it.
    #[expect(dead_code, reason = "complaints show it")]
    Impossible(Error<Product>),
}

/// The origin of a call's result: the key and the start of the execution.
type Origin = (usize, u64);

impl Entry {
    pub(crate) fn new(round: &Round, verb: Verb, key: usize, depth: u32) -> Self {
        let max_wait = round.plan.settings.max_wait;
        let (floor, tick) = (round.floor(key), round.tick());
        let patience = match verb {
            Verb::Timeout(timeout) | Verb::Deadline(timeout) => {
                Some(timeout.min(max_wait.unwrap_or(timeout)))
            }
            _ => max_wait,
        };
        let floor = if verb == Verb::Fresh { tick } else { floor };
        Self { verb, key, depth, at: Instant::now(), tick, floor, patience }
    }
}

impl Got {
    pub(crate) fn from(result: Result<Result<Self, Error<Product>>, Box<dyn Any + Send>>) -> Self {
        match result {
            Ok(Ok(got)) => got,
            Ok(Err(Error::Failed(error))) => Self::Failed(error),
            Ok(Err(Error::LeaderPanicked { message })) => {
                Self::LeaderPanicked(message.map(|text| text.to_string()))
            }
            Ok(Err(Error::TimedOut)) => Self::TimedOut,
            Ok(Err(Error::WouldBlock)) => Self::WouldBlock,
            Ok(Err(Error::WouldDeadlock)) => Self::WouldDeadlock,
            Ok(Err(other)) => Self::Impossible(other),
            Err(panic) => Self::Panicked(panic.downcast().ok().map(|text| *text)),
        }
    }

    pub(crate) fn count(&self, counts: &mut Counts, entry: &Entry, ran: bool) {
        counts.calls += 1;
        counts.ran += u64::from(ran);
        match self {
            Self::Failed(_) if ran => counts.failed += 1,
            Self::Panicked(_) => counts.panicked += 1,
            Self::TimedOut => counts.timed_out += 1,
            Self::WouldBlock => counts.would_block += 1,
            Self::WouldDeadlock => counts.would_deadlock += 1,
            _ if ran => {}
            _ => self.count_served(counts, entry),
        }
    }

    fn count_served(&self, counts: &mut Counts, entry: &Entry) {
        counts.served += 1;
        counts.fresh_followers += u64::from(entry.verb == Verb::Fresh);
        match self {
            Self::Value(product, Some(outcome)) if outcome.role == Role::Late => {
                counts.late += 1;
                counts.late_in_time += u64::from(product.lifetime().is_some());
            }
            Self::Value(_, Some(_)) => counts.followers += 1,
            Self::LeaderPanicked(_) => {
                counts.followers += 1;
                counts.told_of_panics += 1;
            }
            _ => {}
        }
    }

    fn product(&self) -> Option<&Arc<Product>> {
        match self {
            Self::Value(product, _) | Self::Failed(product) => Some(product),
            _ => None,
        }
    }

    fn origin(&self) -> Option<Origin> {
        match self {
            Self::Value(product, _) | Self::Failed(product) => Some((product.key, product.begun)),
            Self::Panicked(message) | Self::LeaderPanicked(message) => {
                message.as_deref().and_then(parse_panic)
            }
            _ => None,
        }
    }
}

/// One call that has returned, with the data to check it.
struct Case<'c> {
    round: &'c Round,
    entry: &'c Entry,
    /// The begin of its own function, if that ran.
    begun: Option<u64>,
    got: &'c Got,
}

/// Checks one call that has returned. `begun` is the begin of its own function, if that ran.
pub(crate) fn judge(round: &Round, entry: &Entry, begun: Option<u64>, got: &Got) {
    let case = Case { round, entry, begun, got };
    match got.origin() {
        Some(origin) => case.judge_origin(origin),
        None => case.judge_refusal(),
    }
    case.judge_panic();
    if let Got::Value(_, Some(outcome)) = got {
        case.judge_outcome(outcome);
    }
    if let Some(product) = got.product() {
        case.judge_product(product);
    }
}

impl Case<'_> {
    fn check(&self, holds: bool, what: &str) {
        let Self { round, entry, begun, got } = self;
        round.check(holds, || format!("{what}: {got:?} (own: {begun:?}) by {entry:?}"));
    }

    fn judge_origin(&self, (key, origin): Origin) {
        let Self { entry, begun, .. } = self;
        self.check(key == entry.key, "a result of another key");
        self.check(begun.is_none_or(|own| own == origin), "a leader got another's result (S26)");
        self.check(origin > entry.floor, "from before a forget, or not fresh (S28, S30)");
    }

    fn judge_refusal(&self) {
        let Self { round, entry, begun, got } = self;
        self.check(begun.is_none(), "a call that ran its function got no result of it");
        match got {
            Got::TimedOut => {
                let is_due = entry.patience.is_some_and(|patience| entry.at.elapsed() >= patience);
                self.check(is_due, "timed out without a deadline, or before it (S32)");
                self.check(entry.verb != Verb::Try, "try_execute waited (S34)");
            }
            Got::WouldBlock => self.check(entry.verb == Verb::Try, "refused to wait (S34)"),
            Got::WouldDeadlock => {
                let refuses = round.plan.settings.on_deadlock == OnDeadlock::Refuse;
                let may_be = refuses && entry.depth > 0 && !round.plan.mix.is_ordered;
                self.check(may_be, "there is no cycle (S43)");
            }
            _ => self.check(false, "an impossible result"),
        }
    }

    fn judge_panic(&self) {
        match (self.got, self.begun) {
            (Got::Panicked(_), None) => self.check(false, "a follower panicked (S22)"),
            (Got::LeaderPanicked(_), Some(_)) => self.check(false, "a leader did not (S21)"),
            _ => {}
        }
    }

    fn judge_outcome(&self, outcome: &Outcome<Product>) {
        let Self { round, entry, begun, .. } = self;
        let settings = &round.plan.settings;
        let end_of = |limit| outcome.value.started.checked_add(limit);
        let is_before = |limit: Duration| end_of(limit).is_none_or(|end| entry.at < end);
        let most = settings.max_requests.unwrap_or(usize::MAX);
        self.check((1..=most).contains(&outcome.callers), "more callers than may be (S13)");
        self.check(outcome.waited <= entry.at.elapsed(), "waited longer than it took");
        self.check((outcome.role == Role::Leader) == begun.is_some(), "the wrong role");
        match outcome.role {
            Role::Leader => {}
            Role::Shared => self.check(false, "there is no other process"),
            Role::Late => {
                self.check(is_before(settings.window), "late after the window (S8)");
                let is_in_time = outcome.value.lifetime().is_none_or(is_before);
                self.check(is_in_time, "late after the value's own time (S74)");
            }
            Role::Follower => {
                let age = settings.max_join_age.unwrap_or(Duration::MAX);
                self.check(is_before(age), "joined a flight that was too old (S9)");
                self.check(outcome.callers >= 2, "a follower without a leader");
            }
        }
    }

    fn judge_product(&self, product: &Product) {
        let settings = &self.round.plan.settings;
        self.judge_time(product);
        let receivers = product.receivers.fetch_add(1, Ordering::SeqCst) + 1;
        let most = settings.max_requests.unwrap_or(usize::MAX);
        self.check(receivers <= most, "more calls served than max_requests (S13)");
        // An error is not asked about: the rule is for values.
        let is_value = matches!(self.got, Got::Value(..));
        let is_private = is_value && settings.has_rule && product.sharing == Sharing::Private;
        self.check(self.begun.is_some() || !is_private, "it may not be shared (S40)");
    }

    /// S5: only the window hands a result to a call that began after a participant had returned.
    /// It keeps no value that is for those who wait (S40), or whose own time is over (S74).
    fn judge_time(&self, product: &Product) {
        let settings = &self.round.plan.settings;
        let (window, role) = match self.got {
            Got::Value(_, outcome) => (settings.window, outcome.as_ref().map(|known| known.role)),
            _ => (settings.error_window, None),
        };
        let is_value = matches!(self.got, Got::Value(..));
        let is_passing = is_value && settings.has_rule && product.sharing == Sharing::Passing;
        self.check(!is_passing || role != Some(Role::Late), "it may not be kept (S40)");
        let end = product.lifetime().and_then(|time| product.started.checked_add(time));
        let is_over = is_value && end.is_some_and(|end| self.entry.at >= end);
        let has_joined = window.is_zero() || is_passing || is_over || role == Some(Role::Follower);
        let first_return = product.first_return.load(Ordering::SeqCst);
        let is_in_time = first_return > self.entry.tick;
        self.check(!has_joined || is_in_time, "joined a flight that was over (S5)");
        product.first_return.fetch_min(self.round.tick(), Ordering::SeqCst);
    }
}
