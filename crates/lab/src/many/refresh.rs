//! A hot key whose value takes 50 ms to make, while eight threads call for it each millisecond.
//!
//! With a window alone, and in a cache with a time to live, the value is good for 10 ms after it has come. With
//! `refresh_after` it is due then, and a window of a second serves it meanwhile.
//!
//! Two lanes are the floors: nothing is loaded while they are measured, for as long as the loads of the others take. In one
//! of them a call leads another key and wakes a thread, as often as a value is due: a call that hands a refresh to an
//! executor does no less.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use coalescer::{Coalescer, Job};

use super::{BY_CALLS, BY_EXECUTOR, Figures, HAND_OVERS, HITS, MOKA, WINDOW};
use crate::options::Size;
use crate::stats::Times;

const LOAD: Duration = Duration::from_millis(50);
/// From the start of a load, and so 10 ms after its end.
const GOOD: Duration = Duration::from_millis(60);
const LONG: Duration = Duration::from_secs(1);
const ENDLESS: Duration = Duration::from_secs(3600);
const THREADS: usize = 8;

/// The function, and a count of its runs.
#[derive(Default)]
struct Loads(AtomicU64);

impl Loads {
    fn load(&self) -> u64 {
        thread::sleep(LOAD);
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A thread that is woken by a call, and is due again when a value would be.
struct Sleeper {
    is_due: Arc<AtomicBool>,
    queue: Sender<()>,
}

impl Sleeper {
    fn start() -> Self {
        let is_due = Arc::new(AtomicBool::new(true));
        let (queue, calls) = channel();
        let due = Arc::clone(&is_due);
        thread::spawn(move || {
            calls.iter().for_each(|()| {
                thread::sleep(GOOD);
                due.store(true, Ordering::Relaxed);
            });
        });
        Self { is_due, queue }
    }

    /// True for one call.
    fn is_due(&self) -> bool {
        self.is_due.load(Ordering::Relaxed) && self.is_due.swap(false, Ordering::Relaxed)
    }

    fn wake(&self) {
        self.queue.send(()).expect("the thread waits");
    }
}

pub(super) fn measure(lane: &str, size: Size) -> Option<Figures> {
    // The function of a coalescer lives as long as it does, and a lane's process does not live longer.
    let loads: &'static Loads = Box::leak(Box::default());
    let run = |_: &u64| Ok::<u64, ()>(loads.load());
    let count: u32 = size.pick(1000, 40, 2);
    let goes_on = || loads.count() <= u64::from(count);
    let end = Instant::now() + LOAD + GOOD * count;
    let in_time = || Instant::now() < end;
    let new = Coalescer::builder;
    let call = |coalescer: &Coalescer<u64, u64, ()>| {
        drop(coalescer.execute(&7).expect("it does not fail"));
    };
    let of = |coalescer: Coalescer<u64, u64, ()>| time(goes_on, || call(&coalescer));
    Some(match lane {
        HITS => {
            let coalescer = new().window(ENDLESS).build(run);
            time(in_time, || call(&coalescer))
        }
        HAND_OVERS => {
            let coalescer = new().window(ENDLESS).build(run);
            let (leads, sleeper) =
                (new().window(Duration::ZERO).build(|_| Ok(0)), Sleeper::start());
            time(in_time, || {
                call(&coalescer);
                if sleeper.is_due() {
                    call(&leads);
                    sleeper.wake();
                }
            })
        }
        WINDOW => of(new().window(GOOD).build(run)),
        BY_CALLS => of(new().window(LONG).refresh_after(GOOD).build(run)),
        BY_EXECUTOR => {
            let (queue, jobs) = channel::<Job>();
            thread::spawn(move || jobs.iter().for_each(Job::run));
            let new = new().window(LONG).refresh_after(GOOD);
            of(new.executor(move |job: Job| queue.send(job)).build_refreshing(run))
        }
        MOKA => {
            let cache = moka::sync::Cache::builder().time_to_live(GOOD - LOAD).build();
            time(goes_on, || _ = cache.get_with(7_u64, || loads.load()))
        }
        _ => return None,
    })
}

/// The times of the calls of all threads, which go on as long as that is true.
fn time(goes_on: impl Fn() -> bool + Sync, call: impl Fn() + Sync) -> Figures {
    call();
    let all = Mutex::new(Times::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut times = Vec::new();
                while goes_on() {
                    let begin = Instant::now();
                    call();
                    times.push(begin.elapsed().as_nanos() as f64);
                    thread::sleep(Duration::from_millis(1));
                }
                let mut all = all.lock().expect("no lane panics");
                times.into_iter().for_each(|time| all.add(time));
            });
        }
    });
    let all = all.into_inner().expect("no lane panics");
    let micros = |share| all.percentile(share) / 1e3;
    vec![("p50_us", micros(0.5)), ("p99_us", micros(0.99)), ("p999_us", micros(0.999))]
}
