//! The test kit for engines: it compares an engine with the reference, step by step.
//!
//! Random sequences of steps, by three processes on one key, go to the engine under test and to
//! [`Memory`]. Each answer and each message must be equal. A difference panics with the steps that led to it, and
//! with the seed that makes them again.
//!
//! An engine that [wakes by blocking calls](crate::engine::Wakes::Blocking) is compared without messages: what the
//! reference would send, the engine's [`wait`](crate::engine::Engine::wait) must return. Its sequences have no
//! end of a lease, no take-over and no flight that is too old to join.
//!
//! ```
//! use std::time::Duration;
//! use coalescer::ManualClock;
//! use coalescer_cluster::Memory;
//! use coalescer_cluster::conformance::Conformance;
//!
//! # fn main() {
//! let clock = ManualClock::new();
//! let engine = Memory::with_clock(clock.clone()); // here: your engine
//!
//! Conformance::new().sequences(20).check(&engine, &|time| clock.advance(time));
//! # }
//! ```

mod dice;
mod ends;
mod run;
mod side;
mod step;

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use coalescer::ManualClock;

use crate::Memory;
use crate::engine::Engine;
use crate::sync::now;

use dice::Dice;
use run::Run;

/// Compares an engine with the reference.
///
/// # Examples
///
/// See the [module](self).
#[derive(Clone, Debug)]
pub struct Conformance {
    sequences: u32,
    steps: u32,
    unit: Duration,
    slack: Duration,
    seed: u64,
    namespace: String,
}

impl Conformance {
    /// 100 sequences of 60 steps. Times are few milliseconds, for a clock that the test moves.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_cluster::conformance::Conformance;
    ///
    /// let kit = Conformance::new().sequences(1000).seed(7);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self {
            sequences: 100,
            steps: 60,
            unit: Duration::from_millis(1),
            slack: Duration::ZERO,
            seed: 1,
            namespace: "conformance".to_owned(),
        }
    }

    /// So many sequences.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::conformance::Conformance;
    /// let kit = Conformance::new().sequences(1000);
    /// ```
    #[must_use]
    pub const fn sequences(mut self, sequences: u32) -> Self {
        self.sequences = sequences;
        self
    }

    /// So many steps in each sequence.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::conformance::Conformance;
    /// let kit = Conformance::new().steps(200);
    /// ```
    #[must_use]
    pub const fn steps(mut self, steps: u32) -> Self {
        self.steps = steps;
        self
    }

    /// The seed of the first sequence. The second one has the next number, and so on.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::conformance::Conformance;
    /// let kit = Conformance::new().sequences(1).seed(4711); // the one that has failed
    /// ```
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The namespace of all keys, if the engine's rights allow only one. Each sequence has one that begins so.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::conformance::Conformance;
    /// let kit = Conformance::new().namespace("shop");
    /// ```
    #[must_use]
    pub fn namespace(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.namespace);
        self
    }

    /// For an engine on a real clock. A unit is the shortest time that matters; all steps of a sequence together
    /// must take less. 20 ms do for a server on the same host. Steps that let time pass take 4 to 40 units.
    ///
    /// A difference in a sequence that has taken longer says nothing of the engine. Such a sequence is begun again, ten times
    /// at most.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// # use coalescer_cluster::conformance::Conformance;
    /// let kit = Conformance::new().real_time(Duration::from_millis(20));
    /// ```
    #[must_use]
    pub const fn real_time(mut self, unit: Duration) -> Self {
        self.unit = unit;
        self.slack = unit;
        self
    }

    /// Compares an engine with [`Memory`]. `pass` lets time pass for the engine: it advances the engine's clock,
    /// or waits.
    ///
    /// # Panics
    ///
    /// At the first difference, and at the first step that fails.
    ///
    /// # Examples
    ///
    /// See the [module](self).
    pub fn check(&self, engine: &dyn Engine, pass: &dyn Fn(Duration)) {
        let clock = ManualClock::new();
        let reference = Memory::with_clock(clock.clone());
        self.compare(engine, &reference, &|time| {
            pass(time);
            clock.advance(time);
        });
    }

    /// Compares an engine with another one that sends messages. `pass` lets time pass for both.
    ///
    /// # Panics
    ///
    /// At the first difference, and at the first step that fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::ManualClock;
    /// use coalescer_cluster::Memory;
    /// use coalescer_cluster::conformance::Conformance;
    ///
    /// let clock = ManualClock::new();
    /// let [one, other] = [(); 2].map(|()| Memory::with_clock(clock.clone()));
    /// Conformance::new().sequences(5).compare(&one, &other, &|time| clock.advance(time));
    /// ```
    pub fn compare(&self, engine: &dyn Engine, reference: &dyn Engine, pass: &dyn Fn(Duration)) {
        for sequence in 0..u64::from(self.sequences) {
            let seed = self.seed.wrapping_add(sequence);
            let mut attempts = 1;
            while let Err(panic) = self.sequence(engine, reference, pass, seed) {
                let Panic { payload, is_late } = panic;
                if !is_late || attempts == ATTEMPTS {
                    resume_unwind(payload);
                }
                attempts += 1;
            }
        }
    }

    /// Compares the engines in one sequence.
    fn sequence(
        &self,
        engine: &dyn Engine,
        reference: &dyn Engine,
        pass: &dyn Fn(Duration),
        seed: u64,
    ) -> Result<(), Panic> {
        let (begin, passed) = (now(), Cell::new(Duration::ZERO));
        let pass = |time| {
            pass(time);
            passed.set(passed.get() + time);
        };
        let compare = || {
            let mut run = Run::new(self, engine, reference, seed);
            let mut dice = Dice::new(seed);
            for _ in 0..self.steps {
                run.step(&mut dice, &pass);
            }
        };
        catch_unwind(AssertUnwindSafe(compare)).map_err(|payload| {
            let took = now().saturating_duration_since(begin).saturating_sub(passed.get());
            Panic { payload, is_late: !self.slack.is_zero() && took > self.slack }
        })
    }
}

/// How often a sequence is begun that takes too long.
const ATTEMPTS: u32 = 10;

/// A difference, or a step that has failed.
struct Panic {
    payload: Box<dyn Any + Send>,
    /// The steps took longer than the shortest time that matters.
    is_late: bool,
}

impl Default for Conformance {
    fn default() -> Self {
        Self::new()
    }
}
