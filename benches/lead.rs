//! The cost of a call that leads, compared with a map insert, a removal and one `Arc`.

use std::sync::Arc;
use std::time::Duration;

use coalescer::{Coalescer, Group};
use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};

mod support {
    #[allow(dead_code, reason = "each bench takes its own part")]
    pub(crate) mod floor;
}
use support::floor::{Floor, SHARDS};

/// The number of entries that each part of the floor keeps. All parts together keep about as many as a
/// window of 100 ms keeps if a lead takes half a microsecond.
const KEPT: usize = 200_000 / SHARDS;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    without_window(&mut criterion.benchmark_group("lead, new keys, zero window"));
    with_window(&mut criterion.benchmark_group("lead, new keys, window of 100 ms"));
    with_strings(&mut criterion.benchmark_group("lead, new String keys by &str, zero window"));
    criterion.final_summary();
}

fn without_window(benches: &mut BenchmarkGroup<'_, WallTime>) {
    let floor = Floor::new(SHARDS);
    let mut key = 0_u64;
    benches.bench_function("floor", |bencher| {
        bencher.iter(|| {
            key += 1;
            floor.insert(key, Arc::new(key));
            floor.remove(&key)
        });
    });
    let group: Group<u64, u64, ()> = Group::new();
    let mut key = 0_u64;
    benches.bench_function("group", |bencher| {
        bencher.iter(|| {
            key += 1;
            group.execute(&key, || Ok(key))
        });
    });
    let coalescer = Coalescer::builder().window(Duration::ZERO).build(|key| Ok::<u64, ()>(*key));
    let mut key = 0_u64;
    benches.bench_function("coalescer", |bencher| {
        bencher.iter(|| {
            key += 1;
            coalescer.execute(&key)
        });
    });
}

fn with_window(benches: &mut BenchmarkGroup<'_, WallTime>) {
    let floor = Floor::new(SHARDS);
    let mut key = 0_u64;
    benches.bench_function("floor", |bencher| {
        bencher.iter(|| {
            key += 1;
            floor.rotate(key, Arc::new(key), KEPT)
        });
    });
    let coalescer = Coalescer::new(|key| Ok::<u64, ()>(*key));
    let mut key = 0_u64;
    benches.bench_function("coalescer", |bencher| {
        bencher.iter(|| {
            key += 1;
            coalescer.execute(&key)
        });
    });
}

fn with_strings(benches: &mut BenchmarkGroup<'_, WallTime>) {
    let names: Vec<String> = (0..4096).map(|n| format!("user-number-{n:012}")).collect();
    let floor = Floor::new(SHARDS);
    let mut next = names.iter().cycle();
    benches.bench_function("floor", |bencher| {
        bencher.iter(|| {
            let name = next.next().expect("a cycle has no end");
            floor.insert(name.clone(), Arc::new(7_u64));
            floor.remove(name)
        });
    });
    let group: Group<String, u64, ()> = Group::new();
    let mut next = names.iter().cycle();
    benches.bench_function("group", |bencher| {
        bencher.iter(|| {
            let name = next.next().expect("a cycle has no end");
            group.execute(name.as_str(), || Ok(7))
        });
    });
}
