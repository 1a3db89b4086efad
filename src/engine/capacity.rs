//! What the shards of a bounded table retain, seen from outside their locks: how much there is, and
//! how old the oldest is.
//!
//! Each shard notes the start of its oldest value and its oldest error here. So the result that makes
//! room is found without a lock. A note may lag behind; the shard itself is asked before anything is
//! dropped. A table without a bound notes nothing.
//!
//! The notes stand close together, since whoever makes room reads all of them: eight to a cache line
//! are fewer lines to bring from other processors than one to a line would be.

use crate::engine::rules::Rules;
use crate::engine::slot::Kind;
use crate::sync::{AtomicU64, Ordering};
use crate::wait::clock::{FOREVER, Nanos};

#[derive(Debug)]
pub(crate) struct Retention {
    /// How many results there may be, over all shards.
    limit: Option<u64>,
    /// How many there are or have a place reserved; counted only if there is a limit.
    count: AtomicU64,
    values: Notes,
    errors: Notes,
}

/// The starts of the oldest results of one kind, by the place of their shard; [`FOREVER`] where there
/// is none. Empty if there is no limit.
type Notes = Box<[AtomicU64]>;

impl Retention {
    pub(crate) fn new(rules: &Rules, shards: usize) -> Self {
        let noted = if rules.max_retained.is_some() { shards } else { 0 };
        let notes = || (0..noted).map(|_| AtomicU64::new(FOREVER)).collect();
        Self {
            limit: rules.max_retained,
            count: AtomicU64::new(0),
            values: notes(),
            errors: notes(),
        }
    }

    fn notes(&self, kind: Kind) -> &Notes {
        match kind {
            Kind::Value => &self.values,
            Kind::Error => &self.errors,
        }
    }

    /// Notes the start of what is now the oldest of its kind, if there is one. Called under the
    /// shard's lock, as the next two are.
    #[inline]
    pub(crate) fn note(&self, place: usize, kind: Kind, oldest: Option<Nanos>) {
        if self.limit.is_some() {
            self.notes(kind)[place].store(oldest.unwrap_or(FOREVER), Ordering::Relaxed);
        }
    }

    /// A result has left its shard, whose oldest of that kind is now this.
    #[inline]
    pub(crate) fn gone(&self, place: usize, kind: Kind, oldest: Option<Nanos>) {
        self.note(place, kind, oldest);
        self.give_back(1);
    }

    /// So many results have left their shard, which has none any more.
    pub(crate) fn all_gone(&self, place: usize, count: usize) {
        self.note(place, Kind::Value, None);
        self.note(place, Kind::Error, None);
        self.give_back(count as u64);
    }

    #[inline]
    fn give_back(&self, count: u64) {
        if self.limit.is_some() {
            self.count.fetch_sub(count, Ordering::Relaxed);
        }
    }

    /// Takes a place for one more result. Without a limit there always is one.
    #[inline]
    pub(crate) fn reserve(&self) -> bool {
        let Some(limit) = self.limit else { return true };
        let one_more = |count: u64| (count < limit).then_some(count + 1);
        self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    /// Gives a reserved place back, if there is one.
    pub(crate) fn unreserve(&self, kept: Option<Kind>) {
        if kept.is_some() {
            self.give_back(1);
        }
    }

    /// Where the result is that has to make room: an expired one, or else the oldest.
    pub(crate) fn next_to_go(&self, rules: &Rules, now: Nanos) -> Option<(usize, Kind)> {
        let candidate = |kind| {
            let (start, place) = self.oldest(rules, kind)?;
            let is_live = now < start.saturating_add(rules.window_of(kind));
            Some(((is_live, start), (place, kind)))
        };
        let candidates = [Kind::Value, Kind::Error].into_iter().filter_map(candidate);
        candidates.min_by_key(|(age, _)| *age).map(|(_, found)| found)
    }

    /// The start of the oldest result of a kind, which expires before the others of that kind, and its
    /// shard's place.
    fn oldest(&self, rules: &Rules, kind: Kind) -> Option<(Nanos, usize)> {
        if rules.window_of(kind) == 0 {
            return None;
        }
        let starts = self.notes(kind).iter().map(|start| start.load(Ordering::Relaxed));
        let oldest = starts.enumerate().min_by_key(|(_, start)| *start);
        oldest.filter(|(_, start)| *start != FOREVER).map(|(place, start)| (start, place))
    }
}
