//! The keys that this process forgets everywhere: answers that it waits for, and forgets that did not reach the engine.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use crate::engine::{ForgetId, Inbox};
use crate::sync::{Condvar, Deadline, Mutex};

use super::leads::Place;

/// So many keys are remembered. With more, their whole names are forgotten.
const MOST: usize = 10_000;

#[derive(Default)]
pub(super) struct Forgets {
    answers: Mutex<HashMap<ForgetId, HashSet<Inbox>>>,
    told: Condvar,
    missed: Mutex<Missed>,
}

/// The forgets that did not reach the engine.
#[derive(Default)]
struct Missed {
    keys: HashMap<Place, Miss>,
    names: HashMap<Arc<str>, Miss>,
    /// So many misses came.
    count: u64,
}

#[derive(Clone, Copy)]
struct Miss {
    /// By then, all that it is about is over in any case. `None`: never.
    until: Option<Instant>,
    number: u64,
}

/// Something to repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ToRepeat {
    Key(Place),
    Name(Arc<str>),
}

impl Forgets {
    /// Answers to this forget count from now on.
    pub(super) fn expect(&self, id: ForgetId) {
        self.answers.lock().insert(id, HashSet::new());
    }

    /// A process has dropped what it was told to forget.
    pub(super) fn answered(&self, id: ForgetId, by: Inbox) {
        if let Some(answers) = self.answers.lock().get_mut(&id) {
            answers.insert(by);
            self.told.notify_all();
        }
    }

    /// Waits for so many answers. Returns how many have come. `waits`: they can come.
    pub(super) fn collect(&self, id: ForgetId, told: usize, until: Deadline, waits: bool) -> usize {
        let mut answers = self.answers.lock();
        while waits && answers.get(&id).map_or(0, HashSet::len) < told {
            if !until.wait(&self.told, &mut answers) {
                break;
            }
        }
        answers.remove(&id).map_or(0, |answers| answers.len())
    }

    pub(super) fn missed(&self, what: ToRepeat, until: Option<Instant>) {
        let missed = &mut *self.missed.lock();
        missed.count += 1;
        let miss = Miss { until, number: missed.count };
        match what {
            ToRepeat::Key(place) if missed.keys.len() < MOST => {
                missed.keys.insert(place, miss);
            }
            ToRepeat::Key(place) => {
                for (Place { name, .. }, old) in missed.keys.drain() {
                    add(&mut missed.names, name, Miss { until: old.until, ..miss });
                }
                add(&mut missed.names, place.name, miss);
            }
            ToRepeat::Name(name) => {
                missed.keys.retain(|place, _| place.name != name);
                add(&mut missed.names, name, miss);
            }
        }
    }

    /// The forget that is to be repeated before this key is asked for, with its number.
    pub(super) fn of(&self, place: &Place) -> Option<(ToRepeat, u64)> {
        let missed = self.missed.lock();
        if let Some(miss) = missed.names.get(&place.name) {
            return Some((ToRepeat::Name(place.name.clone()), miss.number));
        }
        let miss = missed.keys.get(place)?;
        Some((ToRepeat::Key(place.clone()), miss.number))
    }

    /// Everything that is to be repeated, with its numbers. What is over by now is dropped.
    pub(super) fn all(&self, now: Instant) -> Vec<(ToRepeat, u64)> {
        let missed = &mut *self.missed.lock();
        let is_due = |miss: &mut Miss| miss.until.is_none_or(|until| now < until);
        missed.keys.retain(|_, miss| is_due(miss));
        missed.names.retain(|_, miss| is_due(miss));
        let of_name =
            |(name, miss): (&Arc<str>, &Miss)| (ToRepeat::Name(name.clone()), miss.number);
        let of_key = |(place, miss): (&Place, &Miss)| (ToRepeat::Key(place.clone()), miss.number);
        missed.names.iter().map(of_name).chain(missed.keys.iter().map(of_key)).collect()
    }

    /// This has reached the engine, if it has not been missed once more since it got its number.
    pub(super) fn repeated(&self, (what, number): &(ToRepeat, u64)) {
        let missed = &mut *self.missed.lock();
        match what {
            ToRepeat::Key(place) => {
                missed.keys.retain(|missed, miss| missed != place || miss.number != *number);
            }
            ToRepeat::Name(name) => {
                missed.names.retain(|missed, miss| missed != name || miss.number != *number);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let missed = self.missed.lock();
        missed.keys.is_empty() && missed.names.is_empty()
    }
}

fn add(names: &mut HashMap<Arc<str>, Miss>, name: Arc<str>, miss: Miss) {
    let old = names.insert(name.clone(), miss);
    if let (Some(old), Some(new)) = (old, names.get_mut(&name)) {
        new.until = old.until.zip(miss.until).map(|(one, other)| one.max(other));
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::engine::Digest;
    use std::time::Duration;

    fn place(name: &str, number: u64) -> Place {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Place { name: name.into(), digest: Digest::new(bytes) }
    }

    #[test]
    fn too_many_keys_become_their_names() {
        let (forgets, now) = (Forgets::default(), crate::sync::now());
        let end = Some(now + Duration::from_secs(1));
        for number in 0..MOST as u64 {
            forgets.missed(ToRepeat::Key(place(["a", "b"][number as usize % 2], number)), end);
        }
        assert_eq!(forgets.all(now).len(), MOST);
        forgets.missed(ToRepeat::Key(place("c", 0)), None);
        assert_eq!(forgets.all(now).len(), 3, "they are names now");
        let left = forgets.all(now + Duration::from_secs(1));
        assert_eq!(left, [(ToRepeat::Name("c".into()), MOST as u64 + 1)], "the others are over");
        assert_eq!(forgets.of(&place("c", 7)).as_ref(), left.first());
        forgets.repeated(&left[0]);
        assert!(forgets.is_empty());
    }

    #[test]
    fn a_miss_that_came_after_its_repetition_stays() {
        let (forgets, now) = (Forgets::default(), crate::sync::now());
        let key = || ToRepeat::Key(place("a", 1));
        forgets.missed(key(), None);
        let first = forgets.all(now);
        forgets.missed(key(), None);
        forgets.repeated(&first[0]);
        assert_eq!(forgets.all(now), [(key(), 2)]);
    }

    #[test]
    fn an_answer_that_nobody_waits_for_is_dropped() {
        let forgets = Forgets::default();
        let by = Inbox::draw("shop");
        forgets.answered(7, by.clone());
        forgets.expect(8);
        forgets.answered(8, by.clone());
        forgets.answered(8, by);
        let over = Deadline::after(Duration::ZERO);
        assert_eq!(forgets.collect(8, 2, over, true), 1, "one process answers once");
        assert!(forgets.answers.lock().is_empty());
    }
}
