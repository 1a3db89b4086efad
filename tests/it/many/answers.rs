//! Which keys a call asks for, and the answers that it gets.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use coalescer::{Batcher, Group};

use super::{Ids, Runs, followers, leading, many, squares, unasked, values};
use crate::support::{OneHash, wait_until, watched};

#[test]
fn each_key_has_its_answer_in_the_order_given() {
    // S140
    watched(|| {
        for keys in [vec![], vec![7], vec![3, 1, 2], vec![3, 1, 3, 3, 2, 1]] {
            let (group, runs) = (Ids::new(), Runs::default());
            let told = group.execute_many(&keys, |keys| {
                runs.note(keys);
                squares(keys)
            });
            for (key, answer) in keys.iter().zip(&told) {
                let same = keys.iter().zip(&told).find(|(other, _)| *other == key).unwrap().1;
                assert!(Arc::ptr_eq(answer.as_ref().unwrap(), same.as_ref().unwrap()));
            }
            assert_eq!(values(told), keys.iter().map(|key| key * key).collect::<Vec<_>>());
            let mut distinct = Vec::new();
            for key in &keys {
                if !distinct.contains(key) {
                    distinct.push(*key);
                }
            }
            let stats = group.stats();
            let counts = (stats.total_requests, stats.executed_requests, stats.batches);
            let count = distinct.len() as u64;
            assert_eq!(counts, (count, count, u64::from(count > 0)));
            assert_eq!(runs.of(), if distinct.is_empty() { vec![] } else { vec![distinct] });
            assert!(group.in_flight().is_empty());
        }
    });
}

#[test]
fn the_first_worked_example() {
    // S140 S141: A asks for {1, 2}, B for {2, 3} while the run of A goes on.
    watched(|| {
        let group = Ids::new();
        let a = leading(&group, &[1, 2]);
        let b = leading(&group, &[2, 3]);
        assert_eq!(followers(&group, 2), 1);
        // B has published 3, and waits for 2 alone.
        let b = b.ends(|| Ok(vec![(3, 9)]));
        wait_until(|| group.in_flight().len() == 2);
        assert_eq!(values(a.returns(squares(&[1, 2]))), [1, 4]);
        assert_eq!(values(b.join()), [4, 9]);
        let stats = group.stats();
        assert_eq!((stats.total_requests, stats.executed_requests), (4, 3));
        assert_eq!((stats.coalesced_requests, stats.followers, stats.batches), (1, 1, 2));
        assert!(group.in_flight().is_empty());
    });
}

#[test]
fn late_keys_and_keys_under_way_are_not_asked_for() {
    // S141
    watched(|| {
        let group: Ids = Group::builder().window(Duration::MAX).build();
        let kept = group.execute(&1, || Ok(10)).unwrap();
        let other = leading(&group, &[2]);
        let call = leading(&group, &[1, 2, 3]);
        wait_until(|| followers(&group, 2) == 1);
        other.returns(Ok(vec![(2, 20)]));
        let told = call.returns(Ok(vec![(1, 0), (2, 0), (3, 30)]));
        assert!(Arc::ptr_eq(told[0].as_ref().unwrap(), &kept));
        assert_eq!(values(told), [10, 20, 30]);
        let stats = group.stats();
        assert_eq!((stats.late, stats.followers, stats.executed_requests), (1, 1, 3));
        // Now all are late.
        let told = group.execute_many(&[3, 2, 1], unasked);
        assert_eq!(values(told), [30, 20, 10]);
        assert_eq!((group.stats().late, group.stats().batches), (4, 2));
    });
}

#[test]
fn calls_for_one_key_follow_a_call_of_many_and_are_followed_by_one() {
    // S141
    watched(|| {
        let group = Ids::new();
        let call = leading(&group, &[1, 2]);
        let one = many(&group, &[2]);
        wait_until(|| followers(&group, 2) == 1);
        let single = group.clone();
        let single = std::thread::spawn(move || single.execute(&1, || unreachable!("it follows")));
        wait_until(|| followers(&group, 1) == 1);
        let told = call.returns(squares(&[1, 2]));
        assert!(Arc::ptr_eq(&single.join().unwrap().unwrap(), told[0].as_ref().unwrap()));
        assert!(Arc::ptr_eq(one.join_unrun()[0].as_ref().unwrap(), told[1].as_ref().unwrap()));
    });
}

