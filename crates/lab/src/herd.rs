//! A herd: followers sleep until the leader has its value, and all want to be back at once.
//!
//! ```text
//! leader     ├ sends them off ┤ all asleep? ├ publishes ┤ returns
//! follower                      ├─ sleeps ─────────────────┤ returns ...
//! follower                      ├─ sleeps ──────────────────────┤ returns
//!                                           0 ──────────────────▶ the last is back
//! ```
//!
//! The leader's function sends the followers off and waits until each has begun its call and the
//! kernel says that all of them sleep. Then the clock starts and the function returns. So no wake-up
//! of the leader's own is measured. Followers note when they are back and sleep at a gate until the
//! next herd: that one sleep is the one context switch that no follower can do without.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::futex;

use crate::contender::{Contender, LONG, Peer, Setup};
use crate::memory;
use crate::threads::{is_asleep, own_number, processor_time, switches};

/// The stack of a follower's thread: the call is all that it makes.
pub const STACK: usize = 64 << 10;

/// The time between two looks at the followers.
const LOOK: Duration = Duration::from_micros(500);

/// The leader's own wait. A leader comes back from a database: it has not used its share of the
/// processor, so the threads that it wakes do not take it at once.
const REST: Duration = Duration::from_millis(1);

/// One herd, measured from the instant at which the leader's function returned.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Until the last follower was back.
    pub last: Duration,
    /// Until the leader's own call was back.
    pub leader: Duration,
    /// The processor time of all threads.
    pub processor: Duration,
    /// How often followers left their processors.
    pub switches: u64,
    pub executions: u32,
}

/// The memory of the process while a herd sleeps.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Bytes in use, as [`memory::in_use`] has them.
    pub in_use: f64,
    /// With the kernel's share.
    pub of_threads: Option<f64>,
}

/// Sends herds to a contender, each to a key of its own; `None` if it cannot be set up.
pub fn of<C: Contender>(followers: usize, herds: u64) -> Option<(Vec<Seen>, Held)> {
    let stage = Arc::new(Stage::new(followers));
    let on_stage = stage.clone();
    let load = move |key| {
        // Only the first run of a herd is its leader's; others are the contender's own waste.
        if on_stage.executions.fetch_add(1, Ordering::AcqRel) == 0 {
            on_stage.gather(key);
        }
        key
    };
    let setup = |window| Setup { window, keys: 1024 };
    // A contender that needs a window keeps results of keys that no call uses again.
    let peer = C::make(setup(Duration::ZERO), load.clone());
    let peer = peer.or_else(|| C::make(setup(LONG), load))?;
    let call = |herd| assert_eq!(*peer.call(herd), herd, "everyone has the leader's value");
    Some(stage.send(herds, call, call))
}

/// The lower bound, a bare futex: the leader changes a word and wakes everyone with one call.
pub fn of_a_futex(followers: usize, herds: u64) -> Vec<Seen> {
    let stage = Stage::new(followers);
    let (word, flags) = (AtomicU32::new(0), futex::Flags::PRIVATE);
    let lead = |herd| {
        stage.executions.fetch_add(1, Ordering::AcqRel);
        stage.gather(herd);
        word.store(herd as u32, Ordering::Release);
        futex::wake(&word, flags, i32::MAX as u32).expect("a futex can be woken");
    };
    let follow = |herd| {
        while word.load(Ordering::Acquire) != herd as u32 {
            // The loop sees a spurious wake-up, and a word that has changed already.
            let _ = futex::wait(&word, flags, herd as u32 - 1, None);
        }
    };
    stage.send(herds, lead, follow).0
}

/// The place where the followers of one lane wait for their herds.
struct Stage {
    followers: usize,
    /// The number of the herd that has been sent off.
    sent: Mutex<u64>,
    gate: Condvar,
    /// The kernel's numbers of the followers.
    numbers: Mutex<Vec<u32>>,
    begun: AtomicUsize,
    executions: AtomicU32,
    back: AtomicUsize,
    /// When the last of those that are back came back, in nanoseconds since `epoch`.
    last: AtomicU64,
    epoch: Instant,
    start: Mutex<Option<Start>>,
    held: Mutex<Option<Held>>,
}

