//! How an execution ends: which result becomes the flight's, who gets it, and what stays behind.
//!
//! The first success of any execution decides a flight; a failure does when nothing else of it
//! runs any more (S37). Deciding, unlinking or keeping, and counting happen under the shard's lock.
//! The followers are woken after it has been let go.

use std::mem::{self, ManuallyDrop};
use std::sync::Arc as StdArc;

use crate::engine::admit::Execution;
use crate::engine::completion::Ran;
use crate::engine::slab::At;
use crate::engine::slot::{Kind, Room, Slot};
use crate::engine::table::{Leaving, Locked, Table};
use crate::wait::callbacks::Calls;

impl<K, V, E> Execution<'_, K, V, E> {
    /// Ends the execution, and says how many calls its flight answered. The result goes to the
    /// followers if it decides the flight; to the leader it goes in any case (S26).
    #[inline]
    pub(crate) fn end(self, ran: &Ran<V, E>) -> usize {
        // It owns nothing; what its drop would do is done here.
        let execution = ManuallyDrop::new(self);
        execution.table.end(&execution, ran)
    }
}

impl<K, V, E> Drop for Execution<'_, K, V, E> {
    fn drop(&mut self) {
        self.table.end(self, &Ran::Abandoned);
    }
}

impl<K, V, E> Table<K, V, E> {
    #[inline]
    fn end(&self, execution: &Execution<'_, K, V, E>, ran: &Ran<V, E>) -> usize {
        // Dropped last: a destructor that is slow, or panics, is not to keep the followers waiting.
        let mut evicted = Vec::new();
        let kept = self.keep(execution, ran, &mut evicted);
        let mut shard = self.shard(execution.hash).lock();
        shard.tally.count_execution(ran);
        if let Some(room) = &shard.flight(execution.at).room {
            let room = StdArc::clone(room);
            return self.end_attended(shard, execution, &room, ran, kept, |_| ()) + 1;
        }
        // The key of a leader that stayed alone goes, unless its slot keeps the result.
        let is_kept = self.retain(&mut shard, execution, ran, kept, 1);
        let key = (!is_kept).then(|| shard.remove_flight(execution.at));
        drop(shard);
        drop(key);
        1
    }

    /// Lets the slot keep the result, if it is to be kept. A flight that was forgotten or superseded
    /// leaves the newer slot alone (S28, S29).
    #[inline]
    fn retain(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        execution: &Execution<'_, K, V, E>,
        ran: &Ran<V, E>,
        kept: Option<Kind>,
        callers: usize,
    ) -> bool {
        let at = execution.at;
        let Some(kind) = kept.filter(|_| shard.flight(at).linked) else {
            self.retention.unreserve(kept);
            return false;
        };
        shard.keep(at, execution.start, ran.state(callers));
        self.retention.note(self.place(execution.hash), kind, shard.oldest_start(kind));
        true
    }

    /// Ends the execution of a job, whose flight has a room in any case.
    pub(crate) fn end_job(
        &self,
        execution: &Execution<'_, K, V, E>,
        room: &StdArc<Room<V, E>>,
        ran: &Ran<V, E>,
        published: impl FnOnce(usize),
    ) {
        let mut evicted = Vec::new();
        let kept = self.keep(execution, ran, &mut evicted);
        let mut shard = self.shard(execution.hash).lock();
        shard.tally.count_execution(ran);
        self.end_attended(shard, execution, room, ran, kept, published);
    }

    /// Ends an execution of a flight that has followers, had some, or has several leaders. `published`
    /// is told how many followers it answered when they have been woken, and before anything of the
    /// user's is called or dropped.
    #[inline(never)]
    fn end_attended(
        &self,
        mut shard: Locked<'_, K, V, E>,
        execution: &Execution<'_, K, V, E>,
        room: &StdArc<Room<V, E>>,
        ran: &Ran<V, E>,
        kept: Option<Kind>,
        published: impl FnOnce(usize),
    ) -> usize {
        let mut leaving = Leaving::new();
        let (followers, calls) = self.end_in(&mut shard, execution, room, ran, kept, &mut leaving);
        drop(shard);
        leaving.wake();
        published(followers);
        calls.make();
        followers
    }

    /// What the shard and the flight's gate make of that end. Says how many followers it answered,
    /// and what is to be called when the locks have been let go.
    fn end_in(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        execution: &Execution<'_, K, V, E>,
        room: &StdArc<Room<V, E>>,
        ran: &Ran<V, E>,
        kept: Option<Kind>,
        leaving: &mut Leaving<K, V, E>,
    ) -> (usize, Calls) {
        let mut state = room.gate.lock();
        state.end_execution(execution.leader);
        let (decides, others) = (state.decides(ran.is_success()), state.running > 0);
        let followers = if decides { state.waiting } else { 0 };
        if followers > 0 {
            // Before the gate is closed: whoever finds it closed reads the ending (S46).
            room.set_ending(ran.ending());
        }
        room.gate.close_or_lose(&mut state, execution.leader, decides);
        let calls = if decides { mem::take(&mut state.calls) } else { Calls::new() };
        drop(state);
        if !decides {
            self.retention.unreserve(kept);
            if !others {
                leaving.push(shard.remove(execution.at));
            }
            return (0, calls);
        }
        leaving.closed = Some(StdArc::clone(room));
        shard.tally.count_followers(followers, ran);
        let heir = take_heir(shard, room, leaving);
        match (heir, others) {
            (None, false) => self.settle(shard, execution, ran, kept, followers + 1, leaving),
            (None, true) => self.settle_beside(shard, execution, ran, kept, followers + 1),
            (Some(heir), _) => self.hand_over(shard, execution.at, heir, others, kept, leaving),
        }
        (followers, calls)
    }

