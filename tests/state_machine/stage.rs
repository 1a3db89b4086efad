//! The actual answers: the steps of a program, and the functions of its calls.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};

use coalescer::{Batch, Error, Job, ManualClock, Refreshed};

use crate::dispatch::{self, refusal_of, value_of};
use crate::door::{Door, Functions, Handle, Jobs};
use crate::model::{Answer, Serial};
use crate::product::{Key, KeyRef, Live, Product};
use crate::script::{Call, End, KeyId, Many, RunEnd, Settings, Step, Subject, duration};

#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) door: Door,
    pub(crate) clock: ManualClock,
    jobs: Jobs,
    executions: AtomicU64,
    answers: Mutex<Vec<Answer>>,
    /// The calls under way, the innermost last.
    plans: Mutex<Vec<Plan>>,
    sees_old: bool,
    live_keys: Live,
    live_products: Live,
}

/// The function of a call.
#[derive(Clone, Debug)]
enum Plan {
    One(Call),
    Many(Many),
}

impl Stage {
    pub(crate) fn new(settings: &Settings, subject: Subject) -> Arc<Self> {
        let (clock, jobs) = (ManualClock::new(), Jobs::default());
        Arc::new_cyclic(|stage| Self {
            door: Door::new(
                settings,
                subject,
                (&clock, &jobs),
                Weak::clone(stage) as Weak<dyn Functions>,
            ),
            clock,
            jobs,
            executions: AtomicU64::new(0),
            answers: Mutex::default(),
            plans: Mutex::default(),
            sees_old: subject.sees_old() && settings.refresh_after.is_some(),
            live_keys: Live::default(),
            live_products: Live::default(),
        })
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
            Step::RunJob(call) => {
                let job = self.next_job();
                let is_there = job.is_some();
                self.planned(Plan::One(call.clone()), || job.map(Job::run));
                Answer::Job(is_there)
            }
            Step::DropJob => Answer::Job(self.next_job().is_some()),
            Step::Look => self.look(),
            Step::Advance(by) => return self.clock.advance(duration(*by)),
        };
        self.answer(answer);
    }

    fn answer(&self, answer: Answer) {
        self.answers.lock().expect("nobody panics while it is locked").push(answer);
    }

    fn next_job(&self) -> Option<Job> {
        self.jobs.lock().expect("nobody panics while it is locked").pop_front()
    }

    pub(crate) fn drop_jobs(&self) {
        while self.next_job().is_some() {}
    }

    fn call(&self, call: &Call) -> Answer {
        let before = self.executions.load(Relaxed);
        let (key, at) = (self.key(call.key), (&self.clock, before));
        let attempt = || match &self.door {
            Door::Group(group) => {
                let f = || self.run(call);
                let value = dispatch::to_group(group, call.verb, &key, at, f)?;
                Ok(value_of(value, before))
            }
            Door::Coalescer(coalescer) if self.sees_old => {
                let ask = || dispatch::to_seeing_coalescer(coalescer, call.verb, &key, at.0);
                self.planned(Plan::One(call.clone()), ask)
            }
            Door::Coalescer(coalescer) => {
                let plan = Plan::One(call.clone());
                self.planned(plan, || dispatch::to_coalescer(coalescer, call.verb, &key, at))
            }
            Door::Batcher(_) => unreachable!("a batcher makes calls of many keys"),
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

    /// Makes a call whose function does this.
    fn planned<R>(&self, plan: Plan, attempt: impl FnOnce() -> R) -> R {
        let plans = || self.plans.lock().expect("nobody panics while it is locked");
        plans().push(plan);
        let result = catch_unwind(AssertUnwindSafe(attempt));
        plans().pop();
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn innermost(&self) -> Plan {
        let plans = self.plans.lock().expect("nobody panics while it is locked");
        plans.last().expect("a call is under way").clone()
    }

    fn many(&self, many: &Many) -> Answer {
        let before = self.executions.load(Relaxed);
        let keys: Vec<KeyRef<'_>> = many.keys.iter().map(|key| self.key(*key)).collect();
        let attempt = || {
            let told = match &self.door {
                Door::Group(group) => {
                    group.execute_many_with(&keys, |batch| self.run_many(many, batch))
                }
                Door::Batcher(batcher) => self.planned(Plan::Many(many.clone()), || {
                    if many.is_single {
                        vec![dispatch::to_batcher(batcher, many.verb, &keys[0], &self.clock)]
                    } else {
                        dispatch::many_to_batcher(batcher, many.verb, &keys, &self.clock)
                    }
                }),
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
            End::Value
            | End::Unchanged
            | End::Private
            | End::Passing
            | End::Brief(_)
            | End::HookPanic => Ok(product),
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
                // A job that has not begun has no leader.
                let leader = flight.leader.as_ref().map(|leader| leader.id());
                assert!(leader.is_none_or(|leader| leader == this_thread()));
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

/// Those of the innermost call.
impl Functions for Stage {
    fn run(&self, old: Option<&Handle>) -> Result<Refreshed<Product>, Product> {
        let Plan::One(call) = self.innermost() else { unreachable!("the call is of one key") };
        if self.sees_old {
            self.answer(Answer::Sees(old.map(|value| value.serial)));
        }
        let value = self.run(&call)?;
        let is_unchanged = old.is_some() && call.end == End::Unchanged;
        Ok(if is_unchanged { Refreshed::Unchanged } else { Refreshed::New(value) })
    }

    fn run_many(&self, batch: &mut Batch<'_, Key, Product, Product>) -> Result<(), Product> {
        let Plan::Many(many) = self.innermost() else { unreachable!("the call is of many keys") };
        self.run_many(&many, batch)
    }
}

fn this_thread() -> std::thread::ThreadId {
    std::thread::current().id()
}
