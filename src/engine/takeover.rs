//! Take-over: one more execution of a flight whose youngest is stuck (S36).
//!
//! "The time when one more execution may begin" is the whole mechanism of take-overs, and of
//! successors (S30). It is never, or the youngest execution's start plus `leader_timeout`, or any
//! time, once the predecessor has ended or the leader is lost. It is never while `max_leaders`
//! executions run (`chain.rs`). A waiter or a new arrival claims such a start under the locks of shard
//! and gate, so exactly one call gets it. A ticket claims it when its job begins (`seats.rs`).

use std::sync::Arc;

use crate::engine::call::Follower;
use crate::engine::execution::Execution;
use crate::engine::flight::Flight;
use crate::engine::slot::SlotRef;
use crate::engine::table::{Deferred, Locked, Table};
use crate::sync::this_thread;
use crate::wait::clock::{FOREVER, Nanos};
use crate::wait::deadlock::ThreadToken;
use crate::wait::seats::{Candidacy, SeatNumbers, SeatStatus, Seats};

impl<K, V, E> Table<K, V, E> {
    /// Begins one more execution for a new arrival where one is due: a take-over, or a successor.
    pub(super) fn claim_on_arrival<'t>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        slot: SlotRef,
        entry: Nanos,
    ) -> Option<Execution<'t, K, V, E>> {
        let found = shard.slot(slot.id);
        let is_alone = found.flight().is_none();
        if is_alone && self.clock.is_before(entry, self.second_start(found.start)) {
            return None;
        }
        let flight = self.flight_of(shard, slot.id);
        let execution = self.claim_here(shard, &flight, slot, || self.clock.refine(entry))?;
        shard.slot_mut(slot.id).admit_a_call(self.rules.max_requests);
        shard.tally.count_call();
        Some(execution)
    }

    /// Begins one more execution for a follower that was woken for it. It no longer counts as waiting
    /// then.
    pub(crate) fn claim_as_follower<'t>(
        &'t self,
        follower: &Follower<V, E>,
    ) -> Option<Execution<'t, K, V, E>> {
        self.claim_for(follower, 0)
    }

    /// Does the same for one key of a call of many, whose place in the flight is a seat.
    pub(crate) fn claim_in_berth<'t>(
        &'t self,
        follower: &Follower<V, E>,
    ) -> Option<Execution<'t, K, V, E>> {
        self.claim_for(follower, 1)
    }

    fn claim_for<'t>(
        &'t self,
        follower: &Follower<V, E>,
        seats: usize,
    ) -> Option<Execution<'t, K, V, E>> {
        let now = self.clock.now();
        let mut shard = self.shard(follower.slot.hash).lock();
        let flight = &follower.flight;
        let execution = self.claim_here(&mut shard, flight, follower.slot, || now)?;
        let mut state = flight.gate().lock();
        state.waiting -= 1;
        state.seats -= seats;
        drop(state);
        Some(execution)
    }

    /// Lets the ticket of this seat try to begin one more execution, by a job.
    pub(crate) fn try_seat(&self, follower: &Follower<V, E>, status: &SeatStatus) -> bool {
        follower.flight.gate().try_seat(status, &self.clock, self.rules.leader_timeout)
    }

    /// Begins one more execution for the candidate of this seat, on the thread of its job. The call no
    /// longer waits in its seat then. `None` if none is due any more, or if the call does not need it.
    /// The job marks its thread as `leader`, and not the execution.
    pub(crate) fn claim_as_candidate<'t>(
        &'t self,
        follower: &Follower<V, E>,
        status: &SeatStatus,
        numbers: SeatNumbers,
        leader: ThreadToken,
    ) -> Option<Execution<'t, K, V, E>> {
        let now = self.clock.now();
        let mut shard = self.shard(follower.slot.hash).lock();
        let flight = &follower.flight;
        match flight.gate().begin_candidate(status, now) {
            Candidacy::Due => {}
            Candidacy::Waits => {
                drop(shard);
                // Perhaps a call with a thread was to begin the flight, and has left.
                let mut seats = Seats::none();
                seats.add(flight.gate().begin_due());
                seats.begin();
                return None;
            }
            Candidacy::Over => return None,
        }
        let execution = self.claim(&mut shard, flight, follower.slot, leader, || now)?;
        let left = flight.gate().leave_seat(status, numbers);
        drop(shard);
        left.wait_for_job();
        Some(execution)
    }

    /// Claims an execution for the calling thread, and marks it as the leader.
    fn claim_here<'t>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        flight: &Arc<Flight<V, E>>,
        slot: SlotRef,
        now: impl FnOnce() -> Nanos,
    ) -> Option<Execution<'t, K, V, E>> {
        let leader = this_thread(|me| me.next_token());
        let execution = self.claim(shard, flight, slot, leader, now)?;
        this_thread(|me| me.descend());
        Some(execution)
    }

    fn claim<'t>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        flight: &Arc<Flight<V, E>>,
        slot: SlotRef,
        leader: ThreadToken,
        now: impl FnOnce() -> Nanos,
    ) -> Option<Execution<'t, K, V, E>> {
        let (before, now) = flight.gate().claim(leader, now)?;
        shard.tally.running += 1;
        if before > 0 {
            shard.tally.takeovers += 1;
        } else {
            shard.slot_mut(slot.id).start = now;
            shard.overtake(slot.id);
            if self.reports_slow() {
                flight.gate().set_slow_at(self.slow_at(now));
            }
        }
        let mut deferred = Deferred::new();
        self.reschedule(shard, flight, &mut deferred);
        debug_assert!(deferred.due.is_empty(), "one more execution makes no room");
        Some(Execution { table: self, slot, start: now, leader })
    }

    /// When a second execution may begin on a slot whose first began at `start`.
    pub(super) fn second_start(&self, start: Nanos) -> Nanos {
        match self.rules.max_leaders {
            0 | 1 => FOREVER,
            _ => self.due_after(start),
        }
    }
}
