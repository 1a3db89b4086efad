//! Calls of so many keys that they are looked up shard by shard.

use std::hash::Hash;
use std::time::Duration;

use coalescer::{Group, ManualClock};

use super::Runs;
use crate::support::watched;

const KEYS: u32 = 200;

/// Which keys the window has before the call.
type Known = fn(u32) -> bool;

const ALL_KINDS: [Known; 5] =
    [|_| true, |_| false, |key| key < 150, |key| key >= 50, |key| key % 3 == 0];

#[test]
fn a_page_of_numbers_is_answered_and_asked_for_alike_with_any_number_of_shards() {
    watched(|| check_pages(|number| number, |key: &u32| *key));
}

#[test]
fn a_page_of_texts_is_answered_and_asked_for_alike_with_any_number_of_shards() {
    watched(|| check_pages(|number| number.to_string(), |key: &String| key.parse().unwrap()));
}

/// S140 S141: asks for a page of keys, of which the window has all, none, or some. The value of a key is its number and one.
fn check_pages<K: Clone + Hash + Eq>(key_of: fn(u32) -> K, number_of: fn(&K) -> u32) {
    let keys_of = |numbers: Vec<u32>| numbers.into_iter().map(key_of).collect::<Vec<K>>();
    let pairs = |keys: &[K]| {
        Ok(keys.iter().map(|key| (key.clone(), number_of(key) + 1)).collect::<Vec<_>>())
    };
    for shards in [1, 2, 64, 1024] {
        for known in ALL_KINDS {
            let group: Group<K, u32, String> =
                Group::builder().window(Duration::MAX).shards(shards).build();
            let had = keys_of(kept(known));
            group.execute_many(&had, pairs);
            let runs = Runs::default();
            let told = group.execute_many(&keys_of(page()), |keys| {
                runs.note(&keys.iter().map(number_of).collect::<Vec<_>>());
                pairs(keys)
            });
            let told: Vec<u32> = told.into_iter().map(|answer| *answer.unwrap()).collect();
            assert_eq!(told, page().iter().map(|number| number + 1).collect::<Vec<_>>());
            assert_eq!(runs.of(), asked_for(known));
            let stats = group.stats();
            assert_eq!((stats.late, stats.executed_requests), (had.len() as u64, KEYS.into()));
        }
    }
}

#[test]
fn the_n_of_each_key_counts_and_so_does_its_window() {
    // S140 S13 S8
    watched(|| {
        let clock = ManualClock::new();
        let group: Group<u32, u32, String> = Group::builder()
            .window(Duration::from_millis(100))
            .max_requests(3)
            .shards(4)
            .clock(clock.clone())
            .build();
        let runs = Runs::default();
        let ask = || {
            let told = group.execute_many(&page(), |keys| {
                runs.note(keys);
                Ok(keys.iter().map(|key| (*key, *key)).collect::<Vec<_>>())
            });
            assert!(told.iter().zip(page()).all(|(answer, key)| **answer.as_ref().unwrap() == key));
        };
        for _ in 0..4 {
            ask();
        }
        assert_eq!(runs.of().len(), 2, "one run, two late calls of each key, and one run more");
        clock.advance(Duration::from_millis(100));
        ask();
        assert_eq!(runs.of().len(), 3);
        assert_eq!(group.stats().late, 2 * u64::from(KEYS));
    });
}

/// All keys, the last ones first, and some of them twice.
fn page() -> Vec<u32> {
    (0..KEYS).rev().chain((0..KEYS).step_by(7)).collect()
}

fn kept(known: Known) -> Vec<u32> {
    (0..KEYS).filter(|key| known(*key)).collect()
}

/// The keys that the page has to ask for, in its order: none, or those of one run.
fn asked_for(known: Known) -> Vec<Vec<u32>> {
    let keys: Vec<u32> = (0..KEYS).rev().filter(|key| !known(*key)).collect();
    if keys.is_empty() { vec![] } else { vec![keys] }
}
