//! What a call does with its admission: lead, follow, or run alone.
//!
//! ```text
//! look_up ─▶ Late ─────────────────────────────▶ the result in its window
//! admit ─▶ Lead ── run the function ── publish ─▶ its own result
//!       ─▶ Follow ── wait ─┬─ closed ───────────▶ the flight's outcome
//!                          ├─ may start: claim it, and lead
//!                          ├─ slow: tell of it, and wait on
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

use crate::engine::admit::{Admission, Call, Execution, Follower, Found, Late, Refusal, Spare};
use crate::engine::completion::Ran;
use crate::engine::slot::{Ending, Key};
use crate::engine::table::Table;
use crate::error::Error;
use crate::key::{ToKey, is_plain_number};
use crate::observe::WaitEnd;
use crate::outcome::{Outcome, Role};
use crate::policy::ShareWith;
use crate::submit::own::Answer;
use crate::sync::Arc;
use crate::wait::clock::Nanos;
use crate::wait::deadlock;
use crate::wait::gate::Woken;

/// Says of a value with whom it is shared.
pub(crate) type ShareIf<V> = dyn Fn(&V) -> ShareWith + Send + Sync;

/// The function that a call would run.
pub(crate) trait Work<K, V, E> {
    /// Whether it is called with the key, so that a leader needs one while no lock is held.
    const TAKES_KEY: bool;

    fn run(self, key: Option<&K>) -> Result<V, E>;
}

/// A function that knows what to do without a key.
pub(crate) struct WithoutKey<F>(pub(crate) F);

/// A function of the key.
pub(crate) struct WithKey<F>(pub(crate) F);

impl<K, V, E, F: FnOnce() -> Result<V, E>> Work<K, V, E> for WithoutKey<F> {
    const TAKES_KEY: bool = false;

    #[inline]
    fn run(self, _: Option<&K>) -> Result<V, E> {
        (self.0)()
    }
}

impl<K, V, E, F: FnOnce(&K) -> Result<V, E>> Work<K, V, E> for WithKey<F> {
    const TAKES_KEY: bool = true;

    #[inline]
    fn run(self, key: Option<&K>) -> Result<V, E> {
        (self.0)(key.expect("a leader makes the key that its function takes"))
    }
}

/// One call on its way through a table.
pub(crate) struct Caller<'a, Q: ?Sized, K, V, E> {
    pub(crate) table: &'a Table<K, V, E>,
    pub(crate) share_if: Option<&'a ShareIf<V>>,
    pub(crate) call: Call<'a, Q>,
    /// Until when it waits, if it comes to that.
    pub(crate) deadline: Nanos,
}

