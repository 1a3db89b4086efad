//! Metrics of a cluster handle, by the [`metrics`](::metrics) facade.
//!
//! | metric | kind | labels | content |
//! |---|---|---|---|
//! | `coalescer_cluster_asks_total` | counter | `namespace`, `answer` | claims by answer: `lead`, `hit`, `follow`, `wait`, `full`, `busy` |
//! | `coalescer_cluster_alone_total` | counter | `namespace`, `reason` | calls that ran for their own process: `down`, `deaf`, `full`, `told_to`, `waited_enough`, `cycle`, `undecodable` |
//! | `coalescer_cluster_lost_leases_total` | counter | `namespace` | leads that were taken over or lost |
//! | `coalescer_cluster_takeovers_total` | counter | `namespace` | leads that this process took over |
//! | `coalescer_cluster_undecodable_total` | counter | `namespace` | results that could not be decoded |
//! | `coalescer_cluster_unshared_total` | counter | `namespace`, `reason` | results and keys that stayed here: `key`, `choice` (keys too), `codec`, `too_large` |
//! | `coalescer_cluster_forgets_total` | counter | `namespace`, `result` | forgets: `everywhere`, `unreached` |
//! | `coalescer_engine_round_trips_total` | counter | `namespace` | steps that were sent |
//! | `coalescer_engine_errors_total` | counter | `namespace`, `kind` | steps that failed |
//! | `coalescer_engine_up`, `coalescer_engine_listening` | gauge | `namespace` | 1 or 0, as [`Cluster::health`](crate::Cluster::health) says |
//! | `coalescer_engine_seconds` | histogram | `step` | the duration of each step |
//!
//! Calls that another process answered are in `coalescer_calls_total{role="shared"}`, by coalescer.
//!
//! Install a recorder, call [`enable`] once, and [`Cluster::publish_metrics`](crate::Cluster::publish_metrics)
//! in the handler of `/metrics`.
//!
//! # Examples
//!
//! ```
//! use coalescer_cluster::{Cluster, Memory, metrics};
//! use metrics_exporter_prometheus::PrometheusBuilder;
//!
//! let prometheus = PrometheusBuilder::new().install_recorder().unwrap();
//! metrics::enable();
//!
//! let cluster = Cluster::over(Memory::new()).namespace("shop").open()?;
//! let users = coalescer::Coalescer::builder()
//!     .shared(cluster.named("users").schema("1"))
//!     .build(|id: &u64| Ok::<_, ()>(format!("user {id}")));
//! users.execute(&7).unwrap();
//!
//! cluster.publish_metrics();
//! let page = prometheus.render();
//! assert!(page.contains(r#"coalescer_cluster_asks_total{namespace="shop",answer="lead"} 1"#), "{page}");
//! assert!(page.contains(r#"coalescer_cluster_unshared_total{namespace="shop",reason="choice"} 0"#));
//! assert!(page.contains(r#"coalescer_engine_up{namespace="shop"} 1"#));
//! assert!(page.contains(r#"coalescer_engine_seconds_count{step="publish"} 1"#));
//! # Ok::<(), coalescer_cluster::OpenError>(())
//! ```

use std::time::Duration;

use ::metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::health::{ClusterStats, Health};
use crate::panics::caught;
use crate::sync::{AtomicBool, Ordering};

static IS_ENABLED: AtomicBool = AtomicBool::new(false);

/// Describes the metrics to the installed recorder, and starts the recording of durations. Call it once, after
/// the recorder is installed. A panic of the recorder, which is the user's code, ends wherever it is called.
///
/// # Examples
///
/// See the [module](self).
pub fn enable() {
    caught(describe).ok();
    IS_ENABLED.store(true, Ordering::Relaxed);
}

pub(crate) fn is_enabled() -> bool {
    IS_ENABLED.load(Ordering::Relaxed)
}

pub(crate) fn took(step: &'static str, time: Duration) {
    caught(|| histogram!("coalescer_engine_seconds", "step" => step).record(time)).ok();
}

