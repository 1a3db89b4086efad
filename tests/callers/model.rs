//! The reference: what each call gets, written from the promises alone.
//!
//! It has no locks and wakes nobody: flights are a list, and what a key holds is a map. Where the
//! promises leave a choice (which of the calls that wait takes over), [`Model::due`] lists the calls
//! that may, and the test tells it which one did.

use std::collections::BTreeMap;

use coalescer::{Role, Stats};

use crate::flights::{Flight, FlightId, Held, Kept, Phase, ThreadId};
use crate::script::{ENDLESS, End, KeyId, Millis, Settings, Verb};
use crate::stage::{Answer, CallId, Doing, Shown};
use crate::tickets;

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) settings: Settings,
    pub(crate) stats: Stats,
    pub(crate) doing: BTreeMap<CallId, Doing>,
    pub(crate) now: Millis,
    pub(crate) calls: BTreeMap<CallId, Call>,
    pub(crate) flights: Vec<Flight>,
    /// The calls that each thread is in, the innermost last.
    pub(crate) threads: Vec<Vec<CallId>>,
    /// By the calls that they are for.
    pub(crate) tickets: BTreeMap<CallId, tickets::Held>,
    held: BTreeMap<KeyId, Held>,
    retentions: usize,
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) key: KeyId,
    pub(crate) verb: Verb,
    /// Where it was made, or where its job runs.
    pub(crate) thread: Option<ThreadId>,
    pub(crate) begun: Millis,
    /// When its thread stops to wait. A ticket has one only while a thread waits with it.
    pub(crate) deadline: Option<Millis>,
    pub(crate) place: Place,
    pub(crate) is_submitted: bool,
    pub(crate) waited: Millis,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Waits(FlightId),
    /// In an execution of this flight, or for itself alone.
    Runs(Option<FlightId>),
    Done(Answer),
    /// A ticket that was dropped.
    Left,
}

/// How a call is answered that does not wait.
enum Admitted {
    Waits(FlightId),
    Runs(Option<FlightId>),
    Done(Answer),
}

