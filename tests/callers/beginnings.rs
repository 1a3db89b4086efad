//! How executions begin in the reference: leaders, take-overs and successors, and who may.

use crate::flights::{FlightId, Held, Phase};
use crate::model::{Model, Place};
use crate::script::ENDLESS;
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
        let (now, timeout) = (self.now, self.settings.leader_timeout.unwrap_or(ENDLESS));
        let begun = &mut self.flights[flight];
        begun.stop_waiting(id);
        begun.runs.push((id, now));
        begun.begun += 1;
        begun.youngest = now;
        begun.next_start = match begun.begun < self.settings.max_leaders {
            true => now.saturating_add(timeout),
            false => ENDLESS,
        };
        match begun.phase {
            Phase::Pending => self.first_run(flight),
            Phase::Running => self.stats.takeovers += 1,
            Phase::Ended => unreachable!("nothing begins in a flight that has ended"),
        }
    }

    /// The first execution of a successor makes it the flight of its key (S30).
    pub(crate) fn first_run(&mut self, id: FlightId) {
        (self.flights[id].phase, self.flights[id].start) = (Phase::Running, self.now);
        let Some(before) = self.flights[id].predecessor else { return };
        if self.holds(self.flights[id].key, before) {
            self.held.insert(self.flights[id].key, Held::Flight(id));
        }
    }

    /// Removes a successor that is due, and that no call is left to begin.
    pub(crate) fn desert(&mut self, id: FlightId) {
        let flight = &self.flights[id];
        let is_due = flight.phase == Phase::Pending && flight.next_start == 0;
        if !is_due || !flight.waiting.is_empty() {
            return;
        }
        self.flights[id].phase = Phase::Ended;
        if self.holds(self.flights[id].key, id) {
            self.held.remove(&self.flights[id].key);
        }
    }

    /// A flight that is due for one more execution, and the waiting calls that may begin it (S36).
    pub(crate) fn due(&self) -> Option<(FlightId, Vec<CallId>)> {
        let due =
            self.flights.iter().enumerate().filter(|(_, flight)| {
                flight.phase != Phase::Ended && flight.next_start <= self.now
            });
        due.map(|(id, flight)| {
            let waiting = flight.waiting.iter().copied();
            (id, waiting.filter(|call| self.calls[call].deadline.is_some()).collect::<Vec<_>>())
        })
        .find(|(_, candidates)| !candidates.is_empty())
    }

    /// This call takes over, or begins a successor.
    pub(crate) fn claim(&mut self, id: CallId, flight: FlightId) {
        let waited = self.now - self.calls[&id].begun;
        self.begin(id, Some(flight));
        self.call_mut(id).waited = waited;
    }
}
