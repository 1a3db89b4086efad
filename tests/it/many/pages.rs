//! Calls of so many keys that they are looked up shard by shard.

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
    // S140 S141
    watched(|| {
        for shards in [1, 2, 64, 1024] {
            for known in ALL_KINDS {
                let group: Group<u32, u32, String> =
                    Group::builder().window(Duration::MAX).shards(shards).build();
                let (had, page) = (kept(known), page());
                group.execute_many(&had, |keys| {
                    Ok(keys.iter().map(|key| (*key, key + 1)).collect::<Vec<_>>())
                });
                let runs = Runs::default();
                let told = group.execute_many(&page, |keys| {
                    runs.note(keys);
                    Ok(keys.iter().map(|key| (*key, key + 1)).collect::<Vec<_>>())
                });
                let told: Vec<u32> = told.into_iter().map(|answer| *answer.unwrap()).collect();
                assert_eq!(told, page.iter().map(|key| key + 1).collect::<Vec<_>>());
                assert_eq!(runs.of(), asked_for(known));
                let stats = group.stats();
                assert_eq!((stats.late, stats.executed_requests), (had.len() as u64, KEYS.into()));
            }
        }
    });
}

#[test]
fn a_page_of_texts_is_answered_and_asked_for_alike_with_any_number_of_shards() {
    // S140 S141
    watched(|| {
        for shards in [1, 2, 64, 1024] {
            for known in ALL_KINDS {
                let group: Group<String, u32, String> =
                    Group::builder().window(Duration::MAX).shards(shards).build();
                let texts =
                    |keys: Vec<u32>| -> Vec<String> { keys.iter().map(u32::to_string).collect() };
                let numbers = |keys: &[String]| -> Vec<u32> {
                    keys.iter().map(|key| key.parse().unwrap()).collect()
                };
                let pairs = |keys: &[String]| {
                    Ok(keys.iter().cloned().zip(numbers(keys)).collect::<Vec<_>>())
                };
                let (had, page) = (texts(kept(known)), texts(page()));
                group.execute_many(&had, pairs);
                let runs = Runs::default();
                let told = group.execute_many(&page, |keys| {
                    runs.note(&numbers(keys));
                    pairs(keys)
                });
                let told: Vec<u32> = told.into_iter().map(|answer| *answer.unwrap()).collect();
                assert_eq!(told, self::page());
                assert_eq!(runs.of(), asked_for(known));
                let stats = group.stats();
                assert_eq!((stats.late, stats.executed_requests), (had.len() as u64, KEYS.into()));
            }
        }
    });
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
