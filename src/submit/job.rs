//! [`Task`]: the inside of a [`Job`](crate::Job), a function with the obligation to publish its result.

use std::mem;
use std::sync::Arc;

use crate::asking::{Asking, DoorOf, LeadHere, admits};
use crate::core::AnyCore;
use crate::engine::completion::{Completion, Panic, RunResult};
use crate::engine::elsewhere;
use crate::engine::observed::RunOf;
use crate::engine::promise::Promise;
use crate::engine::queued::{Begun, Queued};
use crate::engine::slot::ShortHash;
use crate::engine::slot::SlotRef;
use crate::engine::table::Table;
use crate::execute::{attempt, run_observed};
use crate::observe::{Origin, SlowReport};
use crate::submit::function::Function;
use crate::submit::seat::Seat;
use crate::tier::{Ask, Tier, Wait};
use crate::wait::callbacks::Callbacks;
use crate::wait::clock::{FOREVER, Nanos};
use crate::wait::contain::contain;
use crate::wait::deadlock::{self, ThreadToken};
use crate::wait::seats::{GateSeat, Seats};

/// A job that has not ended. If it is dropped before it has run, its drop publishes that it is lost.
pub(crate) struct Task<K, V, E> {
    pub(crate) core: Arc<AnyCore<K, V, E>>,
    pub(crate) key: Arc<K>,
    /// `None` for a candidate, whose function stays in the seat.
    pub(crate) function: Option<Function<K, V, E>>,
    pub(crate) duty: Duty<K, V, E>,
    /// The span that asked for the run.
    pub(crate) origin: Origin,
    /// The promise that the ticket waits at.
    pub(crate) promise: Arc<Promise<V, E>>,
    /// Not [`FOREVER`] for a refresh: the age of a result that another process may have for it.
    pub(crate) max_age: Nanos,
}

/// The obligation of a job, in addition to its ticket's promise.
pub(crate) enum Duty<K, V, E> {
    /// Ends an execution of a flight.
    Flight(Queued<V, E>),
    /// Begins an execution of a flight, if one is due when the job begins.
    Candidate(Arc<Seat<K, V, E>>),
    /// Counts a call that shares nothing.
    Bypass(ShortHash),
    /// The obligation is met.
    Done,
}

/// Why a job did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unrun {
    /// The executor rejected or dropped it.
    Dropped,
    /// The executor's `spawn` panicked.
    Panicked,
}

impl<K, V, E> Task<K, V, E>
where
    Seat<K, V, E>: GateSeat + 'static,
{
    /// Runs the job on this thread. Returns the seats that are to begin a flight after it.
    pub(crate) fn run(mut self) -> Seats {
        let leading = deadlock::lead();
        let me = leading.token();
        let Some(function) = self.begin(me) else { return Seats::none() };
        let core = Arc::clone(&self.core);
        self.promise.gate.begin_job(me);
        let key = Arc::clone(&self.key);
        let door = self.duty.slot().map(|slot| DoorOf(&core.table, slot));
        let mut lead = match (&core.sharing.tier, &door, &mut self.duty) {
            (Some(tier), Some(door), Duty::Flight(queued)) => {
                match ask(door, &**tier, (queued, self.max_age), &key) {
                    Ok(lead) => lead,
                    Err(served) => {
                        drop(leading);
                        return self.end_served(served);
                    }
                }
            }
            _ => LeadHere::without_tier(),
        };
        let start = self.duty.start().unwrap_or_else(|| core.table.clock.coarse_now());
        let gate = Some(&self.promise.gate);
        let slot = self.duty.slot();
        let run = RunOf { slot, origin: Some(&self.origin), job: gate };
        let (mut completion, run) = run_observed(&core.table, run, || {
            attempt(&core.sharing.rules, start, || function.run(&key, core.table.old_value(slot)))
        });
        drop(leading);
        let slot = self.duty.slot();
        if let (Some(tier), Some(slot)) = (&core.sharing.tier, slot) {
            lead.before_end((&core.table, slot), &**tier, &mut completion);
        }
        let (callers, seats) = self.end(&completion);
        if let (false, Some(slot)) = (lead.after_end(&completion), slot) {
            core.table.remove_kept(slot.hash, &completion);
        }
        // Destructors of the value and of a panic's payload are user code.
        contain(|| {
            if let RunResult::Panicked(panic) = &completion.result {
                drop(panic.take_payload());
            }
            drop(completion);
        });
        core.table.record_run(run, callers);
        seats
    }

    /// Begins the duty on this thread. Returns the function to run, if the call needs it to run.
    fn begin(&mut self, me: ThreadToken) -> Option<Function<K, V, E>> {
        match mem::replace(&mut self.duty, Duty::Done) {
            Duty::Flight(queued) => self.begin_queued(queued, me),
            Duty::Candidate(seat) => {
                let table = &self.core.table;
                let Seat { follower, status, numbers, .. } = &*seat;
                let execution = table.claim_as_candidate(follower, status, *numbers, me)?;
                let flight = Arc::clone(&seat.follower.flight);
                self.duty = Duty::Flight(Queued::claimed(execution, flight));
                Some(seat.take_function().expect("nobody takes it from a call that has not left"))
            }
            bypass => {
                self.duty = bypass;
                self.function.take()
            }
        }
    }

    fn begin_queued(
        &mut self,
        mut queued: Queued<V, E>,
        me: ThreadToken,
    ) -> Option<Function<K, V, E>> {
        let table = &self.core.table;
        match queued.begin(table, me, (&self.promise, true)) {
            Begun::Runs => self.duty = Duty::Flight(queued),
            Begun::Ended => {
                if queued.end_after_flight(table, &self.promise) {
                    return None;
                }
                self.duty = Duty::Bypass(queued.slot.hash);
            }
            Begun::Follows(follower) => {
                let function = self.function.take().expect("a job runs once");
                let (core, key) = (Arc::clone(&self.core), Arc::clone(&self.key));
                let ticket = Some(Arc::clone(&self.promise));
                let origin = self.origin.clone();
                Seat::new(core, key, follower, function, origin, ticket).enter();
                return None;
            }
        }
        self.function.take()
    }
}

