//! How an execution ends: which result becomes the flight's, which calls get it, and what
//! the slot keeps.
//!
//! The first success of any execution decides a flight. A failure decides it when no other execution
//! of it is left, or only stuck ones (S37). Deciding, unlinking or keeping, and counting happen under
//! the shard's lock. The followers are notified after it is released, and only then destructors run.

use std::mem;
use std::sync::Arc;

use crate::engine::capacity::Reservation;
use crate::engine::completion::Completion;
use crate::engine::execution::Execution;
use crate::engine::flight::Flight;
use crate::engine::rules::Kind;
use crate::engine::slab::SlotId;
use crate::engine::slot::{ShortHash, Slot, State};
use crate::engine::successor::take_successor;
use crate::engine::table::{Deferred, Locked, Removed, Table};
use crate::wait::callbacks::Callbacks;
use crate::wait::clock::{FOREVER, Nanos};
use crate::wait::contain::drop_contained;
use crate::wait::seats::Seats;

/// An execution that has decided its flight.
struct Ended<'c, V, E> {
    /// The slot of the flight.
    id: SlotId,
    completion: &'c Completion<V, E>,
    /// The calls that it answers.
    callers: usize,
    /// True if another execution of the flight still runs.
    others: bool,
}

impl<K, V, E> Table<K, V, E> {
    #[inline]
    pub(super) fn end(
        &self,
        execution: &Execution<'_, K, V, E>,
        completion: &Completion<V, E>,
    ) -> usize {
        if self.rules.keeps_any() {
            return self.end_in_window(execution, completion);
        }
        let mut shard = self.shard(execution.slot.hash).lock();
        shard.tally.count_execution(completion);
        if let Some(flight) = &shard.running(execution.slot.id).flight {
            let flight = Arc::clone(flight);
            return self.end_attended(shard, execution, &flight, completion, None);
        }
        // The key of a leader that stayed alone is all that its slot owns.
        let key = shard.remove_running(execution.slot.id);
        drop(shard);
        drop_contained(key);
        1
    }

    #[inline]
    fn end_in_window(
        &self,
        execution: &Execution<'_, K, V, E>,
        completion: &Completion<V, E>,
    ) -> usize {
        // Cleared last: a destructor that is slow, or panics, must not keep the followers waiting.
        let mut removed = Removed::new();
        let kept = self.reserve(execution, completion, &mut removed);
        let mut shard = self.shard(execution.slot.hash).lock();
        shard.tally.count_execution(completion);
        if let Some(flight) = &shard.running(execution.slot.id).flight {
            let flight = Arc::clone(flight);
            return self.end_attended(
                shard,
                execution,
                &flight,
                completion,
                Some((kept, Deferred::with(removed))),
            );
        }
        let id = execution.slot.id;
        let ended = Ended { id, completion, callers: 1, others: false };
        if !self.retain(&mut shard, &ended, kept, &mut removed) {
            removed.push(shard.remove(id));
        }
        let neighbour = self.expire_in_turn(&mut shard, execution.key_and_start(), &mut removed);
        drop(shard);
        removed.clear();
        self.expire_in(neighbour, execution.start);
        1
    }

    /// Ends the execution of a job, whose flight exists in any case. Returns the seats that are to
    /// begin the next flight.
    pub(super) fn end_job(
        &self,
        execution: &Execution<'_, K, V, E>,
        flight: &Arc<Flight<V, E>>,
        completion: &Completion<V, E>,
        published: impl FnOnce(usize),
    ) -> Seats {
        let mut deferred = Deferred::new();
        let kept = match self.rules.keeps_any() {
            true => self.reserve(execution, completion, &mut deferred.removed),
            false => None,
        };
        let mut shard = self.shard(execution.slot.hash).lock();
        shard.tally.count_execution(completion);
        self.end_flight(shard, execution, flight, completion, (kept, deferred), published)
    }

    /// Ends the run of a call for itself alone: counts it. Returns how many calls it answered.
    pub(crate) fn end_bypass(&self, hash: ShortHash, completion: &Completion<V, E>) -> usize {
        self.shard(hash).lock().tally.count_execution(completion);
        1
    }

