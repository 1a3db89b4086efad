//! What a model plays on: a group on a manual clock, whose executions are numbered as they begin.
//!
//! A value is the number of the execution that made it, so a model can say which execution an
//! answer came from and what had happened before it began.

use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coalescer::{Builder, Error, ForGroup, Group, ManualClock, Role};

use crate::checker::thread::{self, JoinHandle};

/// All keys have the same hash: so one is not taken for another by luck, and every execution of a
/// model finds them in the same order.
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

/// Why a call got no value.
pub type Failure = Error<&'static str>;

/// A group, its clock, and what has happened so far. Clones are handles.
#[derive(Clone)]
pub struct Stage {
    /// The clock of the group.
    pub clock: ManualClock,
    /// One shard, so that every key of a model is under one lock, as two of many keys are.
    pub group: Group<u8, u64, &'static str, Hash>,
    begun: Arc<AtomicU64>,
    handed_out: Arc<Mutex<Vec<u64>>>,
}

/// A value together with what had happened before it was asked for.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The number of the execution that made it.
    pub value: u64,
    /// How the call came by it, if it asked.
    pub role: Option<Role>,
    /// How many executions had begun when the call did.
    pub begun_before: u64,
    /// Whether another call had returned with this very value when the call began.
    pub was_handed_out: bool,
}

/// Settings that every model starts from.
pub fn settings(clock: &ManualClock) -> Builder<ForGroup, u8, u64, Hash> {
    Group::builder().shards(1).hasher(Hash::default()).clock(clock.clone())
}

impl Stage {
    /// A group with these settings beside those that all models share.
    pub fn new(
        with: impl FnOnce(Builder<ForGroup, u8, u64, Hash>) -> Builder<ForGroup, u8, u64, Hash>,
    ) -> Self {
        let clock = ManualClock::new();
        Self {
            group: with(settings(&clock)).build(),
            clock,
            begun: Arc::default(),
            handed_out: Arc::default(),
        }
    }

    /// Starts a thread that plays a part.
    pub fn spawn<R: Send + 'static>(
        &self,
        part: impl FnOnce(&Self) -> R + Send + 'static,
    ) -> JoinHandle<R> {
        let stage = self.clone();
        thread::spawn(move || part(&stage))
    }

    /// What the function of an ordinary call does: its value is the number of its execution.
    #[expect(clippy::missing_errors_doc, reason = "it is a function that a group runs")]
    pub fn run(&self) -> Result<u64, &'static str> {
        Ok(self.begin())
    }

    /// An execution has begun; says the how manieth.
    pub fn begin(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// How many executions have begun.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// An ordinary call of an ordinary function, which must get a value.
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

    /// A call of any kind, together with what had happened before it.
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

    /// At rest nothing is under way (S50), and every call is accounted for (S48).
    ///
    /// # Panics
    ///
    /// If that is not so.
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

/// Runs a call whose function may panic with `P`, and gives the panic's payload.
///
/// A function panics by `resume_unwind`, which runs no hook: a hook would print once for every
/// execution of the model.
pub fn quietly_panics<R, P: 'static>(call: impl FnOnce() -> R) -> Result<R, P> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| match payload.downcast() {
        Ok(payload) => *payload,
        // A panic of the model itself: it goes on.
        Err(other) => resume_unwind(other),
    })
}
