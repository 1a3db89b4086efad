//! [`Seat`]: the place of a follower's ticket in a flight, with the function that it would run itself.
//!
//! The seat counts as waiting at the flight's gate from `submit` on, even if no thread waits there.
//! The function is taken once, by the first that needs it: by the seat's own job, when it begins an
//! execution of the flight (S36, S71) or when the outcome is unshareable (S40); or by the ticket, when
//! it is dropped. No job depends on a thread that waits with its ticket: the thread that ends a flight
//! hands over the jobs that the end calls for.

use std::sync::Arc;

use crate::core::AnyCore;
use crate::engine::answer::Answer;
use crate::engine::call::Follower;
use crate::engine::promise::Promise;
use crate::engine::tally::Departure;
use crate::engine::waiter::GraphWait;
use crate::observe::Origin;
use crate::outcome::Role;
use crate::submit::function::Function;
use crate::sync::Mutex;
use crate::wait::callbacks::Callback;
use crate::wait::clock::Nanos;
use crate::wait::deadlock::Cycle;
use crate::wait::seats::{GateSeat, SeatNumbers, SeatStatus, Seats};

pub(crate) struct Seat<K, V, E> {
    pub(crate) core: Arc<AnyCore<K, V, E>>,
    pub(crate) key: Arc<K>,
    pub(crate) follower: Follower<V, E>,
    pub(crate) status: SeatStatus,
    pub(crate) numbers: SeatNumbers,
    function: Mutex<Option<Function<K, V, E>>>,
    /// The span that submitted the call.
    pub(crate) origin: Origin,
    /// The promise of its own job, once there is one.
    job: Mutex<Option<Arc<Promise<V, E>>>>,
    /// The promise of a leader's ticket, if the call led before and follows now.
    pub(super) ticket: Option<Arc<Promise<V, E>>>,
}

impl<K, V, E> Seat<K, V, E> {
    /// The seat of a call that follows. `ticket` is the promise of its ticket if the call led before:
    /// its job has found no room for its execution.
    pub(crate) fn new(
        core: Arc<AnyCore<K, V, E>>,
        key: Arc<K>,
        follower: Follower<V, E>,
        function: Function<K, V, E>,
        origin: Origin,
        ticket: Option<Arc<Promise<V, E>>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            core,
            key,
            follower,
            status: SeatStatus::idle(),
            numbers: SeatNumbers::unique(),
            function: Mutex::new(Some(function)),
            origin,
            job: Mutex::new(ticket.clone()),
            ticket,
        })
    }

    /// Enters the seat at the gate. The flight may have ended, or have lost its leader, since the call
    /// was admitted.
    pub(crate) fn enter(self: &Arc<Self>)
    where
        Self: GateSeat + 'static,
    {
        let gate = self.follower.flight.gate();
        let seat = Callback::Seat(Arc::clone(self) as Arc<dyn GateSeat>);
        match gate.call_on_close(self.numbers.seat, seat) {
            Some(missed) => missed.call(),
            None => {
                let mut seats = Seats::none();
                seats.add(gate.begin_due());
                seats.begin();
            }
        }
    }

    pub(crate) fn take_function(&self) -> Option<Function<K, V, E>> {
        self.function.lock().take()
    }

    /// The promise of the flight.
    pub(crate) fn promise(&self) -> &Promise<V, E> {
        &self.follower.flight.promise
    }

    /// The promise of the seat's own job.
    pub(crate) fn job(&self) -> Arc<Promise<V, E>> {
        Arc::clone(self.job.lock().get_or_insert_with(Promise::of_job))
    }

    /// True if the call waits for its own job, and not for the flight.
    pub(crate) fn has_left(&self) -> bool {
        self.follower.flight.gate().has_left(&self.status)
    }

    /// The answer of the flight, once it has ended. The inner `None` means that the call gets the answer of its own job:
    /// it has left the flight, or the outcome is unshareable.
    pub(crate) fn answer(&self, waited: Nanos) -> Option<Option<Answer<V, E>>> {
        if self.has_left() {
            return Some(None);
        }
        let callers = self.promise().gate.callers_if_closed()?;
        // A flight closes without an outcome when its last call has left it: since the line above, this one.
        let completion = self.promise().completion();
        Some(completion.and_then(|completion| completion.answer(Role::Follower, callers, waited)))
    }

    /// Enters this thread's wait into the wait-for graph, if this thread leads a flight and the
    /// outcome is not there yet (S42).
    pub(crate) fn enter_wait(&self) -> Result<GraphWait, Cycle> {
        let table = &self.core.table;
        let mut graph = GraphWait::outside(table.leading_thread());
        graph.enter(table, &self.follower)?;
        Ok(graph)
    }
}

/// The hold of a ticket on its seat. Its drop gives the seat up.
pub(crate) struct Seated<K, V, E> {
    pub(crate) seat: Arc<Seat<K, V, E>>,
    /// How to count the call if its ticket is dropped before the flight has ended.
    pub(crate) departure: Departure,
    /// True until the seat is given up.
    pub(super) stays: bool,
}

impl<K, V, E> Seated<K, V, E> {
    /// Gives the seat up. Returns false if the flight has ended, or if the call waits for its own job.
    pub(crate) fn give_up(&mut self, departure: Departure) -> bool {
        self.stays = false;
        let Seat { core, follower, status, numbers, .. } = &*self.seat;
        core.table.give_up(follower, status, *numbers, departure)
    }
}

impl<K, V, E> Drop for Seated<K, V, E> {
    fn drop(&mut self) {
        // With a completion the call has been counted, and no lock is needed.
        let is_over = self.seat.promise().completion().is_some();
        if self.stays && !is_over && self.give_up(self.departure) {
            // No thread is going to run the function. Its drop is user code, so it comes after the
            // lock.
            drop(self.seat.take_function());
        }
    }
}