    /// Ends an execution of a thread whose flight has followers, had some, or has several leaders.
    /// Returns how many calls it answered.
    #[inline(never)]
    fn end_attended<'t>(
        &'t self,
        shard: Locked<'_, K, V, E>,
        execution: &Execution<'_, K, V, E>,
        flight: &Arc<Flight<V, E>>,
        completion: &Completion<V, E>,
        reserved: Option<(Option<Reservation<'t>>, Deferred<K, V, E>)>,
    ) -> usize {
        let reserved = reserved.unwrap_or_else(|| (None, Deferred::new()));
        let mut callers = 1;
        let published = |followers| callers = followers + 1;
        self.end_flight(shard, execution, flight, completion, reserved, published).begin();
        callers
    }

    /// Ends an execution of a flight. Calls `published` with the number of followers after they are
    /// notified, and before any user code runs.
    pub(super) fn end_flight<'t>(
        &'t self,
        mut shard: Locked<'_, K, V, E>,
        execution: &Execution<'_, K, V, E>,
        flight: &Arc<Flight<V, E>>,
        completion: &Completion<V, E>,
        (kept, mut deferred): (Option<Reservation<'t>>, Deferred<K, V, E>),
        published: impl FnOnce(usize),
    ) -> Seats {
        let (followers, callbacks) =
            self.end_locked(&mut shard, execution, flight, completion, kept, &mut deferred);
        let neighbour = match self.rules.keeps_any() {
            true => {
                self.expire_in_turn(&mut shard, execution.key_and_start(), &mut deferred.removed)
            }
            false => None,
        };
        drop(shard);
        let seats = deferred.notify();
        published(followers);
        callbacks.run();
        deferred.removed.clear();
        self.expire_in(neighbour, execution.start);
        seats
    }

