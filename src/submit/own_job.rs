//! The jobs of a seat: the one that begins an execution of the flight, and the one that runs the function
//! for the call alone.

use std::sync::Arc;

use crate::core::AnyCore;
use crate::engine::call::Follower;
use crate::engine::completion::Completion;
use crate::engine::tally::Departure;
use crate::executor::Rejected;
use crate::observe::Origin;
use crate::submit::function::Function;
use crate::submit::job::{Duty, Task, Unrun};
use crate::submit::relay;
use crate::submit::seat::{Seat, Seated};
use crate::wait::clock::FOREVER;
use crate::wait::seats::{GateSeat, Rest, SeatStatus, Seats};

impl<K, V, E> Seat<K, V, E>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    /// Takes the seat of a call that was admitted as a follower. If an execution is due, its own job is
    /// handed over to begin it.
    pub(super) fn take(
        core: Arc<AnyCore<K, V, E>>,
        key: Arc<K>,
        follower: Follower<V, E>,
        function: Function<K, V, E>,
    ) -> Result<Seated<K, V, E>, Rejected> {
        let seat = Self::new(core, key, follower, function, Origin::here(), None);
        let seated = Seated { seat, departure: Departure::Dropped, stays: true };
        seated.seat.enter();
        if seated.seat.core.table.try_seat(&seated.seat.follower, &seated.seat.status) {
            seated.seat.candidate().submit()?;
        }
        Ok(seated)
    }

    /// The job by which this seat begins an execution of its flight, if one is due then.
    pub(super) fn candidate(self: &Arc<Self>) -> Task<K, V, E> {
        Task {
            core: Arc::clone(&self.core),
            key: Arc::clone(&self.key),
            function: None,
            duty: Duty::Candidate(Arc::clone(self)),
            origin: self.origin.clone(),
            promise: self.job(),
            max_age: FOREVER,
        }
    }
}

impl<K, V, E> GateSeat for Seat<K, V, E>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    fn status(&self) -> &SeatStatus {
        &self.status
    }

    fn answers_a_job(&self) -> bool {
        self.ticket.is_some()
    }

    fn flight_has_ended(&self) {
        let Some(completion) = self.promise().completion() else { return };
        if completion.is_unshared() {
            let function = self.take_function().expect("a seat that is called has not been left");
            let task = Task {
                core: Arc::clone(&self.core),
                key: Arc::clone(&self.key),
                function: Some(function),
                duty: Duty::Bypass(self.follower.slot.hash),
                origin: self.origin.clone(),
                promise: self.job(),
                max_age: FOREVER,
            };
            // The loss of a rejected job answers its ticket.
            task.pass_on().begin();
        } else if let Some(ticket) = &self.ticket {
            let callers = self.promise().gate.callers_if_closed().unwrap_or(1);
            ticket.close(completion.clone(), callers).run();
        }
    }

    fn pass_on(&self, rest: Rest) {
        let executor = self.core.expect_executor();
        let is_unshared = self.promise().completion().is_some_and(Completion::is_unshared);
        if is_unshared && !executor.never_blocks() {
            // A job would run the functions of the calls one after the other (S40).
            return rest();
        }
        relay::pass_on(executor, rest);
    }

    fn begin_flight(self: Arc<Self>) -> Seats {
        self.candidate().pass_on()
    }

    fn lose_flight(self: Arc<Self>) -> Seats {
        self.candidate().end_unrun(Unrun::Dropped)
    }
}