impl<Q, K, V, E> Caller<'_, Q, K, V, E>
where
    Q: ?Sized + ToKey<K>,
{
    /// Answers the call. `work` is run at most once, on this thread, with no lock held.
    #[inline(always)]
    pub(crate) fn answer<W: Work<K, V, E>>(self, work: W) -> Result<Outcome<V>, Error<E>> {
        match self.table.look_up(&self.call) {
            Ok(served) => late(served),
            Err(found) => self.answer_otherwise(found, work),
        }
    }

    #[inline(never)]
    fn answer_otherwise<W: Work<K, V, E>>(
        self,
        found: Found<'_, K, V, E>,
        work: W,
    ) -> Result<Outcome<V>, Error<E>> {
        let mut spare = match is_plain_number::<Q, K>() {
            // Made under the lock, as that costs nothing and runs no user code: one look-up fewer.
            true => Spare::new(Key::Own(self.call.key.to_key()), None),
            false => Spare::none(),
        };
        match self.table.admit(found, &self.call, &mut spare) {
            Admission::Lead(execution) => self.lead(execution, work, None, 0),
            Admission::Vacant => self.answer_with_key(work),
            other => self.proceed(other, work, None),
        }
    }

    /// The key is unknown, so this call may lead: only now is the key made, outside all locks. A
    /// function that takes the key shares it with the table.
    #[inline(never)]
    fn answer_with_key<W: Work<K, V, E>>(&self, work: W) -> Result<Outcome<V>, Error<E>> {
        let key = self.call.key.to_key();
        let (key, shared) = match W::TAKES_KEY {
            true => {
                let key = StdArc::new(key);
                (Key::Shared(StdArc::clone(&key)), Some(key))
            }
            false => (Key::Own(key), None),
        };
        let start = self.table.start_at(self.table.clock.coarse_now());
        // A key that is not needed goes when the call is over: its destructor is the user's code.
        let mut spare = Spare::new(key, Some(start));
        match self.table.look_up(&self.call) {
            Ok(served) => late(served),
            Err(found) => {
                let admission = self.table.admit(found, &self.call, &mut spare);
                self.proceed(admission, work, shared)
            }
        }
    }

    #[inline(never)]
    fn proceed<W: Work<K, V, E>>(
        &self,
        admission: Admission<'_, K, V, E>,
        work: W,
        key: Option<StdArc<K>>,
    ) -> Result<Outcome<V>, Error<E>> {
        match admission {
            Admission::Lead(execution) => self.lead(execution, work, key, 0),
            Admission::Follow(follower) => self.follow(follower, work),
            Admission::Alone => self.run_alone(work, 0),
            Admission::Claim(execution) => {
                // To its own hook, this thread leads the flight already (S41).
                let leading = deadlock::lead();
                self.table.tell_on_arrival(&self.call);
                drop(leading);
                self.lead(execution, work, key, 0)
            }
            Admission::Refused(refusal) => {
                self.table.tell_on_arrival(&self.call);
                Err(match refusal {
                    Refusal::WouldBlock => Error::WouldBlock,
                    Refusal::WouldDeadlock => Error::WouldDeadlock,
                })
            }
            Admission::Vacant => unreachable!("a call with a key of its own can start a flight"),
        }
    }

    #[inline]
    fn lead<W: Work<K, V, E>>(
        &self,
        execution: Execution<'_, K, V, E>,
        work: W,
        key: Option<StdArc<K>>,
        waited: Nanos,
    ) -> Result<Outcome<V>, Error<E>> {
        let leading = deadlock::lead();
        let run = self.table.watch_run(Some(execution.whereabouts()));
        let ran = self.run(work, key);
        let run = self.table.end_run(run, || ran.word());
        drop(leading);
        let callers = match self.table.tells_slow() {
            true => self.end_watched(execution, &ran),
            false => execution.end(&ran),
        };
        self.table.tell_run(run, callers);
        ran.into_outcome(callers, waited)
    }

    /// Ends an execution that may have been slow. It is told of afterwards, so that nobody waits for
    /// that.
    #[cold]
    fn end_watched(&self, execution: Execution<'_, K, V, E>, ran: &Ran<V, E>) -> usize {
        let noticed = self.table.notice_at_end(execution.whereabouts(), execution.leader);
        let callers = execution.end(ran);
        self.table.tell(noticed);
        callers
    }

    /// Runs the function for this call only: what it would wait for cannot be shared with it.
    fn run_alone<W: Work<K, V, E>>(&self, work: W, waited: Nanos) -> Result<Outcome<V>, Error<E>> {
        let run = self.table.watch_run(None);
        let ran = self.run(work, None);
        let run = self.table.end_run(run, || ran.word());
        self.table.end_alone(self.call.hash, &ran);
        self.table.tell_run(run, 1);
        ran.into_outcome(1, waited)
    }

    /// Calls the user's code: the key's making if the function takes one, the function, and the
    /// rule that says with whom its value is shared.
    #[inline]
    fn run<W: Work<K, V, E>>(&self, work: W, key: Option<StdArc<K>>) -> Ran<V, E> {
        attempt(self.share_if, || match (W::TAKES_KEY, &key) {
            (true, None) => work.run(Some(&self.call.key.to_key())),
            (_, key) => work.run(key.as_deref()),
        })
    }

    fn follow<W: Work<K, V, E>>(
        &self,
        mut follower: Follower<V, E>,
        work: W,
    ) -> Result<Outcome<V>, Error<E>> {
        let since = self.table.clock.refine(self.call.entry);
        let waited = || self.table.clock.now().saturating_sub(since);
        let wait = self.table.watch_wait(&follower);
        let callers = loop {
            match follower.room.gate.wait(&self.table.clock, self.deadline) {
                Woken::Closed { callers } => break callers,
                Woken::TimedOut => {
                    drop(follower.wait.take());
                    self.table.time_out(&follower);
                    self.table.tell_wait(wait, WaitEnd::TimedOut, waited);
                    return Err(Error::TimedOut);
                }
                Woken::Slow => self.table.tell_as_follower(&follower),
                Woken::MayStart => {
                    if let Some(execution) = self.table.claim_as_follower(&follower) {
                        drop(follower);
                        let waited = execution.start.saturating_sub(since);
                        // To whoever listens, this thread leads the flight already (S41).
                        let leading = deadlock::lead();
                        self.table.tell_wait(wait, WaitEnd::Led, || waited);
                        drop(leading);
                        return self.lead(execution, work, None, waited);
                    }
                }
            }
        };
        drop(follower.wait.take());
        let ending = follower.room.ending.get().expect("it is set before the gate is closed");
        let waited = waited();
        self.table.tell_wait(wait, WaitEnd::Answered, || waited);
        ending.answer(callers, waited).unwrap_or_else(|| self.run_alone(work, waited))
    }
}

