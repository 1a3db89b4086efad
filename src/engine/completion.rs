//! What came of running the function, as its leader, its followers and the window see it.

use std::any::Any;
use std::sync::Arc as StdArc;

use crate::engine::slot::{Ending, State};
use crate::sync::Arc;

/// What came of running the function.
pub(crate) enum Ran<V, E> {
    Value(Arc<V>),
    /// Followers get the value, and no window keeps it (S40).
    Unkept(Arc<V>),
    /// The leader keeps the value; followers are not to get it (S40).
    Unshared(Arc<V>),
    Failed(Arc<E>),
    Panicked(Box<dyn Any + Send>, Option<StdArc<str>>),
    /// It went away without running to its end.
    Abandoned,
}

impl<V, E> Ran<V, E> {
    /// Whether the function returned a value, shareable or not: that decides a flight at once.
    pub(crate) fn is_success(&self) -> bool {
        matches!(self, Self::Value(_) | Self::Unkept(_) | Self::Unshared(_))
    }

    /// How the run ended, for whoever reads a log.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Value(_) | Self::Unkept(_) | Self::Unshared(_) => "ok",
            Self::Failed(_) => "error",
            Self::Panicked(..) => "panic",
            Self::Abandoned => "abandoned",
        }
    }

    /// What followers see of it.
    pub(crate) fn ending(&self) -> Ending<V, E> {
        match self {
            Self::Value(value) | Self::Unkept(value) => Ending::Value(Arc::clone(value)),
            Self::Unshared(_) => Ending::Unshared,
            Self::Failed(error) => Ending::Failed(Arc::clone(error)),
            Self::Panicked(_, message) => Ending::Panicked(message.clone()),
            Self::Abandoned => Ending::Abandoned,
        }
    }

    /// What the window keeps of it.
    pub(crate) fn state(&self, callers: usize) -> State<V, E> {
        let callers = u32::try_from(callers).unwrap_or(u32::MAX);
        match self {
            Self::Value(value) => State::Value(Arc::clone(value), callers),
            Self::Failed(error) => State::Error(Arc::clone(error), callers),
            Self::Unkept(_) | Self::Unshared(_) | Self::Panicked(..) | Self::Abandoned => {
                unreachable!("no window keeps this")
            }
        }
    }
}
