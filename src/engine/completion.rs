//! [`Completion`]: the result of running the function, as its leader, its followers and the window
//! see it.
//!
//! One value serves all of them, so a run is described once:
//!
//! ```text
//! run ──▶ Completion ─┬─ into_answer ──▶ the leader
//!                     ├─ clone ────────▶ the flight's promise ── answer ──▶ each follower
//!                     └─ to_state ─────▶ the slot, for the length of the window
//! ```

use std::sync::Arc;

use crate::engine::answer::{Answer, Answered};
use crate::engine::slot::{Kind, State};
use crate::error::Error;
use crate::outcome::Role;
use crate::policy::ShareWith;
use crate::sync::Handle;
use crate::wait::clock::Nanos;

pub(crate) struct Completion<V, E> {
    pub(crate) result: RunResult<V, E>,
    /// When the computation began: the execution's start, or earlier if the function returned a
    /// value that was computed before. The window counts from this (S8).
    pub(crate) start: Nanos,
}

pub(crate) enum RunResult<V, E> {
    Value(Handle<V>, ShareWith),
    Failed(Handle<E>),
    /// With the panic's message, if it has one.
    Panicked(Option<Arc<str>>),
    /// The execution was dropped before it ended.
    Abandoned,
}

impl<V, E> Completion<V, E> {
    #[inline]
    pub(crate) fn new(result: RunResult<V, E>, start: Nanos) -> Self {
        Self { result, start }
    }

    pub(crate) fn abandoned(start: Nanos) -> Self {
        Self::new(RunResult::Abandoned, start)
    }

    /// Whether the function returned a value, shareable or not: that decides a flight at once.
    #[inline]
    pub(crate) fn is_success(&self) -> bool {
        matches!(self.result, RunResult::Value(..))
    }

    /// Whether followers must run their own function (S40).
    pub(crate) fn is_unshared(&self) -> bool {
        matches!(self.result, RunResult::Value(_, ShareWith::Nobody))
    }

    /// The result in one word, for logs and spans.
    pub(crate) fn word(&self) -> &'static str {
        match self.result {
            RunResult::Value(..) => "ok",
            RunResult::Failed(_) => "error",
            RunResult::Panicked(_) => "panic",
            RunResult::Abandoned => "abandoned",
        }
    }

    /// The window that may keep this result, if one may (S18, S40).
    #[inline]
    pub(crate) fn kind(&self) -> Option<Kind> {
        match self.result {
            RunResult::Value(_, ShareWith::Everyone) => Some(Kind::Value),
            RunResult::Failed(_) => Some(Kind::Error),
            RunResult::Value(..) | RunResult::Panicked(_) | RunResult::Abandoned => None,
        }
    }

    /// The state of a slot that keeps this result, which `callers` calls have shared so far.
    pub(crate) fn to_state(&self, callers: usize) -> State<V, E> {
        let callers = u32::try_from(callers).unwrap_or(u32::MAX);
        match &self.result {
            RunResult::Value(value, _) => State::Value(Handle::clone(value), callers),
            RunResult::Failed(error) => State::Error(Handle::clone(error), callers),
            RunResult::Panicked(_) | RunResult::Abandoned => {
                unreachable!("no window keeps a call without a result")
            }
        }
    }

    /// The answer to one call. `None` for a follower that must run its own function.
    #[inline]
    pub(crate) fn answer(&self, role: Role, callers: usize, waited: Nanos) -> Option<Answer<V, E>> {
        match &self.result {
            RunResult::Value(_, ShareWith::Nobody) if role == Role::Follower => None,
            RunResult::Value(value, _) => {
                let value = Handle::clone(value);
                Some(Ok(Answered { value, role, callers, waited, start: self.start }))
            }
            RunResult::Failed(error) => Some(Err(Error::Failed(Handle::clone(error)))),
            RunResult::Panicked(message) => {
                Some(Err(Error::LeaderPanicked { message: message.clone() }))
            }
            RunResult::Abandoned => Some(Err(Error::Abandoned)),
        }
    }

    /// The answer to the call that ran the function, whatever its followers get (S26). `panicked`
    /// raises the panic again on this thread.
    #[inline]
    pub(crate) fn into_answer(
        self,
        callers: usize,
        waited: Nanos,
        panicked: impl FnOnce() -> Answer<V, E>,
    ) -> Answer<V, E> {
        let start = self.start;
        match self.result {
            RunResult::Value(value, _) => {
                Ok(Answered { value, role: Role::Leader, callers, waited, start })
            }
            RunResult::Failed(error) => Err(Error::Failed(error)),
            RunResult::Panicked(_) => panicked(),
            RunResult::Abandoned => Err(Error::Abandoned),
        }
    }
}

impl<V, E> Clone for Completion<V, E> {
    fn clone(&self) -> Self {
        let result = match &self.result {
            RunResult::Value(value, share) => RunResult::Value(Handle::clone(value), *share),
            RunResult::Failed(error) => RunResult::Failed(Handle::clone(error)),
            RunResult::Panicked(message) => RunResult::Panicked(message.clone()),
            RunResult::Abandoned => RunResult::Abandoned,
        };
        Self { result, start: self.start }
    }
}
