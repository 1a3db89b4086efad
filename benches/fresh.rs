//! The cost of `execute_fresh` on a kept result and of `forget`, compared with the same on a map.

use std::sync::Arc;
use std::time::Duration;

use coalescer::Coalescer;
use criterion::{BatchSize, BenchmarkGroup, Criterion, measurement::WallTime};

mod support {
    #[allow(dead_code, reason = "each bench takes its own part")]
    pub(crate) mod floor;
}
use support::floor::{Floor, SHARDS};

const KEYS: u64 = 1024;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    fresh(&mut criterion.benchmark_group("execute_fresh, 1024 keys"));
    forget(&mut criterion.benchmark_group("forget one of 1024 keys, and lead it again"));
    forget_all(&mut criterion.benchmark_group("forget_all of 1024 keys"));
    criterion.final_summary();
}

fn kept() -> Coalescer<u64, u64, ()> {
    let hour = Duration::from_secs(3600);
    let coalescer = Coalescer::builder().window(hour).build(|key| Ok(*key));
    for key in 0..KEYS {
        coalescer.execute(&key).expect("it succeeds");
    }
    coalescer
}

fn floor() -> Floor<u64, u64> {
    let floor = Floor::new(SHARDS);
    (0..KEYS).for_each(|key| floor.insert(key, Arc::new(key)));
    floor
}

fn fresh(benches: &mut BenchmarkGroup<'_, WallTime>) {
    let mut key = 0;
    let floor = floor();
    benches.bench_function("floor: replace", |bencher| {
        bencher.iter(|| {
            key = (key + 1) % KEYS;
            floor.replace(&key, Arc::new(key))
        });
    });
    let coalescer = kept();
    benches.bench_function("coalescer", |bencher| {
        bencher.iter(|| {
            key = (key + 1) % KEYS;
            coalescer.execute_fresh(&key)
        });
    });
}

fn forget(benches: &mut BenchmarkGroup<'_, WallTime>) {
    let mut key = 0;
    let floor = floor();
    benches.bench_function("floor: remove and insert", |bencher| {
        bencher.iter(|| {
            key = (key + 1) % KEYS;
            drop(floor.remove(&key));
            floor.insert(key, Arc::new(key));
        });
    });
    let coalescer = kept();
    benches.bench_function("coalescer", |bencher| {
        bencher.iter(|| {
            key = (key + 1) % KEYS;
            coalescer.forget(&key);
            coalescer.execute(&key)
        });
    });
}

fn forget_all(benches: &mut BenchmarkGroup<'_, WallTime>) {
    benches.bench_function("floor: clear", |bencher| {
        bencher.iter_batched_ref(floor, |floor| floor.clear(), BatchSize::LargeInput);
    });
    benches.bench_function("coalescer", |bencher| {
        bencher.iter_batched_ref(kept, |kept| kept.forget_all(), BatchSize::LargeInput);
    });
}
