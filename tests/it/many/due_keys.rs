//! Calls of many keys that refresh those that are due (S153).

use std::panic::{AssertUnwindSafe, catch_unwind};

use coalescer::{Batch, Batcher, Error, Group, ManualClock, Stats};

use super::{Ids, Runs, Told, followers, leading, many, unasked, values};
use crate::support::{MS, NS, text, wait_until, watched};

type Page<'b> = Batch<'b, u32, u32, String>;
type Ask = Box<dyn Fn(&[u32]) -> Told>;
type Count = Box<dyn Fn() -> Stats>;

/// A batcher or a group with a window of 200 ms, whose values are due after 60. Its value of a key is the key, plus 100 for
/// each run that has begun before.
struct Due {
    clock: ManualClock,
    runs: Runs,
    ask: Ask,
    stats: Count,
}

/// Ends a run in which each key has this value.
type End = fn(&mut Page<'_>, u32) -> Result<(), String>;

fn all(batch: &mut Page<'_>, value: u32) -> Result<(), String> {
    batch.answer_rest(|key| Ok(key + value));
    Ok(())
}

/// A batcher and a group that have the values of 1, 2 and 3, which are due, and those of 4 and 5, which are not. `end` ends
/// the runs that come now.
fn due(end: End) -> [Due; 2] {
    [false, true].map(|batches| {
        let (clock, runs) = (ManualClock::new(), Runs::default());
        let noted = runs.clone();
        let load = move |batch: &mut Page<'_>| {
            let before = noted.of().len() as u32;
            noted.note(batch.keys());
            let end = if before < 2 { all } else { end };
            end(batch, 100 * before)
        };
        let (window, age) = (200 * MS, 60 * MS);
        let (ask, stats): (Ask, Count) = if batches {
            let builder = Batcher::builder().window(window).refresh_after(age).clock(clock.clone());
            let batcher = builder.build_with(load);
            let counted = batcher.clone();
            (Box::new(move |keys| batcher.execute_many(keys)), Box::new(move || counted.stats()))
        } else {
            let builder = Group::builder().window(window).refresh_after(age).clock(clock.clone());
            let group: Ids = builder.build();
            let counted = group.clone();
            let ask = move |keys: &[u32]| group.execute_many_with(keys, &load);
            (Box::new(ask), Box::new(move || counted.stats()))
        };
        let due = Due { clock, runs, ask, stats };
        assert_eq!(values(due.asks(&[1, 2, 3])), [1, 2, 3]);
        due.clock.advance(30 * MS);
        assert_eq!(values(due.asks(&[4, 5])), [104, 105]);
        due.clock.advance(30 * MS);
        due
    })
}

impl Due {
    fn asks(&self, keys: &[u32]) -> Told {
        (self.ask)(keys)
    }

    /// The keys of the runs since the values were there.
    fn later_runs(&self) -> Vec<Vec<u32>> {
        self.runs.of().split_off(2)
    }

    /// How many refreshes have begun, how many of them have failed, and how many runs have begun.
    fn counts(&self) -> (u64, u64, u64) {
        let stats = (self.stats)();
        assert_eq!(stats.in_flight, 0);
        (stats.refreshes, stats.refresh_failures, stats.batches)
    }
}

#[test]
fn one_run_asks_for_the_due_and_the_absent_keys_and_for_no_fresh_one() {
    // S153 S120 S121 S141
    watched(|| {
        for due in due(all) {
            let told = values(due.asks(&[4, 1, 6, 2, 3, 5, 7, 1]));
            assert_eq!(told, [104, 201, 206, 202, 203, 105, 207, 201]);
            assert_eq!(due.later_runs(), [[1, 6, 2, 3, 7]]);
            assert_eq!(due.counts(), (3, 0, 3));
            let stats = (due.stats)();
            assert_eq!((stats.executed_requests, stats.late), (10, 2));
            // Each of them is fresh now. The others are due 60 ms after their own start.
            due.clock.advance(30 * MS - NS);
            assert_eq!(values(due.asks(&[1, 2, 3, 4, 5, 6])), [201, 202, 203, 104, 105, 206]);
            assert_eq!(due.counts(), (3, 0, 3));
            due.clock.advance(NS);
            assert_eq!(values(due.asks(&[1, 4, 5, 6])), [201, 304, 305, 206]);
            assert_eq!(due.later_runs()[1], [4, 5]);
            assert_eq!(due.counts(), (5, 0, 4));
        }
    });
}

#[test]
fn due_keys_that_fail_or_are_left_open_keep_the_old_value() {
    // S153 S122 S123 S147
    watched(|| {
        let end: End = |batch, value| {
            for key in batch.keys().to_vec() {
                match key {
                    1 | 6 => assert!(batch.answer(&key, Err("down".into()))),
                    2 | 7 => {}
                    _ => assert!(batch.answer(&key, Ok(key + value))),
                }
            }
            Ok(())
        };
        for due in due(end) {
            let told = due.asks(&[1, 2, 3, 4, 6, 7]);
            let old = [0, 1, 2, 3].map(|place: usize| **told[place].as_ref().unwrap());
            assert_eq!(old, [1, 2, 203, 104]);
            assert!(matches!((&told[4], &told[5]), (Err(Error::Failed(_)), Err(Error::Missing))));
            assert_eq!(due.later_runs(), [[1, 2, 3, 6, 7]]);
            assert_eq!(due.counts(), (3, 2, 3));
            // The next refresh of the old values is due 60 ms after the start of the one that has failed.
            due.clock.advance(60 * MS - NS);
            assert_eq!(values(due.asks(&[1, 2, 3])), [1, 2, 203]);
            assert_eq!(due.counts(), (3, 2, 3));
            due.clock.advance(NS);
            assert_eq!(values(due.asks(&[3, 2, 1])), [303, 2, 1]);
            assert_eq!(due.later_runs()[1], [3, 2, 1]);
            assert_eq!(due.counts(), (6, 4, 4));
        }
    });
}

