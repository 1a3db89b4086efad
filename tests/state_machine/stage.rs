//! The actual answers: the steps of a program, and the functions of its calls.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use coalescer::{Batch, Coalescer, Error, Group, ManualClock, Outcome, Role};

use crate::door::{Door, Handle};
use crate::model::{Answer, Serial};
use crate::product::{Key, KeyRef, Live, Product};
use crate::script::{Call, End, KeyId, Many, RunEnd, Settings, Step, Subject, Verb, duration};

#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) door: Door,
    pub(crate) clock: ManualClock,
    executions: AtomicU64,
    answers: Mutex<Vec<Answer>>,
    /// The calls under way, the innermost last.
    plans: Mutex<Vec<Call>>,
    live_keys: Live,
    live_products: Live,
}

impl Stage {
    pub(crate) fn new(settings: &Settings, subject: Subject) -> Arc<Self> {
        let clock = ManualClock::new();
        Arc::new_cyclic(|stage| Self {
            door: Door::new(settings, subject, &clock, Weak::clone(stage)),
            clock,
            executions: AtomicU64::new(0),
            answers: Mutex::default(),
            plans: Mutex::default(),
            live_keys: Live::default(),
            live_products: Live::default(),
        })
    }

    /// The stage that a function runs on.
    pub(crate) fn of(stage: &Weak<Self>) -> Arc<Self> {
        stage.upgrade().expect("a step is under way")
    }

    pub(crate) fn keys(&self) -> usize {
        Arc::strong_count(&self.live_keys) - 1
    }

    pub(crate) fn products(&self) -> usize {
        Arc::strong_count(&self.live_products) - 1
    }

    pub(crate) fn take_answers(&self) -> Vec<Answer> {
        std::mem::take(&mut self.answers.lock().expect("nobody panics while it is locked"))
    }

    pub(crate) fn step(&self, step: &Step) {
        let door = &self.door;
        let answer = match step {
            Step::Call(call) => self.call(call),
            Step::Many(many) => self.many(many),
            Step::Forget(key) => Answer::Forgot(door.forget(&self.key(*key))),
            Step::ForgetAll => Answer::ForgotAll(door.forget_all()),
            Step::ForgetIf(keys) => {
                Answer::ForgotAll(door.forget_if(|key| keys >> key.id & 1 == 1))
            }
            Step::Peek(key) => Answer::Peeked(door.peek(&self.key(*key)).map(|value| value.serial)),
            Step::Insert(key, end) => self.insert(*key, *end),
            Step::Look => self.look(),
            Step::Advance(by) => return self.clock.advance(duration(*by)),
        };
        self.answers.lock().expect("nobody panics while it is locked").push(answer);
    }

    fn call(&self, call: &Call) -> Answer {
        let before = self.executions.load(Relaxed);
        let attempt = || match &self.door {
            Door::Group(group) => {
                let value = self.dispatch_to_group(group, call)?;
                Ok(value_of(value, before))
            }
            Door::Coalescer(coalescer) => {
                self.planned(call, || self.dispatch(coalescer, call, before))
            }
        };
        self.told(attempt, before)
    }

    /// The answer of a call of one key.
    fn told(
        &self,
        attempt: impl FnOnce() -> Result<Answer, Error<Product>>,
        before: Serial,
    ) -> Answer {
        match catch_unwind(AssertUnwindSafe(attempt)) {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => refusal_of(error, before),
            Err(panic) => match panic.downcast::<Serial>() {
                Ok(serial) => Answer::Panicked(*serial),
                Err(unplanned) => resume_unwind(unplanned),
            },
        }
    }

