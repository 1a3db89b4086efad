//! The behaviour of `cached` that docs/coming-from.md describes: its attribute does not fit the trait
//! of the others.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use cached::macros::cached;

/// How often a function ran, and how many of its runs there were at one time.
struct Runs {
    all: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Runs {
    const fn new() -> Self {
        Self { all: AtomicUsize::new(0), now: AtomicUsize::new(0), most: AtomicUsize::new(0) }
    }

    fn run(&self) {
        self.all.fetch_add(1, SeqCst);
        self.most.fetch_max(self.now.fetch_add(1, SeqCst) + 1, SeqCst);
        thread::yield_now(); // others may come, if they can
        self.now.fetch_sub(1, SeqCst);
    }

    fn seen(&self) -> (usize, usize) {
        (self.all.load(SeqCst), self.most.load(SeqCst))
    }
}

/// How many of eight callers at once panicked.
fn panicked_of_8<T: Send + 'static>(call: fn(u32) -> T) -> usize {
    let callers: Vec<_> = (0..8).map(|_| thread::spawn(move || drop(call(1)))).collect();
    callers.into_iter().filter_map(|caller| caller.join().err()).count()
}

#[test]
fn eight_callers_are_one_execution() {
    static RUNS: Runs = Runs::new();
    #[cached(ttl_secs = 3600, sync_writes = "by_key")]
    fn load(_key: u32) -> Result<u32, String> {
        RUNS.run();
        Ok(1)
    }
    assert_eq!((panicked_of_8(load), RUNS.seen()), (0, (1, 1)));
}

#[test]
fn eight_callers_of_a_failing_function_run_it_one_after_the_other() {
    static RUNS: Runs = Runs::new();
    #[cached(ttl_secs = 3600, sync_writes = "by_key")]
    fn load(_key: u32) -> Result<u32, String> {
        RUNS.run();
        Err("no".to_owned())
    }
    assert_eq!((panicked_of_8(load), RUNS.seen()), (0, (8, 1)));
}

#[test]
fn eight_callers_of_a_panicking_function_run_it_one_after_the_other_and_all_panic() {
    static RUNS: Runs = Runs::new();
    #[cached(ttl_secs = 3600, sync_writes = "by_key")]
    fn load(_key: u32) -> u32 {
        RUNS.run();
        // As `panic!`, but the panic hook is not run: nothing is written to the terminal.
        std::panic::resume_unwind(Box::new("on purpose"))
    }
    assert_eq!((panicked_of_8(load), RUNS.seen()), (8, (8, 1)));
}