#[test]
fn an_error_of_the_run_leaves_the_old_values_and_is_told_of_the_absent_keys() {
    // S153 S122 S146
    watched(|| {
        let end: End = |batch, value| {
            assert!(batch.answer(&2, Ok(2 + value)), "an answer before the error stands");
            Err("down".into())
        };
        for due in due(end) {
            let told = due.asks(&[6, 1, 2, 3, 5]);
            let old = [1, 2, 3, 4].map(|place: usize| **told[place].as_ref().unwrap());
            assert_eq!(old, [1, 202, 3, 105]);
            assert!(told[0].as_ref().unwrap_err().is_failed());
            assert_eq!(due.counts(), (3, 2, 3));
        }
    });
}

#[test]
fn a_panic_of_the_run_leaves_the_old_values_and_goes_on() {
    // S153 S122 S148
    watched(|| {
        let end: End = |batch, value| {
            assert!(batch.answer(&2, Ok(2 + value)), "an answer before the panic stands");
            panic!("on purpose")
        };
        for due in due(end) {
            let panic = catch_unwind(AssertUnwindSafe(|| due.asks(&[1, 2, 3, 6]))).unwrap_err();
            assert_eq!(text(&*panic), "on purpose");
            assert_eq!(due.counts(), (3, 2, 3));
            assert_eq!(values(due.asks(&[1, 2, 3])), [1, 202, 3], "they are not due yet");
            assert_eq!(due.later_runs(), [[1, 2, 3, 6]]);
        }
    });
}

#[test]
fn runs_of_max_batch_keys_take_the_due_and_the_absent_keys_in_the_order_given() {
    // S153 S141 S146
    watched(|| {
        let (clock, runs) = (ManualClock::new(), Runs::default());
        let noted = runs.clone();
        let builder = Batcher::builder().window(100 * MS).refresh_after(60 * MS).max_batch(2);
        let batcher = builder.clock(clock.clone()).build(move |keys: &[u32]| {
            noted.note(keys);
            let value = 10 * noted.of().len() as u32;
            if value > 20 && keys.contains(&1) {
                return Err("down".to_owned());
            }
            Ok(keys.iter().map(|key| (*key, key + value)).collect::<Vec<_>>())
        });
        assert_eq!(values(batcher.execute_many(&[1, 2, 3])), [11, 12, 23]);
        clock.advance(60 * MS);
        let told = batcher.execute_many(&[3, 4, 2, 1, 5]);
        assert_eq!(values(told), [33, 34, 12, 11, 55]);
        assert_eq!(runs.of().split_off(2), [vec![3, 4], vec![2, 1], vec![5]]);
        let stats = batcher.stats();
        assert_eq!((stats.refreshes, stats.refresh_failures, stats.batches), (3, 2, 5));
    });
}

#[test]
fn a_key_that_another_call_refreshes_is_served_at_once() {
    // S153 S120
    watched(|| {
        let clock = ManualClock::new();
        let builder = Group::builder().window(100 * MS).refresh_after(60 * MS);
        let group: Ids = builder.clock(clock.clone()).build();
        let pairs = |keys: &[u32]| Ok(keys.iter().map(|key| (*key, key * 10)).collect::<Vec<_>>());
        group.execute_many(&[1, 2, 3], pairs);
        clock.advance(60 * MS);
        let refreshes = leading(&group, &[1, 2]);
        // The absent key alone is asked for by the first, and the last key that is due by the second.
        let other = leading(&group, &[1, 4, 2]);
        assert_eq!(values(other.returns(Ok(vec![(4, 40)]))), [10, 40, 20]);
        let last = leading(&group, &[2, 3]);
        assert_eq!(values(many(&group, &[3, 2, 1]).join_unrun()), [30, 20, 10]);
        assert_eq!(values(last.returns(Ok(vec![(3, 33)]))), [20, 33]);
        assert_eq!(values(refreshes.returns(Ok(vec![(1, 11), (2, 22)]))), [11, 22]);
        assert_eq!(values(group.execute_many(&[1, 2, 3, 4], unasked)), [11, 22, 33, 40]);
        let stats = group.stats();
        assert_eq!((stats.refreshes, stats.refresh_failures, stats.batches), (3, 0, 4));
    });
}

#[test]
fn at_the_windows_end_calls_join_the_refresh_and_get_its_error() {
    // S153 S120 S122 S123
    watched(|| {
        let clock = ManualClock::new();
        let builder = Group::builder().window(100 * MS).refresh_after(60 * MS);
        let group: Ids = builder.clock(clock.clone()).build();
        group.execute_many(&[1, 2], |keys| {
            Ok(keys.iter().map(|key| (*key, *key)).collect::<Vec<_>>())
        });
        clock.advance(60 * MS);
        let refreshes = leading(&group, &[1, 2]);
        clock.advance(40 * MS);
        let joins = many(&group, &[1, 2]);
        wait_until(|| [1, 2].iter().all(|key| followers(&group, *key) == 1));
        let told = refreshes.returns(Err("down".into()));
        assert_eq!(values(told), [1, 2], "its call began in the window");
        assert!(joins.join_unrun().iter().all(|one| one.as_ref().unwrap_err().is_failed()));
        assert_eq!((group.stats().refreshes, group.stats().refresh_failures), (2, 2));
    });
}
