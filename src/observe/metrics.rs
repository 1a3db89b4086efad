//! Metrics of each named coalescer, for Prometheus and others, by the [`metrics`](::metrics)
//! facade.
//!
//! | metric | kind | labels | content |
//! |---|---|---|---|
//! | `coalescer_calls_total` | counter | `name`, `role` | answered calls by role: `leader` (ran the function, also after a take-over or unshared), `follower`, `late`, `shared` (another process ran it), `timed_out`, `refused` |
//! | `coalescer_executions_total` | counter | `name`, `result` | runs of the function by result: `ok`, `error`, `panic`; a job that never ran is not counted |
//! | `coalescer_takeovers_total` | counter | `name` | executions that started because another one was stuck |
//! | `coalescer_refreshes_total` | counter | `name` | executions that started as a refresh |
//! | `coalescer_refresh_failures_total` | counter | `name` | refreshes that brought no value for late calls |
//! | `coalescer_batches_total` | counter | `name` | runs of a function for many keys; `coalescer_executions_total` counts each of their keys |
//! | `coalescer_in_flight` | gauge | `name` | executions that run or are queued |
//! | `coalescer_execution_seconds` | histogram | `name` | the duration of each run of the function |
//! | `coalescer_wait_seconds` | histogram | `name` | the duration of each wait for another call's execution, however it ended; each wait with a ticket counts |
//!
//! The label `name` is the coalescer's name. All coalescers without a name share the label
//! `unnamed`. Coalescers with equal names add up. The counters are those of [`Stats`]. The share of
//! calls that caused no execution is `sum(rate(coalescer_calls_total{role=~"follower|late|shared"}[5m])) /
//! sum(rate(coalescer_calls_total[5m]))`.
//!
//! # Setting up
//!
//! 1. **Install a recorder, then call [`enable`] once.** `enable` describes the metrics to the recorder,
//!    and starts the recording of durations, which happens at the end of each run and each wait. Before
//!    that they cost one load for each execution. The recorder's own cost is added to runs and waits,
//!    never to a late call.
//! 2. **Publish the counters before they are read**, with `publish_metrics` of the
//!    [`Coalescer`](crate::Coalescer::publish_metrics), [`Group`](crate::Group::publish_metrics) or
//!    [`Manager`](crate::Manager::publish_metrics): in the handler of `/metrics`, or in a timer if the
//!    exporter pushes. Counters of a coalescer that is not published do not appear. The library counts
//!    by itself, and publishing adds the difference since the last time. So metrics add nothing to a late
//!    call, which takes about 26 ns.
//!
//! The layer of the crate `coalescer-http` has its flights here, under its name. With its own feature `metrics` it also
//! publishes why requests and responses were not shared.
//!
//! # Examples
//!
//! ```
//! use coalescer::{Coalescer, metrics};
//! use metrics_exporter_prometheus::PrometheusBuilder;
//!
//! // At the start of the program:
//! let prometheus = PrometheusBuilder::new().install_recorder().unwrap();
//! metrics::enable();
//!
//! let squares = Coalescer::builder().name("squares").build(|n: &u64| Ok::<u64, ()>(n * n));
//! squares.execute(&7).unwrap();
//! squares.execute(&7).unwrap();
//!
//! // In the handler of /metrics:
//! squares.publish_metrics();
//! let page = prometheus.render();
//! assert!(page.contains(r#"coalescer_calls_total{name="squares",role="leader"} 1"#));
//! assert!(page.contains(r#"coalescer_calls_total{name="squares",role="late"} 1"#));
//! ```
//!
//! The package `with-metrics` in `examples/` is a whole program.

use std::sync::Arc;
use std::time::Duration;

use ::metrics::{
    Key, Label, Level, Metadata, SharedString, Unit, counter, describe_counter, describe_gauge,
    describe_histogram, gauge, with_recorder,
};

use crate::stats::Stats;
use crate::sync::{Mutex, OnceCell, below};
use crate::wait::clock::{Clock, Nanos};
use crate::wait::contain::contain;

/// The label of coalescers without a name.
const UNNAMED: &str = "unnamed";

/// Set when durations are to be recorded.
static ENABLED: OnceCell<()> = OnceCell::new();

static METADATA: Metadata<'static> = Metadata::new("coalescer", Level::INFO, Some("coalescer"));

/// Describes all metrics to the installed recorder, and starts the recording of durations.
///
/// Call it once, after the recorder is installed. Coalescers built earlier are included. The first
/// `publish_metrics` calls it too, if you have not. A further call describes the metrics again. The
/// recorder runs on this thread, and the library holds no lock. A panic of the recorder ends here, as it
/// does wherever the library calls the recorder.
///
/// # Examples
///
/// ```
/// coalescer::metrics::enable();
/// let group: coalescer::Group<u32, u32, ()> = coalescer::Group::builder().name("users").build();
/// group.execute(&1, || Ok(1)).unwrap(); // recorded in coalescer_execution_seconds{name="users"}
/// # assert_eq!(group.stats().executed_requests, 1);
/// ```
pub fn enable() {
    contain(describe);
    // The second call finds it set.
    let _ = ENABLED.set(());
}

