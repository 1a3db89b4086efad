//! How executions end in the reference: who gets the result, what is kept, and what goes for it.

use coalescer::Role;

use crate::flights::{FlightId, Held, Kept, Phase};
use crate::model::{Model, Place};
use crate::script::{End, KeyId, Millis};
use crate::stage::{Answer, CallId};

impl Model {
    /// The function of a call ends.
    pub(crate) fn end(&mut self, id: CallId, end: End) {
        let result = Outcome::of(end, self.settings.has_rule);
        self.stats.in_flight -= 1;
        self.stats.executed_requests += 1;
        self.stats.failed += u64::from(result == Outcome::Failed);
        self.stats.panicked += u64::from(result == Outcome::Panicked);
        let callers = match self.calls[&id].place {
            Place::Runs(Some(flight)) => 1 + self.publish(id, flight, result),
            _ => 1,
        };
        let waited = self.calls[&id].waited;
        self.done(
            id,
            match result {
                Outcome::Failed => Answer::Failed(id),
                // A ticket is told as a follower is (S21).
                Outcome::Panicked if self.calls[&id].is_submitted => Answer::LeaderPanicked(id),
                Outcome::Panicked => Answer::Panicked,
                _ => Answer::Value { maker: id, role: Role::Leader, callers, waited },
            },
        );
    }

    /// Ends an execution of a flight (S37, S38). Returns how many followers it answered.
    pub(crate) fn publish(&mut self, id: CallId, at: FlightId, result: Outcome) -> usize {
        let begun = self.flights[at].end_run(id);
        let has_room = self.makes_room(at, begun, result);
        let flight = &mut self.flights[at];
        let decides =
            flight.phase == Phase::Running && (result.is_success() || flight.runs.is_empty());
        if !decides {
            return 0;
        }
        flight.phase = Phase::Ended;
        let (key, waiting) = (flight.key, std::mem::take(&mut flight.waiting));
        let callers = waiting.len() + 1;
        for follower in &waiting {
            self.answer(*follower, id, result, callers);
        }
        let was_held = self.holds(key, at);
        if was_held {
            self.held.remove(&key);
        }
        if let Some(next) = self.take_successor(at) {
            if was_held {
                self.held.insert(key, Held::Flight(next));
            }
        } else if was_held && has_room {
            self.keep(id, at, begun, result, callers);
        }
        waiting.len()
    }

    /// Makes the successor of a flight due, if a call waits for it.
    pub(crate) fn take_successor(&mut self, ended: FlightId) -> Option<FlightId> {
        let next = self.flights[ended].successor?;
        let successor = &mut self.flights[next];
        if successor.phase != Phase::Pending {
            return None;
        }
        if successor.waiting.is_empty() {
            successor.phase = Phase::Ended;
            return None;
        }
        successor.next_start = 0;
        Some(next)
    }

    pub(crate) fn answer(
        &mut self,
        follower: CallId,
        maker: CallId,
        result: Outcome,
        callers: usize,
    ) {
        let waited = self.now - self.calls[&follower].begun;
        if result == Outcome::Private {
            self.begin(follower, None);
            self.call_mut(follower).waited = waited;
            return;
        }
        self.stats.followers += 1;
        self.stats.coalesced_requests += 1;
        let answer = match result {
            Outcome::Failed => Answer::Failed(maker),
            Outcome::Panicked => Answer::LeaderPanicked(maker),
            _ => Answer::Value { maker, role: Role::Follower, callers, waited },
        };
        self.done(follower, answer);
    }

    /// S8, S18, S40, S47: true if the table has room for this result, for which others may have to go.
    pub(crate) fn makes_room(&mut self, at: FlightId, begun: Millis, result: Outcome) -> bool {
        let window = match result {
            Outcome::Value => self.settings.window,
            Outcome::Failed => self.settings.error_window,
            Outcome::Private | Outcome::Passing | Outcome::Panicked => return false,
        };
        if self.now >= begun.saturating_add(window) {
            return false;
        }
        let windows = (self.settings.window, self.settings.error_window);
        let limit = self.settings.max_retained.unwrap_or(usize::MAX);
        let is_held = self.holds(self.flights[at].key, at);
        while self.kept().count() >= limit {
            let now = self.now;
            let age = |kept: &(KeyId, Kept)| {
                (now < end_of(&kept.1, windows), kept.1.start, kept.1.is_error, kept.1.place)
            };
            let oldest = self.kept().min_by_key(age).filter(|_| is_held);
            let Some((key, _)) = oldest else { return false };
            self.held.remove(&key);
        }
        true
    }

    pub(crate) fn kept(&self) -> impl Iterator<Item = (KeyId, Kept)> + '_ {
        self.held.iter().filter_map(|(key, held)| match held {
            Held::Result(kept) => Some((*key, kept.clone())),
            Held::Flight(_) => None,
        })
    }

    pub(crate) fn keep(
        &mut self,
        maker: CallId,
        at: FlightId,
        start: Millis,
        result: Outcome,
        callers: usize,
    ) {
        let is_error = result == Outcome::Failed;
        let (served, place) = (self.flights[at].served, self.retentions);
        self.retentions += 1;
        let kept = Kept { maker, is_error, start, served, callers, place };
        self.held.insert(self.flights[at].key, Held::Result(kept));
    }
}

/// When the window of a result is over.
pub(crate) fn end_of(kept: &Kept, (window, error_window): (Millis, Millis)) -> Millis {
    kept.start.saturating_add(if kept.is_error { error_window } else { window })
}

/// What the end of a function means to its flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Value,
    Private,
    Passing,
    Failed,
    Panicked,
}

impl Outcome {
    fn of(end: End, has_rule: bool) -> Self {
        match end {
            End::Error => Self::Failed,
            End::Panic => Self::Panicked,
            End::RulePanic if has_rule => Self::Panicked,
            End::Private if has_rule => Self::Private,
            End::Passing if has_rule => Self::Passing,
            _ => Self::Value,
        }
    }

    fn is_success(self) -> bool {
        matches!(self, Self::Value | Self::Private | Self::Passing)
    }
}
