//! The sharded map from keys to slots: it decides what a call is.
//!
//! A call goes through [`Table::look_up`], where most are answered by a result, and then through
//! [`Table::admit`], where it comes out as one of [`Admission`]; how it joins a flight is in
//! [`join`](crate::engine::takeover). A leader ends its [`Execution`] with what came of it; that is in
//! [`publish`](crate::engine::publish). Both take the lock of the key's shard, so publishing an outcome and
//! unlinking its slot look like one step to every caller (S5).
//!
//! **Lock order:** shard, gate, wait-for graph. Never two shards and never two gates at once. Under
//! a lock no user code runs but the key's `Eq`: keys are hashed and made outside, and what leaves
//! the table is dropped outside ([`Leaving`]).

use std::hash::Hash;
use std::sync::Arc as StdArc;

use hashbrown::Equivalent;

use crate::engine::admit::{Admission, Call, Execution, Found, Late, Manner, Refusal, Spare};
use crate::engine::capacity::Retention;
use crate::engine::completion::Ran;
use crate::engine::rules::{OnDeadlock, Rules};
use crate::engine::shard::{Shard, stretch};
use crate::engine::slab::At;
use crate::engine::slot::{Flight, Key, Kind, Room, ShortHash, Slot, State};
use crate::observe::Observer;
use crate::sync::{Arc, Mutex, MutexGuard, Padded, this_thread};
use crate::wait::clock::{Clock, Nanos};
use crate::wait::deadlock::{self, ThreadToken};
use crate::wait::gate::Phase;

pub(crate) struct Table<K, V, E> {
    shards: Box<[PaddedShard<K, V, E>]>,
    pub(crate) retention: Retention,
    pub(crate) rules: Rules,
    pub(crate) clock: Clock,
    pub(crate) observer: Observer<K>,
    /// What the rules say of this, at hand for every flight that starts.
    counts_from_start: bool,
}

type PaddedShard<K, V, E> = Padded<Mutex<Shard<K, V, E>>>;

pub(crate) type Locked<'a, K, V, E> = MutexGuard<'a, Shard<K, V, E>>;

/// What has left the table and is dropped, or woken, after its locks have been let go.
pub(crate) struct Leaving<K, V, E> {
    slots: [Option<Slot<K, V, E>>; 4],
    pub(crate) closed: Option<StdArc<Room<V, E>>>,
    pub(crate) released: Option<StdArc<Room<V, E>>>,
}

impl<K, V, E> Table<K, V, E> {
    pub(crate) fn new(rules: Rules, clock: Clock, shards: usize, observer: Observer<K>) -> Self {
        let shards = shards.next_power_of_two();
        let shard = |_| Padded(Mutex::new(Shard::new()));
        Self {
            shards: (0..shards).map(shard).collect(),
            retention: Retention::new(&rules, shards),
            counts_from_start: rules.counts_from_start(),
            rules,
            clock,
            observer,
        }
    }

    /// The place of a hash's shard, taken from all its bits: a custom hasher may leave some empty.
    #[inline]
    pub(crate) fn place(&self, hash: ShortHash) -> usize {
        (stretch(hash) >> 32) as usize & (self.shards.len() - 1)
    }

    #[inline]
    pub(crate) fn shard(&self, hash: ShortHash) -> &Mutex<Shard<K, V, E>> {
        self.shard_at(self.place(hash))
    }

    #[inline]
    pub(crate) fn shard_at(&self, place: usize) -> &Mutex<Shard<K, V, E>> {
        &self.shards[place].0
    }

    pub(crate) fn shards(&self) -> impl Iterator<Item = &Mutex<Shard<K, V, E>>> {
        self.shards.iter().map(|shard| &shard.0)
    }

    /// When a flight starts, for a coarse reading just before.
    #[inline]
    pub(crate) fn start_at(&self, coarse: Nanos) -> Nanos {
        if self.counts_from_start { self.clock.refine(coarse) } else { coarse }
    }

