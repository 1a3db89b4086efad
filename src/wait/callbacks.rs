//! Functions to call when a gate closes.
//!
//! A thread that waits is notified. A call that waits without a thread is called back: a receiver's
//! sender, a follower's own job. The list lies under the gate's lock. The thread that closes the gate
//! takes the list out, and runs it after it has released all locks.
//!
//! Calls leave early as often as they stay, and in any order. So the list is a map by the number that
//! the owner of a callback has, and its order is that of the calls.
//!
//! ```text
//!  the thread that closes the gate          a job of the executor, or that thread if there is none
//! ┌───────────────────────────────┐        ┌──────────────────────────────┐
//! │ answers, 256 others, the rest ─────────▶ the rest, the oldest first    │
//! └───────────────────────────────┘        └──────────────────────────────┘
//! ```
//!
//! The callbacks are those of other calls, and there can be any number of them. So the thread makes some
//! and passes the rest on: it is to return to its own caller. Answers release threads that wait, so they
//! are few, come first, and never depend on the executor.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::contain::contain;
use super::seats::GateSeat;
use crate::sync::OWN_CALLS;

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

/// The callbacks of one gate, each with the number that its owner removes it by. A test has numbers that
/// count how often they are compared.
#[derive(Default)]
pub(crate) struct Callbacks<N = u64> {
    /// Those that [answer](GateSeat::answers_a_job) a thread that waits.
    answers: BTreeMap<N, Callback>,
    others: BTreeMap<N, Callback>,
}

impl<N: Ord + Copy> Callbacks<N> {
    pub(crate) const fn new() -> Self {
        Self { answers: BTreeMap::new(), others: BTreeMap::new() }
    }

    pub(crate) fn push(&mut self, number: N, callback: Callback) {
        let calls = match &callback {
            Callback::Seat(seat) if seat.answers_a_job() => &mut self.answers,
            Callback::Seat(_) | Callback::Function(_) => &mut self.others,
        };
        calls.insert(number, callback);
    }

    /// Takes a callback out that is not to run.
    #[must_use = "its captures are the user's: drop it after the lock is released"]
    pub(crate) fn remove(&mut self, number: N) -> Option<Callback> {
        self.others.remove(&number).or_else(|| self.answers.remove(&number))
    }

    /// The first seat that waits and does not try to begin the flight.
    pub(super) fn idle_seat(&self) -> Option<Arc<dyn GateSeat>> {
        let first = [&self.answers, &self.others].map(first_idle);
        first.into_iter().flatten().min_by_key(|(number, _)| *number).map(|(_, seat)| seat)
    }
}

impl Callbacks {
    /// Makes the callbacks, the oldest first, or passes them on. Each runs user code. A panic there
    /// concerns that callback alone, since the outcome is published already (S24), and the panic hook
    /// has reported it.
    pub(crate) fn run(self) {
        let Self { answers, mut others } = self;
        call_each(answers);
        for _ in 0..OWN_CALLS {
            let Some((_, callback)) = others.pop_first() else { return };
            contain(|| callback.call());
        }
        let seat = others.values().find_map(|callback| match callback {
            Callback::Seat(seat) => Some(Arc::clone(seat)),
            Callback::Function(_) => None,
        });
        match seat {
            Some(seat) => seat.pass_on(Box::new(|| call_each(others))),
            None => call_each(others),
        }
    }
}

fn first_idle<N: Copy>(calls: &BTreeMap<N, Callback>) -> Option<(N, Arc<dyn GateSeat>)> {
    calls.iter().find_map(|(number, callback)| match callback {
        Callback::Seat(seat) if seat.status().is_idle() => Some((*number, Arc::clone(seat))),
        Callback::Seat(_) | Callback::Function(_) => None,
    })
}

fn call_each<N>(calls: BTreeMap<N, Callback>) {
    for callback in calls.into_values() {
        contain(|| callback.call());
    }
}

impl<N> fmt::Debug for Callbacks<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Callbacks").field(&(self.answers.len() + self.others.len())).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::cmp::Ordering;

    use super::*;

    /// Counts how often it is compared.
    #[derive(Clone, Copy)]
    struct Counted<'c>(u64, &'c Cell<u64>);

    impl Ord for Counted<'_> {
        fn cmp(&self, other: &Self) -> Ordering {
            self.1.set(self.1.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    impl PartialOrd for Counted<'_> {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl PartialEq for Counted<'_> {
        fn eq(&self, other: &Self) -> bool {
            self.cmp(other).is_eq()
        }
    }

    impl Eq for Counted<'_> {}

    #[test]
    fn a_callback_is_removed_without_a_look_at_all_the_others() {
        // The tickets of one flight are dropped in any order: 4096 of them, or four times as many.
        let orders: [fn(u64, u64) -> u64; 3] = [
            |index, _| index,
            |index, count| count - 1 - index,
            |index, count| {
                // A step that has no divisor in common with the count visits each once.
                (index * 2_741) % count
            },
        ];
        for order in orders {
            let of_each = [4_096, 16_384].map(|count| {
                let comparisons = Cell::new(0);
                let number = |index| Counted(index, &comparisons);
                let mut callbacks = Callbacks::new();
                (0..count).for_each(|index| {
                    callbacks.push(number(index), Callback::function(|| unreachable!()));
                });
                comparisons.set(0);
                let removed = (0..count)
                    .filter(|index| callbacks.remove(number(order(*index, count))).is_some());
                assert_eq!(removed.count() as u64, count);
                comparisons.get() / count
            });
            assert!(of_each[0] < 100 && of_each[1] < 100, "comparisons for each: {of_each:?}");
        }
    }
}
