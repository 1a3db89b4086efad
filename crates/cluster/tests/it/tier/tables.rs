//! Two tables of one name in a process: a forget that does not reach the engine (C21). User code runs at the moments that
//! matter.

use std::cell::{Cell, RefCell};
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use coalescer::Coalescer;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::unsteady::Unsteady;
use super::{MINUTE, open, opened, users};
use crate::support::watched;

thread_local! {
    /// Runs at the next moment that the test asks for, on this thread.
    static HOOK: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    /// So many copies of keys are made before.
    static COPIES: Cell<u32> = const { Cell::new(0) };
}

fn hook(act: impl FnOnce() + 'static) {
    HOOK.set(Some(Box::new(act)));
}

fn run_hook() {
    if let Some(act) = HOOK.take() {
        act();
    }
}

/// The number of a run. Its destructor has the hook.
#[derive(Serialize, Deserialize)]
struct Run(u32);

impl Drop for Run {
    fn drop(&mut self) {
        run_hook();
    }
}

/// A key whose copies have the hook.
#[derive(PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
struct User(u64);

impl Clone for User {
    fn clone(&self) -> Self {
        match COPIES.get() {
            0 => run_hook(),
            left => COPIES.set(left - 1),
        }
        Self(self.0)
    }
}

type Table<K, V> = Arc<Coalescer<K, V, String>>;

/// Two tables of one name, over an engine that has the first run.
fn two_tables<K, V>(engine: &Unsteady, key: &K, made: fn(u32) -> V) -> [Table<K, V>; 2]
where
    K: Clone + Eq + Hash + Serialize + DeserializeOwned + Send + Sync + 'static,
    V: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let cluster = opened(open(engine.clone()));
    let runs = Arc::<AtomicU32>::default();
    let tables = [(); 2].map(|()| {
        let runs = Arc::clone(&runs);
        let run = move |_: &K| Ok(made(runs.fetch_add(1, Ordering::SeqCst) + 1));
        Arc::new(Coalescer::builder().window(MINUTE).shared(users(&cluster)).build(run))
    });
    tables[0].execute(key).unwrap();
    tables
}

/// C21: the second table is called while it is told to forget, and takes nothing old from the engine.
#[test]
fn c21_another_table_takes_nothing_old_while_it_is_told() {
    watched(|| {
        let engine = Unsteady::default();
        let [first, second] = two_tables(&engine, &7_u64, Run);
        assert_eq!(second.execute(&7).unwrap().0, 1);
        engine.forgets_nothing.store(true, Ordering::SeqCst);
        let asks = Arc::clone(&second);
        // The copy of the second table goes.
        hook(move || drop(asks.execute(&7)));
        assert!(first.forget_everywhere(&7).unwrap_err().engine());
        assert!(HOOK.take().is_none(), "it has run");
        engine.forgets_nothing.store(false, Ordering::SeqCst);
        assert!(second.execute(&7).unwrap().0 > 1);
    });
}

/// C21: the same where the second table begins to ask, and has not entered the key yet.
#[test]
fn c21_another_table_takes_nothing_old_when_it_begins_to_ask() {
    watched(|| {
        let moments = (0..).take_while(|moment| {
            let engine = Unsteady::default();
            let [first, second] = two_tables(&engine, &User(7), |run| run);
            let forgets = engine.forgets_nothing.clone();
            COPIES.set(*moment);
            hook(move || {
                forgets.store(true, Ordering::SeqCst);
                assert!(first.forget_everywhere(&User(7)).unwrap_err().engine());
            });
            second.execute(&User(7)).unwrap();
            let has_run = HOOK.take().is_none();
            engine.forgets_nothing.store(false, Ordering::SeqCst);
            COPIES.set(0);
            assert!(!has_run || *second.execute(&User(7)).unwrap() > 1, "copy {moment}");
            has_run
        });
        assert!(moments.count() >= 2, "a call copies its key for two lists");
    });
}
