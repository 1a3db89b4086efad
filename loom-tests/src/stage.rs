//! The stage of a model: a group with a manual clock, whose executions are numbered as they begin.
//!
//! A value is the number of the execution that made it. So a model can tell which execution an answer
//! came from, and which ones had begun before.

use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coalescer::shared::SharedBy;
use coalescer::{Builder, Error, ForGroup, Group, ManualClock, Role, ShareWith};

use crate::checker::thread::{self, JoinHandle};

/// Gives all keys the same hash. So the table must tell keys apart by `Eq`, and every execution of a
/// model meets them in the same order.
pub type Hash = BuildHasherDefault<Colliding>;

/// The hasher behind [`Hash`].
#[derive(Default)]
pub struct Colliding;

impl Hasher for Colliding {
    fn write(&mut self, _: &[u8]) {}

    fn finish(&self) -> u64 {
        7
    }
}

/// The step of a model's clock.
pub const TICK: Duration = Duration::from_secs(1);

/// The error of a call.
pub type Failure = Error<&'static str>;

/// A group, its clock, and the record of its executions and answers. Clones are handles.
#[derive(Clone)]
pub struct Stage {
    /// The clock of the group.
    pub clock: ManualClock,
    /// It has one shard, so that all keys of a model are under one lock, as two of many keys are.
    pub group: Group<u8, u64, &'static str, Hash>,
    begun: Arc<AtomicU64>,
    handed_out: Arc<Mutex<Vec<u64>>>,
}

/// A value, and the state of the stage before the call.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The number of the execution that made it.
    pub value: u64,
    /// The role of the call, if the call asks for its outcome.
    pub role: Option<Role>,
    /// The number of executions that had begun when the call began.
    pub begun_before: u64,
    /// True if another call had returned this value when the call began.
    pub was_handed_out: bool,
}

/// Returns the settings that all models have in common.
pub fn settings<K, V>(clock: &ManualClock) -> Builder<ForGroup, K, V, Hash> {
    Group::builder().shards(1).hasher(Hash::default()).clock(clock.clone())
}

impl Stage {
    /// Makes a group with these settings and those that all models have in common.
    pub fn new(
        with: impl FnOnce(Builder<ForGroup, u8, u64, Hash>) -> Builder<ForGroup, u8, u64, Hash>,
    ) -> Self {
        let clock = ManualClock::new();
        Self::of(with(settings(&clock)).build(), clock)
    }

    /// Makes a group whose errors are shared as `rule` says.
    pub fn with_errors(rule: impl Fn(&&'static str) -> ShareWith + Send + Sync + 'static) -> Self {
        let clock = ManualClock::new();
        Self::of(settings(&clock).share_error_with(rule).build(), clock)
    }

    /// Makes a group that has this tier, with a window that does not end.
    pub fn with_tier(tier: impl SharedBy<u8, u64, &'static str, Hash>) -> Self {
        let clock = ManualClock::new();
        clock.advance(TICK);
        Self::of(settings(&clock).window(Duration::MAX).shared(tier).build(), clock)
    }

    fn of(group: Group<u8, u64, &'static str, Hash>, clock: ManualClock) -> Self {
        Self { group, clock, begun: Arc::default(), handed_out: Arc::default() }
    }

    /// Starts a thread that runs `part`.
    pub fn spawn<R: Send + 'static>(
        &self,
        part: impl FnOnce(&Self) -> R + Send + 'static,
    ) -> JoinHandle<R> {
        let stage = self.clone();
        thread::spawn(move || part(&stage))
    }

    /// The function of an ordinary call. Its value is the number of its execution.
    #[expect(clippy::missing_errors_doc, reason = "it is a function that a group runs")]
    pub fn run(&self) -> Result<u64, &'static str> {
        Ok(self.begin())
    }

    /// Counts an execution that begins, and returns its number.
    pub fn begin(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Returns the number of executions that have begun.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Makes an ordinary call, which must get a value.
    #[expect(clippy::must_use_candidate, reason = "many a call is made for what it does")]
    pub fn call(&self, key: u8) -> Answer {
        let mut role = None;
        let answer = self.ask(|stage| {
            let outcome = stage.group.call(&key).outcome(|| stage.run())?;
            role = Some(outcome.role);
            Ok(outcome.value)
        });
        Answer { role, ..answer.expect("nothing of this model fails") }
    }

    /// Makes a call of any kind, and notes the state of the stage before it.
    #[expect(clippy::missing_errors_doc, reason = "the error is the call's own")]
    pub fn ask<V: Deref<Target = u64>>(
        &self,
        call: impl FnOnce(&Self) -> Result<V, Failure>,
    ) -> Result<Answer, Failure> {
        let begun_before = self.begun();
        let before = self.handed_out().clone();
        let value = *call(self)?;
        self.handed_out().push(value);
        let was_handed_out = before.contains(&value);
        Ok(Answer { value, role: None, begun_before, was_handed_out })
    }

    fn handed_out(&self) -> std::sync::MutexGuard<'_, Vec<u64>> {
        self.handed_out.lock().expect("no model panics here")
    }

    /// Checks that nothing is in flight (S50) and that the counters account for every call (S48).
    ///
    /// # Panics
    ///
    /// If that does not hold.
    pub fn is_at_rest(&self) {
        let stats = self.group.stats();
        let ends =
            stats.executed_requests + stats.coalesced_requests + stats.timed_out + stats.refused;
        assert_eq!(stats.total_requests, ends, "a call is missing from {stats}");
        assert_eq!(stats.executed_requests, self.begun(), "executions are miscounted in {stats}");
        assert_eq!(stats.in_flight, 0, "something is under way in {stats}");
        assert!(self.group.in_flight().is_empty(), "a slot stayed behind");
    }
}

/// Runs a call whose function may panic with a payload of type `P`, and returns the payload.
///
/// A function panics by `resume_unwind`, which runs no hook: a hook would print once for every
/// execution of the model.
pub fn quietly_panics<R, P: 'static>(call: impl FnOnce() -> R) -> Result<R, P> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| match payload.downcast() {
        Ok(payload) => *payload,
        // A panic of the model itself, which goes on.
        Err(other) => resume_unwind(other),
    })
}
