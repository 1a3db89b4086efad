//! The window: how long a result is kept, and how it goes.
//!
//! A result is within its window from the start of its computation until [`Rules::window_end`]. It serves
//! calls until then, or for a shorter time of its own (S74). Both ends are compared here alone: by
//! [`Rules::is_within_window`] and [`Table::is_live`] with a precise reading of the clock, and by
//! [`Table::serves`] with a coarse one. So is the time at which a refresh is due, by [`Table::serves_undue`].
//!
//! No thread sweeps. Each execution, when it ends, removes a few results whose window is over, of its
//! own shard and in turn of the others (S47). Their destructors are a stranger's code: they run after
//! the outcome is published. In a bounded table a new result evicts an expired one, or the oldest.

use crate::engine::capacity::Reservation;
use crate::engine::completion::Completion;
use crate::engine::execution::Execution;
use crate::engine::reach::Life;
use crate::engine::rules::Kind;
use crate::engine::rules::Rules;
use crate::engine::slab::SlotId;
use crate::engine::slot::{ShortHash, Slot};
use crate::engine::table::{Locked, Removed, Table};
use crate::wait::clock::{FOREVER, Nanos};

impl Rules {
    /// The end of the window of a result whose computation began at `start`.
    #[inline]
    pub(crate) fn window_end(&self, kind: Kind, start: Nanos) -> Nanos {
        start.saturating_add(self.window_of(kind))
    }

    /// True if a result is within its window at this precise time.
    #[inline]
    pub(crate) fn is_within_window(&self, kind: Kind, start: Nanos, now: Nanos) -> bool {
        now < self.window_end(kind, start)
    }

    /// How long a result serves calls, from its start.
    #[inline(always)]
    fn lifetime(&self, kind: Kind, life: Life) -> Nanos {
        life.within(self.window_of(kind))
    }
}

impl<K, V, E> Table<K, V, E> {
    /// True if a result may serve a call at this coarse time: it is within its lifetime, and not older
    /// than the call accepts.
    #[inline(always)]
    pub(super) fn serves(
        &self,
        (kind, life): (Kind, Life),
        start: Nanos,
        coarse: Nanos,
        max_age: Nanos,
    ) -> bool {
        let end = start.saturating_add(self.rules.lifetime(kind, life).min(max_age));
        self.clock.is_before(coarse, end)
    }

    /// True if a result may serve a call at this coarse time, and no refresh of it is due.
    #[inline(always)]
    pub(super) fn serves_undue(
        &self,
        (kind, life): (Kind, Life),
        start: Nanos,
        coarse: Nanos,
        max_age: Nanos,
    ) -> bool {
        let end = start.saturating_add(life.within(self.rules.undue_for(kind)).min(max_age));
        self.clock.is_before(coarse, end)
    }

    /// True if a slot keeps a result that serves calls at this precise time.
    pub(super) fn is_live(&self, slot: &Slot<K, V, E>, now: Nanos) -> bool {
        let kept = slot.kind().zip(slot.kept());
        let lifetime = kept.map(|(kind, kept)| self.rules.lifetime(kind, kept.life));
        lifetime.is_some_and(|lifetime| now < slot.start.saturating_add(lifetime))
    }

