//! [`Seat`]: the place of a follower's ticket in a flight, with the function that it would run itself.
//!
//! The seat counts as waiting at the flight's gate from `submit` on, even if no thread waits there.
//! The function is taken once, by the first that needs it: by the ticket, when it takes over (S36)
//! or is dropped; or by the thread that ends the flight, when the outcome is unshareable (S40).
//! That thread starts the jobs of all seats at once, and no job depends on a thread that waits with
//! its ticket.

use std::sync::Arc;

use crate::core::AnyCore;
use crate::engine::call::Follower;
use crate::engine::promise::Promise;
use crate::engine::tally::Departure;
use crate::submit::job::{Duty, Function, Task};
use crate::sync::Mutex;
use crate::wait::deadlock;

pub(crate) struct Seat<K, V, E> {
    pub(crate) core: Arc<AnyCore<K, V, E>>,
    pub(crate) key: Arc<K>,
    pub(crate) follower: Follower<V, E>,
    function: Mutex<Option<Function<K, V, E>>>,
    /// The promise of its own job, which runs if the outcome is unshareable. `None` without
    /// `share_if` and `share_with`.
    job: Option<Arc<Promise<V, E>>>,
}

impl<K, V, E> Seat<K, V, E>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    /// Takes the seat of a call that was admitted as a follower.
    pub(crate) fn take(
        core: Arc<AnyCore<K, V, E>>,
        key: Arc<K>,
        follower: Follower<V, E>,
        function: Function<K, V, E>,
    ) -> Seated<K, V, E> {
        let job = core.share_if.is_some().then(Promise::of_job);
        let function = Mutex::new(Some(function));
        let seat = Arc::new(Self { core, key, follower, function, job });
        if seat.job.is_some() {
            let at_the_end = Arc::clone(&seat);
            let gate = seat.follower.flight.gate();
            let number = |number| seat.follower.callback.set(number);
            let missed = gate.call_on_close(move || at_the_end.flight_has_ended(), number);
            if let Some(callback) = missed {
                callback();
            }
        }
        Seated { seat, departure: Departure::Dropped, stays: true }
    }

    /// Submits the seat's own job if the outcome of the ended flight is unshareable. Called when
    /// the gate closes.
    fn flight_has_ended(&self) {
        let completion = self.promise().completion();
        if !completion.is_some_and(|completion| completion.is_unshared()) {
            return;
        }
        let function = self.take_function().expect("a seat that is called has not been left");
        let task = Task {
            core: Arc::clone(&self.core),
            key: Arc::clone(&self.key),
            function: Some(function),
            duty: Duty::Bypass(self.follower.slot.hash),
            promise: Arc::clone(self.job()),
        };
        // The drop of a rejected job answers its ticket.
        task.submit().ok();
    }
}

impl<K, V, E> Seat<K, V, E> {
    pub(crate) fn take_function(&self) -> Option<Function<K, V, E>> {
        self.function.lock().take()
    }

    /// The promise of the flight.
    pub(crate) fn promise(&self) -> &Promise<V, E> {
        &self.follower.flight.promise
    }

    /// The promise of the seat's own job.
    pub(crate) fn job(&self) -> &Arc<Promise<V, E>> {
        self.job.as_ref().expect("only a rule makes a value unshareable, and then there is one")
    }

    /// Enters this thread's wait into the wait-for graph, if this thread leads a flight and the
    /// outcome is not there yet (S42).
    pub(crate) fn enter_wait(&self) -> Result<Option<deadlock::Wait>, deadlock::Cycle> {
        let Some(me) = deadlock::leading_thread() else { return Ok(None) };
        // A flight enters the graph under its shard's lock.
        let shard = self.core.table.shard(self.follower.slot.hash).lock();
        let entered = self.follower.flight.gate().enter_wait(me);
        drop(shard);
        entered
    }
}

/// The hold of a ticket on its seat. Its drop gives the seat up.
pub(crate) struct Seated<K, V, E> {
    pub(crate) seat: Arc<Seat<K, V, E>>,
    /// How to count the call if its ticket is dropped before the flight has ended.
    pub(crate) departure: Departure,
    /// True until the seat is given up or its call leads.
    stays: bool,
}

impl<K, V, E> Seated<K, V, E> {
    /// Gives the seat up. Returns false if the flight has ended.
    pub(crate) fn give_up(&mut self, departure: Departure) -> bool {
        self.stays = false;
        self.seat.core.table.give_up(&self.seat.follower, departure)
    }

    /// Notes that the call leads an execution now, and no longer waits in its seat.
    pub(crate) fn has_claimed(&mut self) {
        self.stays = false;
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
