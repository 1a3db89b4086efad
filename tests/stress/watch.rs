//! The watchdog: it says what every thread is doing and ends the process if one of them hangs.

use std::fmt;
use std::io::{Write, stderr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::round::{Round, THREADS};

/// A call that takes this long hangs: the longest function is a thousandth of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often the watchdog looks.
const INTERVAL: Duration = Duration::from_millis(200);

/// The call that each thread makes now, with the calls inside it.
#[derive(Debug)]
pub(crate) struct Board {
    threads: Vec<Mutex<Vec<Doing>>>,
    /// Moves whenever anything is done.
    steps: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
struct Doing {
    what: What,
    since: Instant,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    Call { verb: &'static str, key: usize },
    Function { key: usize },
    Forget { key: usize },
    ForgetAll,
    Observe,
}

/// Takes its line off the board again.
#[must_use = "the line goes when this is dropped"]
pub(crate) struct Line<'b> {
    board: &'b Board,
    thread: usize,
}

impl Board {
    /// One place for each worker, and one for the observer.
    pub(crate) fn new() -> Self {
        let threads = (0..=THREADS).map(|_| Mutex::default()).collect();
        Self { threads, steps: AtomicU64::new(0) }
    }

    pub(crate) fn write(&self, thread: usize, what: What) -> Line<'_> {
        self.lines(thread).push(Doing { what, since: Instant::now() });
        Line { board: self, thread }
    }

    /// Something has been done.
    pub(crate) fn step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    fn lines(&self, thread: usize) -> MutexGuard<'_, Vec<Doing>> {
        self.threads[thread].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if a thread has been in one call for too long.
    fn has_a_stuck_thread(&self) -> bool {
        let is_stuck = |doing: &Doing| doing.since.elapsed() > PATIENCE;
        (0..=THREADS).any(|thread| self.lines(thread).iter().any(is_stuck))
    }
}

impl fmt::Display for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for thread in 0..=THREADS {
            write!(f, "thread {thread}:")?;
            for Doing { what, since } in self.lines(thread).iter() {
                write!(f, " {what} for {:?};", since.elapsed())?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call { verb, key } => write!(f, "{verb} of key {key}"),
            Self::Function { key } => write!(f, "the function of key {key}"),
            Self::Forget { key } => write!(f, "forget of key {key}"),
            Self::ForgetAll => f.write_str("forget_all"),
            Self::Observe => f.write_str("reading stats and in_flight"),
        }
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.board.lines(self.thread).pop();
        self.board.step();
    }
}

/// Watches a round until `is_done` is closed.
pub(crate) fn watch(round: &Round, is_done: &Receiver<()>) {
    let (mut steps, mut since) = (0, Instant::now());
    while is_done.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
        let now = round.board.steps.load(Ordering::Relaxed);
        if now != steps {
            (steps, since) = (now, Instant::now());
        }
        if since.elapsed() > PATIENCE || round.board.has_a_stuck_thread() {
            give_up(round);
        }
    }
}

fn give_up(round: &Round) -> ! {
    say(&format!("a thread hangs; {:#?}\n{}", round.plan, round.board));
    // On a thread of its own, which hangs too if a lock of the table is never released.
    let (listed, is_listed) = channel::<()>();
    thread::scope(|s| {
        s.spawn(move || {
            say(&format!("{:#?}\n{:#?}", round.group.stats(), round.group.in_flight()));
            drop(listed);
        });
        let _ = is_listed.recv_timeout(Duration::from_secs(5));
        std::process::abort();
    })
}

/// Writes to the process's own stderr: what a test prints is lost when the process aborts.
fn say(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}