/// The state of the process when the leader's function returned.
#[derive(Clone, Copy)]
struct Start {
    at: Instant,
    processor: Duration,
    switches: u64,
}

/// The number that sends the followers home.
const HOME: u64 = u64::MAX;

impl Stage {
    fn new(followers: usize) -> Self {
        Self {
            followers,
            sent: Mutex::new(0),
            gate: Condvar::new(),
            numbers: Mutex::new(Vec::with_capacity(followers)),
            begun: AtomicUsize::new(0),
            executions: AtomicU32::new(0),
            back: AtomicUsize::new(0),
            last: AtomicU64::new(0),
            epoch: Instant::now(),
            start: Mutex::default(),
            held: Mutex::default(),
        }
    }

    /// Sends one herd that is not counted, then so many that are.
    fn send(
        &self,
        herds: u64,
        lead: impl Fn(u64),
        follow: impl Fn(u64) + Sync,
    ) -> (Vec<Seen>, Held) {
        let follow = &follow;
        let follower = || thread::Builder::new().stack_size(STACK);
        let mut seen = thread::scope(|scope| {
            for _ in 0..self.followers {
                let run = move || self.be_follower(follow);
                follower().spawn_scoped(scope, run).expect("the system has a thread to give");
            }
            let seen: Vec<_> = (1..=herds + 1).map(|herd| self.one(herd, &lead)).collect();
            self.open(HOME);
            seen
        });
        seen.remove(0);
        (seen, locked(&self.held).take().expect("the first leader noted it"))
    }

    fn one(&self, herd: u64, lead: impl Fn(u64)) -> Seen {
        for count in [&self.begun, &self.back] {
            count.store(0, Ordering::Release);
        }
        self.executions.store(0, Ordering::Release);
        self.last.store(0, Ordering::Release);
        lead(herd);
        let leader = Instant::now();
        self.wait_for_all(&self.back);
        let processor = processor_time();
        self.settle();
        let start = locked(&self.start).take().expect("the leader has gathered its herd");
        let last = self.epoch + Duration::from_nanos(self.last.load(Ordering::Acquire));
        Seen {
            last: last.saturating_duration_since(start.at),
            leader: leader - start.at,
            processor: processor.saturating_sub(start.processor),
            switches: self.switches() - start.switches,
            executions: self.executions.load(Ordering::Acquire),
        }
    }

    fn be_follower(&self, follow: impl Fn(u64)) {
        locked(&self.numbers).push(own_number());
        let mut herd = 0;
        loop {
            herd = self.next(herd);
            if herd == HOME {
                return;
            }
            self.begun.fetch_add(1, Ordering::AcqRel);
            follow(herd);
            let now = self.epoch.elapsed().as_nanos() as u64;
            self.last.fetch_max(now, Ordering::AcqRel);
            self.back.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Sleeps until another herd than this one is sent off.
    fn next(&self, herd: u64) -> u64 {
        let sent = self.gate.wait_while(locked(&self.sent), |sent| *sent == herd);
        *sent.unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, herd: u64) {
        *locked(&self.sent) = herd;
        self.gate.notify_all();
    }

    /// Sends the herd off; when all of it sleeps, the clock starts.
    fn gather(&self, herd: u64) {
        self.open(herd);
        self.wait_for_all(&self.begun);
        self.settle();
        let now = || Held { in_use: memory::in_use(), of_threads: memory::of_threads() };
        locked(&self.held).get_or_insert_with(now);
        let switches = self.switches();
        thread::sleep(REST);
        let processor = processor_time();
        *locked(&self.start) = Some(Start { at: Instant::now(), processor, switches });
    }

    fn wait_for_all(&self, count: &AtomicUsize) {
        while count.load(Ordering::Acquire) < self.followers {
            thread::sleep(LOOK);
        }
    }

    /// Waits until all followers sleep, at two looks in a row.
    fn settle(&self) {
        let mut asleep = 0;
        while asleep < 2 {
            thread::sleep(LOOK);
            let all = locked(&self.numbers).iter().all(|number| is_asleep(*number));
            asleep = if all { asleep + 1 } else { 0 };
        }
    }

    fn switches(&self) -> u64 {
        locked(&self.numbers).iter().map(|number| switches(*number)).sum()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
