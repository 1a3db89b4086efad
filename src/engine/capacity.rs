//! [`Capacity`]: lock-free bookkeeping for `max_retained`: the number of results, and the start of
//! each shard's oldest.
//!
//! Each shard publishes the start of its oldest value and its oldest error here, so a thread finds the
//! result to evict without a lock. An entry may lag behind; the shard itself is asked before anything
//! is dropped. A table without a bound records nothing.
//!
//! The entries stand close together, since a thread that evicts reads all of them: eight to a cache
//! line are fewer lines to fetch from other processors than one to a line would be.

use std::mem::ManuallyDrop;

use crate::engine::rules::Kind;
use crate::engine::rules::Rules;
use crate::sync::{AtomicU64, Ordering};
use crate::wait::clock::{FOREVER, Nanos};

#[derive(Debug)]
pub(crate) struct Capacity {
    /// How many results all shards may keep.
    limit: Option<u64>,
    /// How many they keep or have reserved; counted only with a limit.
    count: AtomicU64,
    oldest_values: Starts,
    oldest_errors: Starts,
}

/// Space for one result. Its drop returns the space.
#[must_use = "its drop returns the space"]
pub(crate) struct Reservation<'c> {
    capacity: &'c Capacity,
    kind: Kind,
}

impl Reservation<'_> {
    /// Fills the space with a result, which gives it back when it is removed.
    #[inline]
    pub(crate) fn use_up(self) -> Kind {
        ManuallyDrop::new(self).kind
    }
}

impl Drop for Reservation<'_> {
    #[inline]
    fn drop(&mut self) {
        self.capacity.release(1);
    }
}

/// The start of the oldest result of one kind, by the index of its shard; [`FOREVER`] where there is
/// none. Empty without a limit.
type Starts = Box<[AtomicU64]>;

impl Capacity {
    pub(crate) fn new(rules: &Rules, shards: usize) -> Self {
        let recorded = if rules.max_retained.is_some() { shards } else { 0 };
        let starts = || (0..recorded).map(|_| AtomicU64::new(FOREVER)).collect();
        Self {
            limit: rules.max_retained,
            count: AtomicU64::new(0),
            oldest_values: starts(),
            oldest_errors: starts(),
        }
    }

    fn starts(&self, kind: Kind) -> &Starts {
        match kind {
            Kind::Value => &self.oldest_values,
            Kind::Error => &self.oldest_errors,
        }
    }

    /// Records the start of the result that is now the oldest of its kind. Called under the shard's
    /// lock, as the next two are.
    #[inline]
    pub(crate) fn set_oldest(&self, shard: usize, kind: Kind, oldest: Option<Nanos>) {
        if self.limit.is_some() {
            self.starts(kind)[shard].store(oldest.unwrap_or(FOREVER), Ordering::Relaxed);
        }
    }

    /// Counts a result that has left its shard, whose oldest of that kind is now this.
    #[inline]
    pub(crate) fn removed(&self, shard: usize, kind: Kind, oldest: Option<Nanos>) {
        self.set_oldest(shard, kind, oldest);
        self.release(1);
    }

    /// Counts that all results, so many, have left a shard.
    pub(crate) fn removed_all(&self, shard: usize, count: usize) {
        self.set_oldest(shard, Kind::Value, None);
        self.set_oldest(shard, Kind::Error, None);
        self.release(count as u64);
    }

    #[inline]
    fn release(&self, count: u64) {
        if self.limit.is_some() {
            self.count.fetch_sub(count, Ordering::Relaxed);
        }
    }

    /// How many places are taken or reserved.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Reserves space for one more result. Without a limit there always is some.
    #[inline]
    pub(crate) fn reserve(&self, kind: Kind) -> Option<Reservation<'_>> {
        if let Some(limit) = self.limit {
            let one_more = |count: u64| (count < limit).then_some(count + 1);
            self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        }
        Some(Reservation { capacity: self, kind })
    }

    /// The shard and the kind of the result to evict: an expired one, or else the oldest.
    pub(crate) fn next_to_evict(&self, rules: &Rules, now: Nanos) -> Option<(usize, Kind)> {
        let candidate = |kind| {
            let (start, shard) = self.oldest(rules, kind)?;
            let is_live = rules.is_within_window(kind, start, now);
            Some(((is_live, start), (shard, kind)))
        };
        let candidates = [Kind::Value, Kind::Error].into_iter().filter_map(candidate);
        candidates.min_by_key(|(age, _)| *age).map(|(_, found)| found)
    }

    /// The start of the oldest result of a kind, which expires before the others of that kind, and
    /// its shard.
    fn oldest(&self, rules: &Rules, kind: Kind) -> Option<(Nanos, usize)> {
        if rules.window_of(kind) == 0 {
            return None;
        }
        let starts = self.starts(kind).iter().map(|start| start.load(Ordering::Relaxed));
        let oldest = starts.enumerate().min_by_key(|(_, start)| *start);
        oldest.filter(|(_, start)| *start != FOREVER).map(|(shard, start)| (start, shard))
    }
}
