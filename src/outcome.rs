//! A value together with how the call came by it.

use std::fmt;
use std::time::Duration;

use crate::sync::Arc;

/// A value, and how the call came by it; from `execute_outcome` and
/// [`Ticket::wait_outcome`](crate::Ticket::wait_outcome).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer::{Coalescer, Role};
///
/// let squares = Coalescer::builder()
///     .window(Duration::from_secs(1))
///     .build(|n: &u64| Ok::<u64, ()>(n * n));
///
/// let first = squares.execute_outcome(&3).unwrap();
/// assert_eq!((*first.value, first.role, first.callers), (9, Role::Leader, 1));
///
/// let second = squares.execute_outcome(&3).unwrap();
/// assert_eq!(second.role, Role::Late);
/// assert!(std::sync::Arc::ptr_eq(&first.value, &second.value));
/// ```
#[non_exhaustive]
pub struct Outcome<V> {
    /// The value, shared with everyone who got it.
    pub value: Arc<V>,
    /// What the call was.
    pub role: Role,
    /// How many calls the execution answered when it was done: its leader and the followers that
    /// waited. Late calls come afterwards and are not in it.
    pub callers: usize,
    /// How long the call waited for another call's execution. Zero for a leader that led from the
    /// start and for a late call. For a ticket: how long its waits took.
    pub waited: Duration,
}

/// What a call was to the execution that answered it.
///
/// # Examples
///
/// ```
/// use coalescer::{Group, Role};
///
/// let group: Group<u32, u32, ()> = Group::new();
/// assert_eq!(group.execute_outcome(&1, || Ok(1)).unwrap().role, Role::Leader);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Role {
    /// It ran the function itself, on its own thread, or by a job of its own.
    Leader,
    /// It waited for an execution that was under way.
    Follower,
    /// It was served at once, by a result within its window.
    Late,
}

impl<V> Clone for Outcome<V> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), ..*self }
    }
}

impl<V: fmt::Debug> fmt::Debug for Outcome<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("value", &self.value)
            .field("role", &self.role)
            .field("callers", &self.callers)
            .field("waited", &self.waited)
            .finish()
    }
}