/// Asks the other processes, for a job that leads. Its thread waits as long as its function would run.
/// Begins the flight here, or returns the result of another process.
fn ask<'t, K, V, E>(
    door: &'t DoorOf<'_, K, V, E>,
    tier: &'t dyn Tier<K, V, E>,
    (queued, max_age): (&mut Queued<V, E>, Nanos),
    key: &'t K,
) -> Result<LeadHere<'t, V, E>, elsewhere::Served<V, E>> {
    let (table, admits) = (door.0, admits(tier, key));
    let not_before = table.begin_to_ask(queued.slot, !admits);
    let asked = table.clock.now();
    let times = (asked, not_before.max((asked + 1).saturating_sub(max_age)));
    let question = Ask::new(key, (door, admits), times, Wait::Endless, queued.leader);
    let lead = match Asking::of(tier.ask(question), &question) {
        Asking::Runs(lead) => lead,
        // The call has no deadline and may wait, so it cannot give up for the tier's reason.
        Asking::TimedOut | Asking::WouldBlock => LeadHere::alone(false),
        Asking::Served(served) => return Err(served),
    };
    queued.begin_here(table, lead.began_or(|| table.clock.now()), lead.shuts());
    Ok(lead)
}

impl<K, V, E> Task<K, V, E> {
    /// True if a call waits for this job: by its ticket, which holds the promise too, or in its flight. A refresh
    /// is for the calls that come.
    /// Takes the lock of the flight's gate.
    pub(crate) fn is_wanted(&self) -> bool {
        let has_ticket = || Arc::strong_count(&self.promise) > 1;
        match &self.duty {
            Duty::Flight(_) if self.max_age != FOREVER => true,
            Duty::Flight(queued) => has_ticket() || queued.flight.gate().is_awaited(),
            Duty::Candidate(seat) => seat.follower.flight.gate().is_seated(&seat.status),
            Duty::Bypass(_) => has_ticket(),
            Duty::Done => false,
        }
    }

    /// Ends a job that did not run. Returns the seats that are to begin a flight now.
    pub(crate) fn end_unrun(mut self, how: Unrun) -> Seats {
        self.lose(how)
    }

