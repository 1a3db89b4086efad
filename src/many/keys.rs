//! The keys of a call, as it takes them in: each distinct one once.

use crate::engine::slot::{ShortHash, spread};
use crate::key::ToKey;

/// So many keys are compared one by one. More of them are found by their hashes.
pub(super) const FEW: usize = 8;

/// How many keys space is made for before there are so many, whatever an iterator says of itself.
const MOST_EXPECTED: usize = 1024;

/// A distinct key of a call.
pub(super) struct Asked<'q, Q: ?Sized, K> {
    pub(super) key: &'q Q,
    pub(super) hash: ShortHash,
    /// Made early if another key of the call has the same hash.
    owned: Option<K>,
}

/// The keys of a call.
pub(super) struct Taken<'q, Q: ?Sized, K> {
    /// Each distinct key, in the order in which it came first.
    pub(super) asked: Vec<Asked<'q, Q, K>>,
    /// For each key that was given, where it stands in `asked`. Empty if no two keys are equal.
    pub(super) places: Vec<usize>,
}

impl<Q: ?Sized + ToKey<K>, K> Asked<'_, Q, K> {
    /// The owned key, which can be taken once.
    pub(super) fn take_owned(&mut self) -> K {
        self.owned.take().unwrap_or_else(|| self.key.to_key())
    }
}

impl<'q, Q: ?Sized + ToKey<K>, K> Taken<'q, Q, K> {
    /// Takes in all keys. It runs the user's iterator, `Hash`, `Eq` and `to_key`.
    pub(super) fn of(
        keys: impl IntoIterator<Item = &'q Q>,
        hash: impl Fn(&Q) -> ShortHash,
    ) -> Self {
        let keys = keys.into_iter();
        let expected = keys.size_hint().0.min(MOST_EXPECTED);
        let mut asked: Vec<Asked<'q, Q, K>> = Vec::with_capacity(expected);
        let mut places = Vec::new();
        let mut index = None::<Index>;
        for (given, key) in keys.enumerate() {
            let hash = hash(key);
            let count = asked.len();
            let is_equal = |place: &usize| {
                let one = &mut asked[*place];
                one.hash == hash && key.is_key(one.owned.get_or_insert_with(|| one.key.to_key()))
            };
            let found = match &index {
                None => (0..count).find(is_equal).ok_or(0),
                Some(index) => index.find(hash, is_equal),
            };
            let place = found.unwrap_or_else(|empty| {
                asked.push(Asked { key, hash, owned: None });
                match &mut index {
                    Some(index) if !index.is_full(count + 1) => index.places[empty] = count + 1,
                    None if count < FEW => {}
                    _ => index = Some(Index::of(&asked, expected)),
                }
                count
            });
            if place != given && places.is_empty() {
                // The first key that was there before. All others so far are in the order given.
                places.extend(0..given);
            }
            if !places.is_empty() {
                places.push(place);
            }
        }
        Self { asked, places }
    }
}

/// The places of keys by their hashes: a table of open addresses, of which at most half have a place.
struct Index {
    /// Each place plus one, or zero.
    places: Vec<usize>,
    shift: u32,
}

impl Index {
    /// An index of these keys, with space for so many, and for as many more as there are.
    fn of<Q: ?Sized, K>(asked: &[Asked<'_, Q, K>], expected: usize) -> Self {
        let keys = expected.max(2 * asked.len());
        let addresses = (2 * keys + 2).next_power_of_two();
        let places = vec![0; addresses];
        let mut index = Self { places, shift: u64::BITS - addresses.trailing_zeros() };
        for (place, one) in asked.iter().enumerate() {
            if let Err(empty) = index.find(one.hash, |_| false) {
                index.places[empty] = place + 1;
            }
        }
        index
    }

    /// The place of a key of this hash, or the address for one.
    fn find(&self, hash: ShortHash, mut is_it: impl FnMut(&usize) -> bool) -> Result<usize, usize> {
        let last = self.places.len() - 1;
        let mut address = (spread(hash) >> self.shift) as usize;
        while let Some(place) = self.places[address].checked_sub(1) {
            if is_it(&place) {
                return Ok(place);
            }
            address = (address + 1) & last;
        }
        Err(address)
    }

    fn is_full(&self, keys: usize) -> bool {
        2 * keys >= self.places.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(keys: &[u32], hash: fn(&u32) -> ShortHash) -> (Vec<u32>, Vec<usize>) {
        let taken = Taken::<u32, u32>::of(keys, hash);
        (taken.asked.into_iter().map(|one| *one.key).collect(), taken.places)
    }

    #[test]
    fn equal_keys_are_taken_once_and_keep_the_order_given() {
        for hash in [|key: &u32| *key, |_: &u32| 7] {
            assert_eq!(taken(&[], hash), (vec![], vec![]));
            assert_eq!(taken(&[3, 1, 2], hash), (vec![3, 1, 2], vec![]));
            assert_eq!(taken(&[3, 1, 3], hash), (vec![3, 1], vec![0, 1, 0]));
            assert_eq!(taken(&[5, 5, 5, 4], hash), (vec![5, 4], vec![0, 0, 0, 1]));
            // The iterator of a slice says how many there are, and a filter does not.
            let keys: Vec<u32> = (0..300).chain(0..300).collect();
            let all = Taken::<u32, u32>::of(keys.iter().filter(|_| true), hash);
            assert_eq!(all.asked.iter().map(|one| *one.key).collect::<Vec<_>>(), keys[..300]);
            assert_eq!(all.places, (0..300).chain(0..300).collect::<Vec<_>>());
        }
    }
}
