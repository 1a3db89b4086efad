//! The list of flights that an operator reads.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::slab::SlotId;
use crate::engine::slot::Slot;
use crate::engine::table::Table;
use crate::in_flight::{Elsewhere, InFlight};
use crate::sync::thread_of;
use crate::wait::clock::Nanos;
use crate::wait::deadlock::ThreadToken;

/// A flight as it was seen under its shard's lock.
struct Seen<K> {
    key: Arc<K>,
    start: Nanos,
    followers: usize,
    executions: usize,
    leader: Option<ThreadToken>,
}

impl<K, V, E> Table<K, V, E> {
    /// The flights that run now, the oldest first. Each shard is locked in turn; `show` makes of a
    /// key whatever the reader may see, under no lock.
    pub(crate) fn in_flight<T>(
        &self,
        show: impl Fn(&K) -> (T, Option<Elsewhere>),
    ) -> Vec<InFlight<T>> {
        let mut seen = Vec::new();
        for shard in self.shards() {
            let mut shard = shard.lock();
            let running: Vec<SlotId> = shard.running_slots().collect();
            // Of two that began at the same reading of the clock, the older one was inserted first.
            let oldest_first = running.into_iter().rev();
            seen.extend(oldest_first.filter_map(|id| Seen::of(shard.slot_mut(id))));
        }
        seen.sort_by_key(|flight| flight.start);
        let now = self.clock.now();
        seen.into_iter().map(|flight| flight.describe(now, &show)).collect()
    }
}

impl<K> Seen<K> {
    fn of<V, E>(slot: &mut Slot<K, V, E>) -> Option<Self> {
        let running = slot.running()?;
        let (followers, executions, leader) = match &running.flight {
            None => (0, 1, Some(running.leader)),
            Some(flight) => {
                let state = flight.gate().lock();
                (state.followers(), state.running + state.queued, state.leaders.first().copied())
            }
        };
        let is_under_way = executions > 0 || followers > 0;
        is_under_way.then(|| Self {
            start: slot.start,
            key: slot.key.share(),
            followers,
            executions,
            leader,
        })
    }

    fn describe<T>(self, now: Nanos, show: &impl Fn(&K) -> (T, Option<Elsewhere>)) -> InFlight<T> {
        let (key, elsewhere) = show(&self.key);
        InFlight {
            key,
            age: Duration::from_nanos(now.saturating_sub(self.start)),
            followers: self.followers,
            executions: self.executions,
            leader: self.leader.and_then(thread_of),
            elsewhere,
        }
    }
}
