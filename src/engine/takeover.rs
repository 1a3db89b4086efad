//! How a call joins a flight that is under way: it follows, it follows the one after it, or it begins
//! one more execution.
//!
//! "The time from which one more execution may begin" is the whole mechanism of take-overs (S36) and
//! of successors (S30): it is never, or the youngest execution's start plus `leader_timeout`, or any
//! time, once the flight before has ended. A waiter or a new arrival claims such a start under the
//! locks of shard and gate, so exactly one gets it.

use std::sync::Arc as StdArc;

use crate::engine::admit::{Admission, Call, Execution, Follower, Spare};
use crate::engine::slab::At;
use crate::engine::slot::{Flight, Room, ShortHash, Slot, State};
use crate::engine::table::{Leaving, Locked, Table};
use crate::sync::this_thread;
use crate::wait::clock::{FOREVER, Nanos};
use crate::wait::deadlock::{self, ThreadToken};
use crate::wait::gate::Gate;

impl<K, V, E> Table<K, V, E> {
    /// A new arrival begins one more execution where one is due: a take-over (S36), or a successor
    /// whose turn has come.
    pub(crate) fn claim_on_arrival<'t>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        at: At,
        hash: ShortHash,
        entry: Nanos,
    ) -> Option<Execution<'t, K, V, E>> {
        let slot = shard.slot(at);
        let has_room = slot.flight().is_some_and(|flight| flight.room.is_some());
        if !has_room && self.clock.is_before(entry, self.next_start(slot.started, 1)) {
            return None;
        }
        let room = self.room_of(shard, at);
        let now = || self.clock.refine(entry);
        let execution = self.claim(shard, &room.gate, at, hash, now)?;
        shard.slot_mut(at).admitted += 1;
        shard.tally.count_call();
        Some(execution)
    }

    /// The same by a follower that was woken for it. It no longer counts as waiting then.
    pub(crate) fn claim_as_follower<'t>(
        &'t self,
        follower: &Follower<V, E>,
    ) -> Option<Execution<'t, K, V, E>> {
        let now = self.clock.now();
        let mut shard = self.shard(follower.hash).lock();
        let gate = &follower.room.gate;
        let execution = self.claim(&mut shard, gate, follower.at, follower.hash, || now)?;
        gate.end_wait(execution.leader);
        let call = gate.leave(follower.call);
        drop(shard);
        drop(call);
        Some(execution)
    }

    fn claim<'t>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        gate: &Gate,
        at: At,
        hash: ShortHash,
        now: impl FnOnce() -> Nanos,
    ) -> Option<Execution<'t, K, V, E>> {
        let leader = this_thread(|me| me.token());
        let (begun, now) = gate.claim(leader, now, |begun, now| self.next_start(now, begun))?;
        shard.tally.running += 1;
        if begun > 1 {
            shard.tally.takeovers += 1;
        } else {
            shard.slot_mut(at).started = now;
            shard.overtake(at);
            if self.tells_slow() {
                gate.watch(self.slow_at(now));
            }
        }
        Some(Execution { table: self, at, hash, start: now, leader })
    }

    /// From when on one more execution may begin on a slot whose `begun`-th began at `start`.
    fn next_start(&self, start: Nanos, begun: usize) -> Nanos {
        if begun >= self.rules.max_leaders {
            return FOREVER;
        }
        start.saturating_add(self.rules.leader_timeout)
    }

    /// The flight's room; the first call that needs one makes it.
    pub(crate) fn room_of(&self, shard: &mut Locked<'_, K, V, E>, at: At) -> StdArc<Room<V, E>> {
        let started = shard.slot(at).started;
        let flight = shard.flight(at);
        let leader = flight.leader;
        let room = flight.room.get_or_insert_with(|| {
            let (next, slow_at) = (self.next_start(started, 1), self.slow_at(started));
            Room::new(Gate::new_running(leader, started, next, slow_at))
        });
        StdArc::clone(room)
    }

    /// Makes the call a follower, unless its wait would close a cycle (S42).
    pub(crate) fn follow<'t>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        at: At,
        hash: ShortHash,
        me: Option<ThreadToken>,
        after: Option<&Gate>,
    ) -> Admission<'t, K, V, E> {
        let room = self.room_of(shard, at);
        let Ok(wait) = me.map(|me| enter_graph(me, &room.gate, after)).transpose() else {
            return self.refuse_to_wait(shard);
        };
        room.gate.lock().waiting += 1;
        let slot = shard.slot_mut(at);
        slot.admitted = slot.admitted.saturating_add(1);
        let started = slot.started;
        shard.tally.count_call();
        Admission::Follow(Follower { at, hash, room, started, call: 0, wait })
    }

    /// A fresh call on a running flight waits for the one after it, with every other fresh call
    /// that comes meanwhile (S30).
    pub(crate) fn follow_successor<'t, Q: ?Sized>(
        &'t self,
        shard: &mut Locked<'_, K, V, E>,
        running: At,
        call: &Call<'_, Q>,
        spare: &mut Spare<K>,
        me: Option<ThreadToken>,
        leaving: &mut Leaving<K, V, E>,
    ) -> Admission<'t, K, V, E> {
        let before = self.room_of(shard, running);
        if let Some(successor) = shard.successor_of(&before) {
            return match shard.slot(successor).admitted < self.rules.max_requests {
                true => self.follow(shard, successor, call.hash, me, Some(&before.gate)),
                false => self.start_flight(shard, Some(running), call, spare, leaving),
            };
        }
        let Some(key) = spare.key.take() else { return Admission::Vacant };
        let state = before.gate.lock();
        let stuck_at = state.youngest.saturating_add(self.rules.leader_timeout);
        let room = Room::new(Gate::new_pending(stuck_at, state.slow_at));
        drop(state);
        let flight = Flight { leader: 0, room: Some(StdArc::clone(&room)), linked: false };
        let (hash, started) = (call.hash, spare.start.unwrap_or(call.entry));
        let state = State::Flight(flight);
        let successor = shard.insert_with(|| Slot { key, hash, admitted: 0, started, state });
        before.precede(running, &room, successor);
        self.follow(shard, successor, hash, me, Some(&before.gate))
    }

    /// A follower's deadline came first. The last to leave a flight that nobody began takes it
    /// away.
    pub(crate) fn time_out(&self, follower: &Follower<V, E>) {
        let mut shard = self.shard(follower.hash).lock();
        shard.tally.timed_out += 1;
        let is_deserted = follower.room.gate.close_deserted();
        let gone = is_deserted.then(|| shard.remove(follower.at));
        drop(shard);
        drop(gone);
    }
}

/// Enters a wait into the graph, and before it the flights that it goes through. Only a thread that
/// leads something can be waited for, so only such a wait is entered.
fn enter_graph(
    me: ThreadToken,
    gate: &Gate,
    after: Option<&Gate>,
) -> Result<deadlock::Wait, deadlock::Cycle> {
    if let Some(before) = after {
        before.enter_graph(None);
    }
    gate.enter_graph(after.map(|before| before.id));
    deadlock::wait(me, gate.id)
}
