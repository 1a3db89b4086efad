//! When a flight is slow (`on_slow`), and which call reports it.
//!
//! ```text
//! leader    ├──────── runs the function ──────────────────┤ no call was here: reports it itself
//! follower      ├── waits ──────────┤ reports it, and waits on
//! arrival                               ├ reports it
//!           start ────────── d ──────▶│ slow from here on
//! ```
//!
//! The library has no thread that watches, so the first call to notice reports. A gate holds the time
//! when its flight becomes slow. A call that finds it past takes it, under the locks of shard and gate,
//! so exactly one does. It calls the hook after it has released them. A slow flight without a gate gets
//! one, so that the next call sees the report.

use crate::key::ToKey;

use crate::engine::call::{Call, Follower};
use crate::engine::slab::SlotId;
use crate::engine::slot::SlotRef;
use crate::engine::table::{Locked, Table};
use crate::observe::SlowReport;
use crate::wait::clock::{FOREVER, Nanos};
use crate::wait::contain::contain;
use crate::wait::deadlock::ThreadToken;
use crate::wait::gate_state::Phase;

impl<K, V, E> Table<K, V, E> {
    /// True if there is a hook. Without one, this check is all that a call spends on it.
    #[inline]
    pub(crate) fn reports_slow(&self) -> bool {
        self.rules.slow_after != FOREVER
    }

    /// When a flight that starts at `start` becomes slow.
    #[inline]
    pub(crate) fn slow_at(&self, start: Nanos) -> Nanos {
        start.saturating_add(self.rules.slow_after)
    }

    /// Calls the hook, if there is a report. Called while no lock is held. A panic of the hook ends
    /// here, and so does one of the key's destructor: the report may be the last to have the key.
    pub(crate) fn report_slow(&self, report: Option<SlowReport<K>>) {
        if let Some(report) = report {
            self.observer.report_slow(&report);
            contain(|| drop(report));
        }
    }

    /// Reports the flight that a call of this key meets, if it is slow.
    pub(crate) fn report_slow_on_arrival<Q>(&self, call: &Call<'_, Q>)
    where
        Q: ?Sized + ToKey<K>,
    {
        if self.reports_slow() {
            self.report_slow(self.notice_on_arrival(call));
        }
    }

    /// Reports the flight that a follower waits for, if it is slow.
    pub(crate) fn report_slow_as_follower(&self, follower: &Follower<V, E>) {
        self.report_slow(self.notice_as_follower(follower));
    }

    /// The report of an execution that has returned and is not published yet.
    pub(crate) fn notice_at_end(
        &self,
        slot: SlotRef,
        leader: ThreadToken,
    ) -> Option<SlowReport<K>> {
        let now = self.clock.now();
        let mut shard = self.shard(slot.hash).lock();
        let report = self.notice(&mut shard, slot.id, now)?;
        Some(SlowReport { leader: Some(leader), ended: true, ..report })
    }

    fn notice_on_arrival<Q>(&self, call: &Call<'_, Q>) -> Option<SlowReport<K>>
    where
        Q: ?Sized + ToKey<K>,
    {
        let now = self.clock.now();
        let mut shard = self.shard(call.hash).lock();
        let id = shard.find(call.hash, call.key)?;
        self.notice(&mut shard, id, now)
    }

    /// A follower of a successor looks at the predecessor while that runs.
    fn notice_as_follower(&self, follower: &Follower<V, E>) -> Option<SlowReport<K>> {
        let now = self.clock.now();
        let mut shard = self.shard(follower.slot.hash).lock();
        let mut state = follower.flight.gate().lock();
        let id = match state.phase {
            Phase::Closed => return None,
            Phase::Running => Some(follower.slot.id),
            Phase::Pending => {
                // This gate's waiters were woken for the predecessor: not a second time.
                state.slow_at = FOREVER;
                shard.predecessor_of(follower.slot.id)
            }
        };
        drop(state);
        self.notice(&mut shard, id?, now)
    }

    /// Takes the report of a flight that is slow at `now`, if no call has taken it.
    fn notice(
        &self,
        shard: &mut Locked<'_, K, V, E>,
        id: SlotId,
        now: Nanos,
    ) -> Option<SlowReport<K>> {
        let slot = shard.slot(id);
        let start = slot.start;
        if slot.running()?.flight.is_none() && now < self.slow_at(start) {
            return None;
        }
        let flight = self.flight_of(shard, id);
        let mut state = flight.gate().lock();
        if state.phase == Phase::Pending || now < state.slow_at {
            return None;
        }
        state.slow_at = FOREVER;
        let (followers, leader) = (state.followers(), state.leaders.first().copied());
        drop(state);
        let (key, age) = (shard.slot_mut(id).key.share(), now.saturating_sub(start));
        Some(SlowReport { key, age, followers, leader, ended: false })
    }
}
