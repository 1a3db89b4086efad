//! How a call carries out its admission on its own thread: lead, follow, or bypass.
//!
//! ```text
//! look_up ─▶ a hit ────────────────────────────▶ the result in its window
//! admit ─▶ Lead ── run the function ── publish ─▶ its own result
//!       ─▶ Follow ── wait ─┬─ closed ───────────▶ the flight's outcome
//!                          ├─ may start: claim it, and lead
//!                          ├─ slow: report it, and wait on
//!                          ├─ unshared: run alone
//!                          └─ deadline ─────────▶ TimedOut
//! ```
//!
//! The function runs under `catch_unwind`. The leader publishes a panic first and resumes it
//! afterwards, so followers get it while nothing unwinds, and the panic reaches the leader's caller
//! (S21). `AssertUnwindSafe` is sound here because the panic is not swallowed: code that could see a
//! half-changed value sees the panic too.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use crate::asking::{Asking, DoorOf, question};
use crate::engine::alone::Alone;
use crate::engine::answer::{Answer, Answered};
use crate::engine::call::{Admission, Call, Entry, Hit, NewKey, Refusal};
use crate::engine::completion::{Completion, Made, Panic, RunResult};
use crate::engine::execution::Execution;
use crate::engine::observed::RunOf;
use crate::engine::reach::Reach;
use crate::engine::slot::{Key, SlotRef};
use crate::engine::table::Table;
use crate::engine::tally::Departure;
use crate::engine::waiter::{CallEnd, Waiter};
use crate::error::Error;
use crate::key::{ToKey, is_plain_number};
use crate::observe::{EndedRun, WaitEnd};
use crate::outcome::Role;
use crate::refresh::{Background, Shares};
use crate::share::ShareRules;
use crate::sync::Handle;
use crate::tier::Tier;
use crate::wait::clock::Nanos;
use crate::work::Work;

/// One call on its way through a table.
pub(crate) struct Caller<'a, Q: ?Sized, K, V, E> {
    pub(crate) table: &'a Table<K, V, E>,
    pub(crate) sharing: &'a Shares<K, V, E>,
    pub(crate) call: Call<'a, Q>,
    /// The end of its wait for other calls.
    pub(crate) deadline: Nanos,
}

