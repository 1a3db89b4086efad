//! The reference: what each call gets, written from the promises alone.
//!
//! It has no locks and wakes nobody: flights are a list, and what a key holds is a map. Where the
//! promises leave a choice (which of the calls that wait takes over), [`Model::due`] lists the calls
//! that may, and the test tells it which one did.

use std::collections::BTreeMap;

use coalescer::Stats;

use crate::endings::end_of;
use crate::flights::{Flight, FlightId, Held, Phase, ThreadId};
use crate::script::{ENDLESS, KeyId, Millis, Settings, Verb};
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
    pub(crate) held: BTreeMap<KeyId, Held>,
    /// The flights of a key that have executions, or wait for those before them: the oldest first.
    /// `max_leaders` bounds what runs in a chain (S39).
    pub(crate) chains: Vec<Vec<FlightId>>,
    pub(crate) retentions: usize,
}

#[derive(Debug)]
pub(crate) struct Call {
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

/// The state of a call.
pub(crate) enum Admitted {
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
            chains: Vec::new(),
            retentions: 0,
        }
    }

    /// A call by this thread, or by a new one.
    pub(crate) fn call(&mut self, id: CallId, verb: Verb, key: KeyId, thread: Option<ThreadId>) {
        let thread = thread.unwrap_or_else(|| self.new_thread());
        let own = if let Verb::Timeout(timeout) = verb { timeout } else { ENDLESS };
        let deadline = self.now.saturating_add(own.min(self.settings.max_wait.unwrap_or(ENDLESS)));
        let admitted = self.admit(verb, key, Some(thread));
        self.enter(id, Some(thread), Some(deadline), admitted);
    }

    /// `job` is the call of a refresh that it begins. Returns the call whose function is passed on.
    pub(crate) fn submit(&mut self, (id, job): (CallId, CallId), key: KeyId) -> CallId {
        let admitted = self.admit(Verb::Execute, key, None);
        let Some(old) = self.serve_beside(&admitted) else {
            self.enter(id, None, None, admitted);
            return id;
        };
        self.enter(id, None, None, Admitted::Done(old));
        self.enter(job, None, None, admitted);
        job
    }

    pub(crate) fn enter(
        &mut self,
        id: CallId,
        thread: Option<ThreadId>,
        deadline: Option<Millis>,
        admitted: Admitted,
    ) {
        self.stats.total_requests += 1;
        let (begun, is_submitted) = (self.now, thread.is_none());
        let place = Place::Left;
        let call = Call { thread, begun, deadline, place, is_submitted, waited: 0 };
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

    pub(crate) fn new_thread(&mut self) -> ThreadId {
        self.threads.push(Vec::new());
        self.threads.len() - 1
    }

    pub(crate) fn limit(&self) -> usize {
        self.settings.max_requests.unwrap_or(usize::MAX)
    }

    /// The call has its answer. A thread returns with it, and a ticket has it.
    pub(crate) fn done(&mut self, id: CallId, answer: Answer) {
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

    pub(crate) fn forget(&mut self, key: KeyId) -> bool {
        let Some(Held { result, flight }) = self.held.remove(&key) else { return false };
        let windows = (self.settings.window, self.settings.error_window);
        let is_live = result.is_some_and(|kept| self.now < end_of(&kept, windows));
        is_live || flight.is_some_and(|flight| !self.flights[flight].is_stale)
    }

    pub(crate) fn forget_all(&mut self) -> usize {
        self.forget_if(|_| true)
    }

    pub(crate) fn forget_if(&mut self, fits: impl Fn(&KeyId) -> bool) -> usize {
        let keys: Vec<KeyId> = self.held.keys().copied().filter(fits).collect();
        keys.into_iter().filter(|key| self.forget(*key)).count()
    }

    /// S110.
    pub(crate) fn peek(&self, key: KeyId) -> Option<CallId> {
        let windows = (self.settings.window, self.settings.error_window);
        let kept = self.held.get(&key)?.result.as_ref()?;
        let has_room = kept.served < self.settings.max_requests.unwrap_or(usize::MAX);
        let is_served = has_room && !kept.is_error && self.now < end_of(kept, windows);
        is_served.then_some(kept.maker)
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
    pub(crate) fn time_out(&mut self) {
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
