//! Expiry: so many windows end at the same instant, and leads and hits follow, each of them timed.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use coalescer::{Coalescer, ManualClock};

use super::{Record, nanoseconds};
use crate::extent::{Extent, decades};
use crate::stats::percentile;

const WINDOW: Duration = Duration::from_secs(1);

/// So many leads, and as many hits, are timed after the instant.
const FOLLOWING: u64 = 2000;

/// Keys that are led after it; those that are due have the numbers below.
const NEW: u64 = 1 << 32;

const HOT: u64 = u64::MAX;

pub(crate) fn measure(extent: &Extent, record: &mut Record) {
    for due in decades(extent.most_due) {
        for _ in 0..2 * extent.rounds {
            let floor = Following::new(due, Duration::ZERO);
            floor.time().tell(record, due, " floor");
            let following = Following::new(due, WINDOW);
            following.time().tell(record, due, "");
            let leads = Following::new(due, WINDOW).clear();
            record.add("leads to go", due as f64, leads as f64);
        }
    }
}

/// A value that counts when it goes.
struct Seen(Arc<AtomicU64>);

impl Drop for Seen {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What follows upon the instant.
struct Following {
    coalescer: Coalescer<u64, Seen, ()>,
    due: u64,
    gone: Arc<AtomicU64>,
}

impl Following {
    /// Keeps so many results, and lets so much time pass.
    fn new(due: u64, pass: Duration) -> Self {
        let clock = ManualClock::new();
        let settings = Coalescer::builder().window(WINDOW).clock(clock.clone());
        let gone = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&gone);
        let coalescer = settings.build(move |_| Ok(Seen(Arc::clone(&seen))));
        (0..due).for_each(|key| drop(coalescer.execute(&key)));
        clock.advance(pass);
        Self { coalescer, due, gone }
    }

    /// The first call of the hot key is a lead, and stands with the leads.
    fn time(&self) -> Times {
        let mut times = Times { leads: vec![self.call(HOT)], hits: Vec::new() };
        for key in NEW..NEW + FOLLOWING {
            times.leads.push(self.call(key));
            times.hits.push(self.call(HOT));
        }
        times
    }

    fn call(&self, key: u64) -> f64 {
        let begin = Instant::now();
        drop(black_box(self.coalescer.execute(&key)));
        nanoseconds(begin.elapsed())
    }

    /// Leads until all that was due is gone, and says how many it took.
    fn clear(&self) -> u64 {
        let mut leads = 0;
        while self.gone.load(Ordering::Relaxed) < self.due {
            drop(self.coalescer.execute(&(NEW + leads)));
            leads += 1;
        }
        leads
    }
}

/// Nanoseconds of each call.
struct Times {
    leads: Vec<f64>,
    hits: Vec<f64>,
}

impl Times {
    fn tell(&self, record: &mut Record, due: u64, suffix: &str) {
        for (calls, times) in [("lead", &self.leads), ("hit", &self.hits)] {
            for (name, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
                let lane = format!("{calls} {name}{suffix}");
                record.add(&lane, due as f64, percentile(times, share));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_goes_as_leads_are_made() {
        let due = 500;
        let following = Following::new(due, WINDOW);
        following.clear();
        let kept = following.coalescer.forget_all() as u64;
        let led = following.coalescer.stats().executed_requests - due;
        assert_eq!(kept, led, "only what was led after the instant is left");
    }
}
