//! Locks, condvars, atomics, threads and the clock's source, under one name for every build.
//!
//! ```text
//!             ordinary build          --cfg loom                --cfg shuttle
//! Mutex       parking_lot             loom, in parking_lot's    shuttle, likewise
//! GateMutex   std, in parking_lot's   shape
//! Condvar     shape
//! OnceCell    std OnceLock            a loom flag before a      a shuttle flag, likewise
//!                                     std OnceLock
//! LockedCell  a relaxed atomic        checked: every access     a relaxed std atomic
//!                                     must be ordered by a lock
//! TimeSource  the kernel's on Linux,  only the manual clock moves
//!             else Instant
//! ```
//!
//! This is the only file of the crate that knows which build it is in, and the only one that
//! names any of these; a test greps for it. So what the models check is the code that ships.

pub(crate) use imp::*;
pub(crate) use monitor::{Condvar, GateGuard, GateMutex};

pub(crate) use time_source::TimeSource;

/// An instant to count a manual clock from, and to tell callers' instants by.
#[inline]
pub(crate) fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// The system's monotonic time as the kernel keeps it, which can also be read cheaply and roughly.
///
/// The rough reading is the kernel's time at its last timer tick: 3 ns instead of 24, and never
/// ahead of the precise one, as both are of one time line.
#[cfg(all(target_os = "linux", feature = "coarse-clock", not(any(loom, shuttle))))]
mod time_source {
    use nix::sys::time::TimeSpec;
    use nix::time::{ClockId, clock_getres, clock_gettime};

    /// How many ticks a rough reading is taken to lag at most. One is what it lags by its nature;
    /// the others are for a tick that comes late, as in a virtual machine whose other processor
    /// was taken away from it.
    const TICKS: u64 = 4;

    #[derive(Debug)]
    pub(crate) struct TimeSource {
        lag: u64,
    }

    impl TimeSource {
        pub(crate) fn new() -> Self {
            let tick = clock_getres(ClockId::CLOCK_MONOTONIC_COARSE);
            // A kernel without a coarse clock: the lag says not to use it.
            Self { lag: tick.map_or(0, nanos).saturating_mul(TICKS) }
        }

        /// Nanoseconds since a beginning that all readings share.
        #[inline]
        pub(crate) fn precise(&self) -> u64 {
            read(ClockId::CLOCK_MONOTONIC)
        }

        /// The same, but up to [`lag`](Self::lag) ago.
        #[inline]
        pub(crate) fn rough(&self) -> u64 {
            read(ClockId::CLOCK_MONOTONIC_COARSE)
        }

        /// How far a rough reading may be behind; zero where there is none.
        pub(crate) fn lag(&self) -> u64 {
            self.lag
        }
    }

    #[inline]
    fn read(clock: ClockId) -> u64 {
        nanos(clock_gettime(clock).expect("every Linux that Rust runs on has this clock"))
    }

    #[inline]
    fn nanos(time: TimeSpec) -> u64 {
        // Neither is negative on a monotonic clock, and the sum lasts for 584 years.
        (time.tv_sec() as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec() as u64)
    }
}

/// The system's monotonic time by way of [`Instant`](std::time::Instant).
#[cfg(not(all(target_os = "linux", feature = "coarse-clock", not(any(loom, shuttle)))))]
mod time_source {
    use std::time::Instant;

    #[derive(Debug)]
    pub(crate) struct TimeSource {
        beginning: Instant,
    }

    impl TimeSource {
        pub(crate) fn new() -> Self {
            Self { beginning: Instant::now() }
        }

        /// Nanoseconds since this was made.
        #[inline]
        pub(crate) fn precise(&self) -> u64 {
            let elapsed = Instant::now().saturating_duration_since(self.beginning);
            elapsed.as_secs().saturating_mul(1_000_000_000) + u64::from(elapsed.subsec_nanos())
        }

        #[inline]
        pub(crate) fn rough(&self) -> u64 {
            self.precise()
        }

        /// How far a rough reading may be behind: it is the precise one.
        pub(crate) fn lag(&self) -> u64 {
            0
        }
    }
}

