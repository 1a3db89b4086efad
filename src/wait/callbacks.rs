//! Functions to call when a gate closes.
//!
//! A thread that waits is notified. A call that waits without a thread is called back: a receiver's
//! sender, a follower's own job. The list lies under the gate's lock. The thread that closes the gate
//! takes the list out, and runs it after it has released all locks.
//!
//! Calls leave early as often as they stay, and in any order. So the list is a map by the number that
//! the owner of a callback has, and its order is that of the calls.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::contain::contain;
use super::seats::GateSeat;

/// Runs once, under no lock.
pub(crate) enum Callback {
    /// Of a receiver, or of the user.
    Function(Box<dyn FnOnce() + Send>),
    /// Of a ticket that follows. It may also be asked to begin the flight.
    Seat(Arc<dyn GateSeat>),
}

impl Callback {
    pub(crate) fn function(function: impl FnOnce() + Send + 'static) -> Self {
        Self::Function(Box::new(function))
    }

    pub(crate) fn call(self) {
        match self {
            Self::Function(function) => function(),
            Self::Seat(seat) => seat.flight_has_ended(),
        }
    }
}

/// The callbacks of one gate, each with the number that its owner removes it by.
#[derive(Default)]
pub(crate) struct Callbacks(BTreeMap<u64, Callback>);

impl Callbacks {
    pub(crate) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub(crate) fn push(&mut self, number: u64, callback: Callback) {
        self.0.insert(number, callback);
    }

    /// Takes a callback out that is not to run.
    #[must_use = "its captures are the user's: drop it after the lock is released"]
    pub(crate) fn remove(&mut self, number: u64) -> Option<Callback> {
        self.0.remove(&number)
    }

    /// The first seat that waits and does not try to begin the flight.
    pub(super) fn idle_seat(&self) -> Option<Arc<dyn GateSeat>> {
        self.0.iter().find_map(|(_, callback)| match callback {
            Callback::Seat(seat) if seat.status().is_idle() => Some(Arc::clone(seat)),
            Callback::Seat(_) | Callback::Function(_) => None,
        })
    }

    /// Runs the callbacks, the oldest first. Each runs user code. A panic there concerns that callback
    /// alone, since the outcome is published already (S24), and the panic hook has reported it.
    pub(crate) fn run(self) {
        for (_, callback) in self.0 {
            contain(|| callback.call());
        }
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Callbacks").field(&self.0.len()).finish()
    }
}
