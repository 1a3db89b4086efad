//! A hot key whose value takes 50 ms to make, while eight threads call for it each millisecond.
//!
//! With a window alone, and in a cache with a time to live, the value is good for 10 ms after it has come. With
//! `refresh_after` it is due then, and a window of a second serves it meanwhile.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use coalescer::{Coalescer, Job};

use super::{BY_CALLS, BY_EXECUTOR, Figures, MOKA, WINDOW};
use crate::options::Size;
use crate::stats::Times;

const LOAD: Duration = Duration::from_millis(50);
/// From the start of a load, and so 10 ms after its end.
const GOOD: Duration = Duration::from_millis(60);
const LONG: Duration = Duration::from_secs(1);
const THREADS: usize = 8;

pub(super) fn measure(lane: &str, size: Size) -> Option<Figures> {
    let loads = AtomicU64::new(0);
    let load = || {
        thread::sleep(LOAD);
        loads.fetch_add(1, Ordering::Relaxed)
    };
    // The function of a coalescer lives as long as it does, and a lane's process does not live longer.
    let counted = || {
        let runs: &'static AtomicU64 = Box::leak(Box::default());
        let run = move |_: &u64| {
            thread::sleep(LOAD);
            Ok::<u64, ()>(runs.fetch_add(1, Ordering::Relaxed))
        };
        (runs, run)
    };
    let of = |coalescer: Coalescer<u64, u64, ()>, runs: &AtomicU64| {
        time(size, runs, || drop(coalescer.execute(&7).expect("it does not fail")))
    };
    Some(match lane {
        WINDOW => {
            let (runs, run) = counted();
            of(Coalescer::builder().window(GOOD).build(run), runs)
        }
        BY_CALLS => {
            let (runs, run) = counted();
            of(Coalescer::builder().window(LONG).refresh_after(GOOD).build(run), runs)
        }
        BY_EXECUTOR => {
            let (runs, run) = counted();
            let (queue, jobs) = channel::<Job>();
            thread::spawn(move || jobs.iter().for_each(Job::run));
            let new = Coalescer::builder().window(LONG).refresh_after(GOOD);
            let new = new.executor(move |job: Job| queue.send(job));
            of(new.build_refreshing(run), runs)
        }
        MOKA => {
            let cache = moka::sync::Cache::builder().time_to_live(GOOD - LOAD).build();
            time(size, &loads, || _ = cache.get_with(7_u64, load))
        }
        _ => return None,
    })
}

fn time(size: Size, runs: &AtomicU64, call: impl Fn() + Sync) -> Figures {
    call();
    let until = runs.load(Ordering::Relaxed) + size.pick(1000, 40, 2);
    let all = Mutex::new(Times::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut times = Vec::new();
                while runs.load(Ordering::Relaxed) < until {
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