    /// Makes a call whose function does what `call` brings.
    fn planned<R>(&self, call: &Call, attempt: impl FnOnce() -> R) -> R {
        let plans = || self.plans.lock().expect("nobody panics while it is locked");
        plans().push(call.clone());
        let result = catch_unwind(AssertUnwindSafe(attempt));
        plans().pop();
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// The function of a coalescer: that of the innermost call.
    pub(crate) fn run_planned(&self) -> Result<Product, Product> {
        let plans = self.plans.lock().expect("nobody panics while it is locked");
        let call = plans.last().expect("a call is under way").clone();
        drop(plans);
        self.run(&call)
    }

    fn dispatch_to_group(
        &self,
        group: &Group<Key, Product, Product>,
        call: &Call,
    ) -> Result<Handle, Error<Product>> {
        let (key, f) = (&self.key(call.key), || self.run(call));
        match call.verb {
            Verb::Execute => group.execute(key, f),
            Verb::Try => group.try_execute(key, f),
            Verb::Fresh => group.execute_fresh(key, f),
            Verb::Timeout(timeout) => group.execute_timeout(key, duration(timeout), f),
            Verb::Deadline(by) => group.execute_deadline(key, self.clock.now() + duration(by), f),
            Verb::Within(age) => group.execute_within(key, duration(age), f),
            Verb::Outcome => {
                let before = self.executions.load(Relaxed);
                group.call(key).outcome(f).map(|outcome| checked(outcome, before))
            }
            Verb::Refresh => unreachable!("a group has no function of its own"),
        }
    }

    fn dispatch(
        &self,
        coalescer: &Coalescer<Key, Product, Product>,
        call: &Call,
        before: Serial,
    ) -> Result<Answer, Error<Product>> {
        let key = &self.key(call.key);
        let value = match call.verb {
            Verb::Execute => coalescer.execute(key),
            Verb::Try => coalescer.try_execute(key),
            Verb::Fresh => coalescer.execute_fresh(key),
            Verb::Timeout(timeout) => coalescer.execute_timeout(key, duration(timeout)),
            Verb::Deadline(by) => coalescer.execute_deadline(key, self.clock.now() + duration(by)),
            Verb::Within(age) => coalescer.execute_within(key, duration(age)),
            Verb::Outcome => coalescer.call(key).outcome().map(|outcome| checked(outcome, before)),
            Verb::Refresh => return coalescer.refresh(key).map(Answer::Refreshed),
        }?;
        Ok(value_of(value, before))
    }

    fn many(&self, many: &Many) -> Answer {
        let before = self.executions.load(Relaxed);
        let keys: Vec<KeyRef<'_>> = many.keys.iter().map(|key| self.key(*key)).collect();
        let attempt = || {
            let told = match &self.door {
                Door::Group(group) => {
                    group.execute_many_with(&keys, |batch| self.run_many(many, batch))
                }
                Door::Coalescer(_) => unreachable!("a coalescer asks for one key"),
            };
            let answer = |one: Result<Handle, _>| match one {
                Ok(value) => value_of(value, before),
                Err(error) => refusal_of(error, before),
            };
            Ok(Answer::Many(told.into_iter().map(answer).collect()))
        };
        self.told(attempt, before)
    }

    fn run_many(
        &self,
        many: &Many,
        batch: &mut Batch<'_, Key, Product, Product>,
    ) -> Result<(), Product> {
        let serials: Vec<Serial> = batch.keys().iter().map(|_| self.begin()).collect();
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

    fn run(&self, call: &Call) -> Result<Product, Product> {
        let serial = self.begin();
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
        self.executions.fetch_add(1, Relaxed)
    }

    fn product(&self, serial: Serial, end: End) -> Product {
        Product::new(serial, end, &self.live_products)
    }

    fn insert(&self, key: KeyId, end: End) -> Answer {
        let serial = self.begin();
        let insert = || self.door.insert(&self.key(key), self.product(serial, end));
        self.told(|| Ok(Answer::Inserted(insert().serial)), serial)
    }

    fn look(&self) -> Answer {
        let flights = self.door.in_flight();
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
        Answer::Saw(seen, self.door.stats())
    }

    fn key(&self, id: KeyId) -> KeyRef<'_> {
        KeyRef { id, live: &self.live_keys }
    }
}

fn value_of(value: Handle, before: Serial) -> Answer {
    Answer::Value(value.serial, role_of(&value, before))
}

fn refusal_of(error: Error<Product>, before: Serial) -> Answer {
    match error {
        Error::Failed(error) => Answer::Failed(error.serial, role_of(&error, before)),
        Error::WouldBlock => Answer::WouldBlock,
        Error::WouldDeadlock => Answer::WouldDeadlock,
        Error::Missing => Answer::Missing,
        other => panic!("nobody waits here, and yet: {other:?}"),
    }
}

/// A result that was made before the call is that of another one.
fn role_of(product: &Product, before: Serial) -> Role {
    if product.serial < before { Role::Late } else { Role::Leader }
}

/// Checks the fields of an outcome, where no call waits (S4).
fn checked(outcome: Outcome<Product>, before: Serial) -> Handle {
    let role = role_of(&outcome.value, before);
    assert_eq!((outcome.role, outcome.callers, outcome.waited), (role, 1, Duration::ZERO));
    outcome.value
}

fn this_thread() -> std::thread::ThreadId {
    std::thread::current().id()
}