    /// The flight has ended and nothing of it runs: its slot keeps the result, or goes.
    fn settle(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        execution: &Execution<'_, K, V, E>,
        ran: &Ran<V, E>,
        kept: Option<Kind>,
        callers: usize,
        leaving: &mut Leaving<K, V, E>,
    ) {
        if !self.retain(shard, execution, ran, kept, callers) {
            leaving.push(shard.remove(execution.at));
        }
    }

    /// The flight has ended while another execution of it still runs: that one keeps the slot,
    /// unlinked, and the result gets a slot of its own.
    fn settle_beside(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        execution: &Execution<'_, K, V, E>,
        ran: &Ran<V, E>,
        kept: Option<Kind>,
        callers: usize,
    ) {
        let was_linked = shard.flight(execution.at).linked;
        if was_linked {
            shard.unlink(execution.at);
        }
        let Some(kind) = kept.filter(|_| was_linked) else {
            return self.retention.unreserve(kept);
        };
        let at = shard.split(execution.at);
        shard.link(at);
        shard.keep(at, execution.start, ran.state(callers));
        self.retention.note(self.place(execution.hash), kind, shard.oldest_start(kind));
    }

    /// The flight has ended, and the one that waited for this takes its place.
    fn hand_over(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        ended: At,
        heir: At,
        others: bool,
        kept: Option<Kind>,
        leaving: &mut Leaving<K, V, E>,
    ) {
        self.retention.unreserve(kept);
        let was_linked = shard.flight(ended).linked;
        if was_linked {
            shard.unlink(ended);
        }
        if !others {
            leaving.push(shard.remove(ended));
        }
        if was_linked {
            shard.link(heir);
        }
    }

    /// Whether the window keeps this result, if its flight is still the one of its key (S8, S18).
    /// Reads the clock, and in a bounded table makes room, before the shard is locked.
    #[inline]
    fn keep(
        &self,
        execution: &Execution<'_, K, V, E>,
        ran: &Ran<V, E>,
        evicted: &mut Vec<Slot<K, V, E>>,
    ) -> Option<Kind> {
        let kind = match ran {
            Ran::Value(_) => Kind::Value,
            Ran::Failed(_) => Kind::Error,
            Ran::Unkept(_) | Ran::Unshared(_) | Ran::Panicked(..) | Ran::Abandoned => return None,
        };
        let window = self.rules.window_of(kind);
        if window == 0 {
            return None;
        }
        let end = execution.start.saturating_add(window);
        let in_time = self.clock.is_before(self.clock.coarse_now(), end);
        (in_time && self.make_room(execution, evicted)).then_some(kind)
    }

    /// Reserves a place in a bounded table; the oldest result makes room for the new one. Nothing
    /// makes room for a flight that was forgotten or superseded: its result is not to be kept.
    fn make_room(
        &self,
        execution: &Execution<'_, K, V, E>,
        evicted: &mut Vec<Slot<K, V, E>>,
    ) -> bool {
        while !self.retention.reserve() {
            let is_linked = self.shard(execution.hash).lock().slot(execution.at).is_linked();
            if !is_linked || !self.evict(evicted) {
                return false;
            }
        }
        true
    }

    /// Takes out an expired result if there is one, and the oldest one if not (S47).
    fn evict(&self, evicted: &mut Vec<Slot<K, V, E>>) -> bool {
        let now = self.clock.now();
        let Some((place, kind)) = self.retention.next_to_go(&self.rules, now) else { return false };
        let mut shard = self.shard_at(place).lock();
        if let Some((oldest, _)) = shard.oldest(kind) {
            evicted.push(shard.remove(oldest));
            self.retention.gone(place, kind, shard.oldest_start(kind));
        }
        true
    }
}

/// The flight that was to start when this one ends, if anyone still waits for it. It may start.
fn take_heir<K, V, E>(
    shard: &mut Locked<'_, K, V, E>,
    ended: &Room<V, E>,
    leaving: &mut Leaving<K, V, E>,
) -> Option<At> {
    let heir = shard.successor_of(ended)?;
    let room = StdArc::clone(shard.flight(heir).room.as_ref().expect("it was made with its gate"));
    if room.gate.release() {
        leaving.released = Some(room);
        return Some(heir);
    }
    leaving.push(shard.remove(heir));
    None
}
