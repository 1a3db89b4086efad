//! How the table decides a call: served by the window, leads, follows, bypasses, or is refused.

use crate::key::ToKey;

use crate::engine::call::{Admission, Call, Entry, Follower, Hit, Mode, NewKey, Refusal};
use crate::engine::execution::Execution;
use crate::engine::rules::Kind;
use crate::engine::slab::SlotId;
use crate::engine::slot::SlotRef;
use crate::engine::slot::{Key, Running, ShortHash, Slot, State};
use crate::engine::table::{Deferred, Locked, Table};
use crate::settings::OnDeadlock;
use crate::sync::{Handle, LockedCell, this_thread};
use crate::wait::clock::Nanos;
use crate::wait::deadlock::{self, ThreadToken};
use crate::wait::gate::Gate;
use crate::wait::gate_state::Phase;

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

    /// The result of this slot, if it may serve a call that did not wait for it (S8, S13).
    #[inline(always)]
    fn hit<Q: ?Sized>(&self, slot: &mut Slot<K, V, E>, call: &Call<'_, Q>) -> Option<Hit<V, E>> {
        let start = slot.start;
        let (result, callers, kind) = match &slot.state {
            State::Value(value, callers) => (Ok(value), *callers, Kind::Value),
            State::Error(error, callers) => (Err(error), *callers, Kind::Error),
            State::Running(_) => return None,
        };
        let serves = self.serves(kind, start, call.entry, call.max_age)
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
        Admission::Lead(self.begin(&mut shard, key, call.hash, start))
    }

    #[inline(never)]
    fn admit_to_slot<'t, Q: ?Sized>(
        &'t self,
        mut shard: Locked<'_, K, V, E>,
        found: Option<SlotId>,
        call: &Call<'_, Q>,
        new: &mut NewKey<K>,
    ) -> Admission<'t, K, V, E> {
        let mut neighbour = None;
        // Declared out here, so that they end well if a destructor in `deferred` panics: an execution
        // is abandoned then.
        let (admission, _leading);
        {
            // Dropped at the end of this block, after the lock is released.
            let mut deferred = Deferred::new();
            let joined = found.filter(|id| self.may_join(shard.slot(*id), call.entry));
            admission = match joined {
                Some(id) => self.meet_flight(&mut shard, id, call, new, &mut deferred),
                None => self.start_flight(&mut shard, found, call, new, &mut deferred),
            };
            let leads = matches!(admission, Admission::Lead(_) | Admission::Claim(_));
            if leads && self.rules.keeps_any() {
                let own = self.shard_index(call.hash);
                neighbour = shard.next_neighbour(own, self.number_of_shards());
            }
            drop(shard);
            // A destructor may call this group: to it, this thread leads the flight already (S41).
            _leading = leads.then(deadlock::lead);
        }
        if let (Admission::Lead(execution), Some(neighbour)) = (&admission, neighbour) {
            self.expire_in(neighbour, execution.start);
        }
        admission
    }

    /// True if this slot has a flight that admits one more call (S9, S13).
    fn may_join(&self, slot: &Slot<K, V, E>, entry: Nanos) -> bool {
        let Some(running) = slot.running() else { return false };
        let too_old = slot.start.saturating_add(self.rules.max_join_age);
        slot.accepts_a_call(self.rules.max_requests)
            && (self.clock.is_before(entry, too_old) || running.is_pending())
    }

    /// Decides a call that meets a flight which it may join.
    fn meet_flight<'t, Q: ?Sized>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        id: SlotId,
        call: &Call<'_, Q>,
        new: &mut NewKey<K>,
        deferred: &mut Deferred<K, V, E>,
    ) -> Admission<'t, K, V, E> {
        // A submitting thread does not wait here; its ticket does, on whatever thread.
        let me = match call.mode {
            Mode::Submit => None,
            Mode::Wait | Mode::Try => deadlock::leading_thread(),
        };
        if me.is_some_and(|me| shard.running(id).is_led_by(me)) {
            return self.refuse_to_wait(shard);
        }
        let slot = SlotRef { id, hash: call.hash };
        let now = new.start.unwrap_or(call.entry);
        if let Some(execution) = self.claim_on_arrival(shard, slot, now) {
            return match self.reports_slow() {
                true => Admission::Claim(execution),
                false => Admission::Lead(execution),
            };
        }
        let oldest_accepted = shard.slot(id).start.saturating_add(call.max_age);
        match call.mode {
            Mode::Try => refuse(shard, Refusal::WouldBlock),
            _ if self.clock.is_before(call.entry, oldest_accepted) => {
                self.follow(shard, slot, me, None)
            }
            _ => self.follow_successor(shard, id, call, new, me, deferred),
        }
    }

    /// Makes the call a follower, unless its wait would close a cycle (S42).
    pub(super) fn follow<'t>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        slot: SlotRef,
        me: Option<ThreadToken>,
        predecessor: Option<&Gate>,
    ) -> Admission<'t, K, V, E> {
        let flight = self.flight_of(shard, slot.id);
        // Only a thread that leads a flight can be waited for, so only its wait enters the graph.
        let entered = me.map(|me| enter_graph(me, flight.gate(), predecessor)).transpose();
        let Ok(wait) = entered else { return self.refuse_to_wait(shard) };
        flight.gate().lock().waiting += 1;
        let admitted = shard.slot_mut(slot.id);
        admitted.admit_a_call(self.rules.max_requests);
        let start = admitted.start;
        shard.tally.count_call();
        Admission::Follow(Follower { slot, flight, start, callback: LockedCell::new(0), wait })
    }

    /// Decides a call whose wait would never end (S41, S42).
    pub(super) fn refuse_to_wait<'t>(
        &self,
        shard: &mut Locked<'_, K, V, E>,
    ) -> Admission<'t, K, V, E> {
        match self.rules.on_deadlock {
            OnDeadlock::Refuse => refuse(shard, Refusal::WouldDeadlock),
            OnDeadlock::Bypass => {
                shard.tally.count_call();
                shard.tally.running += 1;
                Admission::Bypass
            }
        }
    }

    /// Starts a flight with the new key, in place of the key's slot.
    pub(super) fn start_flight<'t, Q: ?Sized>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        old: Option<SlotId>,
        call: &Call<'_, Q>,
        new: &mut NewKey<K>,
        deferred: &mut Deferred<K, V, E>,
    ) -> Admission<'t, K, V, E> {
        let Some(key) = new.key.take() else { return Admission::Vacant };
        if let Some(old) = old {
            self.supersede(shard, old, deferred);
        }
        let start = new.start.unwrap_or_else(|| self.start_at(call.entry));
        let execution = self.begin(shard, key, call.hash, start);
        self.expire_some(shard, self.shard_index(call.hash), start, deferred);
        Admission::Lead(execution)
    }

    /// Begins the first execution of a flight that calls find by this key.
    #[inline]
    fn begin<'t>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        key: Key<K>,
        hash: ShortHash,
        start: Nanos,
    ) -> Execution<'t, K, V, E> {
        let leader = this_thread(|me| me.token());
        let id = shard.insert_with(|| Slot::led_by(leader, key, hash, start));
        shard.link(id);
        shard.tally.count_call();
        shard.tally.running += 1;
        Execution { table: self, slot: SlotRef { id, hash }, start, leader }
    }
}

fn refuse<'t, K, V, E>(
    shard: &mut Locked<'_, K, V, E>,
    refusal: Refusal,
) -> Admission<'t, K, V, E> {
    shard.tally.count_refused();
    Admission::Refused(refusal)
}

/// Enters a wait into the graph, and before it the flights that it goes through.
fn enter_graph(
    me: ThreadToken,
    gate: &Gate,
    predecessor: Option<&Gate>,
) -> Result<deadlock::Wait, deadlock::Cycle> {
    if let Some(predecessor) = predecessor {
        predecessor.enter_graph(None);
    }
    gate.enter_graph(predecessor.map(|predecessor| predecessor.id));
    deadlock::wait(me, gate.id)
}

impl<V, E> Running<V, E> {
    /// True if no execution has begun: it is a successor that may be due.
    fn is_pending(&self) -> bool {
        self.flight.as_ref().is_some_and(|flight| flight.gate().lock().phase == Phase::Pending)
    }

    fn is_led_by(&self, me: ThreadToken) -> bool {
        match &self.flight {
            Some(flight) => flight.gate().lock().leaders.contains(&me),
            None => self.leader == me,
        }
    }
}