/// A number that is read and written only under one lock, which its owner names.
///
/// It is an atomic so that it can live in a shared value without `unsafe`; the accesses are plain
/// loads and stores. Under loom it is a cell that reports an access which no lock orders.
#[derive(Debug)]
pub(crate) struct LockedCell(LockedWord);

impl LockedCell {
    pub(crate) fn new(value: u64) -> Self {
        Self(LockedWord::new(value))
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load()
    }

    #[inline]
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value);
    }
}

/// Whether this thread unwinds, in which case nothing is in the state that it should end in.
pub(crate) fn is_panicking() -> bool {
    std::thread::panicking()
}

/// A value on cache lines of its own, so that neighbours do not slow each other down.
///
/// 128 bytes: x86-64 prefetches lines in pairs, and Apple's arm64 has lines of that size.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

/// A number that nothing else in this process gets: not zero, and never again.
///
/// It orders nothing, so the models need not explore it, and it is std's in every build.
pub(crate) fn unique_number() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// What this thread is to the library: a number of its own, how many flights it leads now, and
/// whether it hands a job over.
#[derive(Debug)]
pub(crate) struct ThisThread {
    token: std::cell::Cell<u64>,
    leading: std::cell::Cell<u64>,
    spawning: std::cell::Cell<u64>,
}

impl ThisThread {
    const fn new() -> Self {
        Self {
            token: std::cell::Cell::new(0),
            leading: std::cell::Cell::new(0),
            spawning: std::cell::Cell::new(0),
        }
    }

    /// This thread's number: never zero, and never given to another thread.
    #[inline]
    pub(crate) fn token(&self) -> u64 {
        match self.token.get() {
            0 => self.name_it(),
            token => token,
        }
    }

    #[cold]
    fn name_it(&self) -> u64 {
        let token = unique_number();
        self.token.set(token);
        register_thread(token);
        token
    }

    /// How many executions are under way on this thread, one inside the other.
    #[inline]
    pub(crate) fn leading(&self) -> u64 {
        self.leading.get()
    }

    #[inline]
    pub(crate) fn set_leading(&self, leading: u64) {
        self.leading.set(leading);
    }

    /// How many executors this thread is inside of, one inside the other.
    pub(crate) fn spawning(&self) -> u64 {
        self.spawning.get()
    }

    pub(crate) fn set_spawning(&self, spawning: u64) {
        self.spawning.set(spawning);
    }
}

/// A mutex whose holder can wait for news, in parking_lot's shape.
///
/// In the ordinary build it is std's and not parking_lot's, whose `notify_all` moves the waiters to
/// the mutex, where they wake one after the other: four times as slow as std's, which wakes a herd
/// with one call to the kernel.
mod monitor {
    use std::fmt;
    use std::ops::{Deref, DerefMut};
    use std::sync::PoisonError;
    use std::time::Duration;

    #[cfg(loom)]
    use loom as checker;
    #[cfg(shuttle)]
    use shuttle as checker;
    #[cfg(not(any(loom, shuttle)))]
    use std as checker;

    pub(crate) struct GateMutex<T>(checker::sync::Mutex<T>);

