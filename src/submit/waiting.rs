//! The states of a ticket, and how it waits in each.
//!
//! ```text
//!                 ┌── takes over, or the value is not for it ──┐
//!             ┌───┴────┐     the flight has ended              ▼
//! follows ───▶│ Seated │──────────────────┐               ┌─────────┐
//!             └────────┘                  ▼               │   Job   │◀─── leads
//!                                     ┌──────┐  its job   └────┬────┘
//! a hit ─────────────────────────────▶│ Done │◀────────────────┘
//!                                     └──────┘   has ended
//! ```
//!
//! A seated ticket waits at the promise of its flight, as followers do. A ticket with a job of its
//! own waits at the promise of the job. A ticket changes its state only when a thread looks at it.
//! Nothing else depends on that: the thread that ends a flight or a job does all work that must be
//! on time.

use std::sync::Arc;

use crate::core::{AnyCore, Patience};
use crate::engine::alone::Alone;
use crate::engine::answer::Answer;
use crate::engine::observed::RunOf;
use crate::engine::promise::Promise;
use crate::engine::tally::Departure;
use crate::engine::waiter::{Awaited, await_flight};
use crate::error::Error;
use crate::execute::{answer_to_leader, attempt, run_observed};
use crate::observe::WaitEnd;
use crate::settings::OnDeadlock;
use crate::submit::seat::Seat;
use crate::submit::state::State;
use crate::submit::ticket::{Source, Ticket};
use crate::sync::unique_number;
use crate::wait::callbacks::Callback;
use crate::wait::clock::Nanos;
use crate::wait::gate::Gate;
use crate::wait::seats::Standing;

impl<K, V, E> Ticket<K, V, E>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    pub(super) fn wait_for(&mut self, patience: Patience) -> Answer<V, E> {
        let core = Arc::clone(&self.core);
        let clock = &core.table.clock;
        let deadline = patience.deadline(clock, clock.coarse_now(), core.table.rules.max_wait);
        loop {
            if let Some(answer) = self.settle() {
                return answer;
            }
            match &self.state {
                State::Seated(_) => self.wait_in_seat(&core, deadline)?,
                State::Job(promise) => self.wait_for_job(promise, &core, deadline)?,
                State::Done(answer) => return answer.clone(),
            }
        }
    }

    /// Waits with the followers until the flight has ended or this call leads. An error ends this
    /// wait, and not the call.
    fn wait_in_seat(
        &mut self,
        core: &Arc<AnyCore<K, V, E>>,
        deadline: Nanos,
    ) -> Result<(), Error<E>> {
        let State::Seated(seated) = &mut self.state else { return Ok(()) };
        let Ok(mut graph) = seated.seat.enter_wait() else { return self.refuse_to_wait() };
        let (table, follower) = (&core.table, &seated.seat.follower);
        let since = table.clock.now();
        let observed = table.begin_wait(follower, &mut graph);
        let standing = Standing::Seat(&seated.seat.status);
        let awaited = await_flight(table, follower, &mut graph, deadline, standing);
        let waited = table.clock.now().saturating_sub(since);
        self.waited += waited;
        match awaited {
            Awaited::Ended { .. } => {
                table.record_wait(observed, WaitEnd::Answered, || waited);
                Ok(())
            }
            Awaited::TimedOut => {
                seated.departure = Departure::TimedOut;
                table.record_wait(observed, WaitEnd::TimedOut, || waited);
                Err(Error::TimedOut)
            }
            Awaited::WouldDeadlock => {
                table.record_wait(observed, WaitEnd::Refused, || waited);
                self.refuse_to_wait()
            }
            Awaited::Claimed(_) => unreachable!("a ticket claims when its job begins"),
            Awaited::MayTry => {
                table.record_wait(observed, WaitEnd::Led, || waited);
                self.try_to_lead()
            }
        }
    }

    /// Hands the job of this ticket over, if an execution is due: it begins one when it runs.
    fn try_to_lead(&mut self) -> Result<(), Error<E>> {
        let State::Seated(seated) = &mut self.state else { return Ok(()) };
        let seat = &seated.seat;
        if !self.core.table.try_seat(&seat.follower, &seat.status) {
            return Ok(());
        }
        if seat.candidate().submit().is_err() {
            self.state = State::Done(Err(Error::Rejected));
            return Err(Error::Rejected);
        }
        Ok(())
    }

    /// Refuses a wait that would never end (S42). With `Bypass`, the call runs its own function on
    /// this thread.
    fn refuse_to_wait(&mut self) -> Result<(), Error<E>> {
        let State::Seated(seated) = &mut self.state else { return Ok(()) };
        if self.core.table.rules.on_deadlock != OnDeadlock::Bypass {
            seated.departure = Departure::Refused;
            return Err(Error::WouldDeadlock);
        }
        if !seated.give_up(Departure::Bypassed) {
            return Ok(());
        }
        let alone = Alone::new(&self.core.table, seated.seat.follower.slot.hash);
        let (function, origin) = (seated.seat.take_function(), seated.seat.origin.clone());
        let function = function.expect("no other call takes it while the flight goes on");
        // The answer of the ticket if the function panics. The panic passes through.
        self.state = State::Done(Err(Error::LeaderPanicked { message: None }));
        let (table, sharing) = (&self.core.table, &self.core.sharing.rules);
        let start = table.clock.coarse_now();
        let run = RunOf { slot: None, origin: Some(&origin), job: None };
        let (completion, run) =
            run_observed(table, run, || attempt(sharing, start, || function.run(&self.key, None)));
        let callers = alone.end(&completion);
        table.record_run(run, callers);
        self.state = State::Done(answer_to_leader(completion, callers, self.waited));
        Ok(())
    }
}