    /// Ends an execution under the shard's lock. Returns how many followers it answered, and the
    /// callbacks to run after the lock is released.
    fn end_locked<'t>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        execution: &Execution<'_, K, V, E>,
        flight: &Arc<Flight<V, E>>,
        completion: &Completion<V, E>,
        kept: Option<Reservation<'t>>,
        deferred: &mut Deferred<K, V, E>,
    ) -> (usize, Callbacks) {
        let is_success = completion.is_success();
        let stuck = if is_success { None } else { self.stuck_since() };
        let mut state = flight.gate().lock();
        state.end_execution(execution.leader, execution.start);
        let others = state.has_executions();
        // Also if only executions are left: a job that begins later could follow the flight (S72).
        let is_own = completion.is_leaders_own() && (state.waiting > 0 || others);
        let decides = !is_own && state.decides(is_success, stuck);
        if is_own && !decides {
            state.pass_on(stuck);
        }
        let followers = if decides { state.waiting } else { 0 };
        if decides && (followers > 0 || others) {
            // Before the gate closes: a call that finds it closed reads the completion (S46), and so
            // does a leader whose job begins only then.
            flight.promise.set(completion.clone());
        }
        let sleeping = flight.gate().close_or_lose(&mut state, execution.leader, decides);
        let callbacks = if decides { mem::take(&mut state.callbacks) } else { Callbacks::new() };
        drop(state);
        let id = execution.slot.id;
        if decides {
            deferred.closed = Some((Arc::clone(flight), sleeping));
            shard.tally.count_followers(followers, completion);
            let ended = Ended { id, completion, callers: followers + 1, others };
            self.settle(shard, flight, &ended, kept, deferred);
        } else if others || is_own {
            self.reschedule(shard, flight, deferred);
        } else {
            self.remove_flight(shard, id, deferred);
        }
        (followers, callbacks)
    }

    /// Executions that began at this time or earlier are stuck. `None` if none is.
    fn stuck_since(&self) -> Option<Nanos> {
        if self.rules.leader_timeout == FOREVER {
            return None;
        }
        self.clock.now().checked_sub(self.rules.leader_timeout)
    }

    /// Settles what calls find by the key of a flight that has ended: the kept result, with the
    /// flight's successor beside it; or the successor; or the flight itself, which admits no call, as
    /// long as another execution of it runs.
    fn settle(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        flight: &Arc<Flight<V, E>>,
        ended: &Ended<'_, V, E>,
        kept: Option<Reservation<'_>>,
        deferred: &mut Deferred<K, V, E>,
    ) {
        let Ended { id, others, .. } = *ended;
        let successor = take_successor(shard, flight, deferred);
        let Some(beside) = successor.or(others.then_some(id)) else {
            if self.retain(shard, ended, kept, &mut deferred.removed) {
                self.leave_chain(shard, id, flight, deferred);
            } else {
                self.remove_flight(shard, id, deferred);
            }
            return;
        };
        self.retain_with(shard, ended, beside, kept, &mut deferred.removed);
        if others {
            shard.slot_mut(id).set_stale();
            self.reschedule(shard, flight, deferred);
        } else {
            self.remove_flight(shard, id, deferred);
        }
        self.begin_successor(shard, successor, deferred);
    }

    /// Lets the slot of an ended flight keep the result, if it is kept. A flight that was forgotten
    /// or superseded leaves the newer slot alone (S28, S29).
    #[inline]
    fn retain(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        ended: &Ended<'_, V, E>,
        kept: Option<Reservation<'_>>,
        removed: &mut Removed<K, V, E>,
    ) -> bool {
        if !self.replace_result(shard, ended, removed) {
            return false;
        }
        let Some(kept) = kept else { return false };
        self.keep(shard, ended.id, kept, (ended.completion, ended.callers));
        true
    }

    /// Does the same for a flight whose slot goes on, or that has a successor. The result gets a slot
    /// of its own, and that flight stands beside it.
    fn retain_with(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        ended: &Ended<'_, V, E>,
        beside: SlotId,
        kept: Option<Reservation<'_>>,
        removed: &mut Removed<K, V, E>,
    ) {
        let id = ended.id;
        let replaces = self.replace_result(shard, ended, removed);
        let place = shard.slot(id).place();
        if place.is_detached() {
            return;
        }
        shard.unlink(id);
        let Some(kept) = kept.filter(|_| replaces) else { return shard.take_place(beside, place) };
        let result = shard.split(id);
        shard.link(result);
        self.keep(shard, result, kept, (ended.completion, ended.callers));
        shard.link_beside(beside, result);
    }

    /// Removes the kept result of the key that this flight was to replace, if this completion does
    /// replace it. Returns true if calls find the flight by its key then.
    #[inline]
    fn replace_result(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        ended: &Ended<'_, V, E>,
        removed: &mut Removed<K, V, E>,
    ) -> bool {
        let slot = shard.slot(ended.id);
        let mut place = slot.place();
        if slot.is_stale_or_refresh() {
            if !self.end_marked(shard, ended) {
                return false;
            }
            place = shard.slot(ended.id).place();
        }
        let Some(old) = place.result() else { return place.is_linked() };
        if !self.replaces(ended.completion, shard.slot(old)) {
            return false;
        }
        self.remove_result(shard, old, removed);
        true
    }

    /// Ends a refresh, or a flight of which a younger one has ended: that replaces nothing.
    #[cold]
    fn end_marked(&self, shard: &mut Locked<'_, K, V, E>, ended: &Ended<'_, V, E>) -> bool {
        if shard.slot(ended.id).is_refresh() {
            self.end_refresh(shard, ended.id, Some(ended.completion));
        }
        !shard.slot(ended.id).is_stale()
    }

    /// Lets slot `id` keep the result for its window.
    #[inline]
    pub(super) fn keep(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        id: SlotId,
        kept: Reservation<'_>,
        (completion, callers): (&Completion<V, E>, usize),
    ) {
        let kind = kept.use_up();
        shard.keep(id, completion.start, State::of(completion, callers));
        let index = self.shard_index(shard.slot(id).hash);
        self.capacity.set_oldest(index, kind, shard.oldest_start(kind));
    }

    /// True if a kept result goes when the flight beside it ends like this. A value that is for late calls
    /// replaces anything; an error that is, replaces an error, and what serves no call any more.
    pub(super) fn replaces(&self, completion: &Completion<V, E>, old: &Slot<K, V, E>) -> bool {
        let Some(kind) = self.kind_for_late_calls(completion) else { return false };
        kind == Kind::Value
            || old.kind() == Some(Kind::Error)
            || !self.is_live(old, self.clock.now())
    }

    /// The kind of a result that is for late calls.
    pub(super) fn kind_for_late_calls(&self, completion: &Completion<V, E>) -> Option<Kind> {
        let (kind, life) = completion.kept_for()?;
        // A life that is over serves no late call (S74), so the result is as one for followers.
        let is_over = || self.clock.now() >= completion.start.saturating_add(life.time());
        (life.is_whole() || !is_over()).then_some(kind)
    }
}
