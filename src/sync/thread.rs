//! The state of a thread as the library sees it: its number, and the flights that it leads.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
pub(crate) use std::thread::Thread;

pub(crate) use register::{registered_threads, thread_of};

/// A thread, at one of the executions that it runs: the thread's number, and the execution's depth.
///
/// An execution that runs inside another one is deeper by one. Tokens of one thread
/// [are of one thread](Self::is_of); only tokens of the same depth are equal.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ThreadToken(u64);

/// The bits of a token that are the depth. The rest are the thread's number.
const DEPTH_BITS: u32 = 24;

impl ThreadToken {
    /// The token of no thread.
    pub(crate) const NONE: Self = Self(0);

    /// The thread's number: never zero, and never given to another thread.
    #[inline]
    pub(crate) fn number(self) -> u64 {
        self.0 >> DEPTH_BITS
    }

    /// How many executions the thread runs, one nested in the other, up to this one.
    #[inline]
    pub(crate) fn depth(self) -> u64 {
        self.0 & ((1 << DEPTH_BITS) - 1)
    }

    #[inline]
    pub(crate) fn is_of(self, other: Self) -> bool {
        self.number() == other.number()
    }

    /// Makes a token of a thread that does not exist.
    #[cfg(test)]
    pub(crate) fn made_up(number: u64, depth: u64) -> Self {
        Self((number << DEPTH_BITS) + depth)
    }
}

impl fmt::Debug for ThreadToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.number(), self.depth())
    }
}

/// The calling thread's own state; [`this_thread`](super::this_thread) gives access to it.
#[derive(Debug)]
pub(crate) struct ThisThread {
    /// Where the thread is now, as a [`ThreadToken`]. Its number is zero until somebody asks for it.
    token: Cell<u64>,
    /// How many leads of other threads it works for, one nested in the other.
    helping: Cell<u64>,
    /// How many jobs it runs, one nested in the other.
    jobs: Cell<u64>,
    /// How many jobs it is handing over now, one within the other, in the innermost job that it runs.
    spawning: Cell<u64>,
}

impl ThisThread {
    pub(super) const fn new() -> Self {
        Self {
            token: Cell::new(0),
            helping: Cell::new(0),
            jobs: Cell::new(0),
            spawning: Cell::new(0),
        }
    }

    /// Returns where this thread is now.
    #[inline]
    pub(crate) fn token(&self) -> ThreadToken {
        let token = self.token.get();
        if token >> DEPTH_BITS == 0 { self.assign_number() } else { ThreadToken(token) }
    }

    /// Returns the token of the next execution that this thread runs.
    #[inline]
    pub(crate) fn next_token(&self) -> ThreadToken {
        ThreadToken(self.token().0 + 1)
    }

    #[cold]
    #[inline(never)]
    fn assign_number(&self) -> ThreadToken {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let token = (number << DEPTH_BITS) + self.token.get();
        self.token.set(token);
        register::insert(number);
        ThreadToken(token)
    }

    /// Marks that this thread runs one more execution. Returns where it is then.
    #[inline]
    pub(crate) fn descend(&self) -> ThreadToken {
        let token = self.next_token();
        self.token.set(token.0);
        token
    }

    /// Ends the execution that began with [`descend`](Self::descend). It is usually the innermost one
    /// of this thread. If it began on another thread, that one gets its mark back when it looks.
    #[inline]
    pub(crate) fn ascend(&self, from: ThreadToken) {
        match self.token.get() == from.0 {
            true => self.token.set(self.token.get() - 1),
            false => self.ascend_out_of_order(from),
        }
    }

    /// Ends an execution that is not the innermost one of this thread, or is none of it.
    #[cold]
    #[inline(never)]
    fn ascend_out_of_order(&self, from: ThreadToken) {
        match ThreadToken(self.token.get()).is_of(from) {
            true => self.ascend_by(1),
            false => register::ends_elsewhere(from.number()),
        }
    }

    fn ascend_by(&self, executions: u64) {
        let token = ThreadToken(self.token.get());
        self.token.set(token.0 - executions.min(token.depth()));
    }

    /// Returns where this thread is, if it runs an execution.
    #[inline]
    pub(crate) fn leading(&self) -> Option<ThreadToken> {
        let leads = || ThreadToken(self.token.get()).depth() > 0;
        if !leads() {
            return None;
        }
        self.ascend_by(register::ended_elsewhere(self.token().number()));
        leads().then(|| self.token())
    }

    /// Returns how many jobs this thread runs, one nested in the other.
    pub(crate) fn jobs(&self) -> u64 {
        self.jobs.get()
    }

    pub(crate) fn set_jobs(&self, jobs: u64) {
        self.jobs.set(jobs);
    }

    /// Returns how many jobs this thread is handing over now, in the innermost job that it runs.
    pub(crate) fn spawning(&self) -> u64 {
        self.spawning.get()
    }

    pub(crate) fn set_spawning(&self, spawning: u64) {
        self.spawning.set(spawning);
    }

    /// Returns how many leads of other threads this thread works for.
    #[inline]
    pub(crate) fn helping(&self) -> u64 {
        self.helping.get()
    }

    pub(crate) fn set_helping(&self, helping: u64) {
        self.helping.set(helping);
    }
}

