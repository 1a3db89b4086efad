//! The cost of late hits of two threads at the same time, on one key and on many.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use coalescer::Coalescer;
use criterion::{Bencher, Criterion};

mod support {
    pub(crate) mod both;
    #[allow(dead_code, reason = "each bench takes its own part")]
    pub(crate) mod floor;
}
use support::both::side_by_side;
use support::floor::{Floor, SHARDS};

const THREADS: usize = 2;

/// Longer than any bench runs.
const HOUR: Duration = Duration::from_secs(3600);

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for keys in [1, 1024] {
        let mut benches = criterion.benchmark_group(format!("late hit, 2 threads, keys: {keys}"));
        if keys == 1 {
            let value = Arc::new(7_u64);
            benches.bench_function("bare Arc", |bencher| {
                by_two(bencher, keys, |_| drop(black_box(Arc::clone(&value))));
            });
        }
        let floor = Floor::new(SHARDS);
        (0..keys).for_each(|key| floor.insert(key, Arc::new(key)));
        benches.bench_function("floor", |bencher| {
            by_two(bencher, keys, |key| drop(black_box(floor.get(&key))));
        });
        let load = |key: &u64| Ok::<u64, ()>(*key);
        let coalescer = Coalescer::builder().window(HOUR).build(load);
        benches.bench_function("coalescer", |bencher| {
            by_two(bencher, keys, |key| drop(black_box(coalescer.execute(&key))));
        });
    }
    criterion.final_summary();
}

/// Two threads go through all keys, half of the keys apart. The result is the time of one call of one
/// thread, while the other thread calls too.
fn by_two(bencher: &mut Bencher<'_>, keys: u64, call: impl Fn(u64) + Sync) {
    bencher.iter_custom(|calls| {
        side_by_side(THREADS, |thread| {
            let start = thread as u64 * keys / THREADS as u64;
            (0..calls).for_each(|n| call((start + n) % keys));
        })
    });
}
