//! [`Pauses`]: when values whose refresh has failed may be refreshed again (S123).

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::engine::slab::SlotId;
use crate::engine::slot::spread;
use crate::wait::clock::Nanos;

/// For each kept value whose refresh has failed: when the next one may begin.
pub(super) struct Pauses(HashTable<Pause>);

struct Pause {
    /// The slot of the value.
    value: SlotId,
    until: Nanos,
    /// The refreshes of it that have failed.
    failures: u32,
}

impl Pauses {
    pub(super) const fn new() -> Self {
        Self(HashTable::new())
    }

    pub(super) fn until(&self, value: SlotId) -> Nanos {
        let found = self.0.find(spread(value), |pause| pause.value == value);
        found.map_or(0, |pause| pause.until)
    }

    /// Notes one more failure, of a refresh that began at `start`.
    pub(super) fn note(
        &mut self,
        value: SlotId,
        start: Nanos,
        (shortest, longest): (Nanos, Nanos),
    ) {
        let hash = |pause: &Pause| spread(pause.value);
        let entry = self.0.entry(spread(value), |pause| pause.value == value, hash);
        let failures = match &entry {
            Entry::Occupied(found) => found.get().failures,
            Entry::Vacant(_) => 0,
        };
        let time = shortest.saturating_mul(1_u64.checked_shl(failures).unwrap_or(Nanos::MAX));
        let until = start.saturating_add(time.min(longest));
        entry.insert(Pause { value, until, failures: failures.saturating_add(1) });
    }

    /// Leaves what a value that goes has here.
    #[inline]
    pub(super) fn remove(&mut self, value: SlotId) {
        if !self.0.is_empty() {
            self.take(value);
        }
    }

    #[cold]
    fn take(&mut self, value: SlotId) -> Option<Pause> {
        let found = self.0.find_entry(spread(value), |pause| pause.value == value);
        found.ok().map(|pause| pause.remove().0)
    }

    /// A value has moved to another slot.
    pub(super) fn moved(&mut self, from: SlotId, to: SlotId) {
        if let Some(pause) = self.take(from) {
            let pause = Pause { value: to, ..pause };
            self.0.insert_unique(spread(to), pause, |pause| spread(pause.value));
        }
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit(|pause| spread(pause.value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_the_longest_and_goes_with_its_value() {
        let mut pauses = Pauses::new();
        let note = |pauses: &mut Pauses| {
            pauses.note(7, 1000, (10, 70));
            pauses.until(7) - 1000
        };
        let times = [(); 5].map(|()| note(&mut pauses));
        assert_eq!(times, [10, 20, 40, 70, 70]);
        pauses.moved(7, 3);
        assert_eq!((pauses.until(7), pauses.until(3)), (0, 1070));
        pauses.remove(3);
        assert_eq!(pauses.until(3), 0);
        assert!((0..100).all(|_| note(&mut pauses) <= 70), "no overflow");
    }
}
