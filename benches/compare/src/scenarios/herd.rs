//! A herd: followers sleep until the leader has its value, and all want to be back at once.
//!
//! The leader's function sends the herd off, waits until each follower has begun its call and the
//! kernel says that all of them sleep, starts the clock and returns. So no wake-up of the leader's
//! own is measured. Followers note when they are back and go to sleep at a gate for the next herd:
//! that one sleep is the one switch a follower that nobody can do without.
//!
//! The floor is a bare futex: the leader changes a word and wakes everyone with one call.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::futex;

use super::{Figures, Size};
use crate::contender::{Contender, LONG, Peer, Setup};
use crate::stats::mean;
use crate::threads::{is_asleep, own_number, processor_time, switches};

/// See the file's text.
#[derive(Clone, Copy, Debug)]
pub struct Herd {
    /// How many follow.
    pub followers: usize,
}

impl Herd {
    pub(super) fn measure<C: Contender>(self, size: Size) -> Option<Figures> {
        let stage = Arc::new(Stage::new(self.followers_at(size)));
        let on_stage = stage.clone();
        let load = move |key| {
            // Only the first run of a herd is its leader's; others are a contender's own waste.
            if on_stage.executions.fetch_add(1, Ordering::AcqRel) == 0 {
                on_stage.gather(key);
            }
            key
        };
        let setup = |window| Setup { window, keys: 1024 };
        // Who cannot do without a window keeps the results of keys that nobody asks for again.
        let peer = C::make(setup(Duration::ZERO), load.clone());
        let peer = peer.or_else(|| C::make(setup(LONG), load))?;
        let call = |herd| assert_eq!(*peer.call(herd), herd, "everyone has the leader's value");
        Some(stage.send(self.herds(size), call, call))
    }

    pub(super) fn floor(self, size: Size) -> Figures {
        let stage = Stage::new(self.followers_at(size));
        let (word, flags) = (AtomicU32::new(0), futex::Flags::PRIVATE);
        let lead = |herd| {
            stage.executions.fetch_add(1, Ordering::AcqRel);
            stage.gather(herd);
            word.store(herd as u32, Ordering::Release);
            futex::wake(&word, flags, i32::MAX as u32).expect("a futex can be woken");
        };
        let follow = |herd| {
            while word.load(Ordering::Acquire) != herd as u32 {
                // That it is woken for nothing, or comes too late to sleep, is the loop's to see.
                let _ = futex::wait(&word, flags, herd as u32 - 1, None);
            }
        };
        stage.send(self.herds(size), lead, follow)
    }

    /// Followers and herds.
    pub(super) fn for_go(self, size: Size) -> Vec<u64> {
        vec![self.followers_at(size) as u64, self.herds(size)]
    }

    /// How many herds a lane sends; the first is not counted.
    fn herds(self, size: Size) -> u64 {
        let full = (2048 / self.followers as u64).clamp(4, 20);
        1 + size.pick(full, full / 2, 2)
    }

    fn followers_at(self, size: Size) -> usize {
        size.pick(self.followers, self.followers, self.followers.min(8))
    }
}

/// The time between two looks at the followers.
const LOOK: Duration = Duration::from_micros(500);

/// Where the followers of one lane wait for their herds.
struct Stage {
    followers: usize,
    /// The number of the herd that has been sent off; the followers stand behind it.
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
}

/// How things stood when the leader's function returned.
#[derive(Clone, Copy)]
struct Start {
    at: Instant,
    processor: Duration,
    switches: u64,
}

/// What one herd came to.
struct Seen {
    last: Duration,
    leader: Duration,
    processor: Duration,
    switches: u64,
    executions: u32,
}

/// The number that sends the followers home.
const HOME: u64 = u64::MAX;

impl Stage {
    fn new(followers: usize) -> Self {
        Self {
            followers,
            sent: Mutex::new(0),
            gate: Condvar::new(),
            numbers: Mutex::default(),
            begun: AtomicUsize::new(0),
            executions: AtomicU32::new(0),
            back: AtomicUsize::new(0),
            last: AtomicU64::new(0),
            epoch: Instant::now(),
            start: Mutex::default(),
        }
    }

    /// Sends herds and tells what each came to, and how many executions one took in the mean.
    fn send(&self, herds: u64, lead: impl Fn(u64), follow: impl Fn(u64) + Sync) -> Figures {
        let follow = &follow;
        let seen: Vec<_> = thread::scope(|scope| {
            for _ in 0..self.followers {
                scope.spawn(move || self.be_follower(follow));
            }
            let seen = (1..=herds).map(|herd| self.one(herd, &lead)).collect();
            self.open(HOME);
            seen
        });
        let counted = &seen[1..];
        let each = self.followers as f64;
        let mut figures: Figures = Vec::new();
        for seen in counted {
            figures.push(("last_us", micros(seen.last)));
            figures.push(("leader_us", micros(seen.leader)));
            figures.push(("cpu_us", micros(seen.processor)));
            figures.push(("switches", seen.switches as f64 / each));
        }
        let executions: Vec<_> = counted.iter().map(|seen| f64::from(seen.executions)).collect();
        figures.push(("executions", mean(&executions)));
        figures
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
            last: last - start.at,
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
        let (switches, processor) = (self.switches(), processor_time());
        *locked(&self.start) = Some(Start { at: Instant::now(), processor, switches });
    }

    fn wait_for_all(&self, count: &AtomicUsize) {
        while count.load(Ordering::Acquire) < self.followers {
            thread::sleep(LOOK);
        }
    }

    /// Waits until all followers sleep, at two looks on end.
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

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
