//! Who notices that a flight is slow: there is no thread that would look, so whoever comes by does.
//!
//! ```text
//! leader    ├──────── runs the function ──────────────────┤ nobody was here: it tells itself
//! follower      ├── waits ──────────┤ tells, and waits on
//! arrival                               ├ tells
//!           start ────────── d ──────▶│ from here on
//! ```
//!
//! The time from which on a flight is slow stands in its gate. Whoever finds it past takes it, under
//! the locks of shard and gate, so exactly one does; it calls the hook when it has let them go. A
//! flight that is noticed without a gate gets one, since the next call must see that it was told.

use std::hash::Hash;

use hashbrown::Equivalent;

use crate::engine::admit::{Call, Follower, Whereabouts};
use crate::engine::slab::At;
use crate::engine::table::{Locked, Table};
use crate::observe::Noticed;
use crate::wait::clock::{FOREVER, Nanos};
use crate::wait::deadlock::ThreadToken;
use crate::wait::gate::Phase;

impl<K, V, E> Table<K, V, E> {
    /// Whether anyone is told of slow flights.
    #[inline]
    pub(crate) fn tells_slow(&self) -> bool {
        self.rules.slow_after != FOREVER
    }

    /// From when on a flight is slow whose first execution began at `start`.
    #[inline]
    pub(crate) fn slow_at(&self, start: Nanos) -> Nanos {
        start.saturating_add(self.rules.slow_after)
    }

    /// An execution has returned, and is about to be published.
    pub(crate) fn notice_at_end(
        &self,
        flight: Whereabouts,
        leader: ThreadToken,
    ) -> Option<Noticed<K>> {
        let now = self.clock.now();
        let mut shard = self.shard(flight.hash).lock();
        let noticed = self.notice(&mut shard, flight.at, now)?;
        Some(Noticed { leader: Some(leader), ended: true, ..noticed })
    }

    /// Tells of the flight that this call has met and does not wait for, if that is slow.
    pub(crate) fn tell_on_arrival<Q>(&self, call: &Call<'_, Q>)
    where
        Q: ?Sized + Hash + Equivalent<K>,
    {
        if self.tells_slow() {
            self.tell(self.notice_on_arrival(call));
        }
    }

    /// Tells of the flight that this follower was woken for.
    pub(crate) fn tell_as_follower(&self, follower: &Follower<V, E>) {
        self.tell(self.notice_as_follower(follower));
    }

    pub(crate) fn tell(&self, noticed: Option<Noticed<K>>) {
        if let Some(noticed) = noticed {
            self.observer.tell_slow(&noticed);
        }
    }

    /// A call has met a flight, and does not wait for it.
    fn notice_on_arrival<Q>(&self, call: &Call<'_, Q>) -> Option<Noticed<K>>
    where
        Q: ?Sized + Hash + Equivalent<K>,
    {
        let now = self.clock.now();
        let mut shard = self.shard(call.hash).lock();
        let at = shard.find(call.hash, call.key)?;
        self.notice(&mut shard, at, now)
    }

    /// A follower was woken for it. As long as its flight has not begun, the slow one is the flight
    /// before.
    fn notice_as_follower(&self, follower: &Follower<V, E>) -> Option<Noticed<K>> {
        let now = self.clock.now();
        let mut shard = self.shard(follower.hash).lock();
        let mut state = follower.room.gate.lock();
        let at = match state.phase {
            Phase::Closed => return None,
            Phase::Running => Some(follower.at),
            Phase::Pending => {
                state.slow_at = FOREVER;
                shard.predecessor_of(follower.at)
            }
        };
        drop(state);
        self.notice(&mut shard, at?, now)
    }

    /// Takes the right to tell of this flight, if it is slow and nobody has told.
    fn notice(&self, shard: &mut Locked<'_, K, V, E>, at: At, now: Nanos) -> Option<Noticed<K>> {
        let slot = shard.slot(at);
        let started = slot.started;
        if slot.flight()?.room.is_none() && now < self.slow_at(started) {
            return None;
        }
        let room = self.room_of(shard, at);
        let mut state = room.gate.lock();
        if state.phase == Phase::Pending || now < state.slow_at {
            return None;
        }
        state.slow_at = FOREVER;
        let followers = if state.phase == Phase::Closed { 0 } else { state.waiting };
        let leader = state.leaders.first().copied();
        drop(state);
        let (key, age) = (shard.slot_mut(at).key.share(), now.saturating_sub(started));
        Some(Noticed { key, age, followers, leader, ended: false })
    }
}
