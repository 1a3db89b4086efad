//! The reference: what each step of a program must do, written from the promises alone.
//!
//! It has no slots and no locks: a map says what each key holds, a list says what is under way,
//! and executions are numbered as they begin. On one thread no call ever waits, so there are no
//! followers: a call is late, or it leads, or it would wait for its own thread.

pub(crate) mod admits;
mod jobs;
mod many;
mod refreshing;
mod values;

use std::collections::{BTreeMap, VecDeque};

use coalescer::{Role, Stats};
use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use crate::model::admits::{Late, Meets};
use crate::script::{
    Call, End, KeyId, Millis, Settings, Step, Subject, Verb, settings, step, subject,
};
use crate::settings::ENDLESS;

/// Which execution made a result: the first is 0.
pub(crate) type Serial = u64;

type FlightId = u64;

#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) settings: Settings,
    pub(crate) subject: Subject,
    pub(crate) stats: Stats,
    /// The answers of the last step and of each step within it.
    pub(crate) answers: Vec<Answer>,
    now: Millis,
    executions: Serial,
    flights_begun: FlightId,
    /// Every flight under way, whether calls still find it or not.
    flights: Vec<Flight>,
    held: BTreeMap<KeyId, Held>,
    /// The flights whose jobs the executor keeps.
    jobs: VecDeque<FlightId>,
    /// How many jobs this thread is in.
    jobs_under_way: usize,
    /// How many results have been retained: it numbers them in the order of their retention.
    retentions: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Value(Serial, Role),
    Failed(Serial, Role),
    Panicked(Serial),
    WouldBlock,
    WouldDeadlock,
    TimedOut,
    Missing,
    /// The answer to each key that was given.
    Many(Vec<Answer>),
    Forgot(bool),
    ForgotAll(usize),
    Peeked(Option<Serial>),
    Inserted(Serial),
    Refreshed(bool),
    /// True if there was a job.
    Job(bool),
    /// The old value, as the function that begins sees it.
    Sees(Option<Serial>),
    /// The keys and ages of the flights under way, sorted, and the counters.
    Saw(Vec<(KeyId, Millis)>, Stats),
}

/// The entry that a call finds by its key: a result, a flight that is to replace it, or both.
#[derive(Clone, Debug, Default)]
struct Held {
    retained: Option<Retained>,
    running: Option<FlightId>,
}

#[derive(Clone, Debug)]
struct Flight {
    id: FlightId,
    key: KeyId,
    start: Millis,
    served: usize,
    /// The older flight of the key that it started beside.
    before: Option<FlightId>,
    /// A younger flight has ended: no call joins this one.
    is_stale: bool,
    is_refresh: bool,
}

/// The executions of a key that run at a time, after `max_join_age` (S39).
pub(crate) const MAX_LEADERS: usize = 2;

#[derive(Clone, Debug)]
struct Retained {
    serial: Serial,
    flight: Flight,
    kind: Kind,
    /// How long it serves calls at most, within its window.
    life: Millis,
    place: u64,
    /// The refreshes of it that have failed, and when the next may begin (S123).
    failures: u32,
    paused_until: Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Value,
    Error,
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        (settings(), subject()).prop_map(Self::new).boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Step> {
        step(state.subject, 3)
    }

    fn apply(mut state: Self, transition: &Step) -> Self {
        state.answers.clear();
        state.step(transition);
        state
    }
}

impl Model {
    fn new((settings, subject): (Settings, Subject)) -> Self {
        let settings = if subject.keeps_jobs() { jobs::beside_jobs(settings) } else { settings };
        Self {
            settings,
            subject,
            stats: Stats::default(),
            answers: Vec::new(),
            now: 0,
            executions: 0,
            flights_begun: 0,
            flights: Vec::new(),
            held: BTreeMap::new(),
            jobs: VecDeque::new(),
            jobs_under_way: 0,
            retentions: 0,
        }
    }

    /// How many results a call could be served now.
    pub(crate) fn live_results(&self) -> usize {
        self.retained().filter(|result| self.is_live(result)).count()
    }

