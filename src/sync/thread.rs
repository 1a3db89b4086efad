//! The state of a thread as the library sees it: its number, and the flights that it leads.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
pub(crate) use std::thread::Thread;

pub(crate) use register::thread_of;

/// The calling thread's own state; [`this_thread`](super::this_thread) gives access to it.
#[derive(Debug)]
pub(crate) struct ThisThread {
    /// Zero until somebody asks for it.
    token: Cell<u64>,
    leading: Cell<u64>,
}

impl ThisThread {
    pub(super) const fn new() -> Self {
        Self { token: Cell::new(0), leading: Cell::new(0) }
    }

    /// Returns this thread's number: never zero, and never given to another thread.
    #[inline]
    pub(crate) fn token(&self) -> u64 {
        match self.token.get() {
            0 => self.assign_token(),
            token => token,
        }
    }

    #[cold]
    fn assign_token(&self) -> u64 {
        let token = unique_number();
        self.token.set(token);
        register::insert(token);
        token
    }

    /// Returns how many executions this thread runs, one nested in the other.
    #[inline]
    pub(crate) fn leading(&self) -> u64 {
        self.leading.get()
    }

    #[inline]
    pub(crate) fn set_leading(&self, leading: u64) {
        self.leading.set(leading);
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

/// The live threads by their tokens, for the list of flights that an operator reads.
#[cfg(not(any(loom, shuttle)))]
mod register {
    use std::cell::Cell;
    use std::collections::HashMap;
    use std::thread::Thread;

    use fxhash::FxBuildHasher;
    use parking_lot::Mutex;

    static THREADS: Mutex<HashMap<u64, Thread, FxBuildHasher>> =
        Mutex::new(HashMap::with_hasher(FxBuildHasher));

    thread_local! {
        static ENTRY: Entry = const { Entry(Cell::new(0)) };
    }

    /// Removes its thread from [`THREADS`] when the thread ends.
    struct Entry(Cell<u64>);

    impl Drop for Entry {
        fn drop(&mut self) {
            THREADS.lock().remove(&self.0.get());
        }
    }

    /// Enters the calling thread. A thread that is destroying its thread-locals stays anonymous, as
    /// nothing would remove its entry again.
    pub(super) fn insert(token: u64) {
        let will_be_removed = ENTRY.try_with(|entry| entry.0.set(token)).is_ok();
        if will_be_removed {
            THREADS.lock().insert(token, std::thread::current());
        }
    }

    pub(crate) fn thread_of(token: u64) -> Option<Thread> {
        THREADS.lock().get(&token).cloned()
    }
}

/// Empty: the threads of a model share one thread of the system, which has no name to show.
#[cfg(any(loom, shuttle))]
mod register {
    pub(super) fn insert(_: u64) {}

    pub(crate) fn thread_of(_: u64) -> Option<std::thread::Thread> {
        None
    }
}