/// Returns true while this thread unwinds, when a value may be dropped in the middle of a change.
pub(crate) fn is_panicking() -> bool {
    std::thread::panicking()
}

/// Returns a number that nothing else in this process gets: not zero, and never again.
///
/// It orders nothing, so a model need not explore it, and it is std's in every build.
pub(crate) fn unique_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The live threads by their numbers, for the list of flights that an operator reads.
///
/// A thread enters at its first lead, under the lock of a shard. So the register has parts, each with a lock
/// of its own: threads whose numbers follow each other, as those of a thread for each request do, do not
/// wait for one lock with the shards of all coalescers behind them. A part's lock is the last in the order
/// of locks.
#[cfg(not(any(loom, shuttle)))]
mod register {
    use std::cell::Cell;
    use std::collections::HashMap;
    use std::mem;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread::Thread;

    use fxhash::FxBuildHasher;
    use parking_lot::{Mutex, MutexGuard};

    use super::ThreadToken;
    use crate::sync::Padded;

    pub(super) type Part = HashMap<u64, Known, FxBuildHasher>;

    const PARTS: usize = 64;

    static THREADS: [Padded<Mutex<Part>>; PARTS] =
        [const { Padded(Mutex::new(HashMap::with_hasher(FxBuildHasher))) }; PARTS];

    /// How many executions of live threads have ended on another thread than theirs, of which the
    /// threads do not know yet. It is zero but for runtimes that move calls between threads.
    static ENDED_ELSEWHERE: AtomicU64 = AtomicU64::new(0);

    thread_local! {
        static ENTRY: Entry = const { Entry(Cell::new(0)) };
    }

    pub(super) struct Known {
        thread: Thread,
        ended_elsewhere: u64,
    }

    /// Removes its thread from [`THREADS`] when the thread ends.
    struct Entry(Cell<u64>);

    impl Drop for Entry {
        fn drop(&mut self) {
            let known = part_of(self.0.get()).remove(&self.0.get());
            let ended = known.map_or(0, |known| known.ended_elsewhere);
            ENDED_ELSEWHERE.fetch_sub(ended, Ordering::Relaxed);
        }
    }

    /// Locks the part of the thread with this number.
    pub(super) fn part_of(number: u64) -> MutexGuard<'static, Part> {
        THREADS[number as usize % PARTS].0.lock()
    }

    /// Enters the calling thread. A thread that is destroying its thread-locals stays anonymous, as
    /// nothing would remove its entry again.
    pub(super) fn insert(number: u64) {
        let will_be_removed = ENTRY.try_with(|entry| entry.0.set(number)).is_ok();
        if will_be_removed {
            let known = Known { thread: std::thread::current(), ended_elsewhere: 0 };
            part_of(number).insert(number, known);
        }
    }

    pub(crate) fn thread_of(token: ThreadToken) -> Option<Thread> {
        part_of(token.number()).get(&token.number()).map(|known| known.thread.clone())
    }

    /// Notes that an execution that began on this thread has ended on another one.
    pub(super) fn ends_elsewhere(number: u64) {
        if let Some(known) = part_of(number).get_mut(&number) {
            known.ended_elsewhere += 1;
            ENDED_ELSEWHERE.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes the number of executions of the calling thread that have ended elsewhere.
    pub(super) fn ended_elsewhere(number: u64) -> u64 {
        if ENDED_ELSEWHERE.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        let ended = match part_of(number).get_mut(&number) {
            Some(known) => mem::take(&mut known.ended_elsewhere),
            None => 0,
        };
        ENDED_ELSEWHERE.fetch_sub(ended, Ordering::Relaxed);
        ended
    }

    /// The parts are locked one after the other.
    pub(crate) fn registered_threads() -> usize {
        THREADS.iter().map(|part| part.0.lock().len()).sum()
    }
}

/// Empty: the threads of a model share one thread of the system, which has no name to show. An
/// execution of a model ends where it began.
#[cfg(any(loom, shuttle))]
mod register {
    use super::ThreadToken;

    pub(super) fn insert(_: u64) {}

    pub(crate) fn thread_of(_: ThreadToken) -> Option<std::thread::Thread> {
        None
    }

    pub(super) fn ends_elsewhere(_: u64) {}

    pub(super) fn ended_elsewhere(_: u64) -> u64 {
        0
    }

    pub(crate) fn registered_threads() -> usize {
        0
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_in_the_register_as_long_as_it_lives() {
        let (token, id) = std::thread::spawn(|| {
            let token = ThisThread::new().token();
            let found = thread_of(token).expect("it is alive");
            assert_eq!(found.id(), std::thread::current().id());
            (token, found.id())
        })
        .join()
        .expect("it has looked for itself");
        assert!(thread_of(token).is_none_or(|thread| thread.id() != id), "it stays for ever");
    }

    #[test]
    fn a_thread_enters_the_register_while_the_part_of_another_is_locked() {
        const OTHER: u64 = 1 << 39;
        let (entered, has_entered) = std::sync::mpsc::channel();
        let locked = register::part_of(OTHER);
        let neighbour = std::thread::spawn(move || {
            register::insert(OTHER + 1);
            entered.send(()).expect("the test waits for it");
        });
        let result = has_entered.recv_timeout(std::time::Duration::from_secs(10));
        drop(locked);
        neighbour.join().expect("it has entered");
        result.expect("a thread waits for the part of another thread");
    }
}
