//! The sharded map from keys to slots: it decides what a call is.
//!
//! A call goes through [`Table::admit`] and comes out as one of [`Admission`]. A leader ends its
//! [`Execution`] with its result; that half is in [`publish`](crate::publish). Both take the lock
//! of the key's shard, so publishing an outcome and unlinking its slot look like one step to every
//! caller (S5).
//!
//! **Lock order:** shard, gate, wait-for graph. Never two shards and never two gates at once. Under
//! a lock no user code runs but the key's `Eq`: keys are hashed and made outside, and what leaves
//! the table is dropped outside ([`Leaving`]).

use std::hash::Hash;
use std::sync::Arc as StdArc;

use hashbrown::Equivalent;

use crate::clock::{Clock, FOREVER, Nanos};
use crate::deadlock::{self, ThreadToken};
use crate::gate::{Gate, Phase, State};
use crate::retention::Retention;
use crate::rules::{OnDeadlock, Rules};
use crate::shard::Shard;
use crate::slot::{Ending, Kind, Place, Slot};
use crate::sync::{Arc, Mutex, MutexGuard, Padded, this_thread};

pub(crate) struct Table<K, V, E> {
    shards: Box<[PaddedShard<K, V, E>]>,
    pub(crate) retention: Retention,
    pub(crate) rules: Rules,
    pub(crate) clock: Clock,
}

/// One call, as the table sees it.
pub(crate) struct Call<'q, Q: ?Sized> {
    pub(crate) key: &'q Q,
    pub(crate) hash: u64,
    /// When the call began: what it may be served is decided by this instant (S8).
    pub(crate) entry: Nanos,
    pub(crate) manner: Manner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Any outcome that may be shared will do.
    Ordinary,
    /// Only outcomes of executions that begin after the call (S30).
    Fresh,
    /// Never waits (S34).
    Try,
}

/// What a call turned out to be.
pub(crate) enum Admission<'t, K, V, E> {
    /// Served at once by a retained result, which so many calls had waited for.
    Late(Ending<V, E>, usize),
    /// It runs the function and publishes.
    Lead(Execution<'t, K, V, E>),
    /// It waits for the outcome of a flight.
    Follow(Follower<K, V, E>),
    /// It runs the function for itself alone; the slot is there for its key.
    Alone(Arc<Slot<K, V, E>>),
    /// It is told why it cannot be answered.
    Refused(Refusal),
    /// It would start a flight: admit it again, with a slot for it.
    Vacant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    WouldBlock,
    WouldDeadlock,
}

/// A call that counts as waiting at its flight's gate.
pub(crate) struct Follower<K, V, E> {
    pub(crate) slot: Arc<Slot<K, V, E>>,
    pub(crate) gate: StdArc<Gate>,
    /// Its wait in the graph, if its thread leads something.
    pub(crate) wait: Option<deadlock::Wait>,
}

/// The right, and the duty, to end one execution. Dropped without an ending it is abandoned.
#[must_use = "dropping an execution abandons its followers"]
pub(crate) struct Execution<'t, K, V, E> {
    pub(crate) table: &'t Table<K, V, E>,
    pub(crate) slot: Arc<Slot<K, V, E>>,
    pub(crate) start: Nanos,
    pub(crate) leader: ThreadToken,
    pub(crate) ended: bool,
}

/// A slot that a call brings in case it starts a flight, with that flight's start.
pub(crate) struct Spare<K, V, E> {
    slot: Option<Arc<Slot<K, V, E>>>,
    start: Nanos,
}

/// What has left the table and is dropped, or woken, after its locks have been let go.
pub(crate) struct Leaving<K, V, E> {
    slots: [Option<Arc<Slot<K, V, E>>>; 4],
    pub(crate) closed: Option<StdArc<Gate>>,
    pub(crate) released: Option<StdArc<Gate>>,
}

type PaddedShard<K, V, E> = Padded<Mutex<Shard<K, V, E>>>;

