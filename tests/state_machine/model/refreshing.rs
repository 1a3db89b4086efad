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
                Meets::OwnFlight | Meets::Full | Meets::Kept(_) => None,
            },
        }
    }

    /// S121, S122.
    pub(super) fn refresh(&mut self, call: &Call, old: Serial, before: Option<FlightId>) -> Answer {
        if self.has_executor() {
            // S124: the value serves its caller, and the job is a call of its own.
            let answer = self.serve(call.key);
            self.stats.total_requests += 1;
            let flight = self.start_flight(call.key, before, true);
            self.begin_job(call, flight, true);
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
        let is_refresh = self.has_value(call.key);
        if self.has_executor() {
            let flight = self.start_flight(call.key, before, is_refresh);
            self.begin_job(call, flight, false);
            return Answer::Refreshed(true);
        }
        match self.lead(call, before, is_refresh) {
            Answer::Value(..) => Answer::Refreshed(true),
            answer => answer,
        }
    }

    fn has_executor(&self) -> bool {
        matches!(self.subject, Subject::Background { .. })
    }

    /// S127: the value that a flight would replace, and how long late calls get it. Tells it as an answer.
    pub(super) fn see_old(&mut self, flight: Option<FlightId>) -> Option<(Serial, Millis)> {
        if !self.subject.sees_old() || self.settings.refresh_after.is_none() {
            return None;
        }
        let key = flight.map(|flight| self.flight(flight).key);
        let held = key.and_then(|key| self.held.get(&key)).filter(|held| held.running == flight);
        let old = held.and_then(|held| held.retained.as_ref());
        let old = old.filter(|result| result.kind == Kind::Value && self.is_live(result));
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
