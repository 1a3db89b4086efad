//! Pages of a hundred keys with a function that does nothing, as `lab many` asks for them: `lab-loaders SCENARIO LANE CALLS`.
//!
//! Each call runs on a runtime of one thread. Batches are as large as a page, so no call waits for a delay.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::time::Instant;

use async_graphql::dataloader::{DataLoader, HashMapCache, Loader, NoCache};
use tokio::runtime::Runtime;
use ultra_batch::{BatchFetcher, Cache, Fetcher};

const KEYS: u64 = 100;

/// Each key is its own value.
struct Own;

impl Loader<u64> for Own {
    type Value = u64;
    type Error = Infallible;

    async fn load(&self, keys: &[u64]) -> Result<HashMap<u64, u64>, Infallible> {
        Ok(keys.iter().map(|key| (*key, *key)).collect())
    }
}

impl Fetcher for Own {
    type Key = u64;
    type Value = u64;
    type Error = Infallible;

    async fn fetch(
        &self,
        keys: &[u64],
        values: &mut Cache<'_, u64, u64>,
    ) -> Result<(), Infallible> {
        keys.iter().for_each(|key| values.insert(*key, *key));
        Ok(())
    }
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [scenario, lane, calls] = &arguments[..] else {
        panic!("lab-loaders SCENARIO LANE CALLS, and not {arguments:?}")
    };
    let calls = calls.parse().expect("a number of calls");
    let is_late = scenario == "late";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime of one thread");
    let size = KEYS as usize;
    let ns = match (lane.as_str(), is_late) {
        ("async-graphql", true) => {
            let loader = DataLoader::with_cache(Own, tokio::spawn, HashMapCache::default());
            let loader = loader.max_batch_size(size);
            time(&runtime, calls, is_late, async |keys| {
                loader.load_many(keys).await.expect("it does not fail").into_values().sum()
            })
        }
        ("async-graphql", false) => {
            let loader: DataLoader<Own, NoCache> = DataLoader::new(Own, tokio::spawn);
            let loader = loader.max_batch_size(size);
            time(&runtime, calls, is_late, async |keys| {
                loader.load_many(keys).await.expect("it does not fail").into_values().sum()
            })
        }
        ("ultra-batch", _) => {
            // It keeps all values, for as long as it lives.
            let begun = runtime.enter();
            let fetcher = BatchFetcher::build(Own).eager_batch_size(Some(size)).finish();
            drop(begun);
            time(&runtime, calls, is_late, async |keys| {
                fetcher.load_many(&keys).await.expect("it does not fail").into_iter().sum()
            })
        }
        _ => panic!("no lane {lane} of {scenario}"),
    };
    println!("{{\"figure\":\"ns\",\"value\":{ns}}}");
}

/// Nanoseconds of one call for a page, which returns the sum of its values.
fn time<F: Future<Output = u64>>(
    runtime: &Runtime,
    calls: u64,
    is_late: bool,
    call: impl Fn(Vec<u64>) -> F,
) -> f64 {
    let run = |from: u64| {
        runtime.block_on(async {
            for turn in from..from + calls {
                let first = black_box(if is_late { 0 } else { turn * KEYS });
                let keys = first..first + KEYS;
                let sum = call(keys.clone().collect()).await;
                assert_eq!(sum, keys.sum::<u64>(), "each key has its value");
            }
        });
    };
    run(0);
    let begin = Instant::now();
    run(calls);
    begin.elapsed().as_nanos() as f64 / calls as f64
}
