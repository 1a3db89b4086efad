//! The system under test: a `Group` that runs the same steps and records their results.

use std::cell::{Cell, RefCell};
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use coalescer::{Batch, Error, Group, ManualClock, Outcome, Role, ShareWith, ToKey, at_rest};
use proptest_state_machine::StateMachineTest;

use crate::model::{Answer, Model, Serial};
use crate::script::{Call, End, KeyId, Many, RunEnd, Settings, Step, Verb, duration};

/// An object of which none may be alive at the end. Its handles are the count.
type Live = Arc<()>;

#[derive(Debug)]
pub(crate) struct System {
    group: Group<Key, Product, Product>,
    clock: ManualClock,
    executions: Cell<Serial>,
    answers: RefCell<Vec<Answer>>,
    live_keys: Live,
    live_products: Live,
}

#[derive(Clone, Debug)]
struct Key {
    id: KeyId,
    _live: Live,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Key {}

struct KeyRef<'a> {
    id: KeyId,
    live: &'a Live,
}

/// A value or an error, which knows the execution that made it.
#[derive(Debug)]
struct Product {
    serial: Serial,
    end: End,
    _live: Live,
}

impl StateMachineTest for System {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(model: &Model) -> Self {
        Self::new(&model.settings)
    }

    fn apply(state: Self, model: &Model, step: Step) -> Self {
        state.step(&step);
        assert_eq!(state.answers.take(), model.answers);
        state
    }

    fn check_invariants(state: &Self, model: &Model) {
        assert_eq!(state.group.stats(), model.stats);
        assert!(state.group.in_flight().is_empty(), "everything has returned");
        let kept = state.products();
        assert!(kept >= model.live_products(), "what the window keeps is there");
        let limit = model.settings.max_retained.unwrap_or(usize::MAX);
        assert!(kept <= limit, "{kept} results are kept, and {limit} may be");
    }

    fn teardown(state: Self, model: Model) {
        assert_eq!(state.group.forget_all(), model.live_results());
        assert_eq!(state.products(), 0, "values and errors leave with what is forgotten");
        assert_eq!(Arc::strong_count(&state.live_keys) - 1, 0, "and so do keys");
        let held = at_rest::of_group(&state.group);
        assert_eq!((held.slots, held.places, held.handles), (0, 0, 1), "something stayed behind");
        let process = at_rest::of_process();
        assert_eq!((process.flights, process.waits), (0, 0), "left in the wait-for graph");
        assert_eq!(at_rest::alarms_of(&state.clock), 0, "an alarm is armed");
    }
}

impl System {
    fn new(settings: &Settings) -> Self {
        let clock = ManualClock::new();
        Self {
            group: group(settings, &clock),
            clock,
            executions: Cell::new(0),
            answers: RefCell::new(Vec::new()),
            live_keys: Live::default(),
            live_products: Live::default(),
        }
    }

    fn products(&self) -> usize {
        Arc::strong_count(&self.live_products) - 1
    }

    fn step(&self, step: &Step) {
        let answer = match step {
            Step::Call(call) => self.call(call),
            Step::Many(many) => self.many(many),
            Step::Forget(key) => Answer::Forgot(self.group.forget(&self.key(*key))),
            Step::ForgetAll => Answer::ForgotAll(self.group.forget_all()),
            Step::ForgetIf(keys) => {
                Answer::ForgotAll(self.group.forget_if(|key| keys >> key.id & 1 == 1))
            }
            Step::Peek(key) => {
                Answer::Peeked(self.group.peek(&self.key(*key)).map(|value| value.serial))
            }
            Step::Insert(key, end) => self.insert(*key, *end),
            Step::Look => self.look(),
            Step::Advance(by) => return self.clock.advance(duration(*by)),
        };
        self.answers.borrow_mut().push(answer);
    }