impl<K, V, E> Ticket<K, V, E> {
    /// Changes the state as far as possible without waiting. Returns the answer if it is there.
    pub(super) fn settle(&mut self) -> Option<Answer<V, E>> {
        loop {
            self.state = match &self.state {
                State::Done(answer) => return Some(answer.clone()),
                State::Job(promise) => State::Done(self.answer_of_job(promise)?),
                State::Seated(seated) => match seated.seat.answer(self.waited)? {
                    Some(answer) => State::Done(answer),
                    None => State::Job(seated.seat.job()),
                },
            };
        }
    }

    /// Returns the answer if it is there, without changing the state.
    pub(super) fn look(&self) -> Option<Answer<V, E>> {
        match &self.state {
            State::Done(answer) => Some(answer.clone()),
            State::Job(promise) => self.answer_of_job(promise),
            State::Seated(seated) => {
                let answer = seated.seat.answer(self.waited)?;
                answer.or_else(|| self.answer_of_job(&seated.seat.job()))
            }
        }
    }

    fn answer_of_job(&self, promise: &Promise<V, E>) -> Option<Answer<V, E>> {
        promise.answer_to_leader(self.waited)
    }

    /// Waits for the ticket's own job. The job owns the function, so a wait that would never end is an
    /// error even with `Bypass`.
    fn wait_for_job(
        &self,
        promise: &Promise<V, E>,
        core: &AnyCore<K, V, E>,
        deadline: Nanos,
    ) -> Result<(), Error<E>> {
        let job = (&promise.gate, self.flight_gate());
        match core.table.wait_for_job(job, deadline, Standing::Job) {
            WaitEnd::Answered | WaitEnd::Led => Ok(()),
            WaitEnd::TimedOut => Err(Error::TimedOut),
            WaitEnd::Refused => Err(Error::WouldDeadlock),
        }
    }

    /// The gate of the flight, if the call met one.
    fn flight_gate(&self) -> Option<&Arc<Gate>> {
        match &self.source {
            Source::Flight(flight) => Some(flight.gate()),
            Source::Window { .. } => None,
        }
    }

    /// The place where a ticket without an answer is told of one.
    pub(super) fn spot(&self) -> Spot<K, V, E> {
        match &self.state {
            State::Seated(seated) => Spot::Seat(Arc::clone(&seated.seat)),
            State::Job(promise) => Spot::Job(Arc::clone(&promise.gate)),
            State::Done(_) => unreachable!("there was no answer"),
        }
    }
}

/// The place where a ticket is told that it has an answer, or waits for its own job now.
pub(super) enum Spot<K, V, E> {
    Seat(Arc<Seat<K, V, E>>),
    Job(Arc<Gate>),
}

impl<K, V, E> Spot<K, V, E> {
    /// Has `callback` called when there is something to tell, under no lock. Returns it if there was before.
    pub(super) fn call_back(&self, callback: Callback) -> Option<Callback> {
        match self {
            Self::Seat(seat) => {
                let Seat { follower, status, numbers, .. } = &**seat;
                follower.flight.gate().call_when_over(status, *numbers, callback)
            }
            Self::Job(gate) => gate.call_on_close(unique_number(), callback),
        }
    }
}
