//! How a follower leaves before its flight ends: its deadline came, or its ticket gave the seat up.

use crate::engine::call::Follower;
use crate::engine::table::{Deferred, Locked, Table};
use crate::engine::tally::Departure;
use crate::wait::gate_seats::LeftSeat;
use crate::wait::gate_state::Phase;
use crate::wait::seats::{SeatNumbers, SeatStatus, Seats};

impl<K, V, E> Table<K, V, E> {
    /// Counts a follower whose deadline came first.
    pub(crate) fn time_out(&self, follower: &Follower<V, E>) {
        let mut shard = self.shard(follower.slot.hash).lock();
        shard.tally.timed_out += 1;
        self.desert(shard, follower).begin();
    }

    /// Lets a call leave that waited on its thread, and counts it as `departure` says. Returns false if
    /// the flight has ended: then the call has been counted.
    pub(crate) fn leave(&self, follower: &Follower<V, E>, departure: Departure) -> bool {
        self.leave_as(follower, 0, departure)
    }

    /// Lets a call of many keys leave one of the flights that it waits for, and counts it as `departure`
    /// says. Returns false if the flight has ended: then the call has been counted.
    pub(crate) fn leave_berth(&self, follower: &Follower<V, E>, departure: Departure) -> bool {
        self.leave_as(follower, 1, departure)
    }

    fn leave_as(&self, follower: &Follower<V, E>, seats: usize, departure: Departure) -> bool {
        let mut shard = self.shard(follower.slot.hash).lock();
        let mut state = follower.flight.gate().lock();
        if state.phase == Phase::Closed {
            return false;
        }
        state.waiting -= 1;
        state.seats -= seats;
        drop(state);
        shard.tally.count_departure(departure);
        self.desert(shard, follower).begin();
        // It may be the one that was notified of a start that is due.
        follower.flight.gate().notify_all();
        true
    }

    /// Lets a ticket give its seat up, and counts it as `departure` says. Returns false if the flight
    /// has ended, or if the call has left the seat: then the call has been counted.
    pub(crate) fn give_up(
        &self,
        follower: &Follower<V, E>,
        status: &SeatStatus,
        numbers: SeatNumbers,
        departure: Departure,
    ) -> bool {
        let left = self.leave_seat(follower, status, numbers, departure);
        let Some((_left, seats)) = left else { return false };
        seats.begin();
        true
    }

    /// Ends a candidate whose job was lost: rejected, or dropped before it began. Its call is refused.
    /// Returns what it leaves, and the seats that are to begin the flight; or `None` if the call has
    /// left the seat or the flight has ended.
    pub(crate) fn lose_candidate(
        &self,
        follower: &Follower<V, E>,
        status: &SeatStatus,
        numbers: SeatNumbers,
    ) -> Option<(LeftSeat, Seats)> {
        self.leave_seat(follower, status, numbers, Departure::Refused)
    }

    fn leave_seat(
        &self,
        follower: &Follower<V, E>,
        status: &SeatStatus,
        numbers: SeatNumbers,
        departure: Departure,
    ) -> Option<(LeftSeat, Seats)> {
        let mut shard = self.shard(follower.slot.hash).lock();
        let gate = follower.flight.gate();
        if !gate.is_seated(status) {
            return None;
        }
        let left = gate.leave_seat(status, numbers);
        shard.tally.count_departure(departure);
        Some((left, self.desert(shard, follower)))
    }

    /// Goes on when a call has left a flight. The last to leave a flight that is due and that no call
    /// has begun removes it. If only tickets are left there, one of them is to begin it.
    fn desert(&self, mut shard: Locked<'_, K, V, E>, follower: &Follower<V, E>) -> Seats {
        let gate = follower.flight.gate();
        let mut deferred = Deferred::new();
        if gate.close_deserted() {
            self.hand_over(&mut shard, follower.slot.id, &follower.flight, &mut deferred);
        } else if gate.is_due_at_once() {
            deferred.due.push(follower.flight.clone());
            self.let_pass(&mut shard, (follower.slot.id, &follower.flight), &mut deferred);
        }
        drop(shard);
        deferred.finish()
    }
}