impl<Q, K, V, E> Caller<'_, Q, K, V, E>
where
    Q: ?Sized + ToKey<K>,
{
    /// Answers the call. Runs `work` at most once, on this thread, with no lock held.
    #[inline(always)]
    pub(crate) fn answer<W: Work<K, V, E>>(self, work: W) -> Answer<V, E> {
        match self.table.look_up(&self.call) {
            Ok(hit) => answer_of(hit),
            Err(entry) => self.answer_miss(entry, work),
        }
    }

    #[inline(never)]
    fn answer_miss<W: Work<K, V, E>>(self, entry: Entry<'_, K, V, E>, work: W) -> Answer<V, E> {
        let mut new = match is_plain_number::<Q, K>() {
            // Creating such a key under the lock runs no user code and saves a second look-up.
            true => NewKey::new(Key::Own(self.call.key.to_key()), None),
            false => NewKey::none(),
        };
        match self.table.admit(entry, &self.call, &mut new) {
            Admission::Lead(execution) => self.lead(execution, work, None, 0),
            Admission::Vacant => self.answer_with_key(work),
            other => self.proceed(other, work, None),
        }
    }

    /// Creates the key outside all locks, since this call may lead, and admits it again. A function
    /// that takes the key shares it with the table.
    #[inline(never)]
    fn answer_with_key<W: Work<K, V, E>>(&self, work: W) -> Answer<V, E> {
        let key = self.call.key.to_key();
        let (key, shared) = match W::TAKES_KEY {
            true => {
                let key = Arc::new(key);
                (Key::Shared(Arc::clone(&key)), Some(key))
            }
            false => (Key::Own(key), None),
        };
        let start = self.table.start_at(self.table.clock.coarse_now());
        // An unused key is dropped at the end of the call, because its destructor is user code.
        let mut new = NewKey::new(key, Some(start));
        match self.table.look_up(&self.call) {
            Ok(hit) => answer_of(hit),
            Err(entry) => {
                let admission = self.table.admit(entry, &self.call, &mut new);
                self.proceed(admission, work, shared)
            }
        }
    }

    #[inline(never)]
    fn proceed<W: Work<K, V, E>>(
        &self,
        admission: Admission<'_, K, V, E>,
        work: W,
        key: Option<Arc<K>>,
    ) -> Answer<V, E> {
        match admission {
            Admission::Lead(execution) => self.lead(execution, work, key, 0),
            Admission::Follow(waiter) => self.follow(waiter, work),
            Admission::Bypass(alone) => self.run_alone(alone, work, 0),
            Admission::Claim(execution) => {
                // This thread already counts as the leader while its hook runs (S41).
                self.table.report_slow_on_arrival(&self.call);
                self.lead(execution, work, key, 0)
            }
            Admission::Refused(refusal) => {
                self.table.report_slow_on_arrival(&self.call);
                Err(match refusal {
                    Refusal::WouldBlock => Error::WouldBlock,
                    Refusal::WouldDeadlock => Error::WouldDeadlock,
                    Refusal::Overloaded => Error::Overloaded,
                })
            }
            Admission::Hit(hit) => answer_of(hit),
            Admission::Refresh(execution, old) => self.refresh(execution, old, work, key),
            Admission::Vacant => unreachable!("a call with a key of its own can start a flight"),
        }
    }

    #[inline]
    pub(crate) fn lead<W: Work<K, V, E>>(
        &self,
        execution: Execution<'_, K, V, E>,
        work: W,
        key: Option<Arc<K>>,
        waited: Nanos,
    ) -> Answer<V, E> {
        if let Some(tier) = &self.sharing.tier {
            return self.lead_shared(&**tier, execution, work, key, waited);
        }
        let slot = Some(execution.slot);
        let (completion, run) = run_observed(self.table, RunOf::call(slot), || {
            self.run(work, key, slot, execution.start)
        });
        let callers = self.end(execution, &completion);
        self.table.record_run(run, callers);
        answer_to_leader(completion, callers, waited)
    }

    /// Leads a flight of a table that shares with other processes: asks them before it runs.
    #[cold]
    #[inline(never)]
    fn lead_shared<W: Work<K, V, E>>(
        &self,
        tier: &dyn Tier<K, V, E>,
        mut execution: Execution<'_, K, V, E>,
        work: W,
        key: Option<Arc<K>>,
        waited: Nanos,
    ) -> Answer<V, E> {
        let table = self.table;
        let key = key.unwrap_or_else(|| Arc::new(self.call.key.to_key()));
        let door = DoorOf(table, execution.slot);
        let ask = question(tier, &execution, (&self.call, self.deadline, waited), (&*key, &door));
        let mut lead = match Asking::of(tier.ask(ask), &ask) {
            Asking::Runs(lead) => lead,
            Asking::Served(mut served) => {
                let waited = waited + table.clock.now().saturating_sub(ask.asked().0);
                let callers = execution.end_served(&mut served);
                let answer = served.completion.answer(Role::Shared, callers, waited);
                return answer.expect("the role is no follower's");
            }
            Asking::TimedOut => {
                execution.resign(Departure::TimedOut);
                return Err(Error::TimedOut);
            }
            Asking::WouldBlock => {
                execution.resign(Departure::Refused);
                return Err(Error::WouldBlock);
            }
        };
        execution.begin_here(lead.began_or(|| table.clock.now()), lead.shuts());
        let (slot, start) = (execution.slot, execution.start);
        let run = || self.run(work, Some(Arc::clone(&key)), Some(slot), start);
        let (mut completion, run) = run_observed(table, RunOf::call(Some(slot)), run);
        lead.before_end((table, slot), tier, &mut completion);
        let callers = self.end(execution, &completion);
        if !lead.after_end(&completion) {
            table.remove_kept(self.call.hash, &completion);
        }
        table.record_run(run, callers);
        answer_to_leader(completion, callers, waited)
    }

    /// Runs the function as a refresh, or has it run in the background. A failure leaves the old value (S122).
    #[cold]
    #[inline(never)]
    fn refresh<W: Work<K, V, E>>(
        &self,
        execution: Execution<'_, K, V, E>,
        old: Hit<V, E>,
        work: W,
        key: Option<Arc<K>>,
    ) -> Answer<V, E> {
        if let Some(Background::OneByOne(background)) = &self.sharing.background {
            let key = key.unwrap_or_else(|| Arc::new(self.call.key.to_key()));
            background.run(execution.queue(), key);
            return answer_of(old);
        }
        // Other processes may have refreshed it already.
        let max_age = self.call.max_age.min(self.table.rules.refresh_after);
        let caller = Caller { call: Call { max_age, ..self.call }, ..*self };
        caller.lead(execution, work, key, 0).or_else(|_| answer_of(old))
    }

    #[inline]
    fn end(&self, execution: Execution<'_, K, V, E>, completion: &Completion<V, E>) -> usize {
        match self.table.reports_slow() {
            true => self.end_and_report(execution, completion),
            false => execution.end(completion),
        }
    }

    /// Ends an execution that may have been slow. The report follows the publication, so that no call
    /// waits for the hook.
    #[cold]
    fn end_and_report(
        &self,
        execution: Execution<'_, K, V, E>,
        completion: &Completion<V, E>,
    ) -> usize {
        let report = self.table.notice_at_end(execution.slot, execution.leader);
        let callers = execution.end(completion);
        self.table.report_slow(report);
        callers
    }

    /// Runs the function for this call only, because it cannot wait for the flight or share its value.
    fn run_alone<W: Work<K, V, E>>(
        &self,
        alone: Alone<'_, K, V, E>,
        work: W,
        waited: Nanos,
    ) -> Answer<V, E> {
        let start = self.table.clock.coarse_now();
        let run = || self.run(work, None, None, start);
        let (completion, run) = run_observed(self.table, RunOf::call(None), run);
        let callers = alone.end(&completion);
        self.table.record_run(run, callers);
        answer_to_leader(completion, callers, waited)
    }

    /// Runs user code: the creation of the key if the function takes one, the function, and the share
    /// rule.
    #[inline]
    fn run<W: Work<K, V, E>>(
        &self,
        work: W,
        key: Option<Arc<K>>,
        slot: Option<SlotRef>,
        start: Nanos,
    ) -> Completion<V, E> {
        attempt(&self.sharing.rules, start, || {
            if self.table.rules.sees_old {
                return self.run_seeing(work, key, slot);
            }
            match (W::TAKES_KEY, &key) {
                (true, None) => work.run(Some(&self.call.key.to_key())),
                (_, key) => work.run(key.as_deref()),
            }
        })
    }

    #[cold]
    fn run_seeing<W: Work<K, V, E>>(
        &self,
        work: W,
        key: Option<Arc<K>>,
        slot: Option<SlotRef>,
    ) -> Result<Handle<V>, E> {
        let key = key.unwrap_or_else(|| Arc::new(self.call.key.to_key()));
        work.run_seeing(Some(&key), self.table.old_value(slot))
    }

    fn follow<W: Work<K, V, E>>(&self, mut waiter: Waiter<'_, K, V, E>, work: W) -> Answer<V, E> {
        let table = self.table;
        let since = table.clock.refine(self.call.entry);
        let waited = || table.clock.now().saturating_sub(since);
        let (follower, graph) = waiter.parts();
        let wait = table.begin_wait(follower, graph);
        match waiter.wait(self.deadline) {
            CallEnd::Answered { mut waiter, callers } => {
                let waited = waited();
                table.record_wait(wait, WaitEnd::Answered, || waited);
                match waiter.end() {
                    Some(alone) => self.run_alone(alone, work, waited),
                    None => waiter.answer(callers, waited),
                }
            }
            CallEnd::TimedOut => {
                table.record_wait(wait, WaitEnd::TimedOut, waited);
                Err(Error::TimedOut)
            }
            CallEnd::Refused => {
                table.record_wait(wait, WaitEnd::Refused, waited);
                Err(Error::WouldDeadlock)
            }
            CallEnd::RunsAlone(alone) => {
                let waited = waited();
                table.record_wait(wait, WaitEnd::Refused, || waited);
                self.run_alone(alone, work, waited)
            }
            CallEnd::Claimed(execution) => {
                let waited = execution.start.saturating_sub(since);
                // This thread already counts as the leader while a listener runs (S41).
                table.record_wait(wait, WaitEnd::Led, || waited);
                self.lead(execution, work, None, waited)
            }
        }
    }
}