fn describe() {
    describe_counter!("coalescer_cluster_asks_total", Unit::Count, "Claims, by answer");
    describe_counter!(
        "coalescer_cluster_alone_total",
        Unit::Count,
        "Calls that ran alone, by reason"
    );
    describe_counter!("coalescer_cluster_lost_leases_total", Unit::Count, "Leads that were lost");
    describe_counter!(
        "coalescer_cluster_takeovers_total",
        Unit::Count,
        "Leads that were taken over"
    );
    describe_counter!(
        "coalescer_cluster_undecodable_total",
        Unit::Count,
        "Results that nobody can read"
    );
    describe_counter!(
        "coalescer_cluster_unshared_total",
        Unit::Count,
        "Results and keys that stay here, by reason"
    );
    describe_counter!("coalescer_cluster_forgets_total", Unit::Count, "Forgets, by result");
    describe_counter!("coalescer_engine_round_trips_total", Unit::Count, "Steps that were sent");
    describe_counter!("coalescer_engine_errors_total", Unit::Count, "Steps that failed, by kind");
    describe_gauge!("coalescer_engine_up", "The engine is asked");
    describe_gauge!(
        "coalescer_engine_listening",
        "This process hears the messages of the others, or its engine needs none"
    );
    describe_histogram!("coalescer_engine_seconds", Unit::Seconds, "How long a step took");
}

/// Adds the difference of two readings to the recorder's counters.
pub(crate) fn publish(namespace: &str, old: &ClusterStats, new: &ClusterStats, health: &Health) {
    let record = || {
        let space = || namespace.to_owned();
        let up = |is: bool| if is { 1.0 } else { 0.0 };
        gauge!("coalescer_engine_up", "namespace" => space()).set(up(health.up));
        gauge!("coalescer_engine_listening", "namespace" => space()).set(up(health.listening));
        for (metric, label, rows) in counters(old, new) {
            for (value, (old, new)) in rows {
                let counter = match label {
                    Some(label) => counter!(metric, "namespace" => space(), label => value),
                    None => counter!(metric, "namespace" => space()),
                };
                counter.increment(new.saturating_sub(old));
            }
        }
    };
    caught(record).ok();
}

type Rows = Vec<(&'static str, (u64, u64))>;

#[rustfmt::skip]
fn counters(
    old: &ClusterStats,
    new: &ClusterStats,
) -> [(&'static str, Option<&'static str>, Rows); 9] {
    let of = |read: fn(&ClusterStats) -> u64| (read(old), read(new));
    let alone = vec![
        ("down", of(|all| all.alone.down)), ("deaf", of(|all| all.alone.deaf)),
        ("full", of(|all| all.alone.full)), ("told_to", of(|all| all.alone.told_to)),
        ("waited_enough", of(|all| all.alone.waited_enough)),
        ("cycle", of(|all| all.alone.cycle)), ("undecodable", of(|all| all.alone.undecodable)),
    ];
    let asks = vec![
        ("lead", of(|all| all.leads)), ("hit", of(|all| all.hits)),
        ("follow", of(|all| all.follows)), ("wait", of(|all| all.waits)),
        ("full", of(|all| all.full)), ("busy", of(|all| all.busy)),
    ];
    let errors = vec![
        ("refused", of(|all| all.errors.refused)), ("lost", of(|all| all.errors.lost)),
        ("timed_out", of(|all| all.errors.timed_out)), ("full", of(|all| all.errors.full)),
        ("denied", of(|all| all.errors.denied)), ("read_only", of(|all| all.errors.read_only)),
        ("exhausted", of(|all| all.errors.exhausted)),
        ("unexpected", of(|all| all.errors.unexpected)),
    ];
    let unshared = vec![
        ("key", of(|all| all.unshareable_keys)), ("choice", of(|all| all.own_keys)),
        ("codec", of(|all| all.not_encoded)), ("too_large", of(|all| all.too_large)),
    ];
    let forgets = vec![
        ("everywhere", of(|all| all.forgets_everywhere)),
        ("unreached", of(|all| all.forgets_unreached)),
    ];
    [
        ("coalescer_cluster_asks_total", Some("answer"), asks),
        ("coalescer_cluster_alone_total", Some("reason"), alone),
        ("coalescer_cluster_lost_leases_total", None, vec![("", of(|all| all.lost_leases))]),
        ("coalescer_cluster_takeovers_total", None, vec![("", of(|all| all.takeovers))]),
        ("coalescer_cluster_undecodable_total", None, vec![("", of(|all| all.undecodable))]),
        ("coalescer_cluster_unshared_total", Some("reason"), unshared),
        ("coalescer_cluster_forgets_total", Some("result"), forgets),
        ("coalescer_engine_round_trips_total", None, vec![("", of(|all| all.round_trips))]),
        ("coalescer_engine_errors_total", Some("kind"), errors),
    ]
}