pub(crate) type Locked<'a, K, V, E> = MutexGuard<'a, Shard<K, V, E>>;

impl<K, V, E> Table<K, V, E> {
    pub(crate) fn new(rules: Rules, clock: Clock, shards: usize) -> Self {
        let shards = shards.next_power_of_two();
        let shard = |place| Padded(Mutex::new(Shard::new(place)));
        Self {
            shards: (0..shards).map(shard).collect(),
            retention: Retention::new(&rules, shards),
            rules,
            clock,
        }
    }

    /// The place of a hash's shard, taken from all its bits: a custom hasher may leave some empty.
    #[inline]
    pub(crate) fn place(&self, hash: u64) -> usize {
        const FIBONACCI: u64 = 0x9E37_79B9_7F4A_7C15;
        let mixed = (hash.wrapping_mul(FIBONACCI) >> 32) as usize;
        mixed & (self.shards.len() - 1)
    }

    #[inline]
    pub(crate) fn shard(&self, hash: u64) -> &Mutex<Shard<K, V, E>> {
        self.shard_at(self.place(hash))
    }

    pub(crate) fn shard_at(&self, place: usize) -> &Mutex<Shard<K, V, E>> {
        &self.shards[place].0
    }

    pub(crate) fn shards(&self) -> impl Iterator<Item = &Mutex<Shard<K, V, E>>> {
        self.shards.iter().map(|shard| &shard.0)
    }