impl Model {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            stats: Stats::default(),
            doing: BTreeMap::new(),
            now: 0,
            calls: BTreeMap::new(),
            flights: Vec::new(),
            threads: Vec::new(),
            tickets: BTreeMap::new(),
            held: BTreeMap::new(),
            retentions: 0,
        }
    }

    /// A call by this thread, or by a new one.
    pub(crate) fn call(&mut self, id: CallId, verb: Verb, key: KeyId, thread: Option<ThreadId>) {
        let thread = thread.unwrap_or_else(|| self.new_thread());
        let own = if let Verb::Timeout(timeout) = verb { timeout } else { ENDLESS };
        let deadline = self.now.saturating_add(own.min(self.settings.max_wait.unwrap_or(ENDLESS)));
        let admitted = self.admit(verb, key, Some(thread));
        self.enter(id, verb, key, Some(thread), Some(deadline), admitted);
    }

    pub(crate) fn submit(&mut self, id: CallId, key: KeyId) {
        let admitted = self.admit(Verb::Execute, key, None);
        self.enter(id, Verb::Execute, key, None, None, admitted);
    }

    fn enter(
        &mut self,
        id: CallId,
        verb: Verb,
        key: KeyId,
        thread: Option<ThreadId>,
        deadline: Option<Millis>,
        admitted: Admitted,
    ) {
        self.stats.total_requests += 1;
        let (begun, is_submitted) = (self.now, thread.is_none());
        let place = Place::Left;
        let call = Call { key, verb, thread, begun, deadline, place, is_submitted, waited: 0 };
        self.calls.insert(id, call);
        self.doing.insert(id, Doing::Called);
        if let Some(thread) = thread {
            self.threads[thread].push(id);
        }
        match admitted {
            Admitted::Done(answer) => self.done(id, answer),
            Admitted::Runs(flight) => self.begin(id, flight),
            Admitted::Waits(flight) => {
                self.flights[flight].waiting.push(id);
                self.call_mut(id).place = Place::Waits(flight);
            }
        }
    }

    pub(crate) fn call_mut(&mut self, id: CallId) -> &mut Call {
        self.calls.get_mut(&id).expect("the call was made")
    }

    fn new_thread(&mut self) -> ThreadId {
        self.threads.push(Vec::new());
        self.threads.len() - 1
    }

    fn limit(&self) -> usize {
        self.settings.max_requests.unwrap_or(usize::MAX)
    }

    fn admit(&mut self, verb: Verb, key: KeyId, thread: Option<ThreadId>) -> Admitted {
        if let Some(answer) = self.late(verb, key) {
            return Admitted::Done(answer);
        }
        match self.joinable(key) {
            Some(flight) => self.meet(flight, verb, thread),
            None => self.start(key),
        }
    }

    /// S8, S13, S30.
    fn late(&mut self, verb: Verb, key: KeyId) -> Option<Answer> {
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
    fn joinable(&self, key: KeyId) -> Option<FlightId> {
        let Some(Held::Flight(id)) = self.held.get(&key) else { return None };
        let flight = &self.flights[*id];
        let age = self.settings.max_join_age.unwrap_or(ENDLESS);
        let is_young = self.now < flight.start.saturating_add(age);
        let takes = flight.served < self.limit() && (is_young || flight.phase == Phase::Pending);
        takes.then_some(*id)
    }

    /// S1, S30, S34, S36, S41, S42.
    fn meet(&mut self, flight: FlightId, verb: Verb, thread: Option<ThreadId>) -> Admitted {
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
    fn successor_of(&mut self, flight: FlightId) -> FlightId {
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

    fn start(&mut self, key: KeyId) -> Admitted {
        let mut flight = Flight::new(key, self.now);
        flight.served = 1;
        self.flights.push(flight);
        let id = self.flights.len() - 1;
        self.held.insert(key, Held::Flight(id));
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

    /// The function of a call begins, in this flight or for itself alone.
    pub(crate) fn begin(&mut self, id: CallId, flight: Option<FlightId>) {
        if self.calls[&id].is_submitted {
            let thread = self.new_thread();
            self.threads[thread].push(id);
            self.call_mut(id).thread = Some(thread);
        }
        self.stats.in_flight += 1;
        let call = self.call_mut(id);
        (call.place, call.waited) = (Place::Runs(flight), 0);
        self.doing.insert(id, Doing::Runs);
        let Some(flight) = flight else { return };
        let (now, timeout) = (self.now, self.settings.leader_timeout.unwrap_or(ENDLESS));
        let begun = &mut self.flights[flight];
        begun.stop_waiting(id);
        begun.runs.push((id, now));
        begun.begun += 1;
        begun.youngest = now;
        begun.next_start = match begun.begun < self.settings.max_leaders {
            true => now.saturating_add(timeout),
            false => ENDLESS,
        };
        match begun.phase {
            Phase::Pending => self.first_run(flight),
            Phase::Running => self.stats.takeovers += 1,
            Phase::Ended => unreachable!("nothing begins in a flight that has ended"),
        }
    }

    /// The first execution of a successor makes it the flight of its key (S30).
    fn first_run(&mut self, id: FlightId) {
        (self.flights[id].phase, self.flights[id].start) = (Phase::Running, self.now);
        let Some(before) = self.flights[id].predecessor else { return };
        if self.holds(self.flights[id].key, before) {
            self.held.insert(self.flights[id].key, Held::Flight(id));
        }
    }

    fn holds(&self, key: KeyId, flight: FlightId) -> bool {
        matches!(self.held.get(&key), Some(Held::Flight(held)) if *held == flight)
    }

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
    fn publish(&mut self, id: CallId, at: FlightId, result: Outcome) -> usize {
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
    fn take_successor(&mut self, ended: FlightId) -> Option<FlightId> {
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

    fn answer(&mut self, follower: CallId, maker: CallId, result: Outcome, callers: usize) {
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

    /// The call has its answer. A thread returns with it, and a ticket has it.
    fn done(&mut self, id: CallId, answer: Answer) {
        let call = self.call_mut(id);
        if call.is_submitted {
            let has_run = matches!(call.place, Place::Runs(_));
            call.place = Place::Done(answer.without_wait());
            if has_run {
                self.doing.insert(id, Doing::Ran);
            }
        } else {
            call.place = Place::Done(answer.clone());
            self.doing.insert(id, Doing::Done(answer));
        }
        if let Some(thread) = self.calls[&id].thread {
            self.threads[thread].retain(|other| *other != id);
        }
    }

    /// S8, S18, S40, S47: true if the table has room for this result, for which others may have to go.
    fn makes_room(&mut self, at: FlightId, begun: Millis, result: Outcome) -> bool {
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

    fn kept(&self) -> impl Iterator<Item = (KeyId, Kept)> + '_ {
        self.held.iter().filter_map(|(key, held)| match held {
            Held::Result(kept) => Some((*key, kept.clone())),
            Held::Flight(_) => None,
        })
    }

    fn keep(
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

    pub(crate) fn forget(&mut self, key: KeyId) -> bool {
        let windows = (self.settings.window, self.settings.error_window);
        match self.held.remove(&key) {
            Some(Held::Flight(_)) => true,
            Some(Held::Result(kept)) => self.now < end_of(&kept, windows),
            None => false,
        }
    }

    pub(crate) fn forget_all(&mut self) -> usize {
        let keys: Vec<KeyId> = self.held.keys().copied().collect();
        keys.into_iter().filter(|key| self.forget(*key)).count()
    }

    /// Moves the clock, and lets the calls leave whose deadline has come (S33).
    pub(crate) fn advance(&mut self, by: Millis) {
        self.now += by;
        self.settle();
    }

    /// Ends the waits that are over.
    pub(crate) fn settle(&mut self) {
        self.settle_waits();
        self.time_out();
    }

    /// Lets every call leave that has waited long enough.
    fn time_out(&mut self) {
        let now = self.now;
        let is_late = |call: &Call| {
            matches!(call.place, Place::Waits(_))
                && !call.is_submitted
                && call.deadline.is_some_and(|deadline| deadline <= now)
        };
        let late: Vec<_> = self.calls.iter().filter(|(_, call)| is_late(call)).collect();
        let late: Vec<CallId> = late.into_iter().map(|(id, _)| *id).collect();
        for id in late {
            let Place::Waits(flight) = self.calls[&id].place else { unreachable!("it waits") };
            self.flights[flight].stop_waiting(id);
            self.stats.timed_out += 1;
            self.done(id, Answer::TimedOut);
            self.desert(flight);
        }
    }

    /// Removes a successor that is due, and that no call is left to begin.
    fn desert(&mut self, id: FlightId) {
        let flight = &self.flights[id];
        let is_due = flight.phase == Phase::Pending && flight.next_start == 0;
        if !is_due || !flight.waiting.is_empty() {
            return;
        }
        self.flights[id].phase = Phase::Ended;
        if self.holds(self.flights[id].key, id) {
            self.held.remove(&self.flights[id].key);
        }
    }

    /// A flight that is due for one more execution, and the waiting calls that may begin it (S36).
    pub(crate) fn due(&self) -> Option<(FlightId, Vec<CallId>)> {
        let due =
            self.flights.iter().enumerate().filter(|(_, flight)| {
                flight.phase != Phase::Ended && flight.next_start <= self.now
            });
        due.map(|(id, flight)| {
            let waiting = flight.waiting.iter().copied();
            (id, waiting.filter(|call| self.calls[call].deadline.is_some()).collect::<Vec<_>>())
        })
        .find(|(_, candidates)| !candidates.is_empty())
    }

    /// This call takes over, or begins a successor.
    pub(crate) fn claim(&mut self, id: CallId, flight: FlightId) {
        let waited = self.now - self.calls[&id].begun;
        self.begin(id, Some(flight));
        self.call_mut(id).waited = waited;
    }

    pub(crate) fn shown(&self) -> Vec<Shown> {
        let under_way = self.flights.iter().filter(|flight| flight.is_under_way());
        let mut shown: Vec<Shown> = under_way
            .map(|f| {
                let followers = if f.phase == Phase::Ended { 0 } else { f.waiting.len() };
                (f.key, self.now - f.start, followers, f.runs.len())
            })
            .collect();
        shown.sort_unstable();
        shown
    }

    /// How many results a call could be served now.
    pub(crate) fn live_results(&self) -> usize {
        let windows = (self.settings.window, self.settings.error_window);
        self.kept().filter(|(_, kept)| self.now < end_of(kept, windows)).count()
    }
}

fn end_of(kept: &Kept, (window, error_window): (Millis, Millis)) -> Millis {
    kept.start.saturating_add(if kept.is_error { error_window } else { window })
}

/// What the end of a function means to its flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
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
