//! Take-over: one more execution of a flight whose youngest is stuck (S36).
//!
//! "The time when one more execution may begin" is the whole mechanism of take-overs, and of
//! successors (S30). It is never, or the youngest execution's start plus `leader_timeout`, or any
//! time, once the predecessor has ended. A waiter or a new arrival claims such a start under the
//! locks of shard and gate, so exactly one call gets it.

use crate::engine::call::Follower;
use crate::engine::execution::Execution;
use crate::engine::slot::SlotRef;
use crate::engine::table::{Locked, Table};
use crate::sync::this_thread;
use crate::wait::clock::{FOREVER, Nanos};
use crate::wait::gate::Gate;

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
        if is_alone && self.clock.is_before(entry, self.next_start(found.start, 1)) {
            return None;
        }
        let flight = self.flight_of(shard, slot.id);
        let execution = self.claim(shard, flight.gate(), slot, || self.clock.refine(entry))?;
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
        let now = self.clock.now();
        let mut shard = self.shard(follower.slot.hash).lock();
        let gate = follower.flight.gate();
        let execution = self.claim(&mut shard, gate, follower.slot, || now)?;
        gate.end_wait(execution.leader);
        let callback = gate.leave(&follower.callback);
        drop(shard);
        // Its captures are the user's: dropped after the lock.
        drop(callback);
        Some(execution)
    }

    fn claim<'t>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        gate: &Gate,
        slot: SlotRef,
        now: impl FnOnce() -> Nanos,
    ) -> Option<Execution<'t, K, V, E>> {
        let leader = this_thread(|me| me.token());
        let (begun, now) = gate.claim(leader, now, |begun, now| self.next_start(now, begun))?;
        shard.tally.running += 1;
        if begun > 1 {
            shard.tally.takeovers += 1;
        } else {
            shard.slot_mut(slot.id).start = now;
            shard.overtake(slot.id);
            if self.reports_slow() {
                gate.set_slow_at(self.slow_at(now));
            }
        }
        Some(Execution { table: self, slot, start: now, leader })
    }

    /// When one more execution may begin on a slot whose `begun`-th began at `start`.
    pub(super) fn next_start(&self, start: Nanos, begun: usize) -> Nanos {
        if begun >= self.rules.max_leaders {
            return FOREVER;
        }
        start.saturating_add(self.rules.leader_timeout)
    }
}
