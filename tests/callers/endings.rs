//! How executions end in the reference: who gets the result, what is kept, and what goes for it.

use coalescer::Role;

use crate::flights::{FlightId, Kept, Phase};
use crate::model::{Model, Place};
use crate::script::{ENDLESS, End, KeyId, Millis};
use crate::stage::{Answer, CallId};

impl Model {
    /// The function of a call ends.
    pub(crate) fn end(&mut self, id: CallId, end: End) {
        let result = Outcome::of(end, self.settings.has_rule);
        self.stats.in_flight -= 1;
        self.stats.executed_requests += 1;
        self.stats.failed += u64::from(matches!(result, Outcome::Failed(_)));
        self.stats.panicked += u64::from(result == Outcome::Panicked);
        let callers = match self.calls[&id].place {
            Place::Runs(Some(flight)) => 1 + self.publish(id, flight, result),
            _ => 1,
        };
        let waited = self.calls[&id].waited;
        let old = match self.calls[&id].place {
            Place::Runs(Some(flight)) => self.old_value_for(id, flight),
            _ => None,
        };
        self.done(
            id,
            match result {
                Outcome::Failed(_) => old.unwrap_or(Answer::Failed(id)),
                // A ticket is told as a follower is (S21).
                Outcome::Panicked if self.calls[&id].is_submitted => Answer::LeaderPanicked(id),
                Outcome::Panicked => Answer::Panicked,
                _ => Answer::Value { maker: id, role: Role::Leader, callers, waited },
            },
        );
    }

    /// Ends an execution of a flight (S37, S38). Returns how many followers it answered.
    fn publish(&mut self, id: CallId, at: FlightId, result: Outcome) -> usize {
        let begun = self.flights[at].end_run(id);
        let has_space = self.makes_space(at, begun, result);
        let (now, timeout) = (self.now, self.leader_timeout());
        let flight = &mut self.flights[at];
        // No call waits for a stuck execution.
        let is_stuck = |(_, begun): &(CallId, Millis)| begun.saturating_add(timeout) <= now;
        let decides = flight.phase == Phase::Running
            && (result.is_success() || flight.runs.iter().all(is_stuck));
        let others = !flight.runs.is_empty();
        if !decides {
            if !others {
                self.remove(at);
            }
            return 0;
        }
        flight.phase = Phase::Ended;
        self.end_refresh(at, begun, result);
        let flight = &mut self.flights[at];
        let waiting = std::mem::take(&mut flight.waiting);
        let callers = waiting.len() + 1;
        self.settle_key(id, at, begun, result, has_space, callers);
        for follower in &waiting {
            self.answer(*follower, id, result, callers);
        }
        waiting.len()
    }

    /// The entry that calls find by the key of a flight that has ended: its result or the one before it, and its
    /// successor, or the flight itself while executions of it run.
    fn settle_key(
        &mut self,
        id: CallId,
        at: FlightId,
        begun: Millis,
        result: Outcome,
        has_space: bool,
        callers: usize,
    ) {
        let key = self.flights[at].key;
        let successor = self.take_successor(at);
        let others = !self.flights[at].runs.is_empty();
        let replaces =
            self.holds(key, at) && !self.flights[at].is_stale && self.replaces(key, begun, result);
        if replaces {
            self.held.entry(key).or_default().result = None;
        }
        let is_kept = replaces && has_space;
        if is_kept {
            self.keep(id, at, begun, result, callers);
        }
        let beside = successor.or(others.then_some(at));
        match beside {
            Some(beside) => {
                if self.holds(key, at) {
                    self.pass_on(key, Some(beside));
                }
                if others {
                    self.flights[at].is_stale = true;
                } else {
                    self.remove(at);
                }
            }
            None => self.remove(at),
        }
    }

    /// S70: a value that is for everyone replaces what is kept; an error replaces an error, and what is
    /// over.
    fn replaces(&self, key: KeyId, begun: Millis, result: Outcome) -> bool {
        let windows = (self.settings.window, self.settings.error_window);
        let Some(kept) = self.held.get(&key).and_then(|held| held.result.as_ref()) else {
            return true;
        };
        match result {
            // S74: no late call would get it.
            Outcome::Value(life) | Outcome::Failed(life)
                if self.now >= begun.saturating_add(life) =>
            {
                false
            }
            Outcome::Value(_) => true,
            Outcome::Failed(_) => kept.is_error || self.now >= end_of(kept, windows),
            Outcome::Private | Outcome::Panicked => false,
        }
    }

