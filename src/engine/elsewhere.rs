//! How a leader asks elsewhere before it runs its function: another process may have the result, or may
//! run the function now (S76 to S80).
//!
//! ```text
//! Execution ── ask ──┬─ led here ─────▶ begin_here, run, end as ever
//!                    ├─ served ───────▶ end_served: the result is another process's
//!                    └─ nothing ──────▶ resign: one of the calls that wait asks next
//! ```
//!
//! While a leader asks, its flight is not due for a take-over: no function has begun here. A result that
//! was computed elsewhere may be too old for a call that joined meanwhile. Then the leader has it alone,
//! and the flight goes on with the next call, as after an error that is its leader's own (S72).

use std::mem::ManuallyDrop;

use crate::engine::completion::{Completion, Made};
use crate::engine::execution::Execution;
use crate::engine::queued::Queued;
use crate::engine::shard::Shard;
use crate::engine::slab::SlotId;
use crate::engine::slot::{ShortHash, SlotRef};
use crate::engine::table::{Deferred, Table};
use crate::engine::tally::Departure;
use crate::wait::clock::{FOREVER, Nanos};
use crate::wait::contain::drop_contained;
use crate::wait::seats::Seats;

/// A result of another process, and the calls that it is for.
pub(crate) struct Served<V, E> {
    /// Its start is the one that the tier names, by which it may be too old for a call that waits.
    pub(crate) completion: Completion<V, E>,
    /// The start that it is kept with.
    pub(crate) start: Nanos,
    /// The result is for calls that entered before this time.
    pub(crate) good_until: Nanos,
}

impl<K, V, E> Execution<'_, K, V, E> {
    /// Leads the flight here since `start`, as the answer from elsewhere says. With `shuts`, its result is not
    /// for calls that come from now on.
    pub(crate) fn begin_here(&mut self, start: Nanos, shuts: bool) {
        self.table.begin_here(self.slot, (self.start, start), shuts);
        self.start = start;
    }

    /// Ends the flight with a result from elsewhere. Returns how many calls it answered.
    pub(crate) fn end_served(self, served: &mut Served<V, E>) -> usize {
        // It owns nothing; the work of its drop is done here.
        let execution = ManuallyDrop::new(self);
        execution.leave_thread();
        let mut callers = 1;
        execution.table.serve(&execution, served, |_, followers| callers = followers + 1).begin();
        callers
    }

    /// Leaves the flight without a result. One of the calls that wait leads next.
    pub(crate) fn resign(self, departure: Departure) {
        let execution = ManuallyDrop::new(self);
        execution.leave_thread();
        execution.table.lose(&execution, departure);
    }
}

impl<V, E> Queued<V, E> {
    /// Leads the flight here since `start`, as the answer from elsewhere says. With `shuts`, its result is not
    /// for calls that come from now on.
    pub(crate) fn begin_here<K>(&mut self, table: &Table<K, V, E>, start: Nanos, shuts: bool) {
        table.begin_here(self.slot, (self.start, start), shuts);
        self.start = start;
    }

    /// Ends the flight with a result from elsewhere, then calls `published(result, callers)`; no user code runs
    /// before that. Returns the seats that are to begin the next flight.
    pub(crate) fn end_served<K>(
        self,
        table: &Table<K, V, E>,
        served: &mut Served<V, E>,
        published: impl FnOnce(&Completion<V, E>, usize),
    ) -> Seats {
        let Self { slot, start, leader, .. } = self;
        let execution = ManuallyDrop::new(Execution { table, slot, start, leader });
        table.serve(&execution, served, |result, followers| published(result, followers + 1))
    }
}

impl<K, V, E> Shard<K, V, E> {
    /// True if the result of the flight in this slot will not be for a call that comes now.
    pub(super) fn is_shut(&self, id: SlotId) -> bool {
        self.slot(id).flight().is_some_and(|flight| flight.is_shut())
    }
}

impl<K, V, E> Table<K, V, E> {
    /// Begins to ask elsewhere for the flight in this slot. No call takes over meanwhile. With `shuts`,
    /// the answer is not for calls that come from now on: they wait for the next flight. Returns the
    /// time at which, or after which, a result must have begun for all calls of the flight to accept it.
    pub(crate) fn begin_to_ask(&self, slot: SlotRef, shuts: bool) -> Nanos {
        let mut shard = self.shard(slot.hash).lock();
        let flight = self.flight_of(&mut shard, slot.id);
        let is_only = flight.gate().suspend();
        flight.begin_to_ask(shuts, is_only);
        flight.not_before()
    }

    /// Lets calls join the flight in this slot, or lets them wait for the next one. Returns true if a call has
    /// joined since the flight began to ask.
    pub(crate) fn set_door(&self, slot: SlotRef, opens: bool) -> bool {
        let mut shard = self.shard(slot.hash).lock();
        self.flight_of(&mut shard, slot.id).set_door(opens)
    }

    /// Begins the execution of a flight that asked elsewhere at `asked`. It counts from `start`.
    fn begin_here(&self, slot: SlotRef, (asked, start): (Nanos, Nanos), shuts: bool) {
        let mut shard = self.shard(slot.hash).lock();
        let flight = self.flight_of(&mut shard, slot.id);
        flight.set_door(!shuts);
        if flight.gate().resume(asked, start) {
            shard.slot_mut(slot.id).start = start;
        }
        let mut deferred = Deferred::new();
        self.reschedule(&shard, &flight, &mut deferred);
        drop(shard);
        deferred.finish().begin();
    }

    fn serve(
        &self,
        execution: &Execution<'_, K, V, E>,
        served: &mut Served<V, E>,
        published: impl FnOnce(&Completion<V, E>, usize),
    ) -> Seats {
        let Served { completion, start, good_until } = served;
        let mut deferred = Deferred::new();
        let kept = match self.rules.keeps_any() {
            true => self.reserve(execution, completion, &mut deferred.removed),
            false => None,
        };
        let mut shard = self.shard(execution.slot.hash).lock();
        // Read under the lock: no call joins after it.
        let now = if *good_until == FOREVER { 0 } else { self.clock.now() };
        shard.tally.count_shared();
        let flight = self.flight_of(&mut shard, execution.slot.id);
        let is_late = now >= *good_until || completion.start < flight.not_before();
        completion.made = Made::Elsewhere { is_late };
        completion.start = *start;
        let completion = &*completion;
        let published = |followers| published(completion, followers);
        self.end_flight(shard, execution, &flight, completion, (kept, deferred), published)
    }

    /// Removes the kept result of this completion, if a key of this hash still has it.
    pub(crate) fn remove_kept(&self, hash: ShortHash, completion: &Completion<V, E>) {
        let mut shard = self.shard(hash).lock();
        let kept = shard.find_slot(hash, |slot| slot.state.keeps(completion));
        let removed = kept.map(|id| self.take_result(&mut shard, id));
        drop(shard);
        drop_contained(removed);
    }
}
