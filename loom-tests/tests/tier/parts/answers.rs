//! Forgetting everywhere: the answers of other processes, and what is to be repeated: `forgets`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use coalescer_loom_tests::{Model, checker};

use super::forgets::{Forgets, ToRepeat};
use super::leads::Place;
use super::{KEY, joined, process, spawn};
use crate::sync::{Deadline, now};

/// C20: each of two forgets gets its own answers, in whichever order they come.
#[test]
fn two_forgets_get_their_answers() {
    let endings = ["both"];
    Model::new("tier: 2 forgets and their answers", endings).explore(move |seen| {
        let forgets = Arc::new(Forgets::default());
        forgets.expect(1);
        forgets.expect(2);
        let collectors = [1, 2].map(|id| {
            let forgets = Arc::clone(&forgets);
            spawn(move || forgets.collect(id, 1, Deadline::after(Duration::MAX), true))
        });
        forgets.answered(2, process(1));
        forgets.answered(1, process(1));
        assert_eq!(collectors.map(joined), [1, 1]);
        seen.note(endings[0]);
    });
}

/// C20: an answer may come before the reply of the engine says how many will come. One process counts once.
#[test]
fn answers_may_come_before_they_are_counted() {
    let endings = ["all before", "while it waited"];
    Model::new("tier: answers of 2 processes, a forget", endings).explore(move |seen| {
        let (forgets, answered) = (Arc::new(Forgets::default()), Arc::new(AtomicU32::new(0)));
        forgets.expect(1);
        let ears = [1, 2].map(|number| {
            let (forgets, answered) = (Arc::clone(&forgets), Arc::clone(&answered));
            spawn(move || {
                forgets.answered(1, process(number));
                forgets.answered(1, process(number));
                answered.fetch_add(1, Ordering::Relaxed);
            })
        });
        // The reply of the engine. Answers may come before it.
        checker::thread::yield_now();
        let told = 2;
        let before = answered.load(Ordering::Relaxed);
        let until = Deadline::after(Duration::MAX);
        assert_eq!(forgets.collect(1, told, until, true), told);
        seen.note(endings[usize::from(before < 2)]);
        ears.into_iter().for_each(joined);
    });
}

/// C21: a forget that is missed once more while it is repeated is repeated again.
#[test]
fn a_forget_that_is_missed_again_is_repeated_again() {
    let endings = ["it came before the repetition", "while it was repeated", "after it"];
    Model::new("tier: a forget is repeated, and missed again", endings).exhaustive().explore(
        move |seen| {
            let forgets = Arc::new(Forgets::default());
            let what = || ToRepeat::Key(Place { name: "users".into(), digest: KEY });
            forgets.missed(what(), None);
            let theirs = Arc::clone(&forgets);
            let keeper = spawn(move || {
                let all = theirs.all(now());
                let number = all.first().map(|(_, number)| *number);
                all.iter().for_each(|one| theirs.repeated(one));
                (number, theirs.is_empty())
            });
            forgets.missed(what(), None);
            let (number, was_empty) = joined(keeper);
            let left = !forgets.is_empty();
            match (number, was_empty) {
                // It was repeated after the second miss, with what that had missed.
                (Some(2), _) => seen.note(endings[0]),
                (Some(1), false) => seen.note(endings[1]),
                (Some(1), true) => seen.note(endings[2]),
                other => panic!("{other:?}"),
            }
            assert_eq!(left, number == Some(1), "a miss after the repetition stays");
        },
    );
}
