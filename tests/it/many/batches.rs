//! The answers of a run, one by one, and the keys that it leaves open.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use coalescer::{Batcher, Error, Group, ShareWith};

use super::{Ids, Runs, followers, leading, many, squares, values};
use crate::support::{text, wait_until, watched};

#[test]
fn an_answer_is_published_at_once() {
    // S145
    watched(|| {
        let group = Ids::new();
        let (answer, told_to_answer) = channel::<u32>();
        let (begin, begun) = channel();
        let own = group.clone();
        let call = thread::spawn(move || {
            own.execute_many_with(&[1, 2, 3], |batch| {
                begin.send(()).unwrap();
                for key in &told_to_answer {
                    assert!(batch.answer(&key, Ok(key * 10)));
                }
                Ok(())
            })
        });
        begun.recv().unwrap();
        let followers_of: Vec<_> = [&[3][..], &[2][..]].map(|keys| many(&group, keys)).into();
        wait_until(|| followers(&group, 3) == 1 && followers(&group, 2) == 1);
        let [three, two] = <[_; 2]>::try_from(followers_of).ok().unwrap();
        answer.send(3).unwrap();
        // It is told while the function goes on.
        assert_eq!(values(three.join_unrun()), [30]);
        assert_eq!(group.in_flight().len(), 2);
        answer.send(1).unwrap();
        answer.send(2).unwrap();
        drop(answer);
        assert_eq!(values(two.join_unrun()), [20]);
        assert_eq!(values(call.join().unwrap()), [10, 20, 30]);
    });
}

#[test]
fn the_first_answer_counts_and_strange_ones_are_dropped() {
    // S145
    watched(|| {
        // Few keys are compared, and many are hashed.
        for count in [3, 8, 9, 100] {
            let group = Ids::new();
            let keys: Vec<u32> = (0..count).collect();
            let told = group.execute_many_with(&keys, |batch| {
                assert!(!batch.answer(&count, Ok(0)), "nobody asked for it");
                assert!(!batch.answer_at(keys.len(), Ok(0)) && !batch.answer_at(usize::MAX, Ok(0)));
                for key in keys.iter().rev() {
                    assert!(batch.answer(key, Ok(*key)));
                    assert!(!batch.answer(key, Ok(7)) && !batch.answer_at(*key as usize, Ok(7)));
                }
                assert_eq!(batch.answer_rest(|_| Ok(7)), 0);
                Ok(())
            });
            assert_eq!(values(told), keys);
            // Out of order, with keys left out.
            let told = group.execute_many_with(&keys, |batch| {
                for key in keys.iter().filter(|key| *key % 2 == 1) {
                    assert!(batch.answer(key, Ok(1)));
                }
                let rest = batch.answer_rest(|key| Ok(key % 2));
                assert_eq!(rest, keys.len().div_ceil(2));
                Ok(())
            });
            assert_eq!(values(told), keys.iter().map(|key| key % 2).collect::<Vec<_>>());
        }
    });
}

#[test]
fn an_error_goes_to_every_open_key_as_one_and_answers_before_it_stand() {
    // S146 S16
    watched(|| {
        let group: Ids = Group::builder().window(Duration::MAX).build();
        let told = group.execute_many_with(&[1, 2, 3], |batch| {
            batch.answer(&2, Ok(20));
            Err("down".to_owned())
        });
        let error = told[0].as_ref().unwrap_err().failed().unwrap();
        assert_eq!(**error, "down");
        assert!(Arc::ptr_eq(error, told[2].as_ref().unwrap_err().failed().unwrap()));
        assert_eq!(**told[1].as_ref().unwrap(), 20);
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.failed), (3, 2));
        // The value is kept, and the error is not.
        let told = group.execute_many(&[1, 2, 3], |keys| {
            assert_eq!(keys, [1, 3]);
            squares(keys)
        });
        assert_eq!(values(told), [1, 20, 9]);
    });
}

#[test]
fn followers_get_the_error_of_the_run() {
    // S146 S16
    watched(|| {
        let group = Ids::new();
        let call = leading(&group, &[1, 2]);
        let follower = many(&group, &[2]);
        wait_until(|| followers(&group, 2) == 1);
        let told = call.returns(Err("down".into()));
        let own = told[1].as_ref().unwrap_err().failed().unwrap();
        let followers = follower.join_unrun();
        assert!(Arc::ptr_eq(own, followers[0].as_ref().unwrap_err().failed().unwrap()));
    });
}

#[test]
fn later_runs_take_place_after_an_error() {
    // S146 S141
    watched(|| {
        let batcher =
            Batcher::builder().max_batch(2).build(|keys: &[u32]| match keys.contains(&1) {
                true => Err("one".to_owned()),
                false => squares(keys),
            });
        let told = batcher.execute_many(&[1, 2, 3, 4]);
        let failed: Vec<bool> = told.iter().map(Result::is_err).collect();
        assert_eq!(failed, [true, true, false, false]);
        assert_eq!((batcher.stats().batches, batcher.stats().failed), (2, 2));
    });
}