    /// Decides what a call is, and counts it.
    #[inline]
    pub(crate) fn admit<'t, Q>(
        &'t self,
        call: &Call<'_, Q>,
        spare: &mut Spare<K, V, E>,
    ) -> Admission<'t, K, V, E>
    where
        Q: ?Sized + Hash + Equivalent<K>,
    {
        let mut shard = self.shard(call.hash).lock();
        let found = shard.find(call.hash, call.key);
        if let Some(slot) = found
            && let Some(ending) = slot.ending()
            && self.serves_late(slot, ending, call)
        {
            if self.rules.max_requests != u64::MAX {
                slot.admit();
            }
            let late = Admission::Late(ending.clone(), slot.callers());
            shard.tally.count_late();
            return late;
        }
        let found = found.map(Arc::clone);
        self.admit_to_flight(shard, found, call, spare)
    }

    /// Whether a result may be handed to a call that did not wait for it (S8, S13).
    #[inline]
    fn serves_late<Q: ?Sized>(
        &self,
        slot: &Slot<K, V, E>,
        ending: &Ending<V, E>,
        call: &Call<'_, Q>,
    ) -> bool {
        let window = self.rules.window_after(ending);
        call.entry < slot.started().saturating_add(window)
            && slot.admitted() < self.rules.max_requests
            && call.manner != Manner::Fresh
    }

    fn admit_to_flight<'t, Q: ?Sized>(
        &'t self,
        mut shard: Locked<'_, K, V, E>,
        found: Option<Arc<Slot<K, V, E>>>,
        call: &Call<'_, Q>,
        spare: &mut Spare<K, V, E>,
    ) -> Admission<'t, K, V, E> {
        let mut leaving = Leaving::new();
        let admission = match found {
            Some(slot) if slot.ending().is_none() && self.may_join(&slot, call.entry) => {
                self.meet_flight(&mut shard, slot, call, spare, &mut leaving)
            }
            old => self.start_flight(&mut shard, old, spare, &mut leaving),
        };
        // Only leads take turns: most of them are admitted twice, and two steps at a time would
        // pass by every other shard.
        let leads = matches!(admission, Admission::Lead(_));
        let neighbour = leads.then(|| shard.next_neighbour(self.shards.len()));
        drop(shard);
        drop(leaving);
        if let (Admission::Lead(execution), Some(neighbour)) = (&admission, neighbour) {
            self.tidy(neighbour, execution.start);
        }
        admission
    }

    /// Whether a flight takes on one more call (S9, S13).
    fn may_join(&self, slot: &Slot<K, V, E>, now: Nanos) -> bool {
        let age = now.saturating_sub(slot.started());
        slot.admitted() < self.rules.max_requests
            && (age < self.rules.max_join_age
                || self.rules.max_join_age == FOREVER
                || is_pending(slot))
    }

    /// A call meets a flight that it may join.
    fn meet_flight<'t, Q: ?Sized>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        slot: Arc<Slot<K, V, E>>,
        call: &Call<'_, Q>,
        spare: &mut Spare<K, V, E>,
        leaving: &mut Leaving<K, V, E>,
    ) -> Admission<'t, K, V, E> {
        if led_by_this_thread(&slot) {
            return self.refuse_to_wait(shard, slot);
        }
        if let Some(execution) = self.claim_on_arrival(shard, &slot, call.entry) {
            return Admission::Lead(execution);
        }
        match call.manner {
            Manner::Try => refuse(shard, Refusal::WouldBlock),
            Manner::Fresh => self.follow_successor(shard, slot, spare, leaving),
            Manner::Ordinary => self.follow(shard, slot, None),
        }
    }

    /// The call's wait would never end (S41, S42).
    fn refuse_to_wait<'t>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        slot: Arc<Slot<K, V, E>>,
    ) -> Admission<'t, K, V, E> {
        match self.rules.on_deadlock {
            OnDeadlock::Refuse => refuse(shard, Refusal::WouldDeadlock),
            OnDeadlock::Bypass => {
                shard.tally.count_call();
                shard.tally.running += 1;
                Admission::Alone(slot)
            }
        }
    }

    /// Starts a flight with the spare slot, in place of whatever the key had.
    fn start_flight<'t>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        old: Option<Arc<Slot<K, V, E>>>,
        spare: &mut Spare<K, V, E>,
        leaving: &mut Leaving<K, V, E>,
    ) -> Admission<'t, K, V, E> {
        let Some(slot) = spare.slot.take() else { return Admission::Vacant };
        if let Some(old) = old {
            self.supersede(shard, &old, leaving);
        }
        let leader = this_thread(|me| me.token());
        slot.set_started(spare.start);
        slot.set_leader(leader);
        slot.admit();
        shard.link(Arc::clone(&slot));
        shard.tally.count_call();
        shard.tally.running += 1;
        self.drop_expired(shard, self.place(slot.hash), spare.start, leaving);
        Admission::Lead(Execution { table: self, slot, start: spare.start, leader, ended: false })
    }

    /// Takes a slot out of the table: a running one serves the calls it has, a retained one goes.
    pub(crate) fn supersede(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        old: &Arc<Slot<K, V, E>>,
        leaving: &mut Leaving<K, V, E>,
    ) {
        let was = old.place();
        let Some(linked) = shard.detach(old) else { return };
        if let Place::Retained(kind, _) = was {
            self.retention.gone(shard, self.place(old.hash), kind);
            leaving.push(linked);
        } else {
            shard.put_aside(linked);
        }
    }

    /// A new arrival begins one more execution where one is due: a take-over (S36), or a successor
    /// whose turn has come.
    fn claim_on_arrival<'t>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        slot: &Arc<Slot<K, V, E>>,
        now: Nanos,
    ) -> Option<Execution<'t, K, V, E>> {
        if slot.gate().is_none() && now < self.next_start(slot.started(), 1) {
            return None;
        }
        let gate = self.gate_of(slot);
        let execution = self.claim(shard, slot, gate, &mut gate.lock(), now)?;
        slot.admit();
        shard.tally.count_call();
        Some(execution)
    }

    /// The same by a follower that was woken for it. It no longer counts as waiting then.
    pub(crate) fn claim_as_follower<'t>(
        &'t self,
        follower: &Follower<K, V, E>,
    ) -> Option<Execution<'t, K, V, E>> {
        let Follower { slot, gate, .. } = follower;
        let now = self.clock.now();
        let mut shard = self.shard(slot.hash).lock();
        let mut state = gate.lock();
        let execution = self.claim(&mut shard, slot, gate, &mut state, now)?;
        state.waiting -= 1;
        Some(execution)
    }

    fn claim<'t>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        slot: &Arc<Slot<K, V, E>>,
        gate: &Gate,
        state: &mut State,
        now: Nanos,
    ) -> Option<Execution<'t, K, V, E>> {
        let leader = this_thread(|me| me.token());
        let next_start = self.next_start(now, state.begun + 1);
        if !state.claim(leader, now, next_start) {
            return None;
        }
        if state.in_graph {
            deadlock::add_leader(gate.id, leader);
        }
        shard.tally.running += 1;
        if state.begun > 1 {
            shard.tally.takeovers += 1;
        } else {
            slot.set_started(now);
            if let Some(early) = shard.take_early_successor(slot) {
                shard.put_aside(early);
            }
        }
        Some(Execution { table: self, slot: Arc::clone(slot), start: now, leader, ended: false })
    }

    /// From when on one more execution may begin on a slot whose `begun`-th began at `start`.
    fn next_start(&self, start: Nanos, begun: usize) -> Nanos {
        if begun >= self.rules.max_leaders {
            return FOREVER;
        }
        start.saturating_add(self.rules.leader_timeout)
    }

    /// The slot's gate; the first call that needs one makes it.
    fn gate_of<'s>(&self, slot: &'s Slot<K, V, E>) -> &'s StdArc<Gate> {
        if slot.gate().is_none() {
            let next_start = self.next_start(slot.started(), 1);
            slot.set_gate(Gate::new_running(slot.leader(), slot.started(), next_start));
        }
        slot.gate().expect("it was there or has just been made")
    }

    /// Makes the call a follower, unless its wait would close a cycle (S42).
    fn follow<'t>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        slot: Arc<Slot<K, V, E>>,
        after: Option<&Gate>,
    ) -> Admission<'t, K, V, E> {
        let gate = StdArc::clone(self.gate_of(&slot));
        let Ok(wait) = enter_graph(&gate, after) else {
            return self.refuse_to_wait(shard, slot);
        };
        gate.lock().waiting += 1;
        slot.admit();
        shard.tally.count_call();
        Admission::Follow(Follower { slot, gate, wait })
    }

    /// A fresh call on a running flight waits for the one after it, with every other fresh call
    /// that comes meanwhile (S30).
    fn follow_successor<'t>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        running: Arc<Slot<K, V, E>>,
        spare: &mut Spare<K, V, E>,
        leaving: &mut Leaving<K, V, E>,
    ) -> Admission<'t, K, V, E> {
        let before = StdArc::clone(self.gate_of(&running));
        if let Some(successor) = shard.successor(before.id).cloned() {
            return match successor.admitted() < self.rules.max_requests {
                true => self.follow(shard, successor, Some(&before)),
                false => self.start_flight(shard, Some(running), spare, leaving),
            };
        }
        let Some(slot) = spare.slot.take() else { return Admission::Vacant };
        let stuck_at = before.lock().youngest.saturating_add(self.rules.leader_timeout);
        slot.set_started(spare.start);
        slot.set_gate(Gate::new_pending(stuck_at));
        shard.set_successor(before.id, Arc::clone(&slot));
        self.follow(shard, slot, Some(&before))
    }

    /// A follower's deadline came first. The last to leave a flight that nobody began takes it
    /// away.
    pub(crate) fn time_out(&self, follower: &Follower<K, V, E>) {
        let Follower { slot, gate, .. } = follower;
        let mut shard = self.shard(slot.hash).lock();
        shard.tally.timed_out += 1;
        if gate.is_deserted() {
            let linked = shard.detach(slot);
            let aside = shard.take_from_aside(slot);
            drop(shard);
            drop((linked, aside));
        }
    }

    /// Counts a call that ran the function for itself alone.
    pub(crate) fn end_alone(&self, hash: u64, ending: &Ending<V, E>) {
        let mut shard = self.shard(hash).lock();
        shard.tally.count_execution(ending);
    }

    /// Drops results whose window is over, at most two values and one error, so that a lead does
    /// no more than its share (S47).
    pub(crate) fn drop_expired(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        place: usize,
        now: Nanos,
        leaving: &mut Leaving<K, V, E>,
    ) {
        for kind in [Kind::Value, Kind::Error, Kind::Value] {
            let Some(oldest) = shard.oldest(kind) else { continue };
            if now < oldest.started().saturating_add(self.rules.window_of(kind)) {
                continue;
            }
            let oldest = Arc::clone(oldest);
            drop(shard.detach(&oldest));
            leaving.push(oldest);
            self.retention.gone(shard, place, kind);
        }
    }

    /// Every lead looks after one other shard as well, in turn, so that results expire there even
    /// when no key of it is ever called again (S47).
    fn tidy(&self, place: usize, now: Nanos) {
        if !self.retention.is_due(&self.rules, place, now) {
            return;
        }
        let Some(mut shard) = self.shard_at(place).try_lock() else { return };
        let mut leaving = Leaving::new();
        self.drop_expired(&mut shard, place, now, &mut leaving);
        drop(shard);
    }
}