    /// A result that answers the call at once, or where to go on with [`admit`](Self::admit).
    // Always inline: a late call pays for nothing that another kind of call would need.
    #[inline(always)]
    pub(crate) fn look_up<'t, Q>(
        &'t self,
        call: &Call<'_, Q>,
    ) -> Result<Late<V, E>, Found<'t, K, V, E>>
    where
        Q: ?Sized + Hash + Equivalent<K>,
    {
        let mut shard = self.shard(call.hash).lock();
        let at = shard.find(call.hash, call.key);
        if let Some(at) = at
            && let Some(late) = self.late(shard.slot_mut(at), call)
        {
            shard.count_late();
            return Ok(late);
        }
        Err(Found { shard, at })
    }

    /// Decides what a call is that no result answers, and counts it.
    #[inline]
    pub(crate) fn admit<'t, Q: ?Sized>(
        &'t self,
        found: Found<'t, K, V, E>,
        call: &Call<'_, Q>,
        spare: &mut Spare<K>,
    ) -> Admission<'t, K, V, E> {
        let Found { mut shard, at } = found;
        if at.is_some() || self.rules.keeps_any() {
            return self.admit_to_slot(shard, at, call, spare);
        }
        // There is nothing under this key, and nothing to drop.
        let Some(key) = spare.key.take() else { return Admission::Vacant };
        let started = spare.start.unwrap_or_else(|| self.start_at(call.entry));
        Admission::Lead(self.begin(&mut shard, key, call.hash, started))
    }

    /// The result of this slot, if it may be handed to a call that did not wait for it (S8, S13).
    #[inline(always)]
    fn late<Q: ?Sized>(&self, slot: &mut Slot<K, V, E>, call: &Call<'_, Q>) -> Option<Late<V, E>> {
        let started = slot.started;
        let (result, callers, window) = match &slot.state {
            State::Value(value, callers) => (Ok(value), *callers, self.rules.window),
            State::Error(error, callers) => (Err(error), *callers, self.rules.error_window),
            State::Flight(_) => return None,
        };
        let serves = self.clock.is_before(call.entry, started.saturating_add(window))
            && slot.admitted < self.rules.max_requests
            && call.manner != Manner::Fresh;
        if !serves {
            return None;
        }
        let result = result.map(Arc::clone).map_err(Arc::clone);
        if self.rules.max_requests != u32::MAX {
            slot.admitted += 1;
        }
        Some(Late { result, callers, started })
    }

    #[inline(never)]
    fn admit_to_slot<'t, Q: ?Sized>(
        &'t self,
        mut shard: Locked<'_, K, V, E>,
        found: Option<At>,
        call: &Call<'_, Q>,
        spare: &mut Spare<K>,
    ) -> Admission<'t, K, V, E> {
        let mut leaving = Leaving::new();
        let joined = found.filter(|at| self.may_join(shard.slot(*at), call.entry));
        let admission = match joined {
            Some(at) => self.meet_flight(&mut shard, at, call, spare, &mut leaving),
            None => self.start_flight(&mut shard, found, call, spare, &mut leaving),
        };
        let leads = matches!(admission, Admission::Lead(_) | Admission::Claim(_));
        let neighbour = if leads && self.rules.keeps_any() {
            shard.next_neighbour(self.place(call.hash), self.shards.len())
        } else {
            None
        };
        drop(shard);
        // A destructor may call this group: to it, this thread leads the flight already (S41).
        let _leading = leads.then(deadlock::lead);
        leaving.clear();
        if let (Admission::Lead(execution), Some(neighbour)) = (&admission, neighbour) {
            self.tidy(neighbour, execution.start);
        }
        admission
    }

    /// Whether this is a flight that takes on one more call (S9, S13).
    fn may_join(&self, slot: &Slot<K, V, E>, entry: Nanos) -> bool {
        let Some(flight) = slot.flight() else { return false };
        let too_old = slot.started.saturating_add(self.rules.max_join_age);
        slot.admitted < self.rules.max_requests
            && (self.clock.is_before(entry, too_old) || flight.is_pending())
    }

    /// A call meets a flight that it may join.
    fn meet_flight<'t, Q: ?Sized>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        at: At,
        call: &Call<'_, Q>,
        spare: &mut Spare<K>,
        leaving: &mut Leaving<K, V, E>,
    ) -> Admission<'t, K, V, E> {
        // Who submits does not wait here; the ticket does, on whatever thread.
        let me = match call.manner {
            Manner::Submit => None,
            _ => deadlock::leading_thread(),
        };
        let now = spare.start.unwrap_or(call.entry);
        if me.is_some_and(|me| shard.flight(at).is_led_by(me)) {
            return self.refuse_to_wait(shard);
        }
        if let Some(execution) = self.claim_on_arrival(shard, at, call.hash, now) {
            return match self.tells_slow() {
                true => Admission::Claim(execution),
                false => Admission::Lead(execution),
            };
        }
        match call.manner {
            Manner::Try => refuse(shard, Refusal::WouldBlock),
            Manner::Fresh => self.follow_successor(shard, at, call, spare, me, leaving),
            Manner::Ordinary | Manner::Submit => self.follow(shard, at, call.hash, me, None),
        }
    }

    /// The call's wait would never end (S41, S42).
    pub(crate) fn refuse_to_wait<'t>(
        &self,
        shard: &mut Locked<'_, K, V, E>,
    ) -> Admission<'t, K, V, E> {
        match self.rules.on_deadlock {
            OnDeadlock::Refuse => refuse(shard, Refusal::WouldDeadlock),
            OnDeadlock::Bypass => {
                shard.tally.count_call();
                shard.tally.running += 1;
                Admission::Alone
            }
        }
    }

    /// Starts a flight with the spare key, in place of whatever the key had.
    pub(crate) fn start_flight<'t, Q: ?Sized>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        old: Option<At>,
        call: &Call<'_, Q>,
        spare: &mut Spare<K>,
        leaving: &mut Leaving<K, V, E>,
    ) -> Admission<'t, K, V, E> {
        let Some(key) = spare.key.take() else { return Admission::Vacant };
        if let Some(old) = old {
            self.supersede(shard, old, leaving);
        }
        let started = spare.start.unwrap_or_else(|| self.start_at(call.entry));
        let execution = self.begin(shard, key, call.hash, started);
        self.drop_expired(shard, self.place(call.hash), started, leaving);
        Admission::Lead(execution)
    }

    /// Begins the first execution of a flight that calls find by this key.
    #[inline]
    fn begin<'t>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        key: Key<K>,
        hash: ShortHash,
        started: Nanos,
    ) -> Execution<'t, K, V, E> {
        let leader = this_thread(|me| me.token());
        let at = shard.insert_with(|| {
            let state = State::Flight(Flight { leader, room: None, linked: false });
            Slot { key, hash, admitted: 1, started, state }
        });
        shard.link(at);
        shard.tally.count_call();
        shard.tally.running += 1;
        Execution { table: self, at, hash, start: started, leader }
    }

    /// Takes a slot out of the map: a flight serves the calls it has, a result goes.
    pub(crate) fn supersede(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        old: At,
        leaving: &mut Leaving<K, V, E>,
    ) {
        match shard.slot(old).kind() {
            None => shard.unlink(old),
            Some(kind) => {
                let slot = shard.remove(old);
                self.retention.gone(self.place(slot.hash), kind, shard.oldest_start(kind));
                leaving.push(slot);
            }
        }
    }

    /// Counts a call that ran the function for itself alone.
    pub(crate) fn end_alone(&self, hash: ShortHash, ran: &Ran<V, E>) {
        self.shard(hash).lock().tally.count_execution(ran);
    }

    /// Drops results whose window is over, at most two values and one error, so that a lead does
    /// no more than its share (S47).
    fn drop_expired(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        place: usize,
        now: Nanos,
        leaving: &mut Leaving<K, V, E>,
    ) {
        for kind in [Kind::Value, Kind::Error, Kind::Value] {
            let Some((oldest, started)) = shard.oldest(kind) else { continue };
            if now < started.saturating_add(self.rules.window_of(kind)) {
                continue;
            }
            leaving.push(shard.remove(oldest));
            self.retention.gone(place, kind, shard.oldest_start(kind));
        }
    }

    /// Every few leads of a shard one looks after another shard as well, in turn, so that results
    /// expire there even when no key of it is ever called again (S47).
    fn tidy(&self, place: usize, now: Nanos) {
        let Some(mut shard) = self.shard_at(place).try_lock() else { return };
        let mut leaving = Leaving::new();
        self.drop_expired(&mut shard, place, now, &mut leaving);
        drop(shard);
    }
}