    /// Decides if a window keeps this result, if its flight is still the one of its key (S8, S18).
    /// Reads the clock and, in a bounded table, reserves space, before the shard is locked.
    #[inline]
    pub(super) fn reserve(
        &self,
        execution: &Execution<'_, K, V, E>,
        completion: &Completion<V, E>,
        evicted: &mut Removed<K, V, E>,
    ) -> Option<Reservation<'_>> {
        let kind = self.kind_to_keep(completion)?;
        self.capacity
            .reserve(kind)
            .or_else(|| self.make_space(kind, execution, completion, evicted))
    }

    /// The window that a result is for, if it is kept at all and is still for late calls.
    #[inline(always)]
    pub(super) fn kind_to_keep(&self, completion: &Completion<V, E>) -> Option<Kind> {
        let (kind, life) = completion.kept_for()?;
        if self.rules.window_of(kind) == 0 {
            return None;
        }
        let coarse = self.clock.coarse_now();
        self.serves((kind, life), completion.start, coarse, FOREVER).then_some(kind)
    }

    /// Reserves space in a bounded table, and evicts for it. A flight that was forgotten or
    /// superseded evicts nothing: its result is not kept. One that replaces a result of its own key
    /// takes that one's space.
    #[cold]
    fn make_space(
        &self,
        kind: Kind,
        execution: &Execution<'_, K, V, E>,
        completion: &Completion<V, E>,
        evicted: &mut Removed<K, V, E>,
    ) -> Option<Reservation<'_>> {
        loop {
            let mut shard = self.shard(execution.slot.hash).lock();
            let slot = shard.slot(execution.slot.id);
            let (place, is_stale) = (slot.place(), slot.is_stale());
            match place.result() {
                Some(old) if is_stale || !self.replaces(completion, shard.slot(old)) => {
                    return None;
                }
                Some(old) => {
                    self.remove_result(&mut shard, old, evicted);
                    drop(shard);
                }
                None => {
                    drop(shard);
                    if is_stale || place.is_detached() || !self.evict(evicted) {
                        return None;
                    }
                }
            }
            if let Some(space) = self.capacity.reserve(kind) {
                return Some(space);
            }
        }
    }

    /// Removes a kept result.
    pub(super) fn remove_result(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        id: SlotId,
        removed: &mut Removed<K, V, E>,
    ) {
        removed.push(self.take_result(shard, id));
    }

    /// Removes a kept result, for the caller to drop when it has released the lock.
    #[inline]
    pub(super) fn take_result(&self, shard: &mut Locked<'_, K, V, E>, id: SlotId) -> Slot<K, V, E> {
        let slot = shard.remove(id);
        let kind = slot.kind().expect("it is a kept result");
        self.capacity.removed(self.shard_index(slot.hash), kind, shard.oldest_start(kind));
        slot
    }

    /// Removes an expired result if there is one, and the oldest one if not (S47).
    pub(super) fn evict(&self, evicted: &mut Removed<K, V, E>) -> bool {
        let now = self.clock.now();
        let Some((index, kind)) = self.capacity.next_to_evict(&self.rules, now) else {
            return false;
        };
        let mut shard = self.shard_at(index).lock();
        if let Some((oldest, _)) = shard.oldest(kind) {
            self.remove_result(&mut shard, oldest, evicted);
        }
        true
    }

    /// Removes results of the shard of this hash that have expired by this start. Returns the index of another
    /// shard if it is the turn of that.
    #[inline]
    pub(super) fn expire_in_turn(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        (hash, start): (ShortHash, Nanos),
        removed: &mut Removed<K, V, E>,
    ) -> Option<usize> {
        self.expire_some(shard, start, removed);
        let own = self.shard_index(hash);
        shard.next_neighbour(own, self.number_of_shards())
    }

    /// Removes results whose window is over: at most two values and one error, so that an execution
    /// does no more than its share.
    fn expire_some(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        now: Nanos,
        removed: &mut Removed<K, V, E>,
    ) {
        for kind in [Kind::Value, Kind::Error, Kind::Value] {
            let Some((oldest, start)) = shard.oldest(kind) else { continue };
            if self.rules.is_within_window(kind, start, now) {
                continue;
            }
            self.remove_result(shard, oldest, removed);
        }
    }

    /// Removes results of another shard whose window is over, so that they go even if no key of that
    /// shard is ever called again. Skips a shard that is busy.
    #[inline]
    pub(super) fn expire_in(&self, index: Option<usize>, now: Nanos) {
        let Some(index) = index else { return };
        let Some(mut shard) = self.shard_at(index).try_lock() else { return };
        let mut removed = Removed::new();
        self.expire_some(&mut shard, now, &mut removed);
        drop(shard);
        removed.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::call::{Admission, Call, Mode, NewKey};
    use crate::engine::completion::RunResult;
    use crate::engine::slot::Key;
    use crate::observe::Observer;
    use crate::settings::Settings;
    use crate::sync::Handle;
    use crate::wait::clock::{Clock, FOREVER, nanos};
    use crate::wait::manual_clock::ManualClock;

    const MS: Duration = Duration::from_millis(1);

    fn table(clock: &ManualClock) -> Table<u32, &'static str, ()> {
        let rules = Rules::new(&Settings::new().window(100 * MS), None);
        Table::new(rules, Clock::Manual(clock.clone()), 1, Observer::new(None, None))
    }

    fn call(table: &Table<u32, &'static str, ()>) -> Call<'static, u32> {
        let entry = table.clock.coarse_now();
        Call { key: &7, hash: 7, entry, max_age: FOREVER, mode: Mode::Wait }
    }

    /// A call that leads, whose value was computed `before` its own start.
    fn lead(table: &Table<u32, &'static str, ()>, before: Duration) {
        let call = call(table);
        let Err(entry) = table.look_up(&call) else { panic!("there is no result") };
        let mut new = NewKey::new(Key::Own(7), None);
        let Admission::Lead(execution) = table.admit(entry, &call, &mut new) else {
            panic!("no other call is under way")
        };
        let start = execution.start - nanos(before);
        execution.end(&Completion::new(RunResult::Value(Handle::new("old")), start));
    }

    /// S60: so does the age that a hit is judged by.
    #[test]
    fn a_window_counts_from_a_start_before_the_flights_own() {
        let clock = ManualClock::new();
        let table = table(&clock);
        clock.advance(1000 * MS);
        lead(&table, 80 * MS);
        clock.advance(19 * MS);
        let Ok(hit) = table.look_up(&call(&table)) else { panic!("it is 99 ms old") };
        assert_eq!(hit.start, nanos(920 * MS));
        clock.advance(MS);
        assert!(table.look_up(&call(&table)).is_err(), "it is 100 ms old");
    }

    #[test]
    fn a_value_that_is_older_than_its_window_is_not_kept() {
        // S60
        let clock = ManualClock::new();
        let table = table(&clock);
        clock.advance(1000 * MS);
        lead(&table, 100 * MS);
        assert!(table.look_up(&call(&table)).is_err());
        assert_eq!(table.stats().executed_requests, 1);
    }
}
