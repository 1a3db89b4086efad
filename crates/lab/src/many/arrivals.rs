//! Calls for keys of their own that arrive on schedule, over a backend that takes 5 ms for any number of keys.
//!
//! A call's time counts from its arrival, whether or not a thread was there for it. There are more threads than calls at a
//! time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use coalescer::{Batcher, Builder, ForBatcher};

use super::{COALESCER, FIXED, Figures, SINGLE};
use crate::options::Size;
use crate::stats::Times;

/// So many calls arrive in a second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrivals {
    pub(super) rate: u32,
}

pub(super) const BACKEND: Duration = Duration::from_millis(5);

const THREADS: usize = 64;

impl Arrivals {
    pub(super) fn measure(self, lane: &str, size: Size) -> Option<Figures> {
        let new: Builder<ForBatcher, u64, u64> = Batcher::builder().window(Duration::ZERO);
        let new = match lane {
            COALESCER => new.gather_while_busy(2 * BACKEND),
            FIXED => new.gather_for(BACKEND),
            SINGLE => new,
            _ => return None,
        };
        let batcher = new.build(|keys: &[u64]| {
            thread::sleep(BACKEND);
            Ok::<_, ()>(keys.iter().map(|key| (*key, *key)).collect::<Vec<_>>())
        });
        let long =
            size.pick(Duration::from_secs(4), Duration::from_secs(2), Duration::from_millis(200));
        let calls = (long.as_secs_f64() * f64::from(self.rate)).ceil().max(2.0) as u64;
        let (next, times) = (AtomicU64::new(0), Mutex::new(Times::new()));
        let begin = Instant::now();
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    loop {
                        let key = next.fetch_add(1, Ordering::Relaxed);
                        if key >= calls {
                            return;
                        }
                        let due = begin
                            + Duration::from_secs(1) * u32::try_from(key).unwrap_or(0) / self.rate;
                        thread::sleep(due.saturating_duration_since(Instant::now()));
                        let value = batcher.execute(&key).expect("it does not fail");
                        assert_eq!(*value, key, "each key has its value");
                        let took = due.elapsed().as_nanos() as f64;
                        times.lock().expect("no lane panics").add(took);
                    }
                });
            }
        });
        let times = times.into_inner().expect("no lane panics");
        let millis = |share| times.percentile(share) / 1e6;
        let runs = batcher.stats().batches as f64 / calls as f64;
        Some(vec![("p50_ms", millis(0.5)), ("p99_ms", millis(0.99)), ("runs_per_key", runs)])
    }
}
