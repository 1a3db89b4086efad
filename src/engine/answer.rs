//! [`Answer`]: the result of one call, before it becomes a value, an [`Outcome`](crate::Outcome) or an
//! [`Error`].

use std::time::Duration;

use crate::error::Error;
use crate::outcome::{Outcome, Role};
use crate::sync::Handle;
use crate::wait::clock::{Clock, Nanos};

pub(crate) type Answer<V, E> = Result<Answered<V>, Error<E>>;

/// A value, and the way in which a call came by it. Times are in [`Nanos`], so that a call that wants
/// the value alone converts none of them.
pub(crate) struct Answered<V> {
    pub(crate) value: Handle<V>,
    pub(crate) role: Role,
    pub(crate) callers: usize,
    pub(crate) waited: Nanos,
    /// When the value's computation began.
    pub(crate) start: Nanos,
}

impl<V> Clone for Answered<V> {
    fn clone(&self) -> Self {
        Self { value: Handle::clone(&self.value), ..*self }
    }
}

impl<V> Answered<V> {
    /// The outcome for the user, as of now.
    pub(crate) fn into_outcome(self, _: &Clock) -> Outcome<V> {
        let Self { value, role, callers, waited, .. } = self;
        Outcome { value, role, callers, waited: Duration::from_nanos(waited) }
    }
}
