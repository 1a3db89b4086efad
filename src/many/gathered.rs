//! [`Gathered`]: one key of a batch whose run is for several calls.

use std::mem;
use std::sync::Arc;

use crate::engine::completion::{Completion, RunResult};
use crate::engine::promise::Promise;
use crate::engine::queued::{Begun, Queued};
use crate::engine::slot::{ShortHash, SlotRef};
use crate::engine::table::Table;
use crate::observe::SlowReport;
use crate::wait::callbacks::Callbacks;
use crate::wait::clock::Nanos;
use crate::wait::contain::contain;
use crate::wait::deadlock::ThreadToken;
use crate::wait::gate::Gate;
use crate::wait::seats::Seats;

/// The obligation to end a flight for a call that waits at a promise. Dropped without an end, the flight goes on with
/// other calls.
#[must_use = "dropping it loses the flight"]
pub(crate) struct Gathered<'t, K, V, E> {
    table: &'t Table<K, V, E>,
    duty: Duty<V, E>,
    promise: Arc<Promise<V, E>>,
}

enum Duty<V, E> {
    Flight(Queued<V, E>),
    /// The flight has ended without it, and the outcome is not for this call.
    Alone(ShortHash),
    Done,
}

impl<'t, K, V, E> Gathered<'t, K, V, E> {
    pub(super) fn new(
        table: &'t Table<K, V, E>,
        queued: Queued<V, E>,
        promise: Arc<Promise<V, E>>,
    ) -> Self {
        Self { table, duty: Duty::Flight(queued), promise }
    }

    /// Begins the execution on this thread. Returns false if it has ended by that: its flight has an outcome.
    pub(super) fn begin(&mut self, leader: ThreadToken) -> bool {
        let Duty::Flight(queued) = &mut self.duty else { return false };
        match queued.begin(self.table, leader, (&self.promise, false)) {
            Begun::Runs => {}
            Begun::Ended => {
                let (is_answered, hash) =
                    (queued.end_after_flight(self.table, &self.promise), queued.slot.hash);
                self.duty = if is_answered { Duty::Done } else { Duty::Alone(hash) };
                if is_answered {
                    return false;
                }
            }
            Begun::Follows(_) => unreachable!("its run takes place in any case"),
        }
        self.promise.gate.begin_job(leader);
        true
    }

    /// The slot of the flight, if it has one.
    pub(super) fn slot(&self) -> Option<SlotRef> {
        match &self.duty {
            Duty::Flight(queued) => Some(queued.slot),
            Duty::Alone(_) | Duty::Done => None,
        }
    }

    /// Where its call waits.
    pub(super) fn gate(&self) -> &Arc<Gate> {
        &self.promise.gate
    }

    pub(super) fn hash(&self) -> ShortHash {
        match &self.duty {
            Duty::Flight(queued) => queued.slot.hash,
            Duty::Alone(hash) => *hash,
            Duty::Done => 0,
        }
    }

    pub(super) fn start(&self) -> Nanos {
        match &self.duty {
            Duty::Flight(queued) => queued.start,
            Duty::Alone(_) | Duty::Done => self.table.clock.coarse_now(),
        }
    }

    /// Reads the flight's state for `on_slow`, before it ends.
    pub(super) fn notice(&self) -> Option<SlowReport<K>> {
        match &self.duty {
            Duty::Flight(queued) if self.table.reports_slow() => {
                self.table.notice_at_end(queued.slot, queued.leader)
            }
            Duty::Flight(_) | Duty::Alone(_) | Duty::Done => None,
        }
    }

    /// Publishes the outcome to the flight and to the call. Returns how many calls it answered.
    pub(super) fn end(mut self, completion: &Completion<V, E>) -> usize {
        let (mut callers, mut callbacks, mut seats) = (1, Callbacks::new(), Seats::none());
        let duty = mem::replace(&mut self.duty, Duty::Done);
        let mut answer = |count| {
            callers = count;
            callbacks = self.promise.close(completion.clone(), count);
        };
        // Destructors of old results are the users'.
        contain(|| match duty {
            Duty::Flight(queued) => seats = queued.end(self.table, completion, &mut answer),
            Duty::Alone(hash) => answer(self.table.end_bypass(hash, completion)),
            Duty::Done => {}
        });
        callbacks.run();
        seats.begin();
        callers
    }
}

impl<K, V, E> Drop for Gathered<'_, K, V, E> {
    fn drop(&mut self) {
        let seats = match mem::replace(&mut self.duty, Duty::Done) {
            Duty::Flight(queued) => self.table.lose_queued(&queued),
            Duty::Alone(hash) => {
                self.table.lose_bypass(hash);
                Seats::none()
            }
            Duty::Done => return,
        };
        let lost = Completion::new(RunResult::Abandoned, self.table.clock.coarse_now());
        self.promise.close(lost, 1).run();
        seats.begin();
    }
}
