//! Refreshing: a value that is due, while the window still serves it (S120 to S126).
//!
//! ```text
//! start            refresh_after              window
//!   │  served at once  │  one call refreshes,   │  calls join the refresh,
//!   │                  │  the others are served │  or one of them leads
//! ```
//!
//! The flight of a refresh stands beside the value, as that of a fresh call does (S70), and bears a mark. A
//! refresh that fails leaves the value. Its shard then notes for the value when the next one may begin, so a
//! slot is no larger for it. The note goes with the value.

use crate::engine::call::{Admission, Call, Hit, Mode, NewKey};
use crate::engine::completion::Completion;
use crate::engine::execution::Execution;
use crate::engine::rules::Kind;
use crate::engine::slab::SlotId;
use crate::engine::slot::{Kept, SlotRef, State};
use crate::engine::table::{Locked, Table};
use crate::key::ToKey;
use crate::sync::Handle;
use crate::wait::clock::FOREVER;

impl<K, V, E> Table<K, V, E> {
    /// Decides a call that a value would serve, if it were not due. `None` for any other call.
    #[cold]
    pub(super) fn meet_due<'t, Q: ?Sized>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        id: SlotId,
        call: &Call<'_, Q>,
        new: &mut NewKey<K>,
    ) -> Option<Admission<'t, K, V, E>> {
        let slot = shard.slot(id);
        let State::Value(value, kept) = &slot.state else { return None };
        let (start, kept) = (slot.start, *kept);
        let serves = self.serves((Kind::Value, kept.life), start, call.entry, call.max_age)
            && slot.accepts_a_call(self.rules.max_requests);
        if !serves {
            return None;
        }
        let hit = Hit { result: Ok(Handle::clone(value)), callers: kept.callers, start };
        let may_refresh = call.mode != Mode::Try
            && !self.clock.is_before(call.entry, shard.pauses.until(id))
            && self.has_room_for_refresh(shard, kept, call.mode);
        if !may_refresh {
            self.count_late(shard, id);
            return Some(Admission::Hit(hit));
        }
        let execution = match self.start_beside(shard, id, kept, call, new) {
            Admission::Lead(execution) => execution,
            vacant => return Some(vacant),
        };
        Self::note_refresh(shard, &execution);
        if self.rules.refreshes_in_background || call.mode == Mode::Submit {
            self.count_late(shard, id);
        }
        Some(Admission::Refresh(execution, hit))
    }

    /// Counts a call that this value serves.
    fn count_late(&self, shard: &mut Locked<'_, K, V, E>, id: SlotId) {
        shard.slot_mut(id).admit_a_call(self.rules.max_requests);
        shard.count_hit();
    }

    /// True if no flight of the key runs that calls can join, and `max_leaders` leaves room for one.
    fn has_room_for_refresh(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        kept: Kept,
        mode: Mode,
    ) -> bool {
        let Some(flight) = kept.flight() else { return true };
        if !shard.slot(flight).is_stale() {
            return false;
        }
        let flight = self.flight_of(shard, flight);
        match mode {
            Mode::Submit => !self.is_full_of_jobs(shard, &flight),
            Mode::Wait | Mode::Try | Mode::Many => !self.is_full(shard, &flight),
        }
    }

    /// Starts a flight beside a result. There is room for it.
    fn start_beside<'t, Q: ?Sized>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        id: SlotId,
        kept: Kept,
        call: &Call<'_, Q>,
        new: &mut NewKey<K>,
    ) -> Admission<'t, K, V, E> {
        match kept.flight() {
            None => self.start_flight(shard, Some(id), call, new),
            Some(stale) => self.start_in_chain(shard, stale, call, new),
        }
    }

    /// Counts and marks the flight of a refresh.
    fn note_refresh(shard: &mut Locked<'_, K, V, E>, execution: &Execution<'_, K, V, E>) {
        shard.slot_mut(execution.slot.id).set_refresh();
        shard.tally.refreshes += 1;
    }

    /// Starts a refresh of a key for a call that waits for nothing, or an execution if the key has no value.
    /// `None` if one runs, or if `max_leaders` leaves no room (S125).
    pub(crate) fn refresh<'t, Q>(
        &'t self,
        call: &Call<'_, Q>,
        new: &mut NewKey<K>,
    ) -> Option<Execution<'t, K, V, E>>
    where
        Q: ?Sized + ToKey<K>,
    {
        let mut shard = self.shard(call.hash).lock();
        let found = shard.find(call.hash, call.key);
        // A result that has expired may still be there, or not.
        let has_value = found.is_some_and(|id| {
            let slot = shard.slot(id);
            slot.kind() == Some(Kind::Value) && self.is_live(slot, call.entry)
        });
        let admission = match found {
            None => self.start_flight(&mut shard, None, call, new),
            Some(id) => match shard.slot(id).kept() {
                Some(kept) if self.has_room_for_refresh(&mut shard, kept, call.mode) => {
                    self.start_beside(&mut shard, id, kept, call, new)
                }
                None if shard.slot(id).is_stale() => {
                    let flight = self.flight_of(&mut shard, id);
                    if self.is_full(&shard, &flight) {
                        return None;
                    }
                    self.start_in_chain(&mut shard, id, call, new)
                }
                _ => return None,
            },
        };
        let Admission::Lead(execution) = admission else {
            unreachable!("it has a key of its own, and room")
        };
        if has_value {
            Self::note_refresh(&mut shard, &execution);
        }
        Some(execution)
    }

    /// Counts the end of a refresh, and notes when the next one may begin if it leaves the old value.
    #[cold]
    pub(super) fn end_refresh(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        id: SlotId,
        completion: Option<&Completion<V, E>>,
    ) {
        let slot = shard.slot(id);
        // A younger flight has left another value, if it is stale.
        let old = slot.place().result().filter(|_| !slot.is_stale());
        let start = slot.start;
        if completion.and_then(|new| self.kind_for_late_calls(new)) == Some(Kind::Value) {
            return;
        }
        shard.tally.refresh_failures += 1;
        if let (Some(old), true) = (old, self.rules.refresh_after != FOREVER) {
            let bounds = (self.rules.refresh_after, self.rules.window);
            shard.pauses.note(old, start, bounds);
        }
    }

    /// The value in its window that the flight in this slot would replace, if the function sees it.
    pub(crate) fn old_value(&self, slot: Option<SlotRef>) -> Option<Handle<V>> {
        let slot = slot.filter(|_| self.rules.sees_old)?;
        let now = self.clock.now();
        let shard = self.shard(slot.hash).lock();
        let old = shard.slot(shard.slot(slot.id).place().result()?);
        match &old.state {
            State::Value(value, _) if self.is_live(old, now) => Some(Handle::clone(value)),
            _ => None,
        }
    }
}