#[test]
fn a_key_that_a_run_leaves_open_is_missing() {
    // S147
    watched(|| {
        let window = Duration::MAX;
        let group: Ids = Group::builder().window(window).error_window(window).build();
        let call = leading(&group, &[1, 2]);
        let follower = many(&group, &[2]);
        wait_until(|| followers(&group, 2) == 1);
        let told = call.returns(Ok(vec![(1, 10)]));
        assert!(matches!(told[1], Err(Error::Missing)));
        assert!(matches!(follower.join_unrun()[0], Err(Error::Missing)));
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.failed, stats.followers), (2, 1, 1));
        assert!(group.in_flight().is_empty());
        // It is not retained.
        assert_eq!(values(group.execute_many(&[2], squares)), [4]);
        let text = Error::<String>::Missing.to_string();
        assert!(text.contains("nothing about this key"), "{text}");
    });
}

#[test]
fn a_panic_of_a_run_reaches_the_caller_and_the_followers_of_open_keys() {
    // S148 S21 S22 S23
    watched(|| {
        let group: Ids = Group::builder().window(Duration::MAX).build();
        let own = group.clone();
        let (begin, begun) = channel();
        let (go, told_to_go) = channel::<()>();
        let call = thread::spawn(move || {
            own.execute_many_with(&[1, 2], |batch| {
                begin.send(()).unwrap();
                told_to_go.recv().unwrap();
                batch.answer(&1, Ok(10));
                panic!("on purpose")
            })
        });
        begun.recv().unwrap();
        let follower = many(&group, &[2]);
        wait_until(|| followers(&group, 2) == 1);
        go.send(()).unwrap();
        let panic = call.join().err().unwrap();
        assert_eq!(text(&*panic), "on purpose");
        let told = follower.join_unrun();
        let Err(Error::LeaderPanicked { message }) = &told[0] else { panic!("{told:?}") };
        assert_eq!(message.as_deref(), Some("on purpose"));
        assert_eq!(group.peek(&1).as_deref(), Some(&10), "the answer stands");
        let stats = group.stats();
        assert_eq!((stats.executed_requests, stats.panicked, stats.in_flight), (2, 1, 0));
        assert!(group.in_flight().is_empty());
        assert_eq!(values(group.execute_many(&[2], squares)), [4]);
    });
}

#[test]
fn the_keys_of_later_runs_are_lost_after_a_panic_and_their_flights_go_on() {
    // S148 S71
    watched(|| {
        let runs = Runs::default();
        let (begin, begun) = channel();
        let (go, told_to_go) = channel::<()>();
        let (noted, told_to_go) = (runs.clone(), Mutex::new(told_to_go));
        let batcher = Batcher::builder().max_batch(1).build(move |keys: &[u32]| {
            noted.note(keys);
            if noted.of().len() == 1 {
                begin.send(()).unwrap();
                told_to_go.lock().unwrap().recv().unwrap();
                panic!("on purpose");
            }
            squares(keys)
        });
        let own = batcher.clone();
        let call = thread::spawn(move || own.execute_many(&[1, 2, 3]));
        begun.recv().unwrap();
        let other = batcher.clone();
        let follower = thread::spawn(move || other.execute(&3));
        wait_until(|| batcher.in_flight().iter().any(|flight| flight.followers == 1));
        go.send(()).unwrap();
        assert!(call.join().is_err());
        assert_eq!(*follower.join().unwrap().unwrap(), 9, "it leads now");
        assert_eq!(runs.of(), [[1], [3]]);
        let stats = batcher.stats();
        assert_eq!((stats.total_requests, stats.executed_requests, stats.refused), (4, 2, 2));
        assert!(batcher.in_flight().is_empty());
    });
}

#[test]
fn a_rule_about_sharing_sees_each_answer() {
    // S145 S40 S74
    watched(|| {
        let group: Ids = Group::builder()
            .window(Duration::MAX)
            .share_with(|value: &u32| match value {
                1 => ShareWith::Everyone,
                4 => ShareWith::Followers,
                _ => panic!("on purpose"),
            })
            .build();
        let told = group.execute_many(&[1, 2], squares);
        assert_eq!(values(told), [1, 4]);
        assert!(group.peek(&1).is_some() && group.peek(&2).is_none());
        // The rule's panic is the panic of its key, and goes through the function.
        let after = Mutex::new(Vec::new());
        let call = || {
            group.execute_many_with(&[3, 4], |batch| {
                let passed = catch_unwind(AssertUnwindSafe(|| batch.answer(&3, Ok(9))));
                after.lock().unwrap().push(passed.is_err());
                batch.answer(&4, Ok(1));
                Ok(())
            })
        };
        let told = call();
        assert!(matches!(told[0], Err(Error::LeaderPanicked { .. })), "{told:?}");
        assert_eq!((told[1].as_deref().ok(), &*after.lock().unwrap()), (Some(&1), &vec![true]));
        assert_eq!(group.peek(&4).as_deref(), Some(&1));
        assert_eq!((group.stats().panicked, group.stats().in_flight), (1, 0));
    });
}
