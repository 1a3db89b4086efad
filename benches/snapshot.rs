//! The cost of `stats` and `in_flight`, compared with locking each shard once.

use std::sync::Arc;
use std::time::Duration;

use coalescer::Coalescer;
use criterion::Criterion;

mod support {
    #[allow(dead_code, reason = "each bench takes its own part")]
    pub(crate) mod floor;
}
use support::floor::{Floor, SHARDS};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for keys in [0, 1000, 100_000] {
        let mut benches = criterion.benchmark_group(format!("snapshot, kept results: {keys}"));
        let floor = Floor::new(SHARDS);
        (0..keys).for_each(|key| floor.insert(key, Arc::new(key)));
        benches.bench_function("floor: each lock once", |bencher| bencher.iter(|| floor.len()));
        let coalescer = kept(keys);
        benches.bench_function("stats", |bencher| bencher.iter(|| coalescer.stats()));
        benches.bench_function("in_flight", |bencher| bencher.iter(|| coalescer.in_flight()));
    }
    criterion.final_summary();
}

fn kept(keys: u64) -> Coalescer<u64, u64, ()> {
    let hour = Duration::from_secs(3600);
    let coalescer = Coalescer::builder().window(hour).build(|key| Ok(*key));
    for key in 0..keys {
        coalescer.execute(&key).expect("it succeeds");
    }
    coalescer
}