#[test]
fn keys_are_found_by_their_borrowed_forms_and_equal_hashes_are_no_equal_keys() {
    // S140 S2
    watched(|| {
        let group: Group<String, usize, String, OneHash> =
            Group::builder().hasher(OneHash).window(Duration::MAX).build();
        let lengths = |keys: &[String]| {
            Ok::<_, String>(
                keys.iter().rev().map(|key| (key.clone(), key.len())).collect::<Vec<_>>(),
            )
        };
        let told = group.execute_many(["a", "abc", "a", "ab"], lengths);
        assert_eq!(told.into_iter().map(|n| *n.unwrap()).collect::<Vec<_>>(), [1, 3, 1, 2]);
        let told = group.execute_many(["ab", "abcd"], |keys| {
            assert_eq!(keys, ["abcd"]);
            lengths(keys)
        });
        assert_eq!(told.into_iter().map(|n| *n.unwrap()).collect::<Vec<_>>(), [2, 4]);
        assert_eq!((group.stats().total_requests, group.stats().late), (5, 1));
    });
}

#[test]
fn runs_have_max_batch_keys_at_most_and_each_is_published_before_the_next() {
    // S141
    watched(|| {
        let runs = Runs::default();
        let (noted, own) = (runs.clone(), Arc::new(Mutex::new(None::<Batcher<_, _, String>>)));
        let inner = Arc::clone(&own);
        let batcher =
            Batcher::builder().max_batch(2).window(Duration::MAX).build(move |keys: &[u32]| {
                noted.note(keys);
                let batcher = inner.lock().unwrap().clone().unwrap();
                for run in noted.of().iter().rev().skip(1) {
                    assert!(
                        run.iter().all(|key| batcher.peek(key).is_some()),
                        "{run:?} is published"
                    );
                }
                assert!(keys.iter().all(|key| batcher.peek(key).is_none()));
                squares(keys)
            });
        *own.lock().unwrap() = Some(batcher.clone());
        let told = batcher.execute_many(&[5, 4, 3, 2, 1, 5]);
        // Or each would keep the other.
        own.lock().unwrap().take();
        assert_eq!(values(told), [25, 16, 9, 4, 1, 25]);
        assert_eq!(runs.of(), [vec![5, 4], vec![3, 2], vec![1]]);
        assert_eq!((batcher.stats().batches, batcher.stats().executed_requests), (3, 5));
    });
}

#[test]
fn max_requests_counts_each_distinct_key_once() {
    // S140 S13 S14
    watched(|| {
        let group: Ids = Group::builder().window(Duration::MAX).max_requests(2).build();
        let runs = Runs::default();
        for _ in 0..4 {
            let told = group.execute_many(&[1, 1, 2], |keys| {
                runs.note(keys);
                squares(keys)
            });
            assert_eq!(values(told), [1, 1, 4]);
        }
        assert_eq!(runs.of(), [[1, 2], [1, 2]]);
        assert_eq!((group.stats().executed_requests, group.stats().late), (4, 4));
    });
}

#[test]
fn a_batcher_has_the_other_verbs_of_a_coalescer() {
    // S140 S141
    watched(|| {
        let runs = Runs::default();
        let noted = runs.clone();
        let batcher: Batcher<u32, u32, String> = Batcher::builder()
            .name("squares")
            .window(Duration::MAX)
            .build(move |keys: &[u32]| {
                noted.note(keys);
                squares(keys)
            });
        assert_eq!(batcher.name(), Some("squares"));
        assert_eq!(*batcher.execute(&3).unwrap(), 9);
        assert_eq!(values(batcher.execute_many(&[3, 4])), [9, 16]);
        assert_eq!(*batcher.try_execute(&4).unwrap(), 16);
        assert_eq!(*batcher.execute_fresh(&4).unwrap(), 16);
        assert_eq!(values(batcher.execute_many_fresh(&[4, 3])), [16, 9]);
        batcher.insert(&5, 1);
        assert_eq!(*batcher.execute_timeout(&5, Duration::ZERO).unwrap(), 1);
        assert!(batcher.forget(&5) && batcher.peek(&5).is_none());
        assert_eq!((batcher.forget_if(|key| *key == 3), batcher.forget_all()), (1, 1));
        assert_eq!(runs.of(), [vec![3], vec![4], vec![4], vec![4, 3]]);
        let stats = batcher.clone().stats();
        assert_eq!((stats.batches, stats.executed_requests, stats.late), (4, 5, 3));
        assert!(batcher.in_flight().is_empty());
    });
}
