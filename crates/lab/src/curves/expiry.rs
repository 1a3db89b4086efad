//! Expiry: many windows end at the same instant. Leads and hits follow, each of them timed.
//!
//! All rounds make the same calls on identical tables, so the n-th call does the same work in each
//! round. A call's time is its median over all rounds. The median contains a pause of the library, and
//! not an interrupt in one round.

use std::hash::{BuildHasherDefault, DefaultHasher};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use coalescer::{Coalescer, ManualClock};

use super::{Record, decades, nanoseconds};
use crate::options::Size;
use crate::stats::{Times, median};

const WINDOW: Duration = Duration::from_secs(1);

/// So many leads, and as many hits, are timed after the instant.
const FOLLOWING: u64 = 2000;

/// Keys that are led after it; those that are due have the numbers below.
const NEW: u64 = 1 << 32;

const HOT: u64 = u64::MAX;

pub(super) fn measure(size: Size, record: &mut Record<'_>) {
    for due in decades(size.pick(100_000, 10_000, 100)) {
        let (mut floor, mut following) = (Rounds::default(), Rounds::default());
        for _ in 0..3 * size.rounds() {
            Following::new(due, Duration::ZERO).time(&mut floor);
            Following::new(due, WINDOW).time(&mut following);
        }
        floor.report(record, due, " floor");
        following.report(record, due, "");
        record.add("leads to go", due as f64, Following::new(due, WINDOW).clear() as f64);
    }
}

/// A value that counts when it goes.
struct Seen(Arc<AtomicU64>);

impl Drop for Seen {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A hasher without a seed, so that the keys go to the same shards in each round.
type SameEachTime = BuildHasherDefault<DefaultHasher>;

/// A table at the instant, and the calls that follow.
struct Following {
    coalescer: Coalescer<u64, Seen, (), SameEachTime>,
    due: u64,
    gone: Arc<AtomicU64>,
}

impl Following {
    /// Keeps so many results, and lets so much time pass.
    fn new(due: u64, pass: Duration) -> Self {
        let clock = ManualClock::new();
        let settings = Coalescer::builder().window(WINDOW).clock(clock.clone());
        let settings = settings.hasher(SameEachTime::default());
        let gone = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&gone);
        let coalescer = settings.build(move |_| Ok(Seen(Arc::clone(&seen))));
        (0..due).for_each(|key| drop(coalescer.execute(&key)));
        clock.advance(pass);
        Self { coalescer, due, gone }
    }

    /// The first call of the hot key is a lead, and stands with the leads.
    fn time(&self, rounds: &mut Rounds) {
        let (mut leads, mut hits) = (vec![self.call(HOT)], Vec::new());
        for key in NEW..NEW + FOLLOWING {
            leads.push(self.call(key));
            hits.push(self.call(HOT));
        }
        rounds.leads.push(leads);
        rounds.hits.push(hits);
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

/// Nanoseconds of each call, by rounds.
#[derive(Default)]
struct Rounds {
    leads: Vec<Vec<f64>>,
    hits: Vec<Vec<f64>>,
}

impl Rounds {
    fn report(&self, record: &mut Record<'_>, due: u64, suffix: &str) {
        for (calls, rounds) in [("lead", &self.leads), ("hit", &self.hits)] {
            let times: Times = medians_by_place(rounds).collect();
            for (name, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
                let lane = format!("{calls} {name}{suffix}");
                record.add(&lane, due as f64, times.percentile(share));
            }
        }
    }
}

/// The median of each place over all rounds, which are of one length.
fn medians_by_place(rounds: &[Vec<f64>]) -> impl Iterator<Item = f64> {
    let at = |place| rounds.iter().map(|round| round[place]).collect::<Vec<_>>();
    (0..rounds[0].len()).map(move |place| median(&at(place)))
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
