//! One thread of a round: it makes random calls, whose functions make calls themselves.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::thread;
use std::time::{Duration, Instant};

use coalescer::Error;

use crate::counts::Counts;
use crate::product::{Live, Product, Sharing, planned_panic};
use crate::rng::Rng;
use crate::round::Round;
use crate::verdict::{Entry, Got, judge};
use crate::watch::What;

/// The times of values that have their own.
const LIFETIMES: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_micros(200),
    Duration::from_millis(2),
    Duration::from_millis(10),
];

pub(crate) struct Worker<'r> {
    round: &'r Round,
    id: usize,
    rng: Rng,
    counts: Cell<Counts>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Execute,
    Outcome,
    Try,
    Fresh,
    Timeout(Duration),
    Deadline(Duration),
}

type Result = std::result::Result<Product, Product>;

impl<'r> Worker<'r> {
    pub(crate) fn new(round: &'r Round, id: usize) -> Self {
        let rng = Rng::new(round.plan.seed ^ ((id as u64 + 1) << 32));
        Self { round, id, rng, counts: Cell::default() }
    }

    pub(crate) fn run(self) -> Counts {
        while !self.round.is_time_up() {
            self.act(self.key(), 0);
        }
        self.counts.get()
    }

    /// Does one thing, from inside `depth` functions.
    fn act(&self, key: usize, depth: u32) {
        if !self.rng.percent(self.round.plan.mix.forgets) {
            return self.call(key, depth);
        }
        let forgotten = if self.rng.percent(5) {
            let _line = self.round.board.write(self.id, What::ForgetAll);
            self.round.forget_all()
        } else {
            let _line = self.round.board.write(self.id, What::Forget { key });
            self.round.forget(key)
        };
        self.count(|counts| counts.forgotten += forgotten as u64);
    }

    fn call(&self, key: usize, depth: u32) {
        let verb = self.verb();
        let _line = self.round.board.write(self.id, What::Call { verb: verb.name(), key });
        let entry = Entry::new(self.round, verb, key, depth);
        let begun = Cell::new(None);
        let attempt = || self.dispatch(&entry, || self.function(&entry, &begun));
        let got = Got::from(catch_unwind(AssertUnwindSafe(attempt)));
        let begun = begun.get();
        self.count(|counts| got.count(counts, &entry, begun.is_some()));
        judge(self.round, &entry, begun, &got);
    }

    fn dispatch<F>(&self, entry: &Entry, f: F) -> std::result::Result<Got, Error<Product>>
    where
        F: FnOnce() -> Result,
    {
        let (group, key) = (&self.round.group, &self.round.key(entry.key));
        let plain = |value: Arc<Product>| Got::Value(value, None);
        match entry.verb {
            Verb::Execute => group.execute(key, f).map(plain),
            Verb::Try => group.try_execute(key, f).map(plain),
            Verb::Fresh => group.execute_fresh(key, f).map(plain),
            Verb::Timeout(timeout) => group.execute_timeout(key, timeout, f).map(plain),
            Verb::Deadline(by) => group.execute_deadline(key, entry.at + by, f).map(plain),
            Verb::Outcome => group
                .call(key)
                .outcome(f)
                .map(|outcome| Got::Value(Arc::clone(&outcome.value), Some(outcome))),
        }
    }

    /// The function of a call.
    fn function(&self, entry: &Entry, begun: &Cell<Option<u64>>) -> Result {
        let (round, key) = (self.round, entry.key);
        let (tick, started) = (round.tick(), Instant::now());
        begun.set(Some(tick));
        let _line = round.board.write(self.id, What::Function { key });
        let _running = round.enter_function(key);
        self.toil(key, entry.depth + 1);
        let mix = &round.plan.mix;
        if self.rng.percent(mix.panics) {
            planned_panic(key, tick);
        }
        let product = self.product(key, tick, started);
        if self.rng.percent(mix.errors) { Err(product) } else { Ok(product) }
    }

    /// Takes some time, and makes up to two other calls in it.
    fn toil(&self, key: usize, depth: u32) {
        let mix = &self.round.plan.mix;
        self.spin(self.micros());
        for _ in 0..2 {
            let other = self.key();
            let may_call = depth <= mix.depth && (other > key || !mix.is_ordered);
            if may_call && self.rng.percent(mix.nested) {
                self.act(other, depth);
                self.spin(self.micros());
            }
        }
    }

    fn product(&self, key: usize, begun: u64, started: Instant) -> Product {
        let (mix, has_rule) = (&self.round.plan.mix, self.round.plan.settings.has_rule);
        let sharing = match self.rng.below(100) {
            0 => Sharing::Broken,
            dice if dice <= mix.private => Sharing::Private,
            dice if dice <= 2 * mix.private => Sharing::Passing,
            dice if has_rule && dice <= 2 * mix.private + mix.limited => {
                Sharing::For(self.rng.pick(&LIFETIMES))
            }
            _ => Sharing::Shared,
        };
        Product {
            key,
            begun,
            started,
            sharing,
            receivers: AtomicUsize::new(0),
            first_return: AtomicU64::new(u64::MAX),
            _live: Live::clone(&self.round.live_products),
        }
    }

    fn verb(&self) -> Verb {
        let mix = &self.round.plan.mix;
        match self.rng.below(100) {
            dice if dice < mix.fresh => Verb::Fresh,
            dice if dice < mix.fresh + mix.tries => Verb::Try,
            dice if dice < mix.fresh + mix.tries + mix.timeouts => match dice % 2 {
                0 => Verb::Timeout(self.micros()),
                _ => Verb::Deadline(self.micros()),
            },
            dice if dice % 4 == 0 => Verb::Execute,
            _ => Verb::Outcome,
        }
    }

    fn key(&self) -> usize {
        let key = self.rng.below(self.round.plan.keys as u64);
        usize::try_from(key).expect("keys are few")
    }

    fn micros(&self) -> Duration {
        Duration::from_micros(self.rng.below(self.round.plan.mix.longest))
    }

    fn spin(&self, time: Duration) {
        let begin = Instant::now();
        while begin.elapsed() < time {
            thread::yield_now();
        }
    }

    fn count(&self, count: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get();
        count(&mut counts);
        self.counts.set(counts);
    }
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Self::Execute => "execute",
            Self::Outcome => "call().outcome",
            Self::Try => "try_execute",
            Self::Fresh => "execute_fresh",
            Self::Timeout(_) => "execute_timeout",
            Self::Deadline(_) => "execute_deadline",
        }
    }
}
