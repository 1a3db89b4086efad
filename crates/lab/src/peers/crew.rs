//! Threads that call a contender, observed from outside. They are never joined.
//!
//! In some situations calls hang, so every wait here has a bound, and a thread that does not return is
//! abandoned. A thread that only got no processor time does not hang. So the code counts looks, not
//! time: a thread hangs if it has not returned and the kernel reports it as asleep at `HANGS` looks in
//! a row.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::threads::{is_asleep, own_number};

/// The time between two looks at a thread.
const LOOK: Duration = Duration::from_millis(2);

/// The number of looks at a sleeping thread after which it counts as hung: 300 ms or more.
const HANGS: usize = 150;

/// The number of looks at sleeping threads after which they count as waiting.
const SETTLED: usize = 10;

/// The bound of every wait, far longer than any situation takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The end of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen<T> {
    Returned(T),
    Panicked,
    /// The call did not return.
    Hangs,
}

/// A thread that makes a call.
pub(super) struct Caller<T> {
    answer: Receiver<Seen<T>>,
    number: u32,
}

/// Runs `f` on a thread of its own.
pub(super) fn call<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Caller<T> {
    let (answers, answer) = channel();
    let (numbers, number) = channel();
    thread::spawn(move || {
        // The receivers may be gone by now, and then the result is not needed.
        let _ = numbers.send(own_number());
        let result = catch_unwind(AssertUnwindSafe(f));
        let _ = answers.send(result.map_or(Seen::Panicked, Seen::Returned));
    });
    let number = number.recv().expect("the thread's first act is to send it");
    Caller { answer, number }
}

impl<T> Caller<T> {
    /// The end of the call. For a call that hangs, it can be read again later.
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

/// The end of each call. All calls are observed at once, so several hangs take the time of one.
pub(super) fn seen_of_each<T: Send>(callers: Vec<Caller<T>>) -> Vec<Seen<T>> {
    thread::scope(|scope| {
        let looks = callers.into_iter().map(|caller| scope.spawn(move || caller.seen()));
        let looks: Vec<_> = looks.collect();
        looks.into_iter().map(|look| look.join().expect("looking does not panic")).collect()
    })
}

/// Waits until all threads sleep or have returned. The peers have no count of waiting calls.
pub(super) fn settle<T>(callers: &[Caller<T>]) {
    let begin = Instant::now();
    let mut asleep = 0;
    while asleep < SETTLED && begin.elapsed() < PATIENCE {
        thread::sleep(LOOK);
        let all = callers.iter().all(|caller| is_asleep(caller.number));
        asleep = if all { asleep + 1 } else { 0 };
    }
}

/// A door that opens once and stays open. Clones are handles of the same door.
#[derive(Clone, Default)]
pub(super) struct Door(Arc<(Mutex<bool>, Condvar)>);

impl Door {
    /// Lets all threads pass, now and later.
    pub(super) fn open(&self) {
        let (open, opened) = &*self.0;
        // A bool has no half-changed state, so poisoning can be ignored.
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
