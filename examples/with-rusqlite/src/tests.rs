//! Each test has a real file. Another connection locks it, which holds a query until all calls wait.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use coalescer::Error;
use rusqlite::Connection;

use crate::search::{DbError, Search};
use crate::watchdog::{wait_until, watched};

const BIRDS: [(&str, &str); 3] =
    [("Monday", "a heron"), ("Tuesday", "a wren"), ("Sunday", "a heron and a wren")];

/// Runs a test with a file of its own. Results are kept until forgotten.
fn with_file(test: impl FnOnce(&Arc<Search>, &Connection) + Send + 'static) {
    watched(|| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("texts.sqlite");
        let search = Arc::new(Search::open(&path, 8, Duration::MAX).unwrap());
        search.add(BIRDS).unwrap();
        test(&search, &Connection::open(&path).unwrap());
    });
}

type Found = Result<Arc<Vec<String>>, Error<DbError>>;

/// The results of so many calls at once. `change` is run on the locked file while they wait.
fn herd(search: &Arc<Search>, other: &Connection, count: usize, change: &str) -> Vec<Found> {
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let calls: Vec<_> = (0..count)
        .map(|_| Arc::clone(search))
        .map(|search| thread::spawn(move || search.find("heron")))
        .collect();
    wait_until(|| search.waiting() == count - 1);
    other.execute_batch(change).unwrap();
    other.execute_batch("COMMIT").unwrap();
    calls.into_iter().map(|call| call.join().unwrap()).collect()
}

#[test]
fn a_hundred_searches_for_a_word_are_one_query() {
    with_file(|search, other| {
        let found: Vec<_> =
            herd(search, other, 100, "").into_iter().map(|found| found.unwrap()).collect();
        assert_eq!(*found[0], ["Monday", "Sunday"]);
        assert!(found.iter().all(|titles| Arc::ptr_eq(titles, &found[0])));
        assert_eq!((search.queries(), search.stats().followers), (1, 99));
        // Without a coalescer each call is a query.
        for _ in 0..3 {
            assert_eq!(search.uncoalesced("heron").unwrap(), *found[0]);
        }
        assert_eq!(search.queries(), 4);
    });
}

#[test]
fn all_waiting_calls_share_an_error_of_the_database() {
    // S16, S17.
    with_file(|search, other| {
        let found = herd(search, other, 8, "DROP TABLE texts");
        let errors: Vec<_> = found
            .into_iter()
            .map(|found| match found {
                Err(Error::Failed(error)) => error,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(errors.iter().all(|error| Arc::ptr_eq(error, &errors[0])));
        assert!(errors[0].to_string().contains("no such table: texts"), "{}", errors[0]);
        assert_eq!((search.queries(), search.stats().failed), (1, 1));
    });
}

#[test]
fn after_a_write_all_calls_find_the_new_text() {
    // S28.
    with_file(|search, _| {
        let before = search.find("wren").unwrap();
        assert!(Arc::ptr_eq(&before, &search.find("wren").unwrap()));
        search.add([("A new one", "another wren")]).unwrap();
        assert_eq!(*search.find("wren").unwrap(), ["A new one", "Sunday", "Tuesday"]);
        assert_eq!(search.queries(), 2);
    });
}

#[test]
fn a_write_that_fails_changes_nothing() {
    with_file(|search, other| {
        other
            .execute_batch(
                "CREATE TRIGGER no_owls BEFORE INSERT ON texts WHEN instr(new.body, 'owl')
                 BEGIN SELECT raise(ABORT, 'no owls'); END",
            )
            .unwrap();
        let error = search.add([("First", "a wren"), ("Second", "an owl")]).unwrap_err();
        assert!(error.to_string().contains("no owls"), "{error}");
        assert_eq!(*search.find("wren").unwrap(), ["Sunday", "Tuesday"]);
    });
}
