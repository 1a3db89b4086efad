//! [`Outcome`]: a value, and how the call got it.

use std::fmt;
use std::time::Duration;

use crate::sync::Handle;

/// A value, and how the call got it; from
/// [`Request::outcome`](crate::Request::outcome) and
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
/// let first = squares.call(&3).outcome().unwrap();
/// assert_eq!((*first.value, first.role, first.callers), (9, Role::Leader, 1));
/// assert!(first.age < Duration::from_secs(60));
///
/// let second = squares.call(&3).outcome().unwrap();
/// assert_eq!(second.role, Role::Late);
/// assert!(std::sync::Arc::ptr_eq(&first.value, &second.value));
/// ```
#[non_exhaustive]
pub struct Outcome<V> {
    /// The value, shared with every call that got it.
    pub value: Handle<V>,
    /// The role of the call in the execution.
    pub role: Role,
    /// How many calls the execution answered when it ended: its leader and the followers that waited.
    /// Late calls arrive afterwards and are not counted.
    pub callers: usize,
    /// How long the call waited for another call's execution. Zero for a late call, and for a leader
    /// that did not wait first. For a ticket: the total time of its waits.
    pub waited: Duration,
    /// The time from the start of the value's computation to the return of this call. It counts from
    /// the same start as the window. With neither a window nor a setting about age, the start is exact
    /// only to one tick of the kernel, a few milliseconds.
    pub age: Duration,
}

/// The role of a call in the execution that answered it.
///
/// # Examples
///
/// ```
/// use coalescer::{Group, Role};
///
/// let group: Group<u32, u32, ()> = Group::new();
/// assert_eq!(group.call(&1).outcome(|| Ok(1)).unwrap().role, Role::Leader);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Role {
    /// The call ran the function itself, on its own thread or by its own job.
    Leader,
    /// The call waited for an execution that was under way.
    Follower,
    /// The call got a kept result at once, within its window.
    Late,
    /// The call asked other processes, and got a result of an execution there; see
    /// [`shared`](crate::shared).
    Shared,
}

impl<V> Clone for Outcome<V> {
    fn clone(&self) -> Self {
        Self { value: Handle::clone(&self.value), ..*self }
    }
}

impl<V: fmt::Debug> fmt::Debug for Outcome<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("value", &self.value)
            .field("role", &self.role)
            .field("callers", &self.callers)
            .field("waited", &self.waited)
            .field("age", &self.age)
            .finish()
    }
}
