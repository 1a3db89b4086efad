//! Calls of many keys (S140 to S148). On one thread nobody leads but the thread itself.

use std::collections::{BTreeMap, BTreeSet};

use coalescer::Role;

use super::admits::{Late, Meets};
use super::{Answer, FlightId, Model, Serial};
use crate::script::{End, KeyId, Many, RunEnd, Verb};

/// One key of a run.
struct Part {
    key: KeyId,
    /// None if it shares nothing.
    flight: Option<FlightId>,
    /// The value that it refreshes.
    old: Option<Serial>,
}

impl Model {
    /// How many values and errors a call could be served now. Keys of one run can share an error.
    pub(crate) fn live_products(&self) -> usize {
        let live = self.retained().filter(|result| self.is_live(result));
        live.map(|result| result.serial).collect::<BTreeSet<_>>().len()
    }

    pub(super) fn many(&mut self, many: &Many) -> Answer {
        let mut told = BTreeMap::new();
        let (mut parts, mut full) = (Vec::new(), Vec::new());
        for key in many.distinct() {
            self.stats.total_requests += 1;
            match self.late(key, many.verb) {
                Some(Late::Served(answer)) => {
                    told.insert(key, answer);
                    continue;
                }
                Some(Late::Due { old, before }) => {
                    let flight = Some(self.start_flight(key, before, true));
                    parts.push(Part { key, flight, old: Some(old) });
                    continue;
                }
                None => {}
            }
            match self.meets(key) {
                Meets::Start(before) => {
                    let flight = Some(self.start_flight(key, before, false));
                    parts.push(Part { key, flight, old: None });
                }
                Meets::OwnFlight if self.settings.bypasses_deadlocks => {
                    parts.push(self.alone(key));
                }
                Meets::OwnFlight => {
                    self.stats.refused += 1;
                    told.insert(key, Answer::WouldDeadlock);
                }
                Meets::Full if many.verb == Verb::Try => {
                    self.stats.refused += 1;
                    told.insert(key, Answer::WouldBlock);
                }
                Meets::Kept(_) => unreachable!("a batcher has no jobs"),
                // It takes a place, and is refused when the call comes to wait.
                Meets::Full => full.push(key),
            }
        }
        if let Some(panic) = self.run_in_turn(many, parts, &mut told) {
            self.stats.refused += full.len() as u64;
            return Answer::Panicked(panic);
        }
        if self.settings.bypasses_deadlocks {
            let parts = full.into_iter().map(|key| self.alone(key)).collect();
            if let Some(panic) = self.run_in_turn(many, parts, &mut told) {
                return Answer::Panicked(panic);
            }
        } else {
            self.stats.refused += full.len() as u64;
            told.extend(full.into_iter().map(|key| (key, Answer::WouldDeadlock)));
        }
        Answer::Many(many.keys.iter().map(|key| told[key].clone()).collect())
    }

    fn alone(&mut self, key: KeyId) -> Part {
        self.stats.in_flight += 1;
        Part { key, flight: None, old: None }
    }

    /// S141: runs of at most `max_batch` keys. Returns the panic of one.
    fn run_in_turn(
        &mut self,
        many: &Many,
        parts: Vec<Part>,
        told: &mut BTreeMap<KeyId, Answer>,
    ) -> Option<Serial> {
        let mut rest = parts.into_iter();
        loop {
            let parts: Vec<Part> = rest.by_ref().take(self.subject.max_batch()).collect();
            if parts.is_empty() {
                return None;
            }
            if let Some(panic) = self.run_many(many, parts, told) {
                rest.for_each(|part| self.lose(part.flight));
                return Some(panic);
            }
        }
    }

    /// S148: an execution that does not take place.
    pub(super) fn lose(&mut self, flight: Option<FlightId>) {
        self.stats.in_flight -= 1;
        self.stats.refused += 1;
        if let Some(flight) = flight {
            self.publish(flight, &Answer::WouldBlock, 0);
        }
    }

    /// Runs the function for these keys. Returns its panic.
    fn run_many(
        &mut self,
        many: &Many,
        parts: Vec<Part>,
        told: &mut BTreeMap<KeyId, Answer>,
    ) -> Option<Serial> {
        self.stats.batches += 1;
        let parts: Vec<_> = parts.into_iter().map(|part| (self.number(), part)).collect();
        let last = parts.last().expect("a run has a key").0;
        many.body.iter().for_each(|step| self.step(step));
        let (mut open, mut parts, mut panic) = (Vec::new(), parts.into_iter(), None);
        for (end, (serial, part)) in many.ends.iter().cycle().zip(&mut parts) {
            match end {
                None => open.push(part),
                // The function itself panics, before it answers.
                Some(End::Panic) => {
                    panic = Some(serial);
                    open.push(part);
                }
                Some(end) => {
                    let answer = self.end(serial, *end);
                    if let Answer::Panicked(serial) = answer {
                        panic = Some(serial);
                    }
                    self.answer(&part, answer, self.life(*end), told);
                }
            }
            if panic.is_some() {
                break;
            }
        }
        open.extend(parts.map(|(_, part)| part));
        let panic = panic.or((many.end == RunEnd::Panics).then_some(last));
        let (end, answer) = match (panic, many.end) {
            (Some(panic), _) => (End::Panic, Answer::Panicked(panic)),
            (None, RunEnd::Fails) => (End::Error, Answer::Failed(last, Role::Leader)),
            (None, _) => (End::Error, Answer::Missing),
        };
        for part in open {
            self.end(last, end);
            self.answer(&part, answer.clone(), self.life(End::Error), told);
        }
        panic
    }

    fn answer(
        &mut self,
        part: &Part,
        answer: Answer,
        life: crate::script::Millis,
        told: &mut BTreeMap<KeyId, Answer>,
    ) {
        if let Some(flight) = part.flight {
            self.publish(flight, &answer, life);
        }
        // S122: a refresh that fails leaves the call the old value.
        told.insert(
            part.key,
            match (answer, part.old) {
                (Answer::Failed(..) | Answer::Missing, Some(old)) => Answer::Value(old, Role::Late),
                (answer, _) => answer,
            },
        );
    }
}

impl Many {
    /// Its keys, each once, in the order given.
    pub(crate) fn distinct(&self) -> Vec<KeyId> {
        let mut distinct = Vec::new();
        for key in &self.keys {
            if !distinct.contains(key) {
                distinct.push(*key);
            }
        }
        distinct
    }
}
