//! The admission of a call in the reference: it is late, leads, follows, or is refused.

use crate::endings::end_of;
use crate::flights::{Flight, FlightId, Phase, ThreadId};
use crate::model::{Admitted, Model, Place};
use crate::refreshes::served_by;
use crate::script::{ENDLESS, KeyId, Verb};
use crate::stage::Answer;

/// The way of a call that meets a flight.
enum Meeting {
    Join,
    /// The flight has served its number of calls (S14).
    StartBeside,
    /// It is too old (S9), or over for others: one more starts, if there is room (S39).
    StartAfter,
}

impl Model {
    /// `thread` is `None` for a submit.
    pub(crate) fn admit(&mut self, verb: Verb, key: KeyId, thread: Option<ThreadId>) -> Admitted {
        if let Some(admitted) = self.late(verb, key) {
            return admitted;
        }
        let Some(flight) = self.held.get(&key).and_then(|held| held.flight) else {
            return self.start(key, None);
        };
        match self.meeting(flight) {
            Meeting::Join => self.meet(flight, verb, thread),
            Meeting::StartBeside => self.start(key, None),
            Meeting::StartAfter => self.start_after(flight, verb, thread),
        }
    }

    /// S8, S13, S30.
    fn late(&mut self, verb: Verb, key: KeyId) -> Option<Admitted> {
        let (now, limit) = (self.now, self.limit());
        let windows = (self.settings.window, self.settings.error_window);
        let kept = self.held.get(&key)?.result.as_ref()?;
        let is_live = now < end_of(kept, windows);
        if !is_live || verb.refuses(now - kept.start) || kept.served >= limit {
            return None;
        }
        if let Some(refresh) = self.refresh(verb, key) {
            return Some(refresh);
        }
        let kept = self.held.get_mut(&key)?.result.as_mut()?;
        kept.served += 1;
        self.stats.late += 1;
        self.stats.coalesced_requests += 1;
        Some(Admitted::Done(served_by(kept)))
    }

    fn meeting(&self, flight: FlightId) -> Meeting {
        let flight = &self.flights[flight];
        let age = self.settings.max_join_age.unwrap_or(ENDLESS);
        let is_young = self.now < flight.start.saturating_add(age);
        if flight.is_stale {
            Meeting::StartAfter
        } else if flight.served >= self.limit() {
            Meeting::StartBeside
        } else if is_young || flight.phase == Phase::Pending {
            Meeting::Join
        } else {
            Meeting::StartAfter
        }
    }

    /// S1, S30, S34, S36, S41, S42.
    fn meet(&mut self, flight: FlightId, verb: Verb, thread: Option<ThreadId>) -> Admitted {
        if thread.is_some_and(|thread| self.leads(thread, flight)) {
            return self.refuse();
        }
        if self.now >= self.next_start(flight) {
            self.flights[flight].served += 1;
            return Admitted::Runs(Some(flight));
        }
        let Flight { start, phase, .. } = self.flights[flight];
        match verb {
            Verb::Try => self.would_block(),
            _ if phase != Phase::Pending && verb.refuses(self.now - start) => {
                self.follow_successor(flight, flight, thread)
            }
            _ => self.follow(flight, thread),
        }
    }

    /// S39: starts a flight behind this one, or waits for the next if there is no room.
    fn start_after(&mut self, last: FlightId, verb: Verb, thread: Option<ThreadId>) -> Admitted {
        let chain = self.chain_of(last).to_vec();
        let place = chain.iter().position(|id| *id == last).expect("it is in its chain");
        let mut upto = chain[..=place].iter().rev();
        let open = upto.find(|id| self.flights[**id].phase != Phase::Ended).copied();
        match open.filter(|_| !self.has_room(last)) {
            None => self.start(self.flights[last].key, Some(last)),
            Some(_) if verb == Verb::Try => self.would_block(),
            Some(open) => {
                let next = self.successor_of(last, open);
                // It needs only room.
                self.flights[next].due_at = 0;
                self.follow_successor(last, open, thread)
            }
        }
    }

    fn would_block(&mut self) -> Admitted {
        self.stats.refused += 1;
        Admitted::Done(Answer::WouldBlock)
    }

    /// S30: waits for the flight after this one, which begins when `before` has ended.
    fn follow_successor(
        &mut self,
        flight: FlightId,
        before: FlightId,
        thread: Option<ThreadId>,
    ) -> Admitted {
        match self.successor_of(flight, before) {
            next if self.flights[next].served < self.limit() => self.follow(next, thread),
            _ => self.start(self.flights[flight].key, None),
        }
    }

    fn follow(&mut self, flight: FlightId, thread: Option<ThreadId>) -> Admitted {
        if thread.is_some_and(|thread| self.closes_a_cycle(thread, flight)) {
            return self.refuse();
        }
        self.flights[flight].served += 1;
        Admitted::Waits(flight)
    }

    /// S41: an error, or a run for itself alone.
    fn refuse(&mut self) -> Admitted {
        if self.settings.bypasses_deadlocks {
            return Admitted::Runs(None);
        }
        self.stats.refused += 1;
        Admitted::Done(Answer::WouldDeadlock)
    }

    /// The successor that fresh calls share as long as it has not begun (S30).
    fn successor_of(&mut self, flight: FlightId, before: FlightId) -> FlightId {
        if let Some(next) = self.pending_after(flight) {
            return next;
        }
        let found = &self.flights[flight];
        let mut next = Flight::new(found.key, self.now);
        next.due_at = found.youngest.saturating_add(self.leader_timeout());
        next.predecessor = Some(before);
        self.flights.push(next);
        self.link_after(flight, self.flights.len() - 1);
        self.flights.len() - 1
    }

    /// Starts a flight for calls to find, behind another one or in a chain of its own.
    pub(crate) fn start(&mut self, key: KeyId, after: Option<FlightId>) -> Admitted {
        let mut flight = Flight::new(key, self.now);
        flight.served = 1;
        self.flights.push(flight);
        let id = self.flights.len() - 1;
        match after {
            Some(last) => {
                self.link_after(last, id);
                // A flight that waits for the one before waits for this one now.
                if let Some(next) = self.pending_after(id) {
                    self.flights[next].predecessor = Some(id);
                }
            }
            None => self.chains.push(vec![id]),
        }
        self.held.entry(key).or_default().flight = Some(id);
        Admitted::Runs(Some(id))
    }

    /// True if this thread runs an execution of this flight.
    fn leads(&self, thread: ThreadId, flight: FlightId) -> bool {
        let mut runs = self.flights[flight].runs.iter();
        runs.any(|(run, _)| self.calls[run].thread == Some(thread))
    }

    /// True if the end of this flight depends on this thread (S42).
    fn closes_a_cycle(&self, thread: ThreadId, flight: FlightId) -> bool {
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

    fn wait_of(&self, thread: ThreadId) -> Option<FlightId> {
        let innermost = self.threads[thread].last()?;
        match self.calls[innermost].place {
            Place::Waits(flight) => Some(flight),
            _ => None,
        }
    }
}
