//! The cost of a late hit, compared with a look-up and the clone of an `Arc` under a free lock.

use std::sync::Arc;
use std::time::Duration;

use coalescer::{Builder, Coalescer, ForCoalescer};
use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};

mod support {
    #[allow(dead_code, reason = "each bench takes its own part")]
    pub(crate) mod floor;
}
use support::floor::{Floor, SHARDS};

/// Longer than any bench runs.
const HOUR: Duration = Duration::from_secs(3600);

const KEYS: u64 = 1024;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    one_key(&mut criterion.benchmark_group("late hit, one key"));
    many_keys(&mut criterion.benchmark_group("late hit, 1024 keys"));
    string_key(&mut criterion.benchmark_group("late hit, String key by &str"));
    criterion.final_summary();
}

fn settings<K, V>() -> Builder<ForCoalescer, K, V> {
    Coalescer::builder().window(HOUR)
}

fn one_key(benches: &mut BenchmarkGroup<'_, WallTime>) {
    let floor = Floor::new(SHARDS);
    floor.insert(7_u64, Arc::new(7_u64));
    benches.bench_function("floor", |bencher| bencher.iter(|| floor.get(&7)));
    let limited = settings().max_requests(1 << 31);
    let endless = Coalescer::builder().window(Duration::MAX);
    let all = [("window", settings()), ("max_requests", limited), ("endless window", endless)];
    for (name, settings) in all {
        let coalescer = settings.build(|key: &u64| Ok::<u64, ()>(*key));
        benches.bench_function(name, |bencher| bencher.iter(|| coalescer.execute(&7)));
    }
}

fn many_keys(benches: &mut BenchmarkGroup<'_, WallTime>) {
    let floor = Floor::new(SHARDS);
    (0..KEYS).for_each(|key| floor.insert(key, Arc::new(key)));
    let mut key = 0;
    benches.bench_function("floor", |bencher| {
        bencher.iter(|| {
            key = (key + 1) % KEYS;
            floor.get(&key)
        });
    });
    let coalescer = settings().build(|key: &u64| Ok::<u64, ()>(*key));
    benches.bench_function("window", |bencher| {
        bencher.iter(|| {
            key = (key + 1) % KEYS;
            coalescer.execute(&key)
        });
    });
}

fn string_key(benches: &mut BenchmarkGroup<'_, WallTime>) {
    let name = "user-number-000000000007";
    let floor = Floor::new(SHARDS);
    floor.insert(name.to_owned(), Arc::new(7_u64));
    benches.bench_function("floor", |bencher| bencher.iter(|| floor.get(name)));
    let coalescer = settings().build(|_: &String| Ok::<u64, ()>(7));
    benches.bench_function("window", |bencher| bencher.iter(|| coalescer.execute(name)));
}
