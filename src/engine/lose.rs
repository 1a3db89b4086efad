//! How a flight goes on when its leader is lost: its job was rejected, or dropped before it ran.
//!
//! No function has run, so there is no result to share. If calls wait, one of them begins the flight
//! instead, and the others follow it (S71): a call with a thread, or else a ticket, by its job.

use std::sync::Arc;

use crate::engine::execution::Execution;
use crate::engine::flight::Flight;
use crate::engine::queued::Queued;
use crate::engine::slab::SlotId;
use crate::engine::slot::ShortHash;
use crate::engine::successor::take_successor;
use crate::engine::table::{Deferred, Locked, Table};
use crate::engine::tally::Departure;
use crate::wait::contain::drop_contained;
use crate::wait::gate_state::Phase;
use crate::wait::seats::Seats;

impl<K, V, E> Table<K, V, E> {
    /// Ends a leader whose job never ran. Returns the seats that are to begin the flight.
    pub(crate) fn lose_queued(&self, queued: &Queued<V, E>) -> Seats {
        let mut shard = self.shard(queued.slot.hash).lock();
        shard.tally.count_lost(Departure::Refused);
        queued.flight.gate().lock().lose_queued(queued.start);
        self.go_on(shard, queued.slot.id, &queued.flight)
    }

    /// Ends an execution that has not run the function, and counts its call as `departure` says.
    pub(super) fn lose(&self, execution: &Execution<'_, K, V, E>, departure: Departure) {
        let mut shard = self.shard(execution.slot.hash).lock();
        shard.tally.count_lost(departure);
        let id = execution.slot.id;
        let Some(flight) = shard.slot(id).flight().map(Arc::clone) else {
            if shard.slot(id).is_refresh() {
                self.end_refresh(&mut shard, id, None);
            }
            let removed = shard.remove(id);
            drop(shard);
            // While a thread unwinds, a second panic would abort the process.
            return drop_contained(removed);
        };
        flight.gate().lose_execution(execution.leader, execution.start);
        self.go_on(shard, id, &flight).begin();
    }

    /// Counts a call for itself alone whose thread unwinds before it has run the function.
    pub(crate) fn lose_bypass(&self, hash: ShortHash) {
        self.shard(hash).lock().tally.count_lost(Departure::Refused);
    }

    fn go_on(
        &self,
        mut shard: Locked<'_, K, V, E>,
        id: SlotId,
        flight: &Arc<Flight<V, E>>,
    ) -> Seats {
        let mut deferred = Deferred::new();
        let state = flight.gate().lock();
        let (is_closed, others) = (state.phase == Phase::Closed, state.has_executions());
        drop(state);
        if !others && (is_closed || !flight.gate().make_due()) {
            self.hand_over(&mut shard, id, flight, &mut deferred);
        } else {
            self.reschedule(&shard, flight, &mut deferred);
            self.let_pass(&mut shard, (id, flight), &mut deferred);
        }
        drop(shard);
        deferred.finish()
    }

    /// Removes a flight for which no call waits and that has no execution. Its successor takes its
    /// place.
    pub(super) fn hand_over(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        id: SlotId,
        flight: &Arc<Flight<V, E>>,
        deferred: &mut Deferred<K, V, E>,
    ) {
        if shard.slot(id).is_refresh() && !shard.slot(id).is_stale() {
            self.end_refresh(shard, id, None);
        }
        let successor = take_successor(shard, flight, deferred);
        if let Some(next) = successor {
            let place = shard.slot(id).place();
            shard.unlink(id);
            shard.take_place(next, place);
        }
        self.remove_flight(shard, id, deferred);
        self.begin_successor(shard, successor, deferred);
    }
}
