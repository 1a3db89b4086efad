//! Whole processes: clusters over one engine in memory, with their own threads.
//!
//! Time stands still, so a call that is not woken is a deadlock, and no look that comes with time hides it. A model with a
//! manual clock is about deadlines or ages: there, those who wait look at the clock again and again.

mod ends;
mod faults;
mod faulty;
mod fresh;
mod meeting;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use coalescer::{Builder, Coalescer, ForCoalescer, Outcome};
use coalescer_cluster::Cluster;
use coalescer_cluster::engine::Engine;
use coalescer_loom_tests::Latch;
use coalescer_loom_tests::checker::thread::{JoinHandle, spawn, yield_now};

/// Shorter than a day, or no copy is kept.
const MINUTE: Duration = Duration::from_secs(60);

/// The runs of a model. The value of a run is its number, from 1 on.
#[derive(Clone, Default)]
struct Runs(Arc<AtomicU64>);

impl Runs {
    fn begin(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn begun(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Gives way until so many runs have begun.
    fn wait_for(&self, runs: u64) {
        until(|| self.begun() >= runs);
    }
}

/// One process.
struct Site {
    users: Coalescer<u64, u64, String>,
    cluster: Cluster,
}

impl Site {
    fn value(&self) -> u64 {
        self.value_of(7)
    }

    fn value_of(&self, key: u64) -> u64 {
        *self.users.execute(&key).expect("nothing fails")
    }

    fn call(&self) -> Outcome<u64> {
        self.users.call(&7).outcome().expect("nothing fails")
    }
}

fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        yield_now();
    }
}

/// Starts a thread that has a process.
fn begin<T: Send + 'static>(
    site: &Arc<Site>,
    part: impl FnOnce(&Site) -> T + Send + 'static,
) -> JoinHandle<T> {
    let site = Arc::clone(site);
    spawn(move || part(&site))
}

fn joined<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("no model panics")
}

/// A process with a window of a minute, which hears messages.
fn site(engine: impl Engine, runs: &Runs) -> Arc<Site> {
    let runs = runs.clone();
    site_with(engine, |table| table, move || runs.begin())
}

/// A process whose first run waits for the latch.
fn held_site(engine: impl Engine, runs: &Runs, latch: &Arc<Latch>) -> Arc<Site> {
    let (runs, latch) = (runs.clone(), Arc::clone(latch));
    let run = move || {
        let run = runs.begin();
        if run == 1 {
            latch.wait();
        }
        run
    };
    site_with(engine, |table| table, run)
}

type Table = Builder<ForCoalescer, u64, u64>;

fn site_with(
    engine: impl Engine,
    set: impl FnOnce(Table) -> Table,
    run: impl Fn() -> u64 + Send + Sync + 'static,
) -> Arc<Site> {
    let cluster = Cluster::over(engine).namespace("shop").open().expect("it is well set");
    until(|| cluster.health().listening);
    let users = set(Coalescer::builder().window(MINUTE))
        .shared(cluster.named("users").schema("1"))
        .build(move |_: &u64| Ok(run()));
    Arc::new(Site { users, cluster })
}