    fn step(&mut self, step: &Step) {
        let answer = match step {
            Step::Call(call) => self.call(call),
            Step::Many(many) => self.many(many),
            Step::Forget(key) => Answer::Forgot(self.forget(*key)),
            Step::ForgetAll => Answer::ForgotAll(self.forget_if(u8::MAX)),
            Step::ForgetIf(keys) => Answer::ForgotAll(self.forget_if(*keys)),
            Step::Peek(key) => Answer::Peeked(self.peek(*key)),
            Step::Insert(key, end) => self.insert(*key, *end),
            Step::RunJob(call) => self.run_kept(call),
            Step::DropJob => self.drop_kept(),
            Step::Look => self.look(),
            Step::Advance(by) => {
                self.now += by;
                return;
            }
        };
        self.answers.push(answer);
    }

    fn call(&mut self, call: &Call) -> Answer {
        if call.verb == Verb::Refresh {
            return self.refresh_now(call);
        }
        self.stats.total_requests += 1;
        match self.late(call.key, call.verb) {
            Some(Late::Served(answer)) => return answer,
            Some(Late::Due { old, before }) => return self.refresh(call, old, before),
            None => {}
        }
        match self.meets(call.key) {
            Meets::Start(before) => self.lead(call, before, false),
            Meets::Full | Meets::Kept(_) if call.verb == Verb::Try => {
                self.stats.refused += 1;
                Answer::WouldBlock
            }
            Meets::Kept(flight) => self.time_out(flight),
            Meets::OwnFlight | Meets::Full => self.would_deadlock(call),
        }
    }

    fn would_deadlock(&mut self, call: &Call) -> Answer {
        if self.settings.bypasses_deadlocks {
            self.stats.in_flight += 1;
            return self.run(call, None).0;
        }
        self.stats.refused += 1;
        Answer::WouldDeadlock
    }

    fn lead(&mut self, call: &Call, before: Option<FlightId>, is_refresh: bool) -> Answer {
        let flight = self.start_flight(call.key, before, is_refresh);
        let (answer, life) = self.run(call, Some(flight));
        self.publish(flight, &answer, life);
        answer
    }

    fn start_flight(&mut self, key: KeyId, before: Option<FlightId>, is_refresh: bool) -> FlightId {
        let (id, start, is_stale) = (self.flights_begun, self.now, false);
        self.flights_begun += 1;
        self.stats.in_flight += 1;
        self.stats.refreshes += u64::from(is_refresh);
        self.flights.push(Flight { id, key, start, served: 1, before, is_stale, is_refresh });
        self.held.entry(key).or_default().running = Some(id);
        id
    }

    /// The number of an execution that begins.
    fn number(&mut self) -> Serial {
        self.executions += 1;
        self.executions - 1
    }

    /// Runs the function of a call. Returns how long late calls get the result, too.
    fn run(&mut self, call: &Call, flight: Option<FlightId>) -> (Answer, Millis) {
        let serial = self.number();
        let old = self.see_old(flight);
        for step in &call.body {
            self.step(step);
        }
        let answer = self.end(serial, call.end);
        match old {
            Some((old, life)) if call.end == End::Unchanged => {
                (Answer::Value(old, Role::Leader), life)
            }
            _ => (answer, self.life(call.end)),
        }
    }

    /// Counts an execution that ends like this.
    fn end(&mut self, serial: Serial, end: End) -> Answer {
        self.stats.in_flight -= 1;
        self.stats.executed_requests += 1;
        match end {
            End::Error | End::BriefError(_) => {
                self.stats.failed += 1;
                Answer::Failed(serial, Role::Leader)
            }
            End::HookPanic if !self.settings.has_rule => Answer::Value(serial, Role::Leader),
            End::Panic | End::HookPanic => {
                self.stats.panicked += 1;
                Answer::Panicked(serial)
            }
            End::Value | End::Unchanged | End::Private | End::Passing | End::Brief(_) => {
                Answer::Value(serial, Role::Leader)
            }
        }
    }

    /// S40, S72, S74: how long late calls get the result at most.
    fn life(&self, end: End) -> Millis {
        match end {
            _ if !self.settings.has_rule => ENDLESS,
            End::Private | End::Passing => 0,
            End::Brief(time) | End::BriefError(time) => time,
            _ => ENDLESS,
        }
    }

