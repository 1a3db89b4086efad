//! The dependency of a flight that has not begun, for the wait-for graph (S42).
//!
//! ```text
//! waits for the end of the flight before it ──▶ that flight
//! has no room (S39) ──▶ the flight before it, while that goes on
//!                  └──▶ else the executions of the chain: whichever ends first gives the room
//! has room ──▶ nothing: a call that waits here begins it
//! ```
//!
//! An execution can take the room after the flight before has ended. So the dependency is looked for
//! again when a wait enters the graph, and when an execution of the chain begins or ends. If each of the
//! executions waits for the flight then, the flight begins beyond the bound.

use std::sync::Arc;

use crate::engine::flight::Flight;
use crate::engine::table::{Locked, Table};
use crate::wait::deadlock;

impl<K, V, E> Table<K, V, E> {
    /// Enters the dependency of a flight at which a thread is about to wait that leads another.
    pub(super) fn enter_dependency(&self, shard: &Locked<'_, K, V, E>, flight: &Arc<Flight<V, E>>) {
        let gate = flight.gate();
        if !gate.is_pending() {
            return;
        }
        if !gate.is_due_at_once() {
            // It has not ended, or this flight would be due.
            let Some(before) = shard.flight_before(flight) else { return };
            self.enter_dependency(shard, before);
            before.gate().enter_graph(None);
            gate.enter_graph(Some(before.gate().id));
            return;
        }
        gate.enter_graph(None);
        if self.is_full(shard, flight) {
            // The wait that comes next is refused if each of them waits for this flight.
            deadlock::need_room(gate.id, &shard.leaders_of_chain(flight)).ok();
        }
    }
}