    impl<T> GateMutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(checker::sync::Mutex::new(value))
        }

        #[inline]
        pub(crate) fn lock(&self) -> GateGuard<'_, T> {
            GateGuard(Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
        }

        /// In a model this is every mutex of the library.
        #[cfg(any(loom, shuttle))]
        pub(crate) fn try_lock(&self) -> Option<GateGuard<'_, T>> {
            self.0.try_lock().ok().map(|guard| GateGuard(Some(guard)))
        }
    }

    impl<T> fmt::Debug for GateMutex<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("GateMutex")
        }
    }

    /// The inner guard is away only while a condvar has it.
    pub(crate) struct GateGuard<'a, T>(Option<checker::sync::MutexGuard<'a, T>>);

    impl<T> Deref for GateGuard<'_, T> {
        type Target = T;

        #[inline]
        fn deref(&self) -> &T {
            self.0.as_ref().expect("the guard is here unless a condvar waits with it")
        }
    }

    impl<T> DerefMut for GateGuard<'_, T> {
        #[inline]
        fn deref_mut(&mut self) -> &mut T {
            self.0.as_mut().expect("the guard is here unless a condvar waits with it")
        }
    }

    #[derive(Debug)]
    pub(crate) struct Condvar(checker::sync::Condvar);

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self(checker::sync::Condvar::new())
        }

        /// Waits until notified; may wake for no reason.
        pub(crate) fn wait<T>(&self, guard: &mut GateGuard<'_, T>) {
            let inner = guard.0.take().expect("one wait at a time holds the guard");
            guard.0 = Some(self.0.wait(inner).unwrap_or_else(PoisonError::into_inner));
        }

        /// The same, but no longer than this.
        #[cfg(not(any(loom, shuttle)))]
        pub(crate) fn wait_for<T>(&self, guard: &mut GateGuard<'_, T>, longest: Duration) {
            let inner = guard.0.take().expect("one wait at a time holds the guard");
            let waited = self.0.wait_timeout(inner, longest);
            guard.0 = Some(waited.unwrap_or_else(PoisonError::into_inner).0);
        }

        /// Real time does not pass in a model, so a wait that is bounded by it would prove nothing.
        #[cfg(any(loom, shuttle))]
        pub(crate) fn wait_for<T>(&self, _: &mut GateGuard<'_, T>, _: Duration) {
            panic!("a model waits by the manual clock: give the builder one");
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}

/// The ordinary build: parking_lot and std.
#[cfg(not(any(loom, shuttle)))]
mod imp {
    use std::collections::HashMap;
    pub(crate) use std::sync::Arc as Handle;
    pub(crate) use std::sync::OnceLock as OnceCell;
    pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
    pub(crate) use std::thread::Thread;

    pub(crate) use parking_lot::{Mutex, MutexGuard};

    use super::ThisThread;

    /// How many others a follower wakes before it looks whether somebody has helped (DESIGN.md,
    /// Profile).
    pub(crate) const WAKE_SHARE: usize = 32;

    #[derive(Debug)]
    pub(crate) struct LockedWord(AtomicU64);

    impl LockedWord {
        pub(crate) fn new(value: u64) -> Self {
            Self(AtomicU64::new(value))
        }

        #[inline]
        pub(crate) fn load(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }

        #[inline]
        pub(crate) fn store(&self, value: u64) {
            self.0.store(value, Ordering::Relaxed);
        }
    }

    thread_local! {
        static THIS_THREAD: ThisThread = const { ThisThread::new() };
        static REGISTERED: Registered = const { Registered(std::cell::Cell::new(0)) };
    }

    #[inline]
    pub(crate) fn this_thread<R>(f: impl FnOnce(&ThisThread) -> R) -> R {
        THIS_THREAD.with(f)
    }

    /// Who is behind a token, for the list of flights that an operator reads.
    static THREADS: Mutex<HashMap<u64, Thread, fxhash::FxBuildHasher>> =
        Mutex::new(HashMap::with_hasher(fxhash::FxBuildHasher));

    /// Takes the thread out of the register when it ends.
    struct Registered(std::cell::Cell<u64>);

    impl Drop for Registered {
        fn drop(&mut self) {
            THREADS.lock().remove(&self.0.get());
        }
    }

    pub(crate) fn register_thread(token: u64) {
        // A thread whose thread-locals are being torn down stays anonymous: nothing would take it
        // out of the register again.
        let stays = REGISTERED.try_with(|registered| registered.0.set(token)).is_ok();
        if stays {
            THREADS.lock().insert(token, std::thread::current());
        }
    }

    pub(crate) fn thread_of(token: u64) -> Option<Thread> {
        THREADS.lock().get(&token).cloned()
    }

