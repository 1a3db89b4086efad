//! The settings of a table, in the form that decisions are made with.

use crate::wait::clock::{FOREVER, Nanos};

/// What a call does that would otherwise wait for itself, directly or over other threads.
///
/// # Examples
///
/// A function that asks for its own key, and is to be served its own fresh answer instead of an
/// error:
///
/// ```
/// use coalescer::{Group, OnDeadlock};
///
/// let group: Group<u32, u32, ()> =
///     Group::builder().on_deadlock(OnDeadlock::Bypass).build();
/// let outer = group.execute(&1, || {
///     let inner = group.execute(&1, || Ok(20)).expect("ran on its own, unshared");
///     Ok(*inner + 1)
/// });
/// assert_eq!(*outer.unwrap(), 21);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnDeadlock {
    /// The call gets [`Error::WouldDeadlock`](crate::Error::WouldDeadlock) at once.
    #[default]
    Refuse,
    /// The call runs its own function on its own thread, and shares nothing.
    ///
    /// A function that always asks for its own key then recurses until the stack ends. A
    /// [`Ticket`](crate::Ticket) that leads has handed its function over, so its waits are refused
    /// all the same.
    Bypass,
}

/// Which window keeps a result, and so which queue it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Value,
    Error,
}

#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) window: Nanos,
    pub(crate) error_window: Nanos,
    /// [`u32::MAX`] where there is no limit.
    pub(crate) max_requests: u32,
    /// [`FOREVER`] where a flight may be joined at any age.
    pub(crate) max_join_age: Nanos,
    /// [`FOREVER`] where nobody takes over.
    pub(crate) leader_timeout: Nanos,
    pub(crate) max_leaders: usize,
    /// [`FOREVER`] where nobody is told of slow flights.
    pub(crate) slow_after: Nanos,
    pub(crate) max_wait: Nanos,
    pub(crate) max_retained: Option<u64>,
    pub(crate) on_deadlock: OnDeadlock,
}

impl Default for Rules {
    /// Pure single flight: everything else is opted in to.
    fn default() -> Self {
        Self {
            window: 0,
            error_window: 0,
            max_requests: u32::MAX,
            max_join_age: FOREVER,
            leader_timeout: FOREVER,
            max_leaders: 2,
            slow_after: FOREVER,
            max_wait: FOREVER,
            max_retained: None,
            on_deadlock: OnDeadlock::Refuse,
        }
    }
}

impl Rules {
    /// Whether any result is ever kept.
    #[inline]
    pub(crate) fn keeps_any(&self) -> bool {
        self.window > 0 || self.error_window > 0
    }

    /// Whether anything is decided by how long ago a flight started. If not, its start is only
    /// shown to operators.
    pub(crate) fn counts_from_start(&self) -> bool {
        self.keeps_any()
            || self.leader_timeout != FOREVER
            || self.max_join_age != FOREVER
            || self.slow_after != FOREVER
    }

    #[inline]
    pub(crate) fn window_of(&self, kind: Kind) -> Nanos {
        match kind {
            Kind::Value => self.window,
            Kind::Error => self.error_window,
        }
    }
}