fn describe() {
    describe_counter!("coalescer_calls_total", Unit::Count, "Calls, by what they were");
    describe_counter!("coalescer_executions_total", Unit::Count, "Runs of the function, by result");
    describe_counter!(
        "coalescer_takeovers_total",
        Unit::Count,
        "Executions begun beside one that had been running for too long"
    );
    describe_counter!("coalescer_refreshes_total", Unit::Count, "Executions begun as a refresh");
    describe_counter!(
        "coalescer_refresh_failures_total",
        Unit::Count,
        "Refreshes that brought no value for late calls"
    );
    describe_counter!("coalescer_batches_total", Unit::Count, "Runs of a function for many keys");
    describe_gauge!("coalescer_in_flight", Unit::Count, "Executions under way or queued");
    describe_histogram!("coalescer_execution_seconds", Unit::Seconds, "How long the function ran");
    describe_histogram!(
        "coalescer_wait_seconds",
        Unit::Seconds,
        "How long a call waited for another's execution"
    );
}

/// The metrics of one coalescer.
pub(crate) struct Meters {
    name: SharedString,
    execution: Key,
    wait: Key,
    /// The counters as last published. Only the locks of the counters are taken while this lock is
    /// held.
    published: Mutex<Stats>,
}

impl Meters {
    pub(super) fn new(name: Option<Arc<str>>) -> Self {
        let name = name.map_or(SharedString::const_str(UNNAMED), SharedString::from_shared);
        let key = |metric| Key::from_parts(metric, vec![Label::new("name", name.clone())]);
        Self {
            execution: key("coalescer_execution_seconds"),
            wait: key("coalescer_wait_seconds"),
            published: Mutex::new(Stats::default()),
            name,
        }
    }

    /// Adds the difference since the last time to the recorder's counters.
    pub(super) fn publish(&self, stats: impl FnOnce() -> Stats) {
        if ENABLED.get().is_none() {
            enable();
        }
        // The recorder is user code, and runs after the lock is released. Sums need no order.
        let mut published = self.published.lock();
        let (before, now) = (*published, below(stats));
        *published = now;
        drop(published);
        self.count_calls(&before, &now);
        self.count_executions(&before, &now);
        self.move_in_flight(before.in_flight, now.in_flight);
    }

    /// Records the duration of a wait.
    #[inline]
    pub(super) fn record_wait(&self, waited: impl FnOnce() -> Nanos) {
        if ENABLED.get().is_some() {
            record(&self.wait, waited());
        }
    }

    fn count_calls(&self, before: &Stats, now: &Stats) {
        let roles = [
            ("leader", now.executed_requests - before.executed_requests),
            ("follower", now.followers - before.followers),
            ("late", now.late - before.late),
            ("shared", now.shared - before.shared),
            ("timed_out", now.timed_out - before.timed_out),
            ("refused", now.refused - before.refused),
        ];
        for (role, new) in roles {
            let name = self.name.clone();
            contain(|| {
                counter!("coalescer_calls_total", "name" => name, "role" => role).increment(new);
            });
        }
    }

    fn count_executions(&self, before: &Stats, now: &Stats) {
        let ok = |stats: &Stats| stats.executed_requests - stats.failed - stats.panicked;
        let results = [
            ("ok", ok(now) - ok(before)),
            ("error", now.failed - before.failed),
            ("panic", now.panicked - before.panicked),
        ];
        for (result, new) in results {
            let name = self.name.clone();
            contain(|| {
                counter!("coalescer_executions_total", "name" => name, "result" => result)
                    .increment(new);
            });
        }
        let beginnings = [
            ("coalescer_takeovers_total", now.takeovers - before.takeovers),
            ("coalescer_refreshes_total", now.refreshes - before.refreshes),
            ("coalescer_refresh_failures_total", now.refresh_failures - before.refresh_failures),
            ("coalescer_batches_total", now.batches - before.batches),
        ];
        for (metric, new) in beginnings {
            let name = self.name.clone();
            contain(|| counter!(metric, "name" => name).increment(new));
        }
    }

    /// Changes the gauge by a difference, because several coalescers can have one name.
    #[expect(clippy::cast_precision_loss, reason = "no process has 2^52 threads")]
    fn move_in_flight(&self, before: u64, now: u64) {
        contain(|| {
            gauge!("coalescer_in_flight", "name" => self.name.clone())
                .increment(now as f64 - before as f64);
        });
    }
}

/// Takes the executions that the coalescer last published out of the gauge.
impl Drop for Meters {
    fn drop(&mut self) {
        let before = self.published.lock().in_flight;
        if before > 0 {
            self.move_in_flight(before, 0);
        }
    }
}

/// The beginning of a run, and after `stop` its duration. `None` if durations are not recorded.
pub(super) struct Timer(Option<Nanos>);

impl Timer {
    #[inline]
    pub(super) fn start(clock: &Clock) -> Self {
        Self(ENABLED.get().map(|()| clock.now()))
    }

    /// Reads the duration, when the function has returned.
    #[inline]
    pub(super) fn stop(self, clock: &Clock) -> Self {
        Self(self.0.map(|begun| clock.now().saturating_sub(begun)))
    }

    /// Records the duration, after the outcome is published.
    #[inline]
    pub(super) fn record(self, meters: &Meters) {
        if let Some(ran) = self.0 {
            record(&meters.execution, ran);
        }
    }
}

/// Records a duration. A panic of the recorder ends here. The handle is looked up each time: a recorder can be installed at any time,
/// or for one thread only, and the facade does not say which recorder a handle belongs to.
#[inline(never)]
fn record(key: &Key, took: Nanos) {
    contain(|| {
        let histogram = with_recorder(|recorder| recorder.register_histogram(key, &METADATA));
        histogram.record(Duration::from_nanos(took));
    });
}
