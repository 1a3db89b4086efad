//! Refreshes: which call begins one, and what is left when it fails.

use coalescer::Role;

use super::admits::Meets;
use super::{Answer, Flight, FlightId, Kind, Model, Retained, Serial};
use crate::script::{Call, KeyId, Millis, Settings, Subject};

impl Retained {
    pub(super) fn new(
        serial: Serial,
        flight: Flight,
        kind: Kind,
        (life, place): (Millis, u64),
    ) -> Self {
        Self { serial, flight, kind, life, place, failures: 0, paused_until: 0 }
    }

    /// S123: after each failure the next refresh is due later, at most after the window.
    pub(super) fn pause(&mut self, start: Millis, settings: &Settings) {
        let Some(age) = settings.refresh_after else { return };
        self.paused_until = start.saturating_add((age << self.failures).min(settings.window));
        self.failures += 1;
    }
}

impl Model {
    /// The older flight beside which a refresh starts. `None` if none starts: one runs, or too many do (S120).
    pub(super) fn place_of_refresh(&self, key: KeyId) -> Option<Option<FlightId>> {
        match self.held.get(&key).and_then(|held| held.running) {
            None => Some(None),
            Some(running) if !self.flight(running).is_stale => None,
            Some(_) => match self.meets(key) {
                Meets::Start(before) => Some(before),
                Meets::OwnFlight | Meets::Full => None,
            },
        }
    }

    /// S121, S122.
    pub(super) fn refresh(&mut self, call: &Call, old: Serial, before: Option<FlightId>) -> Answer {
        if self.has_executor() {
            // S124: the value serves its caller, and the job is a call of its own.
            let answer = self.serve(call.key);
            self.stats.total_requests += 1;
            self.lead(call, before, true);
            return answer;
        }
        match self.lead(call, before, true) {
            Answer::Failed(..) => Answer::Value(old, Role::Late),
            answer => answer,
        }
    }

    /// S125: whatever `refresh_after` says, unless an execution of the key runs.
    pub(super) fn refresh_now(&mut self, call: &Call) -> Answer {
        let Some(before) = self.place_of_refresh(call.key) else { return Answer::Refreshed(false) };
        self.stats.total_requests += 1;
        match self.lead(call, before, self.has_value(call.key)) {
            // S124: the end of a job reaches no caller.
            Answer::Value(..) => Answer::Refreshed(true),
            _ if self.has_executor() => Answer::Refreshed(true),
            answer => answer,
        }
    }

    fn has_executor(&self) -> bool {
        matches!(self.subject, Subject::Background { .. })
    }

    /// S127: the value that a flight would replace, and how long late calls get it. Tells it as an answer.
    pub(super) fn see_old(
        &mut self,
        key: KeyId,
        flight: Option<FlightId>,
    ) -> Option<(Serial, Millis)> {
        let sees_old = self.subject == Subject::Background { sees_old: true };
        if !sees_old || self.settings.refresh_after.is_none() {
            return None;
        }
        let stands =
            flight.is_some() && self.held.get(&key).and_then(|held| held.running) == flight;
        let old = self.held.get(&key).and_then(|held| held.retained.as_ref());
        let old = old.filter(|_| stands && self.has_value(key));
        let old = old.map(|result| (result.serial, result.life));
        self.answers.push(Answer::Sees(old.map(|(serial, _)| serial)));
        old
    }

    fn has_value(&self, key: KeyId) -> bool {
        let held = self.held.get(&key).and_then(|held| held.retained.as_ref());
        held.is_some_and(|result| result.kind == Kind::Value && self.is_live(result))
    }

    /// S123: true if the refresh has left a value for late calls. Counts it if not.
    pub(super) fn has_refreshed(&mut self, answer: &Answer, is_too_late: bool) -> bool {
        let is_good = matches!(answer, Answer::Value(..)) && !is_too_late;
        self.stats.refresh_failures += u64::from(!is_good);
        is_good
    }
}
