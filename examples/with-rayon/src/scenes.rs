//! The two situations, created on purpose: barriers order the steps of the threads.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Barrier};
use std::thread::{self, ThreadId};
use std::time::Duration;

use coalescer::{Coalescer, ManualClock, OnDeadlock, Stats};
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use crate::reports::{Answer, Half, MAX_WAIT, Reports, settings};

/// A request that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// Results of the scene with a stolen job.
pub(crate) struct Stolen {
    pub(crate) leader: Answer,
    pub(crate) stolen: Answer,
    /// `true` if the job ran on the thread of the leader, while the function of the leader ran.
    pub(crate) same_thread: bool,
    pub(crate) stats: Stats,
}

/// The pool has two threads. One leads, and the other computes the second half of the report. A second
/// request then runs on the leader's thread, which waits for that half.
pub(crate) fn stolen(on_deadlock: OnDeadlock) -> Result<Stolen, Trouble> {
    let pool = pool()?;
    let [apart, busy, done] = [(); 3].map(|()| Arc::new(Barrier::new(2)));
    let (is_busy, is_done) = (Arc::clone(&busy), Arc::clone(&done));
    let reads = AtomicU32::new(0);
    let records = move |_, half| {
        // An unshared run reads both halves again, and nothing holds it.
        if reads.fetch_add(1, Ordering::Relaxed) < 2 {
            apart.wait(); // opens when both halves run, each on its own thread
            if half == Half::Second {
                is_busy.wait();
                is_done.wait();
            }
        }
        Ok(1)
    };
    let settings = Coalescer::builder().on_deadlock(on_deadlock);
    let reports = Reports::new(settings, Arc::clone(&pool), records);

    let leader = request(&pool, &reports);
    busy.wait();
    let (stolen, stolen_on) = within_limit(&request(&pool, &reports))?;
    done.wait();
    let (leader, led_on) = within_limit(&leader)?;
    Ok(Stolen { leader, stolen, same_thread: stolen_on == led_on, stats: reports.stats() })
}

/// Results of the scene in which all threads of the pool follow.
pub(crate) struct Crowded {
    pub(crate) leader: Answer,
    pub(crate) followers: Vec<Answer>,
    pub(crate) stats: Stats,
}

/// A thread outside of the pool leads, and its function waits for threads of the pool, which all follow.
/// The coalescer sees no cycle, because one of the waits is for a job. So only `max_wait` ends this.
pub(crate) fn crowded() -> Result<Crowded, Trouble> {
    let (pool, clock) = (pool()?, ManualClock::new());
    let reports = Reports::new(settings().clock(clock.clone()), Arc::clone(&pool), |_, _| Ok(1));

    let all_are_there = Arc::new(Barrier::new(pool.current_num_threads() + 1));
    let follow = || {
        let (reports, all_are_there) = (reports.clone(), Arc::clone(&all_are_there));
        spawn(&pool, move || {
            all_are_there.wait();
            wait_until(|| reports.under_way().0 == 1); // otherwise this call could lead
            reports.get(2026)
        })
    };
    let followers: Vec<_> = (0..pool.current_num_threads()).map(|_| follow()).collect();
    all_are_there.wait();
    let (answer, leader) = channel();
    let led = reports.clone();
    thread::spawn(move || answer.send((led.get(2026), thread::current().id())));

    wait_until(|| reports.under_way().1 == followers.len());
    clock.advance(MAX_WAIT);
    let followers = followers.iter().map(|follower| Ok(within_limit(follower)?.0));
    let followers = followers.collect::<Result<_, Trouble>>()?;
    let (leader, _) = within_limit(&leader)?;
    Ok(Crowded { leader, followers, stats: reports.stats() })
}

/// A scene that did not end.
#[derive(Debug)]
pub(crate) enum Trouble {
    Pool(ThreadPoolBuildError),
    Hangs,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pool(error) => write!(f, "cannot start a pool: {error}"),
            Self::Hangs => f.write_str("a request never returned"),
        }
    }
}

impl std::error::Error for Trouble {}

fn pool() -> Result<Arc<ThreadPool>, Trouble> {
    ThreadPoolBuilder::new().num_threads(2).build().map(Arc::new).map_err(Trouble::Pool)
}

/// The result of a request to come, with the thread that computes it.
pub(crate) type Coming = Receiver<(Answer, ThreadId)>;

fn request(pool: &ThreadPool, reports: &Reports) -> Coming {
    let reports = reports.clone();
    spawn(pool, move || reports.get(2026))
}

pub(crate) fn spawn(pool: &ThreadPool, ask: impl FnOnce() -> Answer + Send + 'static) -> Coming {
    let (answer, coming) = channel();
    // If the receiver is gone, it has already reported a hang.
    pool.spawn(move || drop(answer.send((ask(), thread::current().id()))));
    coming
}

pub(crate) fn within_limit(coming: &Coming) -> Result<(Answer, ThreadId), Trouble> {
    coming.recv_timeout(LIMIT).map_err(|_| Trouble::Hangs)
}

fn wait_until(happened: impl Fn() -> bool) {
    while !happened() {
        thread::yield_now();
    }
}
