//! Threads that call a contender, and what is seen of them from outside: none is ever joined.
//!
//! A call that hangs is what some scenarios are about, so nobody here waits without a bound: a
//! thread that does not come back is left behind. "It hangs" must not be said of a thread that the
//! machine had no time for. So looks are counted, not time: a thread hangs if it did not come back
//! and was asleep at each of `HANGS` looks on end. That it sleeps is the kernel's word on Linux;
//! elsewhere it is taken for granted.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The time between two looks at a thread.
const LOOK: Duration = Duration::from_millis(2);

/// After so many looks at a sleeping thread it is said to hang: 300 ms, or more on a slow machine.
const HANGS: usize = 150;

/// After so many looks at sleeping threads they are said to wait for what the scenario holds back.
const SETTLED: usize = 10;

/// For how long anything is waited for at all; only a machine that stands still takes as long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What was seen of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    /// It came back with this.
    Returned(T),
    /// It panicked.
    Panicked,
    /// It did not come back.
    Hangs,
}

/// A thread that was sent to call.
pub struct Caller<T> {
    answer: Receiver<Seen<T>>,
    stat: Option<PathBuf>,
}

/// Runs `f` on a thread of its own.
///
/// # Panics
///
/// If the system has no thread to give.
pub fn call<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Caller<T> {
    let (answers, answer) = channel();
    let (stats, stat) = channel();
    thread::spawn(move || {
        // The other ends may have given up by now, and then nobody wants to know.
        let _ = stats.send(own_stat());
        let result = catch_unwind(AssertUnwindSafe(f));
        let _ = answers.send(result.map_or(Seen::Panicked, Seen::Returned));
    });
    let stat = stat.recv().expect("the thread's first act is to send it");
    Caller { answer, stat }
}

impl<T> Caller<T> {
    /// What becomes of the call. It can be asked again of a call that hangs.
    pub fn seen(&self) -> Seen<T> {
        let begin = Instant::now();
        let mut asleep = 0;
        while asleep < HANGS && begin.elapsed() < PATIENCE {
            match self.answer.recv_timeout(LOOK) {
                Ok(seen) => return seen,
                Err(RecvTimeoutError::Disconnected) => return Seen::Panicked,
                Err(RecvTimeoutError::Timeout) => {}
            }
            asleep = if self.is_asleep() { asleep + 1 } else { 0 };
        }
        Seen::Hangs
    }

    fn is_asleep(&self) -> bool {
        self.stat.as_deref().is_none_or(is_asleep)
    }
}

/// What becomes of each of the calls, looked at side by side: those that hang cost their time once.
///
/// # Panics
///
/// If the system has no threads to give.
pub fn seen_of_each<T: Send>(callers: Vec<Caller<T>>) -> Vec<Seen<T>> {
    thread::scope(|scope| {
        let looks = callers.into_iter().map(|caller| scope.spawn(move || caller.seen()));
        let looks: Vec<_> = looks.collect();
        looks.into_iter().map(|look| look.join().expect("looking does not panic")).collect()
    })
}

/// Waits until all of them sleep, or have come back.
///
/// The peers do not tell who waits for a value, so the kernel is asked. Where it does not tell, the
/// time that the looks take must do: the callers have only a few instructions to go from here.
pub fn settle<T>(callers: &[Caller<T>]) {
    let begin = Instant::now();
    let mut asleep = 0;
    while asleep < SETTLED && begin.elapsed() < PATIENCE {
        thread::sleep(LOOK);
        asleep = if callers.iter().all(Caller::is_asleep) { asleep + 1 } else { 0 };
    }
}

/// Where the kernel tells about the calling thread.
fn own_stat() -> Option<PathBuf> {
    let thread = fs::read_link("/proc/thread-self").ok()?;
    Some(Path::new("/proc").join(thread).join("stat"))
}

/// Whether the thread sleeps; one that has ended does, too.
fn is_asleep(stat: &Path) -> bool {
    let Ok(line) = fs::read_to_string(stat) else { return true };
    // The state follows the name, which stands in parentheses and may itself contain any.
    let state = line.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    matches!(state, Some('S'))
}
