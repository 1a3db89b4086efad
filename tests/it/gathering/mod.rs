//! Calls of one key that a batcher gathers into one run.

mod bad_input;
mod closes;
mod due_keys;
mod equal_keys;
mod members;
mod others;
mod runs;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use coalescer::{Batcher, Builder, Error, ForBatcher, ManualClock};

use crate::support::{MS, wait_until};

type Squares = Batcher<u32, u32, String>;
type Told = Result<Arc<u32>, Error<String>>;
/// How a run ends.
type End = Box<dyn FnOnce(&[u32]) -> Result<Vec<(u32, u32)>, String> + Send>;

/// A batcher whose runs end how and when the test says.
struct Held {
    clock: ManualClock,
    squares: Squares,
    runs: Receiver<Run>,
}

/// A run that is under way.
struct Run {
    keys: Vec<u32>,
    thread: thread::ThreadId,
    end: Sender<End>,
}

/// A batcher that gathers for 20 ms while it is busy, with a window of 100 ms.
fn busy() -> Held {
    held(|builder| builder.gather_while_busy(20 * MS))
}

fn held(set: impl FnOnce(Builder<ForBatcher, u32, u32>) -> Builder<ForBatcher, u32, u32>) -> Held {
    let (clock, (run, runs)) = (ManualClock::new(), channel());
    let run = Mutex::new(run);
    let builder = Batcher::builder().window(100 * MS).clock(clock.clone());
    let squares = set(builder).build(move |keys: &[u32]| {
        let (end, told_to_end) = channel();
        let begun = Run { keys: keys.to_vec(), thread: thread::current().id(), end };
        run.lock().unwrap().send(begun).unwrap();
        let end: End = told_to_end.recv().expect("the test says how this run ends");
        end(keys)
    });
    Held { clock, squares, runs }
}

fn square(keys: &[u32]) -> Result<Vec<(u32, u32)>, String> {
    Ok(keys.iter().map(|key| (*key, key * key)).collect())
}

impl Held {
    /// Starts a call for this key.
    fn call(&self, key: u32) -> JoinHandle<Told> {
        let squares = self.squares.clone();
        thread::spawn(move || squares.execute(&key))
    }

    /// Starts a call for this key, and returns when it waits for a run that has not begun.
    fn gather(&self, key: u32) -> JoinHandle<Told> {
        self.gather_by(key, move |squares| squares.execute(&key))
    }

    fn gather_by<R: Send + 'static>(
        &self,
        key: u32,
        call: impl FnOnce(&Squares) -> R + Send + 'static,
    ) -> JoinHandle<R> {
        let waiting = self.waiting();
        let squares = self.squares.clone();
        let thread = thread::spawn(move || call(&squares));
        wait_until(|| self.waiting() == waiting + 1);
        assert!(self.squares.in_flight().iter().any(|flight| flight.key == key));
        thread
    }

    /// The number of keys that wait for a run.
    fn waiting(&self) -> usize {
        self.squares.in_flight().iter().filter(|flight| flight.leader.is_none()).count()
    }

    fn run(&self) -> Run {
        self.runs.recv().expect("a run begins")
    }

    /// True if no run has begun since the last one.
    fn runs_nothing(&self) -> bool {
        self.runs.try_recv().is_err()
    }

    fn batches(&self) -> u64 {
        self.squares.stats().batches
    }
}

impl Run {
    fn ends(self, end: impl FnOnce(&[u32]) -> Result<Vec<(u32, u32)>, String> + Send + 'static) {
        self.end.send(Box::new(end)).unwrap();
    }

    fn returns(self) {
        self.ends(square);
    }
}

fn value(call: JoinHandle<Told>) -> u32 {
    *call.join().unwrap().unwrap()
}
