//! How the table decides a call: served by the window, leads, follows, bypasses, or is refused.

use std::sync::Arc;

use crate::key::ToKey;

use crate::engine::alone::Alone;
use crate::engine::call::{Admission, Call, Entry, Follower, Hit, Mode, NewKey, Refusal};
use crate::engine::execution::Execution;
use crate::engine::flight::Flight;
use crate::engine::rules::Kind;
use crate::engine::slab::SlotId;
use crate::engine::slot::SlotRef;
use crate::engine::slot::{Kept, Key, Place, Running, ShortHash, Slot, State};
use crate::engine::successor::WaitsFor;
use crate::engine::table::{Deferred, Locked, Table};
use crate::engine::waiter::{GraphWait, Waiter};
use crate::settings::OnDeadlock;
use crate::sync::{Handle, this_thread};
use crate::wait::clock::{FOREVER, Nanos};
use crate::wait::deadlock::{self, ThreadToken};
use crate::wait::gate::Gate;

impl<K, V, E> Table<K, V, E> {
    /// A result that answers the call at once, or the entry to go on with in [`admit`](Self::admit).
    // Always inline: a hit pays for nothing that another kind of call would need.
    #[inline(always)]
    pub(crate) fn look_up<'t, Q>(
        &'t self,
        call: &Call<'_, Q>,
    ) -> Result<Hit<V, E>, Entry<'t, K, V, E>>
    where
        Q: ?Sized + ToKey<K>,
    {
        // The user's `Eq` runs under this lock, and nothing else of the user's.
        let mut shard = self.shard(call.hash).lock();
        let Some(id) = shard.find(call.hash, call.key) else {
            return Err(Entry { shard, id: None });
        };
        if let Some(hit) = self.hit(shard.slot_mut(id), call) {
            shard.count_hit();
            return Ok(hit);
        }
        Err(Entry { shard, id: Some(id) })
    }

    /// A result that answers the call at once, under the lock of its shard.
    #[inline(always)]
    pub(crate) fn look_up_in<Q>(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        call: &Call<'_, Q>,
    ) -> Option<Hit<V, E>>
    where
        Q: ?Sized + ToKey<K>,
    {
        let id = shard.find(call.hash, call.key)?;
        let hit = self.hit(shard.slot_mut(id), call)?;
        shard.count_hit();
        Some(hit)
    }

    /// The result of this slot, if it may serve a call that did not wait for it (S8, S13).
    #[inline(always)]
    fn hit<Q: ?Sized>(&self, slot: &mut Slot<K, V, E>, call: &Call<'_, Q>) -> Option<Hit<V, E>> {
        let start = slot.start;
        let (result, kept, kind) = match &slot.state {
            State::Value(value, kept) => (Ok(value), kept, Kind::Value),
            State::Error(error, kept) => (Err(error), kept, Kind::Error),
            State::Running { .. } => return None,
        };
        let callers = kept.callers;
        let serves = self.serves_undue((kind, kept.life), start, call.entry, call.max_age)
            && slot.accepts_a_call(self.rules.max_requests);
        if !serves {
            return None;
        }
        let result = result.map(Handle::clone).map_err(Handle::clone);
        slot.admit_a_call(self.rules.max_requests);
        Some(Hit { result, callers, start })
    }

    /// Decides a call that no result answers, and counts it.
    #[inline]
    pub(crate) fn admit<'t, Q: ?Sized>(
        &'t self,
        entry: Entry<'t, K, V, E>,
        call: &Call<'_, Q>,
        new: &mut NewKey<K>,
    ) -> Admission<'t, K, V, E> {
        let Entry { mut shard, id } = entry;
        if id.is_some() || self.rules.keeps_any() {
            return self.admit_to_slot(shard, id, call, new);
        }
        // The key has no slot, and there is nothing to expire or to drop.
        let Some(key) = new.key.take() else { return Admission::Vacant };
        let start = new.start.unwrap_or_else(|| self.start_at(call.entry));
        Admission::Lead(self.begin(&mut shard, Place::LINKED, key, call.hash, start))
    }

    #[inline(never)]
    fn admit_to_slot<'t, Q: ?Sized>(
        &'t self,
        mut shard: Locked<'_, K, V, E>,
        found: Option<SlotId>,
        call: &Call<'_, Q>,
        new: &mut NewKey<K>,
    ) -> Admission<'t, K, V, E> {
        let Some(id) = found else { return self.start_flight(&mut shard, None, call, new) };
        if self.rules.refresh_after != FOREVER {
            if let Some(admission) = self.meet_due(&mut shard, id, call, new) {
                return admission;
            }
        }
        // A kept result that does not serve this call stays until a flight replaces it (S70).
        let Some(flight) = shard.slot(id).kept().map_or(Some(id), Kept::flight) else {
            return self.start_flight(&mut shard, found, call, new);
        };
        match self.meeting(shard.slot(flight), call.entry) {
            Meeting::Join => self.meet_flight(&mut shard, flight, call, new),
            Meeting::StartBeside => self.start_flight(&mut shard, Some(flight), call, new),
            Meeting::StartAfter => self.start_in_chain(&mut shard, flight, call, new),
        }
    }

    /// The way of a call that meets the flight in this slot (S9, S13).
    fn meeting(&self, slot: &Slot<K, V, E>, entry: Nanos) -> Meeting {
        let Some(running) = slot.running() else { return Meeting::StartBeside };
        if slot.is_stale() {
            return Meeting::StartAfter;
        }
        if !slot.accepts_a_call(self.rules.max_requests) {
            return Meeting::StartBeside;
        }
        let too_old = slot.start.saturating_add(self.rules.max_join_age);
        match self.clock.is_before(entry, too_old) || running.is_pending() {
            true => Meeting::Join,
            false => Meeting::StartAfter,
        }
    }

    /// Starts a flight beside executions that calls do not join any more, if `max_leaders` leaves room
    /// for it. If not, the call waits for the next flight (S39).
    pub(super) fn start_in_chain<'t, Q: ?Sized>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        last: SlotId,
        call: &Call<'_, Q>,
        new: &mut NewKey<K>,
    ) -> Admission<'t, K, V, E> {
        let before = self.flight_of(shard, last);
        let open = shard.open_in_chain(&before).filter(|_| match call.mode {
            Mode::Submit => self.is_full_of_jobs(shard, &before),
            Mode::Wait | Mode::Try | Mode::Many => self.is_full(shard, &before),
        });
        let Some(open) = open else {
            let admission = self.start_flight(shard, Some(last), call, new);
            if let Admission::Lead(execution) = &admission {
                let id = execution.slot.id;
                let flight = self.flight_of(shard, id);
                shard.insert_into_chain((last, &before), (id, &flight));
                if let Some(next) =
                    shard.successor_of(&flight).and_then(|id| shard.slot(id).flight())
                {
                    // It begins when this flight ends now, and no longer when the one before does (S42).
                    next.gate().depend_on(flight.gate());
                }
                self.reschedule(shard, &flight, &mut Deferred::new());
            }
            return admission;
        };
        match call.mode {
            Mode::Try => Admission::refuse(shard, Refusal::WouldBlock),
            Mode::Wait | Mode::Submit | Mode::Many => {
                let me = self.graph_thread(call.mode);
                self.follow_successor(shard, (last, open.gate(), WaitsFor::Room), call, new, me)
            }
        }
    }

    /// Decides a call that meets a flight which it may join.
    fn meet_flight<'t, Q: ?Sized>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        id: SlotId,
        call: &Call<'_, Q>,
        new: &mut NewKey<K>,
    ) -> Admission<'t, K, V, E> {
        let me = self.graph_thread(call.mode);
        if me.is_some_and(|me| shard.running(id).is_led_by(me)) {
            return self.refuse_to_wait(shard, call.hash);
        }
        let slot = SlotRef { id, hash: call.hash };
        let now = new.start.unwrap_or(call.entry);
        // A submitted call claims when its job begins.
        let claimed = match call.mode {
            Mode::Submit => None,
            Mode::Wait | Mode::Try | Mode::Many => self.claim_on_arrival(shard, slot, now),
        };
        if let Some(execution) = claimed {
            return match self.reports_slow() {
                true => Admission::Claim(execution),
                false => Admission::Lead(execution),
            };
        }
        let oldest_accepted = shard.slot(id).start.saturating_add(call.max_age);
        let is_young = self.clock.is_before(call.entry, oldest_accepted) && !shard.is_shut(id);
        match call.mode {
            Mode::Try => Admission::refuse(shard, Refusal::WouldBlock),
            // The execution of a flight that has not begun is younger than this call.
            _ if is_young || shard.running(id).is_pending() => {
                let flight = self.flight_of(shard, id);
                match self.is_crowded(shard, &flight) {
                    true => Admission::refuse(shard, Refusal::Overloaded),
                    false => self.follow(shard, slot, call, me, None),
                }
            }
            _ => {
                let gate = Arc::clone(self.flight_of(shard, id).gate());
                self.follow_successor(shard, (id, &gate, WaitsFor::Flight), call, new, me)
            }
        }
    }

    /// Makes the call a follower, unless its wait would close a cycle (S42).
    pub(super) fn follow<'t, Q: ?Sized>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        slot: SlotRef,
        call: &Call<'_, Q>,
        me: Option<ThreadToken>,
        predecessor: Option<&Gate>,
    ) -> Admission<'t, K, V, E> {
        let flight = self.flight_of(shard, slot.id);
        // Only a thread that leads a flight can be waited for, so only its wait enters the graph: when it
        // waits.
        let me = me.filter(|_| !call.mode.waits_later());
        let entered = me.map(|me| self.enter_graph(shard, me, &flight, predecessor)).transpose();
        let Ok(wait) = entered else { return self.refuse_to_wait(shard, slot.hash) };
        let mut state = flight.gate().lock();
        state.waiting += 1;
        state.seats += usize::from(call.mode.waits_later());
        drop(state);
        flight.note_join();
        if call.max_age != FOREVER {
            flight.accept_not_before(call.not_before(self.clock.now()));
        }
        let admitted = shard.slot_mut(slot.id);
        admitted.admit_a_call(self.rules.max_requests);
        let start = admitted.start;
        shard.tally.count_call();
        let follower = Follower { slot, flight, start };
        Admission::Follow(Waiter::new(self, follower, GraphWait::entered(me, wait)))
    }

    /// Enters a wait into the graph, and before it the flights that it goes through.
    fn enter_graph(
        &self,
        shard: &Locked<'_, K, V, E>,
        me: ThreadToken,
        flight: &Arc<Flight<V, E>>,
        predecessor: Option<&Gate>,
    ) -> Result<deadlock::Wait, deadlock::Cycle> {
        if let Some(predecessor) = predecessor {
            predecessor.enter_graph(None);
        }
        let gate = flight.gate();
        gate.enter_graph(predecessor.map(|predecessor| predecessor.id));
        self.enter_dependency(shard, flight);
        deadlock::wait(me, gate.id)
    }

    /// True if as many calls wait for the flights of this key as may wait (S73).
    pub(super) fn is_crowded(
        &self,
        shard: &Locked<'_, K, V, E>,
        flight: &Arc<Flight<V, E>>,
    ) -> bool {
        let max = self.rules.max_followers;
        max != usize::MAX && shard.followers_of_chain(flight) >= max
    }

    /// Decides a call whose wait would never end (S41, S42).
    pub(super) fn refuse_to_wait<'t>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        hash: ShortHash,
    ) -> Admission<'t, K, V, E> {
        match self.rules.on_deadlock {
            OnDeadlock::Bypass => {
                shard.tally.count_call();
                shard.tally.running += 1;
                Admission::Bypass(Alone::new(self, hash))
            }
            OnDeadlock::Refuse | OnDeadlock::Ignore => {
                Admission::refuse(shard, Refusal::WouldDeadlock)
            }
        }
    }

    /// The thread whose wait would enter the graph. A submitting thread does not wait here; its ticket
    /// does, on whatever thread.
    fn graph_thread(&self, mode: Mode) -> Option<ThreadToken> {
        match mode {
            Mode::Submit => None,
            Mode::Wait | Mode::Try | Mode::Many => self.leading_thread(),
        }
    }

    /// The calling thread, if its waits are searched for cycles: it leads, and the setting is not
    /// [`Ignore`](OnDeadlock::Ignore).
    pub(crate) fn leading_thread(&self) -> Option<ThreadToken> {
        match self.rules.on_deadlock {
            OnDeadlock::Ignore => None,
            OnDeadlock::Refuse | OnDeadlock::Bypass => deadlock::leading_thread(),
        }
    }

    /// Starts a flight with the new key: beside the result that is kept for it, or in place of a flight
    /// that goes on for its own calls.
    #[inline]
    pub(super) fn start_flight<'t, Q: ?Sized>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        old: Option<SlotId>,
        call: &Call<'_, Q>,
        new: &mut NewKey<K>,
    ) -> Admission<'t, K, V, E> {
        let Some(key) = new.key.take() else { return Admission::Vacant };
        let place = match old {
            None => Place::LINKED,
            Some(old) if shard.slot(old).running().is_none() => Place::beside(old),
            Some(old) => {
                let place = shard.slot(old).place();
                shard.unlink(old);
                place
            }
        };
        let start = new.start.unwrap_or_else(|| self.start_at(call.entry));
        Admission::Lead(self.begin(shard, place, key, call.hash, start))
    }

    /// Begins the first execution of a flight that calls find at this place.
    #[inline]
    fn begin<'t>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        place: Place,
        key: Key<K>,
        hash: ShortHash,
        start: Nanos,
    ) -> Execution<'t, K, V, E> {
        let leader = this_thread(|me| me.descend());
        let id = shard.insert_at(place, || Slot::led_by(leader, key, hash, start));
        shard.tally.count_call();
        shard.tally.running += 1;
        Execution { table: self, slot: SlotRef { id, hash }, start, leader }
    }
}

/// The way of a call that meets a flight.
enum Meeting {
    /// It follows the flight, or begins one more execution of it.
    Join,
    /// The flight has served its number of calls: another starts.
    StartBeside,
    /// The flight is too old, or has ended: another starts, if there is room for one.
    StartAfter,
}

impl<V, E> Running<V, E> {
    /// True if no execution has begun: it is a successor that may be due.
    fn is_pending(&self) -> bool {
        self.flight.as_ref().is_some_and(|flight| flight.gate().is_pending())
    }

    fn is_led_by(&self, me: ThreadToken) -> bool {
        match &self.flight {
            Some(flight) => deadlock::stands_for(me, &flight.gate().lock().leaders),
            None => deadlock::stands_for(me, &[self.leader]),
        }
    }
}
