//! What becomes of a call in the reference: it is late, leads, follows, or is refused.

use coalescer::Role;

use crate::endings::end_of;
use crate::flights::{Flight, FlightId, Held, Phase, ThreadId};
use crate::model::{Admitted, Model, Place};
use crate::script::{ENDLESS, KeyId, Verb};
use crate::stage::Answer;

impl Model {
    pub(crate) fn admit(&mut self, verb: Verb, key: KeyId, thread: Option<ThreadId>) -> Admitted {
        if let Some(answer) = self.late(verb, key) {
            return Admitted::Done(answer);
        }
        match self.joinable(key) {
            Some(flight) => self.meet(flight, verb, thread),
            None => self.start(key),
        }
    }

    /// S8, S13, S30.
    pub(crate) fn late(&mut self, verb: Verb, key: KeyId) -> Option<Answer> {
        let (now, limit) = (self.now, self.limit());
        let windows = (self.settings.window, self.settings.error_window);
        let Some(Held::Result(kept)) = self.held.get_mut(&key) else { return None };
        let is_live = now < end_of(kept, windows);
        if !is_live || verb == Verb::Fresh || kept.served >= limit {
            return None;
        }
        kept.served += 1;
        self.stats.late += 1;
        self.stats.coalesced_requests += 1;
        let (maker, callers) = (kept.maker, kept.callers);
        Some(match kept.is_error {
            true => Answer::Failed(maker),
            false => Answer::Value { maker, role: Role::Late, callers, waited: 0 },
        })
    }

    /// S9, S13: the flight of this key, if it takes on one more call.
    pub(crate) fn joinable(&self, key: KeyId) -> Option<FlightId> {
        let Some(Held::Flight(id)) = self.held.get(&key) else { return None };
        let flight = &self.flights[*id];
        let age = self.settings.max_join_age.unwrap_or(ENDLESS);
        let is_young = self.now < flight.start.saturating_add(age);
        let takes = flight.served < self.limit() && (is_young || flight.phase == Phase::Pending);
        takes.then_some(*id)
    }

    /// S1, S30, S34, S36, S41, S42.
    pub(crate) fn meet(
        &mut self,
        flight: FlightId,
        verb: Verb,
        thread: Option<ThreadId>,
    ) -> Admitted {
        if thread.is_some_and(|thread| self.leads(thread, flight)) {
            return self.refuse();
        }
        if self.now >= self.flights[flight].next_start {
            self.flights[flight].served += 1;
            return Admitted::Runs(Some(flight));
        }
        match verb {
            Verb::Try => {
                self.stats.refused += 1;
                Admitted::Done(Answer::WouldBlock)
            }
            Verb::Fresh => match self.successor_of(flight) {
                next if self.flights[next].served >= self.limit() => {
                    self.start(self.flights[flight].key)
                }
                next => self.follow(next, thread),
            },
            Verb::Execute | Verb::Timeout(_) => self.follow(flight, thread),
        }
    }

    pub(crate) fn follow(&mut self, flight: FlightId, thread: Option<ThreadId>) -> Admitted {
        if thread.is_some_and(|thread| self.closes_a_cycle(thread, flight)) {
            return self.refuse();
        }
        self.flights[flight].served += 1;
        Admitted::Waits(flight)
    }

    /// S41: an error, or a run for itself alone.
    pub(crate) fn refuse(&mut self) -> Admitted {
        if self.settings.bypasses_deadlocks {
            return Admitted::Runs(None);
        }
        self.stats.refused += 1;
        Admitted::Done(Answer::WouldDeadlock)
    }

    /// The successor that fresh calls share as long as it has not begun (S30).
    pub(crate) fn successor_of(&mut self, flight: FlightId) -> FlightId {
        let is_pending = |next: &FlightId| self.flights[*next].phase == Phase::Pending;
        if let Some(next) = self.flights[flight].successor.filter(is_pending) {
            return next;
        }
        let youngest = self.flights[flight].youngest;
        let timeout = self.settings.leader_timeout.unwrap_or(ENDLESS);
        let mut next = Flight::new(self.flights[flight].key, self.now);
        next.next_start = youngest.saturating_add(timeout);
        next.predecessor = Some(flight);
        self.flights.push(next);
        self.flights[flight].successor = Some(self.flights.len() - 1);
        self.flights.len() - 1
    }

    pub(crate) fn start(&mut self, key: KeyId) -> Admitted {
        let mut flight = Flight::new(key, self.now);
        flight.served = 1;
        self.flights.push(flight);
        let id = self.flights.len() - 1;
        self.held.insert(key, Held::Flight(id));
        Admitted::Runs(Some(id))
    }

    /// True if this thread runs an execution of this flight.
    pub(crate) fn leads(&self, thread: ThreadId, flight: FlightId) -> bool {
        let mut runs = self.flights[flight].runs.iter();
        runs.any(|(run, _)| self.calls[run].thread == Some(thread))
    }

    /// True if the end of this flight depends on this thread (S42).
    pub(crate) fn closes_a_cycle(&self, thread: ThreadId, flight: FlightId) -> bool {
        let (mut seen, mut to_visit) = (Vec::new(), vec![flight]);
        while let Some(id) = to_visit.pop() {
            let flight = &self.flights[id];
            if seen.contains(&id) || flight.phase == Phase::Ended {
                continue;
            }
            seen.push(id);
            if self.leads(thread, id) {
                return true;
            }
            to_visit.extend(flight.predecessor.filter(|_| flight.phase == Phase::Pending));
            let leaders = flight.runs.iter().filter_map(|(run, _)| self.calls[run].thread);
            to_visit.extend(leaders.filter_map(|leader| self.wait_of(leader)));
        }
        false
    }

    pub(crate) fn wait_of(&self, thread: ThreadId) -> Option<FlightId> {
        let innermost = self.threads[thread].last()?;
        match self.calls[innermost].place {
            Place::Waits(flight) => Some(flight),
            _ => None,
        }
    }
}
