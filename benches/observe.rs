//! The cost that metrics, spans and the hook for slow flights add to a lead, a late hit and a wait, with
//! and without a listener.
//!
//! A listener stays for the rest of the process, so the benches without it run first. The first bench of
//! each group is the base. Both features are needed:
//! `cargo bench --bench observe --features metrics,tracing`.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use coalescer::{Builder, ForGroup, Group, SlowFlight};
use criterion::Criterion;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::prelude::*;

mod support {
    pub(crate) mod both;
}
use support::both::side_by_side;

/// Longer than any bench runs.
const HOUR: Duration = Duration::from_secs(3600);

type Numbers = Group<u64, u64, ()>;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    all(&mut criterion, "nobody listens");
    with_hook(&mut criterion);
    let filtered = tracing_subscriber::registry().with(LevelFilter::INFO);
    tracing::subscriber::with_default(filtered, || all(&mut criterion, "spans filtered out"));
    tracing::subscriber::with_default(tracing_subscriber::registry(), || {
        all(&mut criterion, "spans, in a registry");
    });
    coalescer::metrics::enable();
    all(&mut criterion, "metrics without a recorder");
    let exporter = PrometheusBuilder::new().install_recorder();
    let exporter = exporter.expect("this program has no recorder yet");
    coalescer::metrics::enable();
    all(&mut criterion, "metrics for Prometheus");
    publish(&mut criterion, &exporter);
    push(&mut criterion);
    criterion.final_summary();
}

fn settings<K, V>() -> Builder<ForGroup, K, V> {
    Group::builder().name("bench")
}

fn all(criterion: &mut Criterion, listeners: &str) {
    lead(criterion, listeners, &settings().build());
    let windowed = settings().window(HOUR).build();
    late_hit(criterion, listeners, &windowed);
    wait(criterion, listeners, &settings().build());
}

/// A hook is a setting of a coalescer. None of these flights is slow.
fn with_hook(criterion: &mut Criterion) {
    let name = "on_slow, never slow";
    let hooked = || settings().on_slow(HOUR, |_: &SlowFlight<'_, u64>| ());
    lead(criterion, name, &hooked().build());
    late_hit(criterion, name, &hooked().window(HOUR).build());
    wait(criterion, name, &hooked().build());
}

fn lead(criterion: &mut Criterion, name: &str, group: &Numbers) {
    let mut key = 0;
    criterion.benchmark_group("lead").bench_function(name, |bencher| {
        bencher.iter(|| {
            key += 1;
            group.execute(&key, || Ok(key))
        });
    });
}

fn late_hit(criterion: &mut Criterion, name: &str, group: &Numbers) {
    criterion.benchmark_group("late hit").bench_function(name, |bencher| {
        bencher.iter(|| group.execute(&7, || Ok(7)));
    });
}

/// A call that joins a flight and times out at once, because the leader does not return. So the result
/// is the cost of a wait without the sleep.
fn wait(criterion: &mut Criterion, name: &str, group: &Numbers) {
    let (begun, over) = (Barrier::new(2), Barrier::new(2));
    let stuck = || {
        begun.wait();
        over.wait();
        Ok(7)
    };
    thread::scope(|scope| {
        scope.spawn(|| group.execute(&7, stuck));
        begun.wait();
        criterion.benchmark_group("wait of no time").bench_function(name, |bencher| {
            bencher.iter(|| group.execute_timeout(&7, Duration::ZERO, || Ok(0)));
        });
        over.wait();
    });
}

fn publish(criterion: &mut Criterion, exporter: &PrometheusHandle) {
    let group: Numbers = settings().build();
    let mut scrape = criterion.benchmark_group("scrape");
    scrape.bench_function("stats", |bencher| bencher.iter(|| group.stats()));
    scrape.bench_function("publish_metrics", |bencher| bencher.iter(|| group.publish_metrics()));
    scrape.bench_function("render", |bencher| bencher.iter(|| exporter.render()));
}

/// The cost for a late call if it incremented the recorder's counter instead of the library's own.
fn push(criterion: &mut Criterion) {
    let counter = metrics::counter!("pushed_total", "name" => "bench", "role" => "late");
    let mut push = criterion.benchmark_group("a counter that is pushed");
    push.bench_function("by its handle", |bencher| bencher.iter(|| counter.increment(1)));
    push.bench_function("asked for each time", |bencher| {
        let name = || String::from("bench");
        bencher.iter(|| {
            metrics::counter!("pushed_total", "name" => name(), "role" => "late").increment(1);
        });
    });
    push.bench_function("by its handle, two threads", |bencher| {
        bencher.iter_custom(|count| {
            side_by_side(2, |_| (0..count).for_each(|_| counter.increment(1)))
        });
    });
}
