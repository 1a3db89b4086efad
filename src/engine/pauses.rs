//! [`Pauses`]: when values whose refresh has failed may be refreshed again (S123).

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::engine::slab::SlotId;
use crate::engine::slot::spread;
use crate::wait::clock::Nanos;

/// For each kept value whose refresh has failed: when the next one may begin. `None` until one fails, since
/// every shard has this.
pub(super) struct Pauses(Option<Box<HashTable<Pause>>>);

struct Pause {
    /// The slot of the value.
    value: SlotId,
    until: Nanos,
    /// The refreshes of it that have failed.
    failures: u32,
}

impl Pauses {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    pub(super) fn until(&self, value: SlotId) -> Nanos {
        let found = |pauses: &HashTable<Pause>| {
            pauses.find(spread(value), |pause| pause.value == value).map(|pause| pause.until)
        };
        self.0.as_deref().and_then(found).unwrap_or(0)
    }

    /// Notes one more failure, of a refresh that began at `start`.
    pub(super) fn note(
        &mut self,
        value: SlotId,
        start: Nanos,
        (shortest, longest): (Nanos, Nanos),
    ) {
        let hash = |pause: &Pause| spread(pause.value);
        let pauses = self.0.get_or_insert_default();
        let entry = pauses.entry(spread(value), |pause| pause.value == value, hash);
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
        if self.0.is_some() {
            self.take(value);
        }
    }

    #[cold]
    fn take(&mut self, value: SlotId) -> Option<Pause> {
        let pauses = self.0.as_mut()?;
        let found = pauses.find_entry(spread(value), |pause| pause.value == value);
        let taken = found.ok().map(|pause| pause.remove().0);
        if pauses.is_empty() {
            self.0 = None;
        }
        taken
    }

    /// A value has moved to another slot.
    pub(super) fn moved(&mut self, from: SlotId, to: SlotId) {
        if let Some(pause) = self.take(from) {
            let pause = Pause { value: to, ..pause };
            let pauses = self.0.get_or_insert_default();
            pauses.insert_unique(spread(to), pause, |pause| spread(pause.value));
        }
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