    fn call(&self, call: &Call) -> Answer {
        let ran = Cell::new(None);
        let attempt = || self.dispatch(call, || self.run(call, &ran));
        let result = catch_unwind(AssertUnwindSafe(attempt));
        // A call whose refresh has failed gets the value of another execution.
        let role = |serial| if ran.get() == Some(serial) { Role::Leader } else { Role::Late };
        match result {
            Ok(Ok(value)) => Answer::Value(value.serial, role(value.serial)),
            Ok(Err(Error::Failed(error))) => Answer::Failed(error.serial, role(error.serial)),
            Ok(Err(Error::WouldBlock)) => Answer::WouldBlock,
            Ok(Err(Error::WouldDeadlock)) => Answer::WouldDeadlock,
            Ok(Err(other)) => panic!("nobody waits here, and yet: {other:?}"),
            Err(panic) => match panic.downcast::<Serial>() {
                Ok(serial) => Answer::Panicked(*serial),
                Err(unplanned) => resume_unwind(unplanned),
            },
        }
    }

    fn many(&self, many: &Many) -> Answer {
        let ran = RefCell::new(Vec::new());
        let keys: Vec<KeyRef<'_>> = many.keys.iter().map(|key| self.key(*key)).collect();
        let attempt =
            || self.group.execute_many_with(&keys, |batch| self.run_many(many, batch, &ran));
        let told = match catch_unwind(AssertUnwindSafe(attempt)) {
            Ok(told) => told,
            Err(panic) => match panic.downcast::<Serial>() {
                Ok(serial) => return Answer::Panicked(*serial),
                Err(unplanned) => resume_unwind(unplanned),
            },
        };
        let role = |product: &Product| match ran.borrow().contains(&product.serial) {
            true => Role::Leader,
            false => Role::Late,
        };
        let answer = |one: Result<Arc<Product>, Error<Product>>| match one {
            Ok(value) => Answer::Value(value.serial, role(&value)),
            Err(Error::Failed(error)) => Answer::Failed(error.serial, role(&error)),
            Err(Error::WouldDeadlock) => Answer::WouldDeadlock,
            Err(Error::Missing) => Answer::Missing,
            Err(other) => panic!("nobody waits here, and yet: {other:?}"),
        };
        Answer::Many(told.into_iter().map(answer).collect())
    }

    fn run_many(
        &self,
        many: &Many,
        batch: &mut Batch<'_, Key, Product, Product>,
        ran: &RefCell<Vec<Serial>>,
    ) -> Result<(), Product> {
        let serials: Vec<Serial> = batch.keys().iter().map(|_| self.begin()).collect();
        ran.borrow_mut().extend(&serials);
        many.body.iter().for_each(|step| self.step(step));
        for (place, end) in (0..serials.len()).zip(many.ends.iter().cycle()) {
            let Some(end) = *end else { continue };
            let product = self.product(serials[place], end);
            let is_first = match end {
                End::Panic => resume_unwind(Box::new(serials[place])),
                End::Error | End::BriefError(_) => batch.answer_at(place, Err(product)),
                _ => batch.answer_at(place, Ok(product)),
            };
            assert!(is_first, "each key is open until it is answered");
        }
        let last = serials[serials.len() - 1];
        match many.end {
            RunEnd::Returns => Ok(()),
            RunEnd::Fails => Err(self.product(last, End::Error)),
            RunEnd::Panics => resume_unwind(Box::new(last)),
        }
    }

    fn dispatch<F>(&self, call: &Call, f: F) -> Result<Arc<Product>, Error<Product>>
    where
        F: FnOnce() -> Result<Product, Product>,
    {
        let (group, key) = (&self.group, &self.key(call.key));
        match call.verb {
            Verb::Execute => group.execute(key, f),
            Verb::Try => group.try_execute(key, f),
            Verb::Fresh => group.execute_fresh(key, f),
            Verb::Timeout(timeout) => group.execute_timeout(key, duration(timeout), f),
            Verb::Deadline(by) => group.execute_deadline(key, self.clock.now() + duration(by), f),
            Verb::Within(age) => group.execute_within(key, duration(age), f),
            Verb::Outcome => {
                let before = self.executions.get();
                group.call(key).outcome(f).map(|outcome| checked(outcome, before))
            }
        }
    }

