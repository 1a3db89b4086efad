//! What a call does with its admission: lead, follow, or run alone.
//!
//! ```text
//! admit ─▶ Late ───────────────────────────────▶ the retained result
//!       ─▶ Lead ── run the function ── publish ─▶ its own result
//!       ─▶ Follow ── wait ─┬─ closed ───────────▶ the flight's outcome
//!                          ├─ may start: claim it, and lead
//!                          ├─ unshared: run alone
//!                          └─ deadline ─────────▶ TimedOut
//! ```
//!
//! The function runs under `catch_unwind`. A panic is published first and resumed afterwards, so
//! followers hear of it while nothing is unwinding, and the leader's thread unwinds as if the
//! library were not there (S21). Unwind safety is asserted, as the panic is not swallowed: whoever
//! could see a half-changed value sees the panic as well.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc as StdArc;

use crate::clock::Nanos;
use crate::deadlock;
use crate::error::Error;
use crate::gate::Woken;
use crate::key::ToKey;
use crate::outcome::{Outcome, Role};
use crate::slot::Ending;
use crate::sync::Arc;
use crate::table::{Admission, Call, Execution, Follower, Refusal, Spare, Table};

/// Says of a value whether it may be shared.
pub(crate) type ShareIf<V> = dyn Fn(&V) -> bool + Send + Sync;

/// One call on its way through a table.
pub(crate) struct Flight<'a, Q: ?Sized, K, V, E> {
    pub(crate) table: &'a Table<K, V, E>,
    pub(crate) share_if: Option<&'a ShareIf<V>>,
    pub(crate) call: Call<'a, Q>,
    /// Until when it waits, if it comes to that.
    pub(crate) deadline: Nanos,
}

/// What came of running the function.
enum Ran<V, E> {
    Value(V),
    /// Followers are not to get it.
    Unshared(V),
    Failed(E),
    Panicked(Box<dyn Any + Send>),
}

