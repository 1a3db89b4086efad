//! Refreshes in the reference: a value that is due is replaced by one call while the others get it (S120 to S123).

use coalescer::Role;

use crate::endings::Outcome;
use crate::flights::{Flight, FlightId, Kept};
use crate::model::{Admitted, Model};
use crate::script::{KeyId, Millis, Verb};
use crate::stage::{Answer, CallId};

/// The answer of a call that this result serves.
pub(crate) fn served_by(kept: &Kept) -> Answer {
    let (maker, callers) = (kept.maker, kept.callers);
    match kept.is_error {
        true => Answer::Failed(maker),
        false => Answer::Value { maker, role: Role::Late, callers, waited: 0 },
    }
}

impl Model {
    /// Starts a refresh of this value for a call that it would serve, if one is due and has a place.
    pub(crate) fn refresh(&mut self, verb: Verb, key: KeyId) -> Option<Admitted> {
        let held = self.held.get(&key)?;
        let kept = held.result.as_ref()?;
        let age = self.settings.refresh_after?;
        let is_due = self.now >= kept.start.saturating_add(age) && self.now >= kept.paused_until;
        if kept.is_error || !is_due || verb == Verb::Try {
            return None;
        }
        let (old, running) = (served_by(kept), held.flight);
        let admitted = match running {
            None => self.start(key, None),
            Some(flight) if self.flights[flight].is_stale && self.has_room(flight) => {
                self.start(key, Some(flight))
            }
            Some(_) => return None,
        };
        let Admitted::Runs(Some(flight)) = &admitted else { unreachable!("it starts one") };
        self.flights[*flight].refreshes = Some(old);
        self.stats.refreshes += 1;
        Some(admitted)
    }

    /// S124: the answer of a submitted call whose refresh is a job. The old value has served it.
    pub(crate) fn serve_beside(&mut self, admitted: &Admitted) -> Option<Answer> {
        let Admitted::Runs(Some(flight)) = *admitted else { return None };
        let Flight { key, first, ref refreshes, .. } = self.flights[flight];
        // A call that takes a refresh over is served no old value.
        let old = refreshes.clone().filter(|_| first.is_none())?;
        let kept = self.held.get_mut(&key).and_then(|held| held.result.as_mut());
        kept.expect("it is what the flight refreshes").served += 1;
        self.stats.late += 1;
        self.stats.coalesced_requests += 1;
        Some(old)
    }

    /// The answer of a call whose function has failed, if it refreshes.
    pub(crate) fn old_value_for(&self, id: CallId, flight: FlightId) -> Option<Answer> {
        let flight = &self.flights[flight];
        flight.refreshes.clone().filter(|_| flight.first == Some(id))
    }

    /// A flight has ended like this. If it was a refresh that has failed, the next is due later.
    pub(crate) fn end_refresh(&mut self, at: FlightId, begun: Millis, result: Outcome) {
        let flight = &self.flights[at];
        let is_good = match result {
            Outcome::Value(life) => self.now < begun.saturating_add(life),
            Outcome::Private | Outcome::Failed(_) | Outcome::Panicked => false,
        };
        if flight.refreshes.is_none() || is_good {
            return;
        }
        self.stats.refresh_failures += 1;
        let (key, start) = (flight.key, flight.start);
        if flight.is_stale || !self.holds(key, at) {
            return;
        }
        let (age, window) = (self.settings.refresh_after, self.settings.window);
        if let (Some(kept), Some(age)) = (&mut self.held.entry(key).or_default().result, age) {
            kept.paused_until = start.saturating_add((age << kept.failures).min(window));
            kept.failures += 1;
        }
    }
}
