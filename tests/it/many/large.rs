//! Calls of ten thousand keys.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use coalescer::{Batcher, Group};

use super::{Ids, Runs, Told, followers, many, squares, unasked, values};
use crate::support::{wait_until, watched};

const KEYS: u32 = 10_000;

/// The numbers from 0 to 9999, in an order that no table has.
static TEN_THOUSAND: [u32; KEYS as usize] = {
    let (mut keys, mut place) = ([0; KEYS as usize], 0);
    while place < KEYS {
        keys[place as usize] = place * 7_919 % KEYS;
        place += 1;
    }
    keys
};

/// The same, each of them twice, the second time in the reverse order.
fn doubled() -> Vec<u32> {
    TEN_THOUSAND.iter().chain(TEN_THOUSAND.iter().rev()).copied().collect()
}

/// Asserts that each key has its own answer, and equal keys have the same `Arc`.
fn are_squares(keys: &[u32], told: &Told) {
    assert_eq!(told.len(), keys.len());
    let distinct: HashSet<_> = keys.iter().collect();
    let mut values = HashSet::new();
    for (key, answer) in keys.iter().zip(told) {
        let value = answer.as_ref().unwrap();
        assert_eq!(**value, key * key);
        values.insert(Arc::as_ptr(value));
    }
    assert_eq!(values.len(), distinct.len());
}

#[test]
fn ten_thousand_keys_are_one_run_with_each_key_once() {
    // S140 S141
    watched(|| {
        for keys in [TEN_THOUSAND.to_vec(), doubled(), vec![7; KEYS as usize]] {
            let (group, runs): (Ids, _) =
                (Group::builder().window(Duration::MAX).build(), Runs::default());
            let told = group.execute_many(&keys, |keys| {
                runs.note(keys);
                squares(keys)
            });
            are_squares(&keys, &told);
            let distinct = keys.len().min(if keys[0] == keys[1] { 1 } else { KEYS as usize });
            let asked: Vec<u32> = keys[..distinct].to_vec();
            assert_eq!(runs.of(), [asked]);
            are_squares(&keys, &group.execute_many(&keys, unasked));
            let (stats, distinct) = (group.stats(), distinct as u64);
            assert_eq!(
                (stats.executed_requests, stats.late, stats.batches),
                (distinct, distinct, 1)
            );
            assert_eq!((stats.total_requests, stats.in_flight), (2 * distinct, 0));
        }
    });
}

#[test]
fn ten_thousand_keys_with_max_batch_are_runs_of_so_many() {
    // S140 S141
    watched(|| {
        for keys in [TEN_THOUSAND.to_vec(), doubled()] {
            for most in [1, 7, 1000, 9_999, 10_000, usize::MAX] {
                let runs = Runs::default();
                let noted = runs.clone();
                let builder = Batcher::builder().window(Duration::MAX).max_batch(most);
                let batcher = builder.build(move |keys: &[u32]| {
                    noted.note(keys);
                    squares(keys)
                });
                are_squares(&keys, &batcher.execute_many(&keys));
                let expected: Vec<_> = TEN_THOUSAND.chunks(most).map(<[u32]>::to_vec).collect();
                assert_eq!(runs.of(), expected);
                let stats = batcher.stats();
                assert_eq!((stats.batches, stats.in_flight), (expected.len() as u64, 0));
                assert_eq!(stats.executed_requests, u64::from(KEYS));
            }
        }
    });
}

#[test]
fn calls_of_ten_thousand_keys_follow_each_other() {
    // S141 S142 S145
    watched(|| {
        let group = Ids::new();
        let leader = many(&group, &TEN_THOUSAND).begun();
        let same = many(&group, &TEN_THOUSAND);
        let (other, keys) = (group.clone(), doubled());
        let twice = thread::spawn(move || other.execute_many(keys.iter().rev(), unasked));
        wait_until(|| group.in_flight().iter().all(|flight| flight.followers == 2));
        assert_eq!(followers(&group, 7), 2);
        are_squares(&TEN_THOUSAND, &leader.returns(squares(&TEN_THOUSAND)));
        are_squares(&TEN_THOUSAND, &same.join_unrun());
        let mut keys = doubled();
        keys.reverse();
        are_squares(&keys, &twice.join().unwrap());
        let stats = group.stats();
        assert_eq!(
            (stats.executed_requests, stats.followers),
            (u64::from(KEYS), 2 * u64::from(KEYS))
        );
        assert_eq!((stats.batches, stats.in_flight), (1, 0));
    });
}

#[test]
fn what_a_run_says_of_ten_thousand_keys_reaches_each_of_them() {
    // S146 S147 S148
    watched(|| {
        for ending in 0..3 {
            let group = Ids::new();
            let leader = many(&group, &TEN_THOUSAND).begun();
            let follower = many(&group, &TEN_THOUSAND);
            wait_until(|| group.in_flight().iter().all(|flight| flight.followers == 1));
            match ending {
                0 => {
                    let told = leader.returns(Err("down".into()));
                    assert!(told.iter().all(|one| one.as_ref().unwrap_err().is_failed()));
                }
                1 => {
                    let told = leader.returns(squares(&TEN_THOUSAND[..9_999]));
                    let last = told.last().unwrap().as_ref().unwrap_err();
                    assert!(last.is_missing());
                    assert_eq!(told.iter().filter(|one| one.is_ok()).count(), 9_999);
                }
                _ => drop(leader.panics(|| panic!("on purpose"))),
            }
            let told = follower.join_unrun();
            let told_of = [
                told.iter()
                    .filter(|one| one.as_ref().is_err_and(|error| error.is_failed()))
                    .count(),
                told.iter()
                    .filter(|one| one.as_ref().is_err_and(|error| error.is_missing()))
                    .count(),
                told.iter().filter(|one| one.as_ref().is_err_and(|error| error.is_panic())).count(),
            ];
            assert_eq!(told_of, [[10_000, 0, 0], [0, 1, 0], [0, 0, 10_000]][ending]);
            assert!(group.in_flight().is_empty());
            assert_eq!(values(group.execute_many(&[3], squares)), [9]);
        }
    });
}
