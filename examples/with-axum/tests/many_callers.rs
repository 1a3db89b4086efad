//! The price of ten thousand async callers of one key: with tickets, and with a blocking call of each on tokio's
//! threads. The README states these numbers.

#![cfg(target_os = "linux")]

use std::future::{Future, IntoFuture};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use coalescer::{Coalescer, Job};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

const CALLERS: usize = 10_000;

/// Tokio's limit, unless a program sets another one.
const BLOCKING_THREADS: usize = 512;

const WORKERS: usize = 2;

/// No run waits longer for its callers.
const LIMIT: Duration = Duration::from_secs(60);

/// A table whose function waits until all calls that can come have come, so the machine's speed plays no role. Its value
/// is the number of threads of the process then.
struct Table {
    /// For the function, which has to look at its own table.
    this: OnceLock<Coalescer<u64, usize, String>>,
    runs: AtomicUsize,
    /// As many callers as can wait at a time.
    at_a_time: usize,
}

impl Table {
    fn new(at_a_time: usize) -> Arc<Self> {
        let table = Arc::new(Self { this: OnceLock::new(), runs: AtomicUsize::new(0), at_a_time });
        let inside = Arc::downgrade(&table);
        let coalescer = Coalescer::builder()
            .window(Duration::ZERO)
            .executor(|job: Job| drop(std::thread::spawn(|| job.run())))
            .build(move |_: &u64| inside.upgrade().ok_or("the table has gone")?.run());
        assert!(table.this.set(coalescer).is_ok());
        table
    }

    fn calls(&self) -> &Coalescer<u64, usize, String> {
        self.this.get().expect("it was set at once")
    }

    fn run(&self) -> Result<usize, String> {
        let before = self.runs.fetch_add(1, Ordering::Relaxed);
        let callers = self.at_a_time.min(CALLERS - before * self.at_a_time);
        let end = Instant::now() + LIMIT;
        while self.calls().in_flight().iter().all(|flight| flight.followers + 1 < callers) {
            if Instant::now() > end {
                return Err(format!(
                    "{:?} callers in place of {callers}",
                    self.calls().in_flight()
                ));
            }
            std::thread::yield_now();
        }
        Ok(threads())
    }
}

/// The threads of this process.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("Linux lists the threads").count()
}

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()
        .expect("threads start")
}

/// Lets all callers call. Returns how often the function ran, and how many threads there were beside `before` at most.
fn all_call<F>(table: &Arc<Table>, before: usize, call: impl Fn(Arc<Table>) -> F) -> (usize, usize)
where
    F: Future<Output = usize> + Send + 'static,
{
    let runtime = runtime();
    let callers: Vec<_> = (0..CALLERS).map(|_| runtime.spawn(call(Arc::clone(table)))).collect();
    let most = runtime.block_on(async {
        let mut most = 0;
        for caller in callers {
            let threads = timeout(2 * LIMIT, caller).await.expect("a caller hangs");
            most = most.max(threads.expect("no caller panics"));
        }
        most
    });
    (table.runs.load(Ordering::Relaxed), most - before)
}

/// One test, because threads of another one would be counted.
#[test]
fn tickets_cost_one_run_and_blocking_calls_a_thread_each_and_twenty_runs() {
    let before = threads();
    let with_tickets = all_call(&Table::new(CALLERS), before, |table| async move {
        let ticket = table.calls().submit(&7).expect("the executor takes jobs");
        *ticket.into_future().await.expect("the function returns")
    });
    // The workers of the runtime, and a thread for the job.
    assert_eq!(with_tickets, (1, WORKERS + 1));

    let with_blocking_calls = all_call(&Table::new(BLOCKING_THREADS), before, |table| async move {
        let call = tokio::task::spawn_blocking(move || table.calls().execute(&7));
        *call.await.expect("it does not panic").expect("the function returns")
    });
    assert_eq!(with_blocking_calls, (20, WORKERS + BLOCKING_THREADS));
}