fn refuse<'t, K, V, E>(
    shard: &mut Locked<'_, K, V, E>,
    refusal: Refusal,
) -> Admission<'t, K, V, E> {
    shard.tally.count_refused();
    Admission::Refused(refusal)
}

impl<V, E> Flight<V, E> {
    /// Whether it has not begun: it is a successor whose turn may have come.
    fn is_pending(&self) -> bool {
        self.room.as_ref().is_some_and(|room| room.gate.lock().phase == Phase::Pending)
    }

    fn is_led_by(&self, me: ThreadToken) -> bool {
        match &self.room {
            Some(room) => room.gate.lock().leaders.contains(&me),
            None => self.leader == me,
        }
    }
}

impl<K, V, E> Leaving<K, V, E> {
    pub(crate) const fn new() -> Self {
        Self { slots: [const { None }; 4], closed: None, released: None }
    }

    /// Room for what one step takes out, and for three expired results.
    pub(crate) fn push(&mut self, slot: Slot<K, V, E>) {
        let place = self.slots.iter_mut().find(|place| place.is_none());
        *place.expect("no step takes more out than there is room for") = Some(slot);
    }

    /// Drops what has left, where it is: it is too much to be moved for that.
    fn clear(&mut self) {
        self.slots.iter_mut().for_each(|slot| *slot = None);
        (self.closed, self.released) = (None, None);
    }

    /// Wakes those who wait for what has happened. Called when no lock is held.
    pub(crate) fn wake(&self) {
        if let Some(room) = &self.closed {
            room.gate.wake_one();
        }
        if let Some(room) = &self.released {
            room.gate.wake_one();
        }
    }
}