    fn run(&self, call: &Call, ran: &Cell<Option<Serial>>) -> Result<Product, Product> {
        let serial = self.begin();
        ran.set(Some(serial));
        call.body.iter().for_each(|step| self.step(step));
        let product = self.product(serial, call.end);
        match call.end {
            End::Error | End::BriefError(_) => Err(product),
            // Without the hook, which would print a thousand panics that are meant to be.
            End::Panic => resume_unwind(Box::new(serial)),
            End::Value | End::Private | End::Passing | End::Brief(_) | End::HookPanic => {
                Ok(product)
            }
        }
    }

    fn begin(&self) -> Serial {
        let serial = self.executions.get();
        self.executions.set(serial + 1);
        serial
    }

    fn product(&self, serial: Serial, end: End) -> Product {
        Product { serial, end, _live: Live::clone(&self.live_products) }
    }

    fn insert(&self, key: KeyId, end: End) -> Answer {
        let serial = self.begin();
        let insert = || self.group.insert(&self.key(key), self.product(serial, end));
        match catch_unwind(AssertUnwindSafe(insert)) {
            Ok(value) => Answer::Inserted(value.serial),
            Err(panic) => match panic.downcast::<Serial>() {
                Ok(serial) => Answer::Panicked(*serial),
                Err(unplanned) => resume_unwind(unplanned),
            },
        }
    }

    fn look(&self) -> Answer {
        let flights = self.group.in_flight();
        let mut seen: Vec<_> = flights
            .iter()
            // A place for a flight that has no room to begin.
            .filter(|flight| flight.executions > 0)
            .map(|flight| {
                assert_eq!((flight.followers, flight.executions), (0, 1));
                assert_eq!(flight.leader.as_ref().map(|l| l.id()), Some(this_thread()));
                (flight.key.id, u64::try_from(flight.age.as_millis()).expect("ages are small"))
            })
            .collect();
        seen.sort_unstable();
        Answer::Saw(seen, self.group.stats())
    }

    fn key(&self, id: KeyId) -> KeyRef<'_> {
        KeyRef { id, live: &self.live_keys }
    }
}

/// Checks the fields of an outcome, where no call waits (S4).
fn checked(outcome: Outcome<Product>, executions_before: Serial) -> Arc<Product> {
    let role = if outcome.value.serial < executions_before { Role::Late } else { Role::Leader };
    assert_eq!((outcome.role, outcome.callers, outcome.waited), (role, 1, Duration::ZERO));
    outcome.value
}

fn this_thread() -> std::thread::ThreadId {
    std::thread::current().id()
}

fn group(settings: &Settings, clock: &ManualClock) -> Group<Key, Product, Product> {
    let builder = settings.builder(clock);
    match settings.has_rule {
        true => builder.share_with(share_with).share_error_with(share_with).build(),
        false => builder.build(),
    }
}

fn share_with(product: &Product) -> ShareWith {
    match product.end {
        End::HookPanic => resume_unwind(Box::new(product.serial)),
        End::Private => ShareWith::Nobody,
        End::Passing => ShareWith::Followers,
        End::Brief(time) | End::BriefError(time) => ShareWith::For(duration(time)),
        _ => ShareWith::Everyone,
    }
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Half the keys have the hash of another one.
        (self.id / 2).hash(state);
    }
}

impl ToKey<Key> for KeyRef<'_> {
    fn is_key(&self, key: &Key) -> bool {
        self.id == key.id
    }

    fn to_key(&self) -> Key {
        Key { id: self.id, _live: Live::clone(self.live) }
    }
}
