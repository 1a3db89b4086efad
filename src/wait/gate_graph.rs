//! How a gate enters the wait-for graph: the flight before the first wait for it, and each wait.

use super::clock::{FOREVER, Nanos};
use super::deadlock::{self, FlightId, ThreadToken};
use super::gate::Gate;
use super::gate_state::{AT_ONCE, GateState, Phase};

impl Gate {
    pub(super) fn leave_graph(&self, state: &GateState) {
        if state.in_graph {
            deadlock::leave(self.id);
        }
    }

    /// Enters this flight into the wait-for graph, before the first wait that stands there.
    pub(crate) fn enter_graph(&self, predecessor: Option<FlightId>) {
        self.enter_graph_locked(&mut self.lock(), predecessor);
    }

    fn enter_graph_locked(&self, state: &mut GateState, predecessor: Option<FlightId>) {
        if !state.in_graph {
            deadlock::enter(self.id, &state.leaders, predecessor.or(state.follows));
            state.in_graph = true;
        }
    }

    /// Lets the gate of a job depend on the flight that its call follows. Refuses that if a wait for
    /// the job would never end then (S42).
    pub(crate) fn follow(&self, flight: FlightId) -> Result<(), deadlock::Cycle> {
        let mut state = self.lock();
        if state.in_graph {
            deadlock::follow(self.id, flight)?;
        }
        state.follows = Some(flight);
        Ok(())
    }

    /// Lets a flight that has not begun depend on one that has started before it meanwhile.
    pub(crate) fn depend_on(&self, flight: &Self) {
        if !self.lock().in_graph {
            return;
        }
        flight.enter_graph(None);
        // The thread that starts the flight waits for nothing in it yet, so this closes no cycle.
        deadlock::follow(self.id, flight.id).ok();
    }

    /// Lets a flight that has not begun begin at once, if there is room, and the flight `due` after it, or when this one is
    /// stuck at that time.
    pub(crate) fn pass(&self, due: &Self, due_at: Nanos) {
        let mut state = due.lock();
        (state.due_at, state.next_start) = (due_at, FOREVER);
        drop(state);
        let mut state = self.lock();
        (state.due_at, state.next_start) = (AT_ONCE, FOREVER);
        if state.in_graph {
            deadlock::begin_first(self.id);
        }
        drop(state);
        due.depend_on(self);
    }

    /// True if a flight of this chain has room, or must not wait for it: it has not begun, and each of
    /// the `leaders` whose ends make room waits for it. If one does not, this flight depends on that one.
    pub(crate) fn finds_room(&self, has_room: bool, leaders: &[ThreadToken]) -> bool {
        let state = self.lock();
        if state.phase != Phase::Pending || !state.in_graph {
            return has_room;
        }
        if has_room {
            deadlock::have_room(self.id);
            return true;
        }
        state.due_at == AT_ONCE && deadlock::need_room(self.id, leaders).is_err()
    }

    /// Enters that `me` waits here, unless the gate has closed.
    pub(crate) fn enter_wait(
        &self,
        me: ThreadToken,
    ) -> Result<Option<deadlock::Wait>, deadlock::Cycle> {
        let mut state = self.lock();
        if state.phase == Phase::Closed {
            return Ok(None);
        }
        self.enter_graph_locked(&mut state, None);
        deadlock::wait(me, self.id).map(Some)
    }
}
