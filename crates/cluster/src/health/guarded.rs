//! An engine behind its breaker, with its counters.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use coalescer::ManualClock;

use crate::engine::{Engine, EngineError, ErrorKind};
use crate::sync::{AtomicU64, Ordering, now};

use super::breaker::{Breaker, Health};
use super::counters::Counters;
use super::stats::ClusterStats;

/// An engine that is asked only while it is worth it. Each step that is sent is counted, and what became of it
/// decides about the next ones. The time is the engine's own, if a test moves its
/// [clock](Engine::clock).
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use coalescer_cluster::Memory;
/// use coalescer_cluster::engine::{Engine, ErrorKind};
/// use coalescer_cluster::health::{Guarded, Unasked};
///
/// let engine = Memory::new();
/// let guarded = Guarded::new(Arc::new(engine.clone()));
/// let ping = || guarded.ask(|engine| engine.ping(Duration::from_millis(100)));
/// assert!(ping().is_ok());
///
/// engine.fail_with(ErrorKind::Refused);
/// assert!(matches!(ping(), Err(Unasked::Failed { opened: true, .. })));
/// assert!(matches!(ping(), Err(Unasked::Open)));
/// assert_eq!(guarded.stats().round_trips, 2);
/// ```
pub struct Guarded {
    engine: Arc<dyn Engine>,
    /// The engine's.
    clock: Option<ManualClock>,
    breaker: Breaker,
    counters: Counters,
    /// So often the engine came back.
    closings: AtomicU64,
    /// A forked child must not use its parent's connections.
    process: u32,
}

/// Why the engine's answer is not there. The caller goes on by itself.
///
/// # Examples
///
/// See [`Guarded`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unasked {
    /// The breaker is open.
    Open,
    /// This is a forked child of the process that opened the engine. It must open one of its own.
    Forked,
    /// The cluster was closed.
    Closed,
    /// The engine was asked, and the step failed.
    Failed {
        /// In which way.
        error: EngineError,
        /// This failure has opened the breaker: all who wait must be woken.
        opened: bool,
    },
}

impl fmt::Display for Unasked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("the engine has failed, and is left alone for a while"),
            Self::Forked => f.write_str("this is a forked child: open a cluster after the fork"),
            Self::Closed => f.write_str("the cluster was closed"),
            Self::Failed { error, .. } => error.fmt(f),
        }
    }
}

impl std::error::Error for Unasked {}

impl Guarded {
    /// Guards an engine, which is not asked yet.
    ///
    /// # Examples
    ///
    /// See [`Guarded`].
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        let clock = engine.clock();
        let breaker = Breaker::new(time(clock.as_ref()));
        let (counters, closings) = (Counters::default(), AtomicU64::new(0));
        let process = std::process::id();
        Self { engine, clock, breaker, counters, closings, process }
    }

    /// Sends one step to the engine, unless the breaker is open. It blocks no longer than the step.
    ///
    /// # Errors
    ///
    /// If the engine was not asked, or if the step failed.
    ///
    /// # Examples
    ///
    /// See [`Guarded`].
    pub fn ask<T>(
        &self,
        step: impl FnOnce(&dyn Engine) -> Result<T, EngineError>,
    ) -> Result<T, Unasked> {
        self.send(false, step)
    }

    /// Sends one step that has less time than the engine may take, because its call has a deadline. That it
    /// was not answered in time says nothing about the engine.
    pub(crate) fn ask_briefly<T>(
        &self,
        step: impl FnOnce(&dyn Engine) -> Result<T, EngineError>,
    ) -> Result<T, Unasked> {
        self.send(true, step)
    }

    fn send<T>(
        &self,
        is_brief: bool,
        step: impl FnOnce(&dyn Engine) -> Result<T, EngineError>,
    ) -> Result<T, Unasked> {
        if self.is_forked() {
            self.counters.not_sent();
            return Err(Unasked::Forked);
        }
        let Some(permit) = self.breaker.lets_ask(self.now()) else {
            self.counters.not_sent();
            return Err(Unasked::Open);
        };
        self.counters.sent();
        match step(&*self.engine) {
            Ok(answer) => {
                if self.breaker.succeeded(permit, self.now()) {
                    self.closings.fetch_add(1, Ordering::Relaxed);
                }
                Ok(answer)
            }
            Err(error) => {
                self.counters.failed(error.kind());
                if is_brief && error.kind() == ErrorKind::TimedOut {
                    self.breaker.note(&error);
                    return Err(Unasked::Failed { error, opened: false });
                }
                let opened = self.breaker.failed(permit, &error, self.now());
                Err(Unasked::Failed { error, opened })
            }
        }
    }

    /// Returns the engine itself, for what the breaker must not stop: listening, and what it can do.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use coalescer_cluster::{Memory, health::Guarded};
    /// let guarded = Guarded::new(Arc::new(Memory::new()));
    /// assert!(guarded.engine().can().invalidates);
    /// ```
    #[must_use]
    pub fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// Returns the counters, for what this type does not see.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use coalescer_cluster::{Memory, health::Guarded};
    /// let guarded = Guarded::new(Arc::new(Memory::new()));
    /// guarded.counters().took_over();
    /// assert_eq!(guarded.stats().takeovers, 1);
    /// ```
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns the numbers.
    ///
    /// # Examples
    ///
    /// See [`Guarded`].
    #[must_use]
    pub fn stats(&self) -> ClusterStats {
        self.counters.snapshot()
    }

    /// Returns the state of the connection. `listening`: the process hears messages.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use coalescer_cluster::{Memory, health::Guarded};
    /// assert!(Guarded::new(Arc::new(Memory::new())).health(true).up);
    /// ```
    #[must_use]
    pub fn health(&self, listening: bool) -> Health {
        self.breaker.health(self.now(), listening)
    }

    /// So often the engine has been down and came back.
    pub(crate) fn closings(&self) -> u64 {
        self.closings.load(Ordering::Relaxed)
    }

    /// True if nobody may ask the engine now.
    pub(crate) fn is_open(&self) -> bool {
        self.breaker.is_open(self.now())
    }

    /// True if the engine has failed, and nobody knows that it is back.
    pub(crate) fn is_down(&self) -> bool {
        !self.breaker.is_closed()
    }

    pub(crate) fn is_forked(&self) -> bool {
        std::process::id() != self.process
    }

    /// Shows a failure of something that is not a step.
    pub(crate) fn note(&self, error: &EngineError) {
        self.breaker.note(error);
    }

    pub(crate) fn now(&self) -> Instant {
        time(self.clock.as_ref())
    }

    /// A test moves the clock.
    pub(crate) fn is_manual(&self) -> bool {
        self.clock.is_some()
    }
}

fn time(clock: Option<&ManualClock>) -> Instant {
    clock.map_or_else(now, ManualClock::now)
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("breaker", &self.breaker).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Memory;

    /// C27. A test cannot fork without `unsafe`, so the number is that of another process.
    #[test]
    fn a_forked_child_does_not_ask() {
        let mut guarded = Guarded::new(Arc::new(Memory::new()));
        guarded.process = std::process::id().wrapping_add(1);
        let asked = guarded.ask(|_| -> Result<(), EngineError> { panic!("it asks") });
        assert_eq!(asked, Err(Unasked::Forked));
        assert_eq!(guarded.stats().not_asked, 1);
    }
}
