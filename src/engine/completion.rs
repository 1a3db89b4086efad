//! [`Completion`]: the result of running the function, as its leader, its followers and the window
//! see it.
//!
//! One value serves all of them, so a run is described once:
//!
//! ```text
//! run ──▶ Completion ─┬─ into_answer ──▶ the leader
//!                     ├─ clone ────────▶ the flight's promise ── answer ──▶ each follower
//!                     └─ State::of ────▶ the slot, for the length of the window
//! ```

use std::any::Any;
use std::sync::Arc;

use crate::engine::answer::{Answer, Answered};
use crate::engine::reach::{Life, Reach};
use crate::engine::rules::Kind;
use crate::error::Error;
use crate::outcome::Role;
use crate::sync::{Handle, Mutex};
use crate::wait::clock::Nanos;

pub(crate) struct Completion<V, E> {
    pub(crate) result: RunResult<V, E>,
    /// The calls that the result is for. A panic is for all who waited.
    pub(crate) reach: Reach,
    /// When the computation began: the execution's start, or earlier if the function returned a
    /// value that was computed before. The window counts from this (S8).
    pub(crate) start: Nanos,
    pub(crate) made: Made,
}

/// The place where a function ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    Here,
    /// In this process, and the result is the leader's alone: another process may have forgotten the key since
    /// a call has joined.
    HereAlone,
    /// In another process.
    Elsewhere {
        /// True if the result is too old for a call of the flight. The leader has it alone, and one of
        /// the calls that wait leads next.
        is_late: bool,
    },
}

pub(crate) enum RunResult<V, E> {
    Value(Handle<V>),
    Failed(Handle<E>),
    /// A run for many keys told nothing about this one.
    Missing,
    Panicked(Arc<Panic>),
    /// The execution was dropped before it ended.
    Abandoned,
}

/// The panic of a function. Followers get its message; the payload goes to the leader alone.
pub(crate) struct Panic {
    message: Option<Arc<str>>,
    payload: Mutex<Option<Payload>>,
}

/// The payload of a panic, as `catch_unwind` returns it.
pub(crate) type Payload = Box<dyn Any + Send>;

impl<V, E> Completion<V, E> {
    pub(crate) fn new(result: RunResult<V, E>, start: Nanos) -> Self {
        Self { result, reach: Reach::EVERYONE, start, made: Made::Here }
    }

    /// True if the function returned a value, shareable or not. A value decides a flight at once.
    #[inline]
    pub(crate) fn is_success(&self) -> bool {
        matches!(self.result, RunResult::Value(_))
    }

    /// True if followers must run their own function (S40).
    pub(crate) fn is_unshared(&self) -> bool {
        matches!(self.result, RunResult::Value(_)) && self.reach == Reach::NOBODY
    }

    /// True if the result is the leader's own: an error that is, or a result that is too old for others.
    /// It decides nothing for calls that wait: one of them leads next (S72, S78).
    pub(crate) fn is_leaders_own(&self) -> bool {
        let is_own_error = matches!(self.result, RunResult::Failed(_));
        let is_late = matches!(self.made, Made::HereAlone | Made::Elsewhere { is_late: true });
        is_late || is_own_error && self.reach == Reach::NOBODY
    }

    /// The role of the call that led.
    pub(crate) fn leaders_role(&self) -> Role {
        match self.made {
            Made::Here | Made::HereAlone => Role::Leader,
            Made::Elsewhere { .. } => Role::Shared,
        }
    }

    /// Lets no window keep the result.
    pub(crate) fn keep_nothing(&mut self) {
        if self.reach.life().is_some() {
            self.reach = Reach::FOLLOWERS;
        }
    }

    /// The result in one word, for logs and spans.
    pub(crate) fn word(&self) -> &'static str {
        match self.result {
            RunResult::Value(_) => "ok",
            RunResult::Failed(_) => "error",
            RunResult::Missing => "missing",
            RunResult::Panicked(_) => "panic",
            RunResult::Abandoned => "abandoned",
        }
    }

    /// The window that may keep this result, and how long late calls get it, if they do (S18, S40).
    #[inline]
    pub(crate) fn kept_for(&self) -> Option<(Kind, Life)> {
        let kind = match self.result {
            RunResult::Value(_) => Kind::Value,
            RunResult::Failed(_) => Kind::Error,
            RunResult::Missing | RunResult::Panicked(_) | RunResult::Abandoned => return None,
        };
        self.reach.life().map(|life| (kind, life))
    }

    /// The answer to one call. `None` for a follower that must run its own function.
    #[inline]
    pub(crate) fn answer(&self, role: Role, callers: usize, waited: Nanos) -> Option<Answer<V, E>> {
        match &self.result {
            RunResult::Value(_) if role == Role::Follower && self.is_unshared() => None,
            RunResult::Value(value) => {
                let value = Handle::clone(value);
                Some(Ok(Answered { value, role, callers, waited, start: self.start }))
            }
            RunResult::Failed(error) => Some(Err(Error::Failed(Handle::clone(error)))),
            RunResult::Panicked(panic) => {
                Some(Err(Error::LeaderPanicked { message: panic.message.clone() }))
            }
            RunResult::Missing => Some(Err(Error::Missing)),
            RunResult::Abandoned => Some(Err(Error::Abandoned)),
        }
    }
}

impl Panic {
    /// The message is the payload's text, where it has one: `panic!` creates a `&str` or a `String`.
    #[cold]
    pub(crate) fn new(payload: Payload) -> Arc<Self> {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let message = text.map(Arc::from);
        Arc::new(Self { message, payload: Mutex::new(Some(payload)) })
    }

    /// A panic of another process, which told its text.
    pub(crate) fn told(message: Option<Arc<str>>) -> Arc<Self> {
        Arc::new(Self { message, payload: Mutex::new(None) })
    }

    pub(crate) fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// A panic that went on through another's code, which has its payload.
    pub(crate) fn elsewhere() -> Arc<Self> {
        Arc::new(Self { message: None, payload: Mutex::new(None) })
    }

    /// Takes the payload, for the one thread that resumes the panic or drops the payload.
    pub(crate) fn take_payload(&self) -> Option<Payload> {
        self.payload.lock().take()
    }
}

impl<V, E> Clone for Completion<V, E> {
    fn clone(&self) -> Self {
        let result = match &self.result {
            RunResult::Value(value) => RunResult::Value(Handle::clone(value)),
            RunResult::Failed(error) => RunResult::Failed(Handle::clone(error)),
            RunResult::Panicked(panic) => RunResult::Panicked(Arc::clone(panic)),
            RunResult::Missing => RunResult::Missing,
            RunResult::Abandoned => RunResult::Abandoned,
        };
        Self { result, ..*self }
    }
}
