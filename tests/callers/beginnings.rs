//! How executions begin in the reference: leaders, take-overs and successors, and who may.

use crate::flights::{FlightId, Phase};
use crate::model::{Model, Place};
use crate::stage::{CallId, Doing};

impl Model {
    /// The function of a call begins, in this flight or for itself alone.
    pub(crate) fn begin(&mut self, id: CallId, flight: Option<FlightId>) {
        if self.calls[&id].is_submitted {
            let thread = self.new_thread();
            self.threads[thread].push(id);
            self.call_mut(id).thread = Some(thread);
        }
        self.stats.in_flight += 1;
        let call = self.call_mut(id);
        (call.place, call.waited) = (Place::Runs(flight), 0);
        self.doing.insert(id, Doing::Runs);
        let Some(flight) = flight else { return };
        let now = self.now;
        let begun = &mut self.flights[flight];
        begun.stop_waiting(id);
        begun.runs.push((id, now));
        begun.first = begun.first.or(Some(id));
        begun.youngest = now;
        match begun.phase {
            Phase::Pending => self.first_run(flight),
            Phase::Running => self.stats.takeovers += 1,
            Phase::Ended => unreachable!("nothing begins in a flight that has ended"),
        }
    }

    /// The first execution of a successor makes it the flight of its key (S30).
    fn first_run(&mut self, id: FlightId) {
        (self.flights[id].phase, self.flights[id].start) = (Phase::Running, self.now);
        let (key, before) = (self.flights[id].key, self.before(id));
        if before.is_some_and(|before| self.holds(key, before)) {
            self.pass_on(key, Some(id));
        }
    }

    /// The waiting calls that may begin one more execution, and of which flight (S36). One of them does.
    pub(crate) fn due(&self) -> Vec<(FlightId, CallId)> {
        let is_open = |id: &FlightId| self.flights[*id].phase != Phase::Ended;
        let open = (0..self.flights.len()).filter(is_open);
        let due = open.filter(|id| self.next_start(*id) <= self.now);
        due.flat_map(|id| self.candidates(id).into_iter().map(move |call| (id, call))).collect()
    }

    /// Calls with a thread. A ticket, while a thread waits with it; or if nobody else is there to begin
    /// a flight that has no execution.
    fn candidates(&self, id: FlightId) -> Vec<CallId> {
        let flight = &self.flights[id];
        let is_due = flight.phase == Phase::Pending && flight.due_at == 0;
        let waiting = |only: &dyn Fn(&CallId) -> bool| {
            flight.waiting.iter().copied().filter(|id| only(id)).collect::<Vec<_>>()
        };
        let blocking = waiting(&|id| !self.calls[id].is_submitted);
        match (is_due, blocking.is_empty()) {
            (true, true) => flight.waiting.clone(),
            (true, false) => blocking,
            (false, _) => waiting(&|id| self.calls[id].deadline.is_some()),
        }
    }

    /// This call takes over, or begins a successor.
    pub(crate) fn claim(&mut self, id: CallId, flight: FlightId) {
        let waited = self.now - self.calls[&id].begun;
        self.begin(id, Some(flight));
        self.call_mut(id).waited = waited;
    }

    /// Removes a successor that is due, and that no call is left to begin.
    pub(crate) fn desert(&mut self, id: FlightId) {
        let flight = &self.flights[id];
        let is_due = flight.phase == Phase::Pending && flight.due_at == 0;
        if is_due && flight.waiting.is_empty() {
            self.flights[id].phase = Phase::Ended;
            self.remove(id);
        }
    }
}