/// Whether the flight has not begun: it is a successor whose turn may have come.
fn is_pending<K, V, E>(slot: &Slot<K, V, E>) -> bool {
    slot.gate().is_some_and(|gate| gate.lock().phase == Phase::Pending)
}

fn led_by_this_thread<K, V, E>(slot: &Slot<K, V, E>) -> bool {
    let Some(me) = deadlock::leading_thread() else { return false };
    match slot.gate() {
        Some(gate) => gate.lock().leaders.contains(&me),
        None => slot.leader() == Some(me),
    }
}

fn refuse<'t, K, V, E>(
    shard: &mut Locked<'_, K, V, E>,
    refusal: Refusal,
) -> Admission<'t, K, V, E> {
    shard.tally.count_refused();
    Admission::Refused(refusal)
}

/// Only a thread that leads something can be waited for, so only such a wait is entered.
fn enter_graph(
    gate: &Gate,
    after: Option<&Gate>,
) -> Result<Option<deadlock::Wait>, deadlock::Cycle> {
    let Some(me) = deadlock::leading_thread() else { return Ok(None) };
    if let Some(before) = after {
        before.enter_graph(None);
    }
    gate.enter_graph(after.map(|before| before.id));
    deadlock::wait(me, gate.id).map(Some)
}

impl<K, V, E> Spare<K, V, E> {
    pub(crate) fn none() -> Self {
        Self { slot: None, start: 0 }
    }

    /// A slot for a flight that starts now, if the call turns out to start one.
    pub(crate) fn new(key: K, hash: u64, clock: &Clock) -> Self {
        Self { slot: Some(Arc::new(Slot::new(key, hash))), start: clock.now() }
    }
}

impl<K, V, E> Leaving<K, V, E> {
    pub(crate) const fn new() -> Self {
        Self { slots: [const { None }; 4], closed: None, released: None }
    }

    /// Room for what one step takes out, and for three expired results.
    pub(crate) fn push(&mut self, slot: Arc<Slot<K, V, E>>) {
        let place = self.slots.iter_mut().find(|place| place.is_none());
        *place.expect("no step takes more out than there is room for") = Some(slot);
    }

    /// Wakes those who wait for what has happened. Called when no lock is held.
    pub(crate) fn wake(&self) {
        if let Some(gate) = &self.closed {
            gate.wake_two();
        }
        if let Some(gate) = &self.released {
            gate.wake_one();
        }
    }
}