/// Runs a function with spans and metrics. Calls, jobs and tickets all use it. The caller publishes the
/// completion, and records the run afterwards.
#[inline]
pub(crate) fn run_observed<K, V, E>(
    table: &Table<K, V, E>,
    run: RunOf<'_>,
    function: impl FnOnce() -> Completion<V, E>,
) -> (Completion<V, E>, EndedRun) {
    let run = table.begin_run(run);
    let completion = function();
    let run = table.end_run(run, || completion.word());
    (completion, run)
}

/// Runs the user's function, and the share rule on its result.
#[inline]
pub(crate) fn attempt<V, E>(
    sharing: &ShareRules<V, E>,
    start: Nanos,
    function: impl FnOnce() -> Result<Handle<V>, E>,
) -> Completion<V, E> {
    let run = || match function() {
        Ok(value) => {
            let reach = Reach::from(sharing.of_value(&value));
            (RunResult::Value(value), reach)
        }
        Err(error) => {
            let reach = Reach::from(sharing.of_error(&error));
            (RunResult::Failed(Handle::new(error)), reach)
        }
    };
    let (result, reach) = catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|payload| (RunResult::Panicked(Panic::new(payload)), Reach::EVERYONE));
    Completion { result, reach, start, made: Made::Here }
}

/// The answer to the call that ran the function, whatever its followers get (S26). Resumes a panic of
/// the function.
#[inline]
pub(crate) fn answer_to_leader<V, E>(
    completion: Completion<V, E>,
    callers: usize,
    waited: Nanos,
) -> Answer<V, E> {
    let Completion { result, start, .. } = completion;
    match result {
        RunResult::Value(value) => {
            Ok(Answered { value, role: Role::Leader, callers, waited, start })
        }
        RunResult::Failed(error) => Err(Error::Failed(error)),
        RunResult::Panicked(panic) => {
            resume_unwind(panic.take_payload().expect("its leader takes it once"))
        }
        RunResult::Missing | RunResult::Abandoned => unreachable!("the function has run"),
    }
}

/// The answer to a hit: the call did not wait, and no function ran.
#[inline]
pub(crate) fn answer_of<V, E>(hit: Hit<V, E>) -> Answer<V, E> {
    let Hit { result, callers, start } = hit;
    match result {
        Ok(value) => {
            let callers = callers as usize;
            Ok(Answered { value, role: Role::Late, callers, waited: 0, start })
        }
        Err(error) => Err(Error::Failed(error)),
    }
}
