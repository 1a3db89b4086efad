//! The cost of finding a coalescer by its function, by a name, or by `#[coalesce]`, compared with a kept
//! handle.
//!
//! Each call is a late hit, so the difference from the handle's time is the cost of the look-up.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use coalescer::{Coalescer, Group, Manager, Settings, ToKey};
use coalescer_macros::coalesce;
use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};

/// Longer than any bench runs.
const HOUR: Duration = Duration::from_secs(3600);

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    by_manager(&mut criterion.benchmark_group("late hit, found by a manager"));
    by_attribute(&mut criterion.benchmark_group("late hit, found by the attribute"));
    two_threads(&mut criterion.benchmark_group("late hits of two threads, two functions"));
    criterion.final_summary();
}

fn number<const N: u64>(key: &u64) -> Result<u64, ()> {
    Ok(N + key)
}

fn manager() -> Manager {
    Manager::with_defaults(Settings::new().window(HOUR))
}

/// A manager that has four functions for each of its buckets.
fn full_manager() -> Manager {
    macro_rules! sixteen_each {
        ($manager:ident, $($sixteen:literal)+) => {$(
            sixteen_each!(@ $manager, $sixteen, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        )+};
        (@ $manager:ident, $sixteen:literal, $($one:literal)+) => {$(
            let _ = $manager.execute(number::<{ $sixteen * 16 + $one }>, &7);
        )+};
    }
    let manager = manager();
    sixteen_each!(manager, 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
    manager
}

fn by_manager(benches: &mut BenchmarkGroup<'_, WallTime>) {
    let manager = manager();
    let handle = manager.coalescer(number::<1>);
    benches.bench_function("handle", |bencher| bencher.iter(|| handle.execute(&7)));
    benches.bench_function("execute", |bencher| {
        bencher.iter(|| manager.execute(number::<1>, &7));
    });
    benches.bench_function("coalescer, then execute", |bencher| {
        bencher.iter(|| manager.coalescer(number::<1>).execute(&7));
    });
    let full = full_manager();
    benches.bench_function("execute, 257 functions", |bencher| {
        bencher.iter(|| full.execute(number::<1>, &7));
    });
    manager.named("numbers", number::<1>).expect("it is the first");
    benches.bench_function("get by name, then execute", |bencher| {
        bencher.iter(|| {
            let found: Coalescer<u64, u64, ()> = manager.get("numbers").expect("it is there");
            found.execute(&7)
        });
    });
}

#[coalesce(window = HOUR)]
fn plain(key: u64) -> Result<u64, ()> {
    Ok(key)
}

#[coalesce(window = HOUR)]
fn of_two(tenant: &str, key: u64) -> Result<u64, ()> {
    Ok(tenant.len() as u64 + key)
}

/// A borrowed key by its parts, as one would write it by hand.
#[derive(Hash)]
struct Pair<'a> {
    tenant: &'a str,
    key: u64,
}

impl ToKey<(String, u64)> for Pair<'_> {
    fn is_key(&self, (tenant, key): &(String, u64)) -> bool {
        self.tenant == tenant && self.key == *key
    }

    fn to_key(&self) -> (String, u64) {
        (self.tenant.to_owned(), self.key)
    }
}

struct Numbers;

impl Numbers {
    #[coalesce(window = HOUR, skip(self))]
    fn method(&self, key: u64) -> Result<u64, ()> {
        Ok(key)
    }
}

fn by_attribute(benches: &mut BenchmarkGroup<'_, WallTime>) {
    let group: Group<u64, u64, ()> = Group::builder().window(HOUR).build();
    benches.bench_function("group", |bencher| bencher.iter(|| group.execute(&7, || Ok(7))));
    benches.bench_function("function", |bencher| bencher.iter(|| plain(7)));
    benches.bench_function("method", |bencher| bencher.iter(|| Numbers.method(7)));
    let pairs: Group<(String, u64), u64, ()> = Group::builder().window(HOUR).build();
    benches.bench_function("group, &str and u64", |bencher| {
        bencher.iter(|| pairs.execute(&Pair { tenant: "acme", key: 7 }, || Ok(7)));
    });
    benches.bench_function("function, &str and u64", |bencher| bencher.iter(|| of_two("acme", 7)));
}

fn two_threads(benches: &mut BenchmarkGroup<'_, WallTime>) {
    let manager = manager();
    let (one, other) = (manager.coalescer(number::<1>), manager.coalescer(number::<2>));
    benches.bench_function("handles", |bencher| {
        bencher
            .iter_custom(|rounds| side_by_side(rounds, || one.execute(&7), || other.execute(&7)));
    });
    benches.bench_function("execute", |bencher| {
        bencher.iter_custom(|rounds| {
            side_by_side(
                rounds,
                || manager.execute(number::<1>, &7),
                || manager.execute(number::<2>, &7),
            )
        });
    });
}

type Answer = Result<Arc<u64>, coalescer::Error<()>>;

/// Runs two threads that make this many calls each, and returns the time of the slower one.
fn side_by_side(
    rounds: u64,
    one: impl Fn() -> Answer + Sync,
    other: impl Fn() -> Answer + Sync,
) -> Duration {
    let start = Barrier::new(2);
    let timed = |call: &(dyn Fn() + Sync)| {
        start.wait();
        let begin = Instant::now();
        (0..rounds).for_each(|_| call());
        begin.elapsed()
    };
    let calls: [&(dyn Fn() + Sync); 2] =
        [&|| drop(std::hint::black_box(one())), &|| drop(std::hint::black_box(other()))];
    thread::scope(|scope| {
        let timed = &timed;
        let threads = calls.map(|call| scope.spawn(move || timed(call)));
        threads.map(|thread| thread.join().expect("it does not panic")).into_iter().max()
    })
    .unwrap_or_default()
}