impl<Q, K, V, E> Flight<'_, Q, K, V, E>
where
    Q: ?Sized + ToKey<K>,
{
    /// Answers the call. `run` is called at most once, on this thread, with no lock held.
    #[inline]
    pub(crate) fn fly<F>(&self, run: F) -> Result<Outcome<V>, Error<E>>
    where
        F: FnOnce(&K) -> Result<V, E>,
    {
        match self.table.admit(&self.call, &mut Spare::none()) {
            Admission::Late(ending, callers) => late(ending, callers),
            Admission::Vacant => self.fly_with_key(run),
            other => self.proceed(other, run),
        }
    }

    /// The key is unknown, so this call may lead: only now is the key made, outside all locks.
    fn fly_with_key<F>(&self, run: F) -> Result<Outcome<V>, Error<E>>
    where
        F: FnOnce(&K) -> Result<V, E>,
    {
        let mut spare = Spare::new(self.call.key.to_key(), self.call.hash, &self.table.clock);
        let admission = self.table.admit(&self.call, &mut spare);
        drop(spare);
        self.proceed(admission, run)
    }

    fn proceed<F>(&self, admission: Admission<'_, K, V, E>, run: F) -> Result<Outcome<V>, Error<E>>
    where
        F: FnOnce(&K) -> Result<V, E>,
    {
        match admission {
            Admission::Lead(execution) => self.lead(execution, run),
            Admission::Follow(follower) => self.follow(follower, run),
            Admission::Late(ending, callers) => late(ending, callers),
            Admission::Alone(slot) => self.run_alone(&slot.key, run),
            Admission::Refused(Refusal::WouldBlock) => Err(Error::WouldBlock),
            Admission::Refused(Refusal::WouldDeadlock) => Err(Error::WouldDeadlock),
            Admission::Vacant => unreachable!("a call with a slot of its own can start a flight"),
        }
    }

    fn lead<F>(&self, execution: Execution<'_, K, V, E>, run: F) -> Result<Outcome<V>, Error<E>>
    where
        F: FnOnce(&K) -> Result<V, E>,
    {
        let waited = execution.start.saturating_sub(self.call.entry);
        let leading = deadlock::lead();
        let ran = self.run(&execution.slot.key, run);
        drop(leading);
        let (result, ending) = ran.into_ending();
        let callers = execution.end(&ending);
        result.finish(Role::Leader, callers, waited)
    }

    /// Runs the function for this call only: what it would wait for cannot be shared with it.
    fn run_alone<F>(&self, key: &K, run: F) -> Result<Outcome<V>, Error<E>>
    where
        F: FnOnce(&K) -> Result<V, E>,
    {
        let waited = self.table.clock.now().saturating_sub(self.call.entry);
        let (result, ending) = self.run(key, run).into_ending();
        self.table.end_alone(self.call.hash, &ending);
        result.finish(Role::Leader, 1, waited)
    }

    /// Calls the user's code: the function, and the rule that says whether its value is shared.
    fn run<F>(&self, key: &K, run: F) -> Ran<V, E>
    where
        F: FnOnce(&K) -> Result<V, E>,
    {
        let attempt = || match run(key) {
            Ok(value) if self.share_if.is_none_or(|may_share| may_share(&value)) => {
                Ran::Value(value)
            }
            Ok(value) => Ran::Unshared(value),
            Err(error) => Ran::Failed(error),
        };
        catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(Ran::Panicked)
    }

    fn follow<F>(&self, mut follower: Follower<K, V, E>, run: F) -> Result<Outcome<V>, Error<E>>
    where
        F: FnOnce(&K) -> Result<V, E>,
    {
        let callers = loop {
            match follower.gate.wait(&self.table.clock, self.deadline) {
                Woken::Closed { callers } => break callers,
                Woken::TimedOut => {
                    drop(follower.wait.take());
                    self.table.time_out(&follower);
                    return Err(Error::TimedOut);
                }
                Woken::MayStart => {
                    if let Some(execution) = self.table.claim_as_follower(&follower) {
                        drop(follower);
                        return self.lead(execution, run);
                    }
                }
            }
        };
        drop(follower.wait.take());
        let slot = follower.slot;
        let ending = slot.ending().expect("the ending is set before the gate is closed");
        let waited = self.table.clock.now().saturating_sub(self.call.entry);
        match ending {
            Ending::Value(value) => {
                Ok(Outcome::new(Arc::clone(value), Role::Follower, callers, waited))
            }
            Ending::Failed(error) => Err(Error::Failed(Arc::clone(error))),
            Ending::Panicked(message) => Err(Error::LeaderPanicked { message: message.clone() }),
            Ending::Abandoned => Err(Error::Abandoned),
            Ending::Unshared => self.run_alone(&slot.key, run),
        }
    }
}

/// A result from within its window: nobody waited and nothing ran.
#[inline]
fn late<V, E>(ending: Ending<V, E>, callers: usize) -> Result<Outcome<V>, Error<E>> {
    match ending {
        Ending::Value(value) => Ok(Outcome::new(value, Role::Late, callers, 0)),
        Ending::Failed(error) => Err(Error::Failed(error)),
        Ending::Panicked(_) | Ending::Abandoned | Ending::Unshared => {
            unreachable!("only values and errors are retained")
        }
    }
}

/// A leader's own result, whatever its followers get.
enum Own<V, E> {
    Value(Arc<V>),
    Failed(Arc<E>),
    Panicked(Box<dyn Any + Send>),
}

impl<V, E> Ran<V, E> {
    /// What the leader gets, and what its flight ends with.
    fn into_ending(self) -> (Own<V, E>, Ending<V, E>) {
        match self {
            Self::Value(value) => {
                let value = Arc::new(value);
                (Own::Value(Arc::clone(&value)), Ending::Value(value))
            }
            Self::Unshared(value) => (Own::Value(Arc::new(value)), Ending::Unshared),
            Self::Failed(error) => {
                let error = Arc::new(error);
                (Own::Failed(Arc::clone(&error)), Ending::Failed(error))
            }
            Self::Panicked(payload) => {
                let message = message(&*payload);
                (Own::Panicked(payload), Ending::Panicked(message))
            }
        }
    }
}

impl<V, E> Own<V, E> {
    fn finish(self, role: Role, callers: usize, waited: Nanos) -> Result<Outcome<V>, Error<E>> {
        match self {
            Self::Value(value) => Ok(Outcome::new(value, role, callers, waited)),
            Self::Failed(error) => Err(Error::Failed(error)),
            Self::Panicked(payload) => resume_unwind(payload),
        }
    }
}

/// The text of a panic, where it has one: `panic!` makes a `&str` or a `String`.
fn message(payload: &(dyn Any + Send)) -> Option<StdArc<str>> {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.map(StdArc::from)
}
