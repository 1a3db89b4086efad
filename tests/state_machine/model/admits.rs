//! How a call meets what its key has: a result, a flight, or both.

use coalescer::Role;

use super::{Answer, Flight, FlightId, Kind, MAX_LEADERS, Model, Serial};
use crate::script::{KeyId, Verb};

/// The way of a call that no result answers.
pub(super) enum Meets {
    OwnFlight,
    /// It starts a flight, beside this older one.
    Start(Option<FlightId>),
    /// So many executions of the key run that it waits for one of them.
    Full,
    /// The job of the flight is in the executor's queue.
    Kept(FlightId),
}

/// The use of a retained result for a call.
pub(super) enum Late {
    Served(Answer),
    /// The call refreshes it, beside this older flight.
    Due {
        old: Serial,
        before: Option<FlightId>,
    },
}

impl Model {
    /// S8, S13, S30: within the window, with room for one more, and not for a fresh call. S120: or a refresh of it.
    pub(super) fn late(&mut self, key: KeyId, verb: Verb) -> Option<Late> {
        let room = self.settings.max_requests.unwrap_or(usize::MAX);
        let is_live = self.is_retained(key);
        let result = self.held.get_mut(&key)?.retained.as_mut()?;
        let is_too_old = match verb {
            Verb::Fresh => true,
            Verb::Within(age) => self.now - result.flight.start > age,
            _ => false,
        };
        if !is_live || result.flight.served >= room || is_too_old {
            return None;
        }
        let (serial, kind, start) = (result.serial, result.kind, result.flight.start);
        let is_due = self.settings.refresh_after.is_some_and(|age| self.now - start >= age)
            && self.now >= result.paused_until;
        if kind == Kind::Value && is_due && verb != Verb::Try {
            if let Some(before) = self.place_of_refresh(key) {
                return Some(Late::Due { old: serial, before });
            }
        }
        Some(Late::Served(self.serve(key)))
    }

    /// The retained result answers a call.
    pub(super) fn serve(&mut self, key: KeyId) -> Answer {
        let held = self.held.get_mut(&key).and_then(|held| held.retained.as_mut());
        let result = held.expect("it is retained");
        result.flight.served += 1;
        self.stats.late += 1;
        self.stats.coalesced_requests += 1;
        match result.kind {
            Kind::Value => Answer::Value(result.serial, Role::Late),
            Kind::Error => Answer::Failed(result.serial, Role::Late),
        }
    }

    /// S9, S14, S39, S41: a running flight that could be joined is always one of this thread.
    pub(super) fn meets(&self, key: KeyId) -> Meets {
        let running = self.held.get(&key).and_then(|held| held.running);
        let Some(flight) = running.map(|flight| self.flight(flight)) else {
            return Meets::Start(None);
        };
        if self.jobs.contains(&flight.id) {
            return Meets::Kept(flight.id);
        }
        let room = self.settings.max_requests.unwrap_or(usize::MAX);
        let is_young =
            self.settings.max_join_age.is_none_or(|limit| self.now - flight.start < limit);
        if !flight.is_stale && flight.served >= room {
            return Meets::Start(None);
        }
        if !flight.is_stale && is_young {
            return Meets::OwnFlight;
        }
        let before = |flight: &&Flight| flight.before.map(|before| self.flight(before));
        match std::iter::successors(Some(flight), before).count() < MAX_LEADERS {
            true => Meets::Start(Some(flight.id)),
            false => Meets::Full,
        }
    }

    pub(super) fn flight(&self, id: FlightId) -> &Flight {
        let flight = self.flights.iter().find(|flight| flight.id == id);
        flight.expect("what runs is in the list of flights")
    }
}
