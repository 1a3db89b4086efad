//! A follower's ticket: its seat in a flight, with the function that it would run itself.
//!
//! The seat counts as waiting at the flight's gate from the moment of `submit`, whether or not a
//! thread waits there. Its function is taken by whoever comes first: the ticket, when it takes over
//! (S36) or is dropped; or the end of the flight, when the outcome cannot be shared (S40), so that
//! all seats are released at once and none waits until somebody looks at its ticket.

use std::sync::Arc as StdArc;

use crate::engine::admit::Follower;
use crate::engine::slot::Ending;
use crate::group::AnyCore;
use crate::stats::Parting;
use crate::submit::job::{Duty, Function, Task};
use crate::submit::own::{Answer, Own};
use crate::sync::{Mutex, unique_number};
use crate::wait::clock::Nanos;
use crate::wait::deadlock;
use crate::wait::gate::Phase;

pub(crate) struct Seat<K, V, E> {
    pub(crate) core: StdArc<AnyCore<K, V, E>>,
    pub(crate) key: StdArc<K>,
    pub(crate) follower: Follower<V, E>,
    function: Mutex<Option<Function<K, V, E>>>,
    /// What comes of its function where the flight's value is not for it; only where there is a
    /// rule about that.
    own: Option<StdArc<Own<V, E>>>,
}

impl<K, V, E> Seat<K, V, E>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    /// Takes the seat of a call that was admitted as a follower.
    pub(crate) fn take(
        core: StdArc<AnyCore<K, V, E>>,
        key: StdArc<K>,
        follower: Follower<V, E>,
        function: Function<K, V, E>,
    ) -> Seated<K, V, E> {
        let own = core.share_if.is_some().then(Own::new);
        let function = Mutex::new(Some(function));
        let follower = Follower { call: unique_number(), ..follower };
        let seat = StdArc::new(Self { core, key, follower, function, own });
        if seat.own.is_some() {
            let at_the_end = StdArc::clone(&seat);
            let gate = &seat.follower.room.gate;
            let missed = gate.call_when_closed(seat.follower.call, move || at_the_end.released());
            if let Some(call) = missed {
                call();
            }
        }
        Seated { seat, parting: Parting::Dropped, stays: true }
    }

    /// The flight has ended. If its value is not for this seat, its own function runs, at once.
    fn released(&self) {
        let ending = self.follower.room.ending.get();
        if !matches!(ending, Some(Ending::Unshared)) {
            return;
        }
        let function = self.take_function().expect("a seat that is called has not been left");
        let task = Task {
            core: StdArc::clone(&self.core),
            key: StdArc::clone(&self.key),
            function: Some(function),
            duty: Duty::Alone(self.follower.hash),
            own: StdArc::clone(self.own()),
        };
        // A job that is not taken has been dropped, and has told its ticket so.
        task.submit().ok();
    }
}

impl<K, V, E> Seat<K, V, E> {
    pub(crate) fn take_function(&self) -> Option<Function<K, V, E>> {
        self.function.lock().take()
    }

    /// What the end of the flight is to this seat, if it has ended.
    pub(crate) fn ended(&self, waited: Nanos) -> Option<Ended<'_, V, E>> {
        let room = &self.follower.room;
        let state = room.gate.lock();
        let callers = (state.phase == Phase::Closed).then_some(state.waiting + 1)?;
        drop(state);
        let ending = room.ending.get().expect("it is set before the gate is closed");
        Some(match ending.answer(callers, waited) {
            Some(answer) => Ended::Answered(answer),
            None => Ended::Released(self.own()),
        })
    }

    fn own(&self) -> &StdArc<Own<V, E>> {
        self.own.as_ref().expect("only a rule makes a value unshareable, and then there is one")
    }

    /// Enters that this thread waits here, if it leads something and the flight goes on (S42).
    pub(crate) fn enter_wait(&self) -> Result<Option<deadlock::Wait>, deadlock::Cycle> {
        let Some(me) = deadlock::leading_thread() else { return Ok(None) };
        let shard = self.core.table.shard(self.follower.hash).lock();
        let entered = self.follower.room.gate.enter_wait(me);
        drop(shard);
        entered
    }
}

/// What a seat has of its flight's end.
pub(crate) enum Ended<'s, V, E> {
    Answered(Answer<V, E>),
    /// Its own job, as the outcome is not for it.
    Released(&'s StdArc<Own<V, E>>),
}

/// A ticket's hold on its seat. Dropped, it gives the seat up.
pub(crate) struct Seated<K, V, E> {
    pub(crate) seat: StdArc<Seat<K, V, E>>,
    /// What the call is counted as if its ticket is dropped before the flight has ended.
    pub(crate) parting: Parting,
    /// Whether the seat is still to be given up.
    stays: bool,
}

impl<K, V, E> Seated<K, V, E> {
    /// Gives the seat up, and says no if the flight has ended.
    pub(crate) fn give_up(&mut self, parting: Parting) -> bool {
        self.stays = false;
        self.seat.core.table.give_up(&self.seat.follower, parting)
    }

    /// The call has claimed an execution and has no seat any more.
    pub(crate) fn has_claimed(&mut self) {
        self.stays = false;
    }
}

impl<K, V, E> Drop for Seated<K, V, E> {
    fn drop(&mut self) {
        // With an ending the seat has been counted, and there is no need for a lock.
        let is_over = self.seat.follower.room.ending.get().is_some();
        if self.stays && !is_over && self.give_up(self.parting) {
            // The function is the user's to drop, and nobody is going to run it.
            drop(self.seat.take_function());
        }
    }
}