    /// Makes a process-wide value with a constant initial value.
    macro_rules! global {
        ($(#[$meta:meta])* static $name:ident: $type:ty = $init:expr;) => {
            $(#[$meta])* static $name: $type = $init;
        };
    }
    pub(crate) use global;
}

/// What loom and shuttle have in common: std's shape of locks, wrapped into parking_lot's.
#[cfg(any(loom, shuttle))]
mod imp {
    #[cfg(loom)]
    use loom as checker;
    #[cfg(shuttle)]
    use shuttle as checker;

    #[cfg(all(loom, coalescer_leaks))]
    pub(crate) use checker::sync::Arc as Handle;
    pub(crate) use checker::sync::atomic::{AtomicU64, Ordering};
    #[cfg(not(all(loom, coalescer_leaks)))]
    pub(crate) use std::sync::Arc as Handle;
    pub(crate) use std::thread::Thread;

    use checker::sync::atomic::AtomicBool;

    use super::ThisThread;

    pub(crate) use super::monitor::{GateGuard as MutexGuard, GateMutex as Mutex};

    /// So that the few threads of a model have several shares to wake.
    pub(crate) const WAKE_SHARE: usize = 1;

    /// A cell that is set once. The flag carries the ordering, so the checker sees it.
    #[derive(Debug)]
    pub(crate) struct OnceCell<T> {
        is_set: AtomicBool,
        value: std::sync::OnceLock<T>,
    }

    impl<T> OnceCell<T> {
        pub(crate) fn new() -> Self {
            Self { is_set: AtomicBool::new(false), value: std::sync::OnceLock::new() }
        }

        pub(crate) fn get(&self) -> Option<&T> {
            if self.is_set.load(Ordering::Acquire) { self.value.get() } else { None }
        }

        pub(crate) fn set(&self, value: T) -> Result<(), T> {
            self.value.set(value)?;
            self.is_set.store(true, Ordering::Release);
            Ok(())
        }
    }

    #[cfg(loom)]
    #[derive(Debug)]
    pub(crate) struct LockedWord(loom::cell::UnsafeCell<u64>);

    // SAFETY: only in models, whose executions run on one thread at a time; loom's cell itself
    // panics when two accesses are not ordered by a lock, which is what it is here to find.
    #[cfg(loom)]
    #[expect(unsafe_code, reason = "only in models, where loom checks each access")]
    unsafe impl Sync for LockedWord {}

    #[cfg(loom)]
    #[expect(unsafe_code, reason = "only in models, where loom checks each access")]
    impl LockedWord {
        pub(crate) fn new(value: u64) -> Self {
            Self(loom::cell::UnsafeCell::new(value))
        }

        pub(crate) fn load(&self) -> u64 {
            // SAFETY: the pointer is valid for the call, and loom has just checked the ordering.
            self.0.with(|value| unsafe { *value })
        }

        pub(crate) fn store(&self, new: u64) {
            // SAFETY: the pointer is valid for the call, and loom has just checked the ordering.
            self.0.with_mut(|value| unsafe { *value = new });
        }
    }

    #[cfg(shuttle)]
    #[derive(Debug)]
    pub(crate) struct LockedWord(std::sync::atomic::AtomicU64);

    #[cfg(shuttle)]
    impl LockedWord {
        pub(crate) fn new(value: u64) -> Self {
            Self(std::sync::atomic::AtomicU64::new(value))
        }

        pub(crate) fn load(&self) -> u64 {
            self.0.load(std::sync::atomic::Ordering::Relaxed)
        }

        pub(crate) fn store(&self, value: u64) {
            self.0.store(value, std::sync::atomic::Ordering::Relaxed);
        }
    }

    checker::thread_local! {
        static THIS_THREAD: ThisThread = ThisThread::new();
    }

    pub(crate) fn this_thread<R>(f: impl FnOnce(&ThisThread) -> R) -> R {
        THIS_THREAD.with(f)
    }

    /// Model threads share one thread of the system, so there is nobody to name.
    pub(crate) fn register_thread(_: u64) {}

    pub(crate) fn thread_of(_: u64) -> Option<Thread> {
        None
    }

    /// Makes a process-wide value that is new in every execution of a model.
    macro_rules! global {
        ($(#[$meta:meta])* static $name:ident: $type:ty = $init:expr;) => {
            $crate::sync::lazy_static! { $(#[$meta])* static ref $name: $type = $init; }
        };
    }
    pub(crate) use checker::lazy_static;
    pub(crate) use global;
}
