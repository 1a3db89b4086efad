//! A herd: threads that all wait for one answer, and the time until the last one has it.
//!
//! ```text
//! leader     ├ leads ┤ all asleep? ├ answers ┤ returns
//! follower             ├── sleeps ──────────────┤ returns ...
//! follower             ├── sleeps ────────────────────┤ returns
//!                                   0 ────────────────▶ the last is back
//! ```
//!
//! The clock starts when all followers sleep. On Linux the kernel reports that. On other systems, a
//! follower that is counted as waiting counts as asleep.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use coalescer::Group;

/// The stack of a follower's thread, which makes only the call.
pub(crate) const STACK: usize = 64 * 1024;

/// The time between two looks at the sleepers.
const LOOK: Duration = Duration::from_micros(200);

/// How long the leader sleeps before it answers.
const REST: Duration = Duration::from_millis(1);

/// A way to make followers wait for a leader.
pub(crate) trait Wait: Send + Sync + 'static {
    /// Runs `meanwhile`, during which the followers arrive, and then answers all of them.
    fn lead(&self, meanwhile: &dyn Fn());

    /// Waits for the answer.
    fn follow(&self);

    /// The number of waiting followers.
    fn waiting(&self) -> usize;
}

/// This library: one flight.
pub(crate) struct Flight(Group<u64, u64, ()>);

impl Flight {
    pub(crate) fn new() -> Self {
        Self(Group::new())
    }
}

impl Wait for Flight {
    fn lead(&self, meanwhile: &dyn Fn()) {
        let load = || {
            meanwhile();
            Ok(7)
        };
        self.0.execute(&7, load).expect("the function succeeds");
    }

    fn follow(&self) {
        let load = || unreachable!("the leader is there before its followers");
        self.0.execute(&7, load).expect("the leader succeeds");
    }

    fn waiting(&self) -> usize {
        self.0.in_flight().first().map_or(0, |flight| flight.followers)
    }
}

/// The floor: one condvar of the standard library and `notify_all` after unlocking, which on Linux
/// is one call to the kernel that wakes everyone.
#[derive(Default)]
pub(crate) struct Broadcast {
    state: Mutex<Told>,
    wake: Condvar,
}

#[derive(Default)]
struct Told {
    rounds: usize,
    waiting: usize,
}

impl Broadcast {
    fn state(&self) -> std::sync::MutexGuard<'_, Told> {
        self.state.lock().expect("nobody panics under it")
    }
}

impl Wait for Broadcast {
    fn lead(&self, meanwhile: &dyn Fn()) {
        meanwhile();
        self.state().rounds += 1;
        self.wake.notify_all();
    }

    fn follow(&self) {
        let mut state = self.state();
        let round = state.rounds;
        state.waiting += 1;
        while state.rounds == round {
            state = self.wake.wait(state).expect("nobody panics under it");
        }
        state.waiting -= 1;
    }

    fn waiting(&self) -> usize {
        self.state().waiting
    }
}

/// Threads that follow in rounds. They end when this is dropped.
pub(crate) struct Herd<W> {
    wait: Arc<W>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    begin: Barrier,
    end: Barrier,
    is_over: AtomicBool,
    /// The time at which the last follower returned, in nanoseconds since `epoch`.
    last: AtomicU64,
    epoch: Instant,
    /// The kernel's status file of each thread, on systems that have one.
    stats: Mutex<Vec<Option<PathBuf>>>,
}

/// The times since the answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waking {
    /// Until the leader's own call returned.
    pub(crate) leader: Duration,
    /// Until the last follower's call returned.
    pub(crate) last: Duration,
}

impl<W: Wait> Herd<W> {
    pub(crate) fn new(followers: usize, wait: W) -> Self {
        let shared = Arc::new(Shared {
            begin: Barrier::new(followers + 1),
            end: Barrier::new(followers + 1),
            is_over: AtomicBool::new(false),
            last: AtomicU64::new(0),
            epoch: Instant::now(),
            stats: Mutex::default(),
        });
        let wait = Arc::new(wait);
        let follower = |_| {
            let (wait, shared) = (Arc::clone(&wait), Arc::clone(&shared));
            let builder = thread::Builder::new().stack_size(STACK);
            builder.spawn(move || shared.follow(&*wait)).expect("the system has a thread to give")
        };
        let threads = (0..followers).map(follower).collect();
        Self { wait, shared, threads }
    }

    /// Lets all followers wait, and wakes them.
    pub(crate) fn wake(&self) -> Waking {
        self.wake_after(|| ())
    }

    /// Like [`wake`](Self::wake), and calls `look` when all followers sleep.
    pub(crate) fn wake_after(&self, look: impl Fn()) -> Waking {
        let shared = &*self.shared;
        shared.last.store(0, Ordering::Relaxed);
        let answered = OnceLock::new();
        self.wait.lead(&|| {
            shared.begin.wait();
            self.settle();
            look();
            answered.set(Instant::now()).expect("a leader runs its function once");
        });
        let answered = *answered.get().expect("the leader has run its function");
        let leader = answered.elapsed();
        shared.end.wait();
        let last = Duration::from_nanos(shared.last.load(Ordering::Relaxed));
        Waking { leader, last: last.saturating_sub(answered - shared.epoch) }
    }

    /// Waits until every follower sleeps in the wait for the answer.
    fn settle(&self) {
        while self.wait.waiting() < self.threads.len() {
            thread::sleep(LOOK);
        }
        wait_for_sleep(&self.shared.stats());
        // The sleep stands for the leader's wait for a database: the leader then has unused CPU time.
        thread::sleep(REST);
    }
}

impl<W> Drop for Herd<W> {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.shared.begin.wait();
        for thread in self.threads.drain(..) {
            thread.join().expect("a follower does not panic");
        }
    }
}

impl Shared {
    fn follow(&self, wait: &impl Wait) {
        self.stats().push(own_stat());
        loop {
            self.begin.wait();
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            wait.follow();
            let now = self.epoch.elapsed().as_nanos() as u64;
            self.last.fetch_max(now, Ordering::Relaxed);
            self.end.wait();
        }
    }

    fn stats(&self) -> std::sync::MutexGuard<'_, Vec<Option<PathBuf>>> {
        self.stats.lock().expect("nobody panics under it")
    }
}

/// Waits until all of these threads sleep.
pub(crate) fn wait_for_sleep(stats: &[Option<PathBuf>]) {
    while !stats.iter().flatten().all(|stat| is_asleep(stat)) {
        thread::sleep(LOOK);
    }
}

/// The kernel's status file of the calling thread.
pub(crate) fn own_stat() -> Option<PathBuf> {
    let thread = fs::read_link("/proc/thread-self").ok()?;
    Some(Path::new("/proc").join(thread).join("stat"))
}

fn is_asleep(stat: &Path) -> bool {
    let Ok(line) = fs::read_to_string(stat) else { return true };
    // The state follows the name. The name stands in parentheses and may itself contain parentheses.
    let state = line.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    matches!(state, Some('S'))
}
