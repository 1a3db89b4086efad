//! Threads that call a contender, seen from outside: none is ever joined.
//!
//! Some situations are about calls that hang, so nothing here waits without a bound: a thread that
//! does not come back is left behind. A thread for which the machine had no time does not hang. So
//! looks are counted, not time: a thread hangs if it did not come back and was asleep, by the
//! kernel's word, at each of `HANGS` looks in a row.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::threads::{is_asleep, own_number};

/// The time between two looks at a thread.
const LOOK: Duration = Duration::from_millis(2);

/// After so many looks at a sleeping thread it is said to hang: 300 ms, or more on a slow machine.
const HANGS: usize = 150;

/// After so many looks at sleeping threads they are said to wait for the situation to go on.
const SETTLED: usize = 10;

/// The bound of every wait; only a machine that stands still takes as long.
const PATIENCE: Duration = Duration::from_secs(30);

/// The end of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen<T> {
    Returned(T),
    Panicked,
    /// It did not come back.
    Hangs,
}

/// A thread that was sent to call.
pub(super) struct Caller<T> {
    answer: Receiver<Seen<T>>,
    number: u32,
}

/// Runs `f` on a thread of its own.
pub(super) fn call<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Caller<T> {
    let (answers, answer) = channel();
    let (numbers, number) = channel();
    thread::spawn(move || {
        // The other ends may have given up by now, and then nobody needs the result.
        let _ = numbers.send(own_number());
        let result = catch_unwind(AssertUnwindSafe(f));
        let _ = answers.send(result.map_or(Seen::Panicked, Seen::Returned));
    });
    let number = number.recv().expect("the thread's first act is to send it");
    Caller { answer, number }
}

impl<T> Caller<T> {
    /// The end of the call. It can be asked again of a call that hangs.
    pub(super) fn seen(&self) -> Seen<T> {
        let begin = Instant::now();
        let mut asleep = 0;
        while asleep < HANGS && begin.elapsed() < PATIENCE {
            match self.answer.recv_timeout(LOOK) {
                Ok(seen) => return seen,
                Err(RecvTimeoutError::Disconnected) => return Seen::Panicked,
                Err(RecvTimeoutError::Timeout) => {}
            }
            asleep = if is_asleep(self.number) { asleep + 1 } else { 0 };
        }
        Seen::Hangs
    }
}

/// The end of each of the calls, looked at side by side: those that hang cost their time once.
pub(super) fn seen_of_each<T: Send>(callers: Vec<Caller<T>>) -> Vec<Seen<T>> {
    thread::scope(|scope| {
        let looks = callers.into_iter().map(|caller| scope.spawn(move || caller.seen()));
        let looks: Vec<_> = looks.collect();
        looks.into_iter().map(|look| look.join().expect("looking does not panic")).collect()
    })
}

/// Waits until all of them sleep, or have come back: the peers do not say who waits for a value.
pub(super) fn settle<T>(callers: &[Caller<T>]) {
    let begin = Instant::now();
    let mut asleep = 0;
    while asleep < SETTLED && begin.elapsed() < PATIENCE {
        thread::sleep(LOOK);
        let all = callers.iter().all(|caller| is_asleep(caller.number));
        asleep = if all { asleep + 1 } else { 0 };
    }
}

/// A door that is closed until it is opened, once and for all. Clones are the same door.
#[derive(Clone, Default)]
pub(super) struct Door(Arc<(Mutex<bool>, Condvar)>);

impl Door {
    /// Lets everyone through, now and later.
    pub(super) fn open(&self) {
        let (open, opened) = &*self.0;
        // A bool cannot be left half changed, so poison means nothing here.
        *open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        opened.notify_all();
    }

    /// Waits until the door is open, or for [`PATIENCE`]: no thread waits for ever.
    pub(super) fn pass(&self) {
        let (open, opened) = &*self.0;
        let open = open.lock().unwrap_or_else(PoisonError::into_inner);
        drop(opened.wait_timeout_while(open, PATIENCE, |open| !*open));
    }
}