    fn lose(&mut self, how: Unrun) -> Seats {
        let start = self.duty.start().unwrap_or_else(|| self.core.table.clock.coarse_now());
        let result = match how {
            Unrun::Panicked => RunResult::Panicked(Panic::elsewhere()),
            Unrun::Dropped => RunResult::Abandoned,
        };
        let completion = Completion::new(result, start);
        if matches!((&self.duty, how), (Duty::Flight(_), Unrun::Panicked) | (Duty::Bypass(_), _)) {
            if let Duty::Flight(queued) = &mut self.duty {
                queued.begin_unrun(&self.core.table);
            }
            return self.end(&completion).1;
        }
        let report = self.notice();
        let table = &self.core.table;
        let seats = match mem::replace(&mut self.duty, Duty::Done) {
            Duty::Flight(queued) => {
                let seats = table.lose_queued(&queued);
                self.promise.close(completion, 1).run();
                seats
            }
            Duty::Candidate(seat) => {
                let lost = table.lose_candidate(&seat.follower, &seat.status, seat.numbers);
                let Some((left, seats)) = lost else { return Seats::none() };
                self.promise.close(completion, 1).run();
                left.wait_for_job();
                // Its drop is user code, so it comes after the lock.
                contain(|| drop(seat.take_function()));
                seats
            }
            Duty::Bypass(_) | Duty::Done => Seats::none(),
        };
        table.report_slow(report);
        seats
    }

    /// Ends the duty and the ticket's wait, under no lock. Returns how many calls it answered, and the
    /// seats that are to begin a flight now.
    ///
    /// The ticket is answered together with the followers, before any user code runs: a hook, a
    /// callback, or the destructor of an old result. A panic in user code is caught here, and
    /// affects no call.
    fn end(&mut self, completion: &Completion<V, E>) -> (usize, Seats) {
        self.end_by(|table, duty, answer| match duty {
            Duty::Flight(queued) => {
                queued.end(table, completion, |callers| answer(completion, callers))
            }
            Duty::Bypass(hash) => {
                answer(completion, table.end_bypass(hash, completion));
                Seats::none()
            }
            Duty::Candidate(_) | Duty::Done => unreachable!("a job that runs has begun its duty"),
        })
    }

    /// Ends the duty and the ticket's wait with a result of another process. No function runs.
    fn end_served(mut self, mut served: elsewhere::Served<V, E>) -> Seats {
        let (_, seats) = self.end_by(|table, duty, answer| match duty {
            Duty::Flight(queued) => queued.end_served(table, &mut served, answer),
            Duty::Candidate(_) | Duty::Bypass(_) | Duty::Done => unreachable!("only a flight asks"),
        });
        // The destructor of the value is user code.
        contain(|| drop(served));
        seats
    }

    /// Ends the duty by `end`, which calls `answer(completion, callers)` to end the ticket's wait.
    fn end_by(
        &mut self,
        end: impl FnOnce(
            &Table<K, V, E>,
            Duty<K, V, E>,
            &mut dyn FnMut(&Completion<V, E>, usize),
        ) -> Seats,
    ) -> (usize, Seats) {
        let report = self.notice();
        let duty = mem::replace(&mut self.duty, Duty::Done);
        let (table, promise) = (&self.core.table, &self.promise);
        let (mut callers, mut callbacks, mut seats) = (1, Callbacks::new(), Seats::none());
        let mut answer = |completion: &Completion<V, E>, count| {
            callers = count;
            callbacks = promise.close(completion.clone(), count);
        };
        contain(|| seats = end(table, duty, &mut answer));
        callbacks.run();
        table.report_slow(report);
        (callers, seats)
    }

    /// Reads the flight's state for `on_slow`, before the execution ends.
    fn notice(&self) -> Option<SlowReport<K>> {
        let table = &self.core.table;
        match &self.duty {
            Duty::Flight(queued) if table.reports_slow() => {
                table.notice_at_end(queued.slot, queued.leader)
            }
            Duty::Flight(_) | Duty::Candidate(_) | Duty::Bypass(_) | Duty::Done => None,
        }
    }
}

impl<K, V, E> Duty<K, V, E> {
    /// The slot of the flight. `None` if there is no flight.
    fn slot(&self) -> Option<SlotRef> {
        match self {
            Self::Flight(queued) => Some(queued.slot),
            Self::Candidate(_) | Self::Bypass(_) | Self::Done => None,
        }
    }

    fn start(&self) -> Option<Nanos> {
        match self {
            Self::Flight(queued) => Some(queued.start),
            Self::Candidate(_) | Self::Bypass(_) | Self::Done => None,
        }
    }
}

/// Publishes the end of a job that unwinds before it has ended.
impl<K, V, E> Drop for Task<K, V, E> {
    fn drop(&mut self) {
        if !matches!(self.duty, Duty::Done) {
            self.lose(Unrun::Dropped).begin();
        }
    }
}
