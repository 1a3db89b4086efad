//! The chains of the reference: what runs of a key, and when one more execution may begin.

use crate::flights::{FlightId, Phase};
use crate::model::Model;
use crate::script::{ENDLESS, KeyId, Millis};

impl Model {
    pub(crate) fn leader_timeout(&self) -> Millis {
        self.settings.leader_timeout.unwrap_or(ENDLESS)
    }

    pub(crate) fn chain_of(&self, flight: FlightId) -> &[FlightId] {
        self.chains.iter().find(|chain| chain.contains(&flight)).expect("it is in a chain")
    }

    fn chain_mut(&mut self, flight: FlightId) -> &mut Vec<FlightId> {
        self.chains.iter_mut().find(|chain| chain.contains(&flight)).expect("it is in a chain")
    }

    pub(crate) fn link_after(&mut self, last: FlightId, next: FlightId) {
        let chain = self.chain_mut(last);
        let place = chain.iter().position(|id| *id == last).expect("it is there");
        chain.insert(place + 1, next);
    }

    /// The flight before this one in its chain.
    pub(crate) fn before(&self, flight: FlightId) -> Option<FlightId> {
        let chain = self.chain_of(flight);
        let place = chain.iter().position(|id| *id == flight)?;
        place.checked_sub(1).map(|place| chain[place])
    }

    pub(crate) fn pending_after(&self, flight: FlightId) -> Option<FlightId> {
        let chain = self.chain_of(flight);
        let place = chain.iter().position(|id| *id == flight)?;
        let next = chain.get(place + 1).copied();
        next.filter(|next| self.flights[*next].phase == Phase::Pending)
    }

    pub(crate) fn leave_chain(&mut self, flight: FlightId) {
        self.chain_mut(flight).retain(|id| *id != flight);
    }

    /// S39: true if one more execution of the chain of this flight may run.
    pub(crate) fn has_room(&self, flight: FlightId) -> bool {
        let running: usize =
            self.chain_of(flight).iter().map(|id| self.flights[*id].runs.len()).sum();
        running < self.settings.max_leaders
    }

    /// When one more execution of this flight may begin, as far as is known now (S36).
    pub(crate) fn next_start(&self, id: FlightId) -> Millis {
        let flight = &self.flights[id];
        match flight.phase {
            Phase::Ended => ENDLESS,
            _ if !self.has_room(id) => ENDLESS,
            Phase::Pending => flight.due_at,
            Phase::Running => flight.youngest.saturating_add(self.leader_timeout()),
        }
    }

    pub(crate) fn holds(&self, key: KeyId, flight: FlightId) -> bool {
        self.held.get(&key).is_some_and(|held| held.flight == Some(flight))
    }

    /// Calls that found `flight` by its key find this one, or none.
    pub(crate) fn pass_on(&mut self, key: KeyId, next: Option<FlightId>) {
        let held = self.held.entry(key).or_default();
        held.flight = next;
        if held.result.is_none() && next.is_none() {
            self.held.remove(&key);
        }
    }

    /// A flight of which nothing runs any more goes. If calls found it by its key, they find the one
    /// before it, which takes on none.
    pub(crate) fn remove(&mut self, id: FlightId) {
        let (key, before) = (self.flights[id].key, self.before(id));
        if self.holds(key, id) {
            if let Some(before) = before {
                self.flights[before].is_stale = true;
            }
            self.pass_on(key, before);
        }
        self.leave_chain(id);
    }
}