    /// S8, S18, S23, S28, S40: what stays behind when a flight has ended.
    fn publish(&mut self, id: FlightId, answer: &Answer, life: Millis) {
        let place = self.flights.iter().position(|flight| flight.id == id);
        let flight = self.flights.remove(place.expect("a flight ends once"));
        for younger in self.flights.iter_mut().filter(|younger| younger.before == Some(id)) {
            younger.before = flight.before;
        }
        let is_live = self.is_retained(flight.key);
        let is_too_late = self.now >= flight.start.saturating_add(life);
        let has_failed = flight.is_refresh && !self.has_refreshed(answer, is_too_late);
        let settings = &self.settings;
        let Some(held) = self.held.get_mut(&flight.key) else { return };
        if held.running != Some(id) {
            return;
        }
        held.running = flight.before;
        let kind = match answer {
            _ if flight.is_stale => None,
            Answer::Value(serial, _) => Some((Kind::Value, *serial)),
            Answer::Failed(serial, _) => Some((Kind::Error, *serial)),
            _ => None,
        };
        // S70: a value replaces what is retained, and an error replaces an error.
        let old = held.retained.as_ref().filter(|_| is_live).map(|old| old.kind);
        let replaces = match (kind.map(|(kind, _)| kind), old) {
            _ if is_too_late => false,
            (Some(Kind::Value), _) => true,
            (Some(Kind::Error), old) => old != Some(Kind::Value),
            (None, _) => false,
        };
        if replaces {
            held.retained = None;
        } else if let (Some(old), true) = (&mut held.retained, has_failed && !flight.is_stale) {
            old.pause(flight.start, settings);
        }
        if let Some(before) = self.flights.iter_mut().find(|old| Some(old.id) == flight.before) {
            before.is_stale = true;
        }
        let Some((kind, serial)) = kind.filter(|_| replaces) else {
            return;
        };
        let key = flight.key;
        let result = Retained::new(serial, flight, kind, (life, self.retentions));
        if self.is_live(&result) && self.make_room() {
            self.retentions += 1;
            self.held.entry(key).or_default().retained = Some(result);
        }
    }

    /// S47: an expired result makes room, or else the oldest by its start.
    fn make_room(&mut self) -> bool {
        let limit = self.settings.max_retained.unwrap_or(usize::MAX);
        while self.retained().count() >= limit {
            let age = |result: &&Retained| {
                (
                    self.is_in_window(result),
                    result.flight.start,
                    result.kind == Kind::Error,
                    result.place,
                )
            };
            let Some(gone) = self.retained().min_by_key(age) else { return false };
            let key = gone.flight.key;
            self.held.entry(key).or_default().retained = None;
        }
        true
    }

    /// Every result that has not been dropped, expired ones too.
    fn retained(&self) -> impl Iterator<Item = &Retained> {
        self.held.values().filter_map(|held| held.retained.as_ref())
    }

    fn is_retained(&self, key: KeyId) -> bool {
        let held = self.held.get(&key);
        held.and_then(|held| held.retained.as_ref()).is_some_and(|result| self.is_live(result))
    }

    fn is_live(&self, result: &Retained) -> bool {
        let end = result.flight.start.saturating_add(result.life);
        self.is_in_window(result) && self.now < end
    }

    /// A result takes its place until its window ends (S74).
    fn is_in_window(&self, result: &Retained) -> bool {
        let window = match result.kind {
            Kind::Value => self.settings.window,
            Kind::Error => self.settings.error_window,
        };
        self.now < result.flight.start.saturating_add(window)
    }

    /// S27.
    fn forget(&mut self, key: KeyId) -> bool {
        let is_retained = self.is_retained(key);
        let running = self.held.remove(&key).and_then(|held| held.running);
        is_retained || running.is_some_and(|flight| !self.flight(flight).is_stale)
    }

    /// S75.
    fn forget_if(&mut self, keys: u8) -> usize {
        let fits = |key: &KeyId| keys >> key & 1 == 1;
        let keys: Vec<KeyId> = self.held.keys().copied().filter(fits).collect();
        keys.into_iter().filter(|key| self.forget(*key)).count()
    }

    fn look(&self) -> Answer {
        let mut flights: Vec<(KeyId, Millis)> =
            self.flights.iter().map(|flight| (flight.key, self.now - flight.start)).collect();
        flights.sort_unstable();
        Answer::Saw(flights, self.stats)
    }
}
