//! How a follower leaves before its flight ends: its deadline came, or its ticket gave the seat up.

use crate::engine::call::Follower;
use crate::engine::table::Table;
use crate::engine::tally::Departure;
use crate::wait::gate_state::Phase;

impl<K, V, E> Table<K, V, E> {
    /// Counts a follower whose deadline came first. The last to leave a flight that is due and that
    /// no call has begun removes it.
    pub(crate) fn time_out(&self, follower: &Follower<V, E>) {
        let mut shard = self.shard(follower.slot.hash).lock();
        shard.tally.timed_out += 1;
        let is_deserted = follower.flight.gate().close_deserted();
        let removed = is_deserted.then(|| shard.remove(follower.slot.id));
        drop(shard);
        drop(removed);
    }

    /// Lets a ticket give its seat up, and counts it as `departure` says. Returns false if the flight
    /// has ended: then the ticket has been counted as a follower.
    pub(crate) fn give_up(&self, follower: &Follower<V, E>, departure: Departure) -> bool {
        let mut shard = self.shard(follower.slot.hash).lock();
        let gate = follower.flight.gate();
        if gate.lock().phase == Phase::Closed {
            return false;
        }
        let callback = gate.leave(&follower.callback);
        shard.tally.count_departure(departure);
        drop(shard);
        // Its captures are the user's: dropped after the lock.
        drop(callback);
        true
    }
}