    /// Makes the successor of a flight due, if a call waits for it.
    fn take_successor(&mut self, ended: FlightId) -> Option<FlightId> {
        let next = self.pending_after(ended)?;
        if self.flights[next].waiting.is_empty() {
            self.flights[next].phase = Phase::Ended;
            self.leave_chain(next);
            return None;
        }
        self.flights[next].due_at = 0;
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
            Outcome::Failed(_) => Answer::Failed(maker),
            Outcome::Panicked => Answer::LeaderPanicked(maker),
            _ => Answer::Value { maker, role: Role::Follower, callers, waited },
        };
        self.done(follower, answer);
    }

    /// S8, S18, S40, S47: true if the table has space for this result, for which others may have to go.
    fn makes_space(&mut self, at: FlightId, begun: Millis, result: Outcome) -> bool {
        let window = match result {
            Outcome::Value(life) => self.settings.window.min(life),
            Outcome::Failed(life) => self.settings.error_window.min(life),
            Outcome::Private | Outcome::Panicked => return false,
        };
        if self.now >= begun.saturating_add(window) {
            return false;
        }
        let key = self.flights[at].key;
        let may_keep = self.holds(key, at) && !self.flights[at].is_stale;
        while self.kept().count() >= self.settings.max_retained.unwrap_or(usize::MAX) {
            if !may_keep || !self.replaces(key, begun, result) || !self.evict(key) {
                return false;
            }
        }
        true
    }

    /// Removes the result of this key, or else one that is over, or else the oldest.
    fn evict(&mut self, own: KeyId) -> bool {
        let windows = (self.settings.window, self.settings.error_window);
        let now = self.now;
        let age = |(key, kept): &(KeyId, Kept)| {
            let is_in_window = now < end_of_window(kept, windows);
            (*key != own, is_in_window, kept.start, kept.is_error, kept.place)
        };
        let Some((key, _)) = self.kept().min_by_key(age) else { return false };
        self.held.entry(key).or_default().result = None;
        let flight = self.held[&key].flight;
        self.pass_on(key, flight);
        true
    }

    /// S111: as `forget` does, and then the value is kept.
    pub(crate) fn insert(&mut self, key: KeyId, maker: CallId) {
        let has_space = self.settings.window > 0 && {
            let limit = self.settings.max_retained.unwrap_or(usize::MAX);
            while self.kept().count() >= limit && self.evict(key) {}
            self.kept().count() < limit
        };
        self.forget(key);
        if !has_space {
            return;
        }
        let (start, place) = (self.now, self.retentions);
        self.retentions += 1;
        let life = ENDLESS;
        let kept = Kept {
            maker,
            is_error: false,
            start,
            life,
            served: 1,
            callers: 1,
            place,
            failures: 0,
            paused_until: 0,
        };
        self.held.entry(key).or_default().result = Some(kept);
    }

    pub(crate) fn kept(&self) -> impl Iterator<Item = (KeyId, Kept)> + '_ {
        self.held.iter().filter_map(|(key, held)| Some((*key, held.result.clone()?)))
    }

    pub(crate) fn keep(
        &mut self,
        maker: CallId,
        at: FlightId,
        start: Millis,
        result: Outcome,
        callers: usize,
    ) {
        let is_error = matches!(result, Outcome::Failed(_));
        let life = result.life();
        let (served, place) = (self.flights[at].served, self.retentions);
        self.retentions += 1;
        let (failures, paused_until) = (0, 0);
        let kept =
            Kept { maker, is_error, start, life, served, callers, place, failures, paused_until };
        self.held.entry(self.flights[at].key).or_default().result = Some(kept);
    }
}

/// When a result serves no call any more.
pub(crate) fn end_of(kept: &Kept, windows: (Millis, Millis)) -> Millis {
    end_of_window(kept, windows).min(kept.start.saturating_add(kept.life))
}

fn end_of_window(kept: &Kept, (window, error_window): (Millis, Millis)) -> Millis {
    kept.start.saturating_add(if kept.is_error { error_window } else { window })
}

/// The meaning of a function's end to its flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A value for all who wait, and for late calls for so long. It is none for followers alone.
    Value(Millis),
    Private,
    /// An error, for as long.
    Failed(Millis),
    Panicked,
}

impl Outcome {
    fn of(end: End, has_rule: bool) -> Self {
        match end {
            End::BriefError(life) if has_rule => Self::Failed(life),
            End::Error | End::BriefError(_) => Self::Failed(ENDLESS),
            End::Panic => Self::Panicked,
            End::RulePanic if has_rule => Self::Panicked,
            End::Private if has_rule => Self::Private,
            End::Passing if has_rule => Self::Value(0),
            End::Brief(life) if has_rule => Self::Value(life),
            _ => Self::Value(ENDLESS),
        }
    }

    fn is_success(self) -> bool {
        matches!(self, Self::Value(_) | Self::Private)
    }

    fn life(self) -> Millis {
        match self {
            Self::Value(life) | Self::Failed(life) => life,
            Self::Private | Self::Panicked => 0,
        }
    }
}