impl<V, E> Ending<V, E> {
    /// What a follower gets, unless it is to run its own function.
    pub(crate) fn answer(&self, callers: usize, waited: Nanos) -> Option<Answer<V, E>> {
        match self {
            Self::Value(value) => {
                Some(Ok(Outcome::new(Arc::clone(value), Role::Follower, callers, waited)))
            }
            Self::Failed(error) => Some(Err(Error::Failed(Arc::clone(error)))),
            Self::Panicked(message) => {
                Some(Err(Error::LeaderPanicked { message: message.clone() }))
            }
            Self::Abandoned => Some(Err(Error::Abandoned)),
            Self::Unshared => None,
        }
    }
}

/// Calls the user's function, and the rule that says with whom its value is shared.
#[inline]
pub(crate) fn attempt<V, E>(
    share_if: Option<&ShareIf<V>>,
    function: impl FnOnce() -> Result<V, E>,
) -> Ran<V, E> {
    let attempt = || match function() {
        Ok(value) => match share_if.map(|share_with| share_with(&value)) {
            None | Some(ShareWith::Everyone) => Ran::Value(Arc::new(value)),
            Some(ShareWith::Followers) => Ran::Unkept(Arc::new(value)),
            Some(ShareWith::Nobody) => Ran::Unshared(Arc::new(value)),
        },
        Err(error) => Ran::Failed(Arc::new(error)),
    };
    catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|payload| {
        let message = message(&*payload);
        Ran::Panicked(payload, message)
    })
}

/// A result from within its window: nobody waited and nothing ran.
#[inline]
pub(crate) fn late<V, E>(served: Late<V, E>) -> Result<Outcome<V>, Error<E>> {
    let outcome = |value| Outcome::new(value, Role::Late, served.callers as usize, 0);
    served.result.map(outcome).map_err(Error::Failed)
}

impl<V, E> Ran<V, E> {
    /// What the call that ran the function gets, whatever its followers do (S26).
    #[inline]
    pub(crate) fn into_outcome(
        self,
        callers: usize,
        waited: Nanos,
    ) -> Result<Outcome<V>, Error<E>> {
        match self {
            Self::Value(value) | Self::Unkept(value) | Self::Unshared(value) => {
                Ok(Outcome::new(value, Role::Leader, callers, waited))
            }
            Self::Failed(error) => Err(Error::Failed(error)),
            Self::Panicked(payload, _) => resume_unwind(payload),
            Self::Abandoned => unreachable!("the function has run"),
        }
    }
}

/// The text of a panic, where it has one: `panic!` makes a `&str` or a `String`.
fn message(payload: &(dyn Any + Send)) -> Option<StdArc<str>> {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.map(StdArc::from)
}
