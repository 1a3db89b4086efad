//! The verbs of each type, and their results as the model tells them.

use std::time::Duration;

use coalescer::{Batcher, Coalescer, Error, Group, ManualClock, Outcome, Role};

use crate::door::Handle;
use crate::model::{Answer, Serial};
use crate::product::{Key, KeyRef, Product};
use crate::script::{Verb, duration};

/// The clock, and how many executions have begun.
type At<'a> = (&'a ManualClock, Serial);

pub(crate) fn to_group(
    group: &Group<Key, Product, Product>,
    verb: Verb,
    key: &KeyRef<'_>,
    (clock, before): At<'_>,
    f: impl FnOnce() -> Result<Product, Product>,
) -> Result<Handle, Error<Product>> {
    match verb {
        Verb::Execute => group.execute(key, f),
        Verb::Try => group.try_execute(key, f),
        Verb::Fresh => group.execute_fresh(key, f),
        Verb::Timeout(timeout) => group.execute_timeout(key, duration(timeout), f),
        Verb::Deadline(by) => group.execute_deadline(key, clock.now() + duration(by), f),
        Verb::Within(age) => group.execute_within(key, duration(age), f),
        Verb::Outcome => group.call(key).outcome(f).map(|outcome| checked(outcome, before)),
        Verb::Refresh => unreachable!("a group has no function of its own"),
    }
}

pub(crate) fn to_coalescer(
    coalescer: &Coalescer<Key, Product, Product>,
    verb: Verb,
    key: &KeyRef<'_>,
    (clock, before): At<'_>,
) -> Result<Answer, Error<Product>> {
    let value = match verb {
        Verb::Execute => coalescer.execute(key),
        Verb::Try => coalescer.try_execute(key),
        Verb::Fresh => coalescer.execute_fresh(key),
        Verb::Timeout(timeout) => coalescer.execute_timeout(key, duration(timeout)),
        Verb::Deadline(by) => coalescer.execute_deadline(key, clock.now() + duration(by)),
        Verb::Within(age) => coalescer.execute_within(key, duration(age)),
        Verb::Outcome => coalescer.call(key).outcome().map(|outcome| checked(outcome, before)),
        Verb::Refresh => return coalescer.refresh(key).map(Answer::Refreshed),
    }?;
    Ok(value_of(value, before))
}

/// By requests, which tell the role: a function that sees the old value can return it as its own.
pub(crate) fn to_seeing_coalescer(
    coalescer: &Coalescer<Key, Product, Product>,
    verb: Verb,
    key: &KeyRef<'_>,
    clock: &ManualClock,
) -> Result<Answer, Error<Product>> {
    let request = coalescer.call(key);
    let request = match verb {
        Verb::Execute | Verb::Outcome => request,
        Verb::Try => request.no_wait(),
        Verb::Fresh => request.fresh(),
        Verb::Timeout(timeout) => request.timeout(duration(timeout)),
        Verb::Deadline(by) => request.deadline(clock.now() + duration(by)),
        Verb::Within(age) => request.max_age(duration(age)),
        Verb::Refresh => return coalescer.refresh(key).map(Answer::Refreshed),
    };
    let Outcome { value, role, .. } = request.outcome()?;
    Ok(Answer::Value(value.serial, role))
}

pub(crate) fn many_to_batcher(
    batcher: &Batcher<Key, Product, Product>,
    verb: Verb,
    keys: &[KeyRef<'_>],
    clock: &ManualClock,
) -> Vec<Result<Handle, Error<Product>>> {
    match verb {
        Verb::Execute => batcher.execute_many(keys),
        Verb::Fresh => batcher.execute_many_fresh(keys),
        Verb::Timeout(timeout) => batcher.execute_many_timeout(keys, duration(timeout)),
        Verb::Deadline(by) => batcher.execute_many_deadline(keys, clock.now() + duration(by)),
        _ => unreachable!("no such verb for many keys"),
    }
}

pub(crate) fn to_batcher(
    batcher: &Batcher<Key, Product, Product>,
    verb: Verb,
    key: &KeyRef<'_>,
    clock: &ManualClock,
) -> Result<Handle, Error<Product>> {
    match verb {
        Verb::Execute | Verb::Outcome => batcher.execute(key),
        Verb::Try => batcher.try_execute(key),
        Verb::Fresh => batcher.execute_fresh(key),
        Verb::Timeout(timeout) => batcher.execute_timeout(key, duration(timeout)),
        Verb::Deadline(by) => batcher.execute_deadline(key, clock.now() + duration(by)),
        Verb::Within(age) => batcher.execute_within(key, duration(age)),
        Verb::Refresh => unreachable!("a batcher has no such verb"),
    }
}

pub(crate) fn value_of(value: Handle, before: Serial) -> Answer {
    Answer::Value(value.serial, role_of(&value, before))
}

pub(crate) fn refusal_of(error: Error<Product>, before: Serial) -> Answer {
    match error {
        Error::Failed(error) => Answer::Failed(error.serial, role_of(&error, before)),
        Error::WouldBlock => Answer::WouldBlock,
        Error::WouldDeadlock => Answer::WouldDeadlock,
        Error::Missing => Answer::Missing,
        Error::TimedOut => Answer::TimedOut,
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
