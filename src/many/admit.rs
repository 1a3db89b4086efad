//! How a call of many keys is admitted: which keys the window serves, and what becomes of the others.

use crate::engine::call::NewKey;
use crate::engine::slot::Key;
use crate::key::{ToKey, is_plain_number};
use crate::many::call::{Many, Progress};
use crate::many::keys::Asked;
use crate::wait::clock::Nanos;

/// So many keys are looked up while a shard is locked: other calls wait no longer than for so many.
const AT_ONCE: usize = 16;

/// The end of a list.
const NONE: usize = usize::MAX;

impl<'t, K: Clone, V, E> Many<'t, K, V, E> {
    /// Admits all keys, without waiting for any.
    pub(super) fn admit_all<Q>(
        &self,
        asked: &mut [Asked<'_, Q, K>],
        progress: &mut Progress<'t, K, V, E>,
    ) where
        Q: ?Sized + ToKey<K>,
    {
        if is_plain_number::<Q, K>() {
            if self.is_for_shards(asked) && self.look_up(0, asked, progress) {
                // The window serves the first key, so perhaps all of them.
                self.look_up_by_shards(asked, progress);
            }
            self.admit_numbers(asked, progress);
        } else {
            self.look_up_all(asked, progress);
            self.admit_others(asked, progress);
        }
    }

    /// Answers the keys that the window serves.
    fn look_up_all<Q>(&self, asked: &[Asked<'_, Q, K>], progress: &mut Progress<'t, K, V, E>)
    where
        Q: ?Sized + ToKey<K>,
    {
        if self.is_for_shards(asked) {
            return self.look_up_by_shards(asked, progress);
        }
        for place in 0..asked.len() {
            self.look_up(place, asked, progress);
        }
    }

    /// Answers this key if the window serves it.
    fn look_up<Q>(
        &self,
        place: usize,
        asked: &[Asked<'_, Q, K>],
        progress: &mut Progress<'t, K, V, E>,
    ) -> bool
    where
        Q: ?Sized + ToKey<K>,
    {
        let Ok(hit) = self.table.look_up(&self.call(&asked[place])) else { return false };
        progress.serve(place, hit);
        true
    }

    /// True if so many keys take fewer locks shard by shard.
    fn is_for_shards<Q: ?Sized>(&self, asked: &[Asked<'_, Q, K>]) -> bool {
        asked.len() >= self.table.number_of_shards()
    }

    /// Answers the keys that the window serves, and locks a shard for many of them at a time.
    fn look_up_by_shards<Q>(&self, asked: &[Asked<'_, Q, K>], progress: &mut Progress<'t, K, V, E>)
    where
        Q: ?Sized + ToKey<K>,
    {
        let table = self.table;
        // The first place of each shard, and the next one after each place.
        let mut first = vec![NONE; table.number_of_shards()];
        let mut next = Vec::with_capacity(asked.len());
        for (place, one) in asked.iter().enumerate() {
            let index = table.shard_index(one.hash);
            next.push(first[index]);
            if progress.answers[place].is_none() {
                first[index] = place;
            }
        }
        for (index, mut place) in first.into_iter().enumerate() {
            while place != NONE {
                let mut shard = table.shard_at(index).lock();
                for _ in 0..AT_ONCE {
                    if let Some(hit) = table.look_up_in(&mut shard, &self.call(&asked[place])) {
                        progress.serve(place, hit);
                    }
                    place = next[place];
                    if place == NONE {
                        break;
                    }
                }
            }
        }
    }

    /// Admits the keys that have no answer. To create one runs no user code, so it is done under the lock, if the window does not
    /// serve it.
    fn admit_numbers<Q>(&self, asked: &mut [Asked<'_, Q, K>], progress: &mut Progress<'t, K, V, E>)
    where
        Q: ?Sized + ToKey<K>,
    {
        let mut start = None;
        for (place, one) in asked.iter_mut().enumerate() {
            if progress.answers[place].is_some() {
                continue;
            }
            match self.table.look_up(&self.call(one)) {
                Ok(hit) => progress.serve(place, hit),
                Err(entry) => {
                    let start = *start.get_or_insert_with(|| self.start());
                    let key = one.take_owned();
                    let mut new = NewKey::new(Key::Own(key.clone()), Some(start));
                    progress.keep_key(place, key);
                    let admission = self.table.admit(entry, &self.call(one), &mut new);
                    progress.note(place, admission, self.table);
                }
            }
        }
    }

    /// Admits the keys that have no answer. User code runs before.
    fn admit_others<Q>(&self, asked: &mut [Asked<'_, Q, K>], progress: &mut Progress<'t, K, V, E>)
    where
        Q: ?Sized + ToKey<K>,
    {
        let is_missed = |place: &usize| progress.answers[*place].is_none();
        let missed: Vec<usize> = (0..asked.len()).filter(is_missed).collect();
        // The last user code before flights begin: each key for the table, and for the function.
        let mut new = Vec::with_capacity(missed.len());
        for place in &missed {
            let key = asked[*place].take_owned();
            new.push(NewKey::new(Key::Own(key.clone()), None));
            progress.keep_key(*place, key);
        }
        let start = self.start();
        for (place, new) in missed.into_iter().zip(&mut new) {
            new.start = Some(start);
            let call = self.call(&asked[place]);
            match self.table.look_up(&call) {
                Ok(hit) => progress.serve(place, hit),
                Err(entry) => {
                    progress.note(place, self.table.admit(entry, &call, new), self.table);
                }
            }
        }
        progress.unused = new;
    }

    /// The start of flights that begin now.
    pub(super) fn start(&self) -> Nanos {
        self.table.start_at(self.table.clock.coarse_now())
    }
}
