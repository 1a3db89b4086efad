//! Metrics by way of the [`metrics`](::metrics) facade, for Prometheus and others: what there is to
//! see of a coalescer, by its name.
//!
//! | metric | kind | labels | what it counts |
//! |---|---|---|---|
//! | `coalescer_calls_total` | counter | `name`, `role` | calls that have been answered, by what they were: `leader` (ran the function, also by take-over or alone), `follower`, `late`, `timed_out`, `refused` |
//! | `coalescer_executions_total` | counter | `name`, `result` | runs of the function, by how they ended: `ok`, `error`, `panic`; a job that never ran is none |
//! | `coalescer_takeovers_total` | counter | `name` | executions begun beside one that had been running for too long |
//! | `coalescer_in_flight` | gauge | `name` | executions under way or queued |
//! | `coalescer_execution_seconds` | histogram | `name` | how long the function ran, each time |
//! | `coalescer_wait_seconds` | histogram | `name` | how long a call waited for another's execution, whatever ended the wait; for a ticket each wait for itself |
//!
//! The label `name` is the coalescer's; those without a name share `unnamed`, and so do their counts.
//! Several of one name add up, too. The counters are those of [`Stats`], so
//! `sum(rate(coalescer_calls_total{role=~"follower|late"}[5m])) / sum(rate(coalescer_calls_total[5m]))`
//! is the share of calls that cost no execution.
//!
//! # How they come about
//!
//! **Install a recorder, and call [`enable`] once.** It describes the metrics to the recorder, and has
//! durations recorded from then on, each when a function or a wait has ended. Until then they cost one
//! load for each execution. What a recorder does with a duration is added to a lead or a wait, and
//! never to a late call.
//!
//! **Publish the counters whenever they are to be read**, with `publish_metrics` of the
//! [`Coalescer`](crate::Coalescer::publish_metrics), [`Group`](crate::Group::publish_metrics) or
//! [`Manager`](crate::Manager::publish_metrics): where `/metrics` is answered, or from a timer if the
//! exporter pushes. The library counts exactly in any case, and publishing adds what is new since the
//! last time. So a late call, which takes some 26 ns, costs nothing more.
//!
//! The layer of the crate `coalescer-http` has its histograms here, by its name. Its counters are in its
//! own `stats()`, with the reasons why a response was not shared.
//!
//! # Examples
//!
//! ```
//! use coalescer::{Coalescer, metrics};
//!
//! // Where the program starts: PrometheusBuilder::new().install_recorder()?, or any other. Then:
//! metrics::enable();
//!
//! let squares = Coalescer::builder().name("squares").build(|n: &u64| Ok::<u64, ()>(n * n));
//! squares.execute(&7).unwrap();
//!
//! // Where a scrape is answered, before the exporter renders:
//! squares.publish_metrics();
//! ```
//!
//! `examples/metrics` is a whole program with its Prometheus exporter.

use std::sync::Arc;
use std::time::Duration;

use ::metrics::{
    Key, Label, Level, Metadata, SharedString, Unit, counter, describe_counter, describe_gauge,
    describe_histogram, gauge, with_recorder,
};

use crate::stats::Stats;
use crate::sync::{Mutex, OnceCell};
use crate::wait::clock::{Clock, Nanos};

/// The name of those that have none.
const UNNAMED: &str = "unnamed";

/// Set when durations are to be recorded.
static ENABLED: OnceCell<()> = OnceCell::new();

static METADATA: Metadata<'static> = Metadata::new("coalescer", Level::INFO, Some("coalescer"));

/// Describes all metrics to the recorder that is installed, and has durations recorded from now on.
///
/// Call it once, after the recorder has been installed; whether coalescers were made before does not
/// matter. Publishing does the same if it comes first. Called again, it describes again. The recorder
/// runs on this thread, under no lock.
///
/// # Examples
///
/// ```
/// coalescer::metrics::enable();
/// ```
pub fn enable() {
    describe_counter!("coalescer_calls_total", Unit::Count, "Calls, by what they were");
    describe_counter!("coalescer_executions_total", Unit::Count, "Runs of the function, by result");
    describe_counter!(
        "coalescer_takeovers_total",
        Unit::Count,
        "Executions begun beside one that had been running for too long"
    );
    describe_gauge!("coalescer_in_flight", Unit::Count, "Executions under way or queued");
    describe_histogram!("coalescer_execution_seconds", Unit::Seconds, "How long the function ran");
    describe_histogram!(
        "coalescer_wait_seconds",
        Unit::Seconds,
        "How long a call waited for another's execution"
    );
    // Set already, if it is called again.
    let _ = ENABLED.set(());
}

/// What is kept of one coalescer for its metrics.
pub(crate) struct Meters {
    name: SharedString,
    execution: Key,
    wait: Key,
    /// What has been published. Nothing but the counters' own locks is taken under its lock.
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

    /// Adds to the recorder's counters what is new since the last time.
    pub(super) fn publish(&self, stats: impl FnOnce() -> Stats) {
        if ENABLED.get().is_none() {
            enable();
        }
        // The recorder is user code, and runs when the lock has been let go: sums need no order.
        let mut published = self.published.lock();
        let (before, now) = (*published, stats());
        *published = now;
        drop(published);
        self.count_calls(&before, &now);
        self.count_executions(&before, &now);
        self.move_in_flight(before.in_flight, now.in_flight);
    }

    /// A wait has ended.
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
            ("timed_out", now.timed_out - before.timed_out),
            ("refused", now.refused - before.refused),
        ];
        for (role, new) in roles {
            let name = self.name.clone();
            counter!("coalescer_calls_total", "name" => name, "role" => role).increment(new);
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
            counter!("coalescer_executions_total", "name" => name, "result" => result)
                .increment(new);
        }
        counter!("coalescer_takeovers_total", "name" => self.name.clone())
            .increment(now.takeovers - before.takeovers);
    }

    /// By a difference, as several coalescers may have one name.
    #[expect(clippy::cast_precision_loss, reason = "no process has 2^52 threads")]
    fn move_in_flight(&self, before: u64, now: u64) {
        gauge!("coalescer_in_flight", "name" => self.name.clone())
            .increment(now as f64 - before as f64);
    }
}

/// With the coalescer goes what it had under way when it last published.
impl Drop for Meters {
    fn drop(&mut self) {
        let before = self.published.lock().in_flight;
        if before > 0 {
            self.move_in_flight(before, 0);
        }
    }
}

/// The beginning of a run, or how long it took, if that is wanted.
pub(super) struct Timer(Option<Nanos>);

impl Timer {
    #[inline]
    pub(super) fn start(clock: &Clock) -> Self {
        Self(ENABLED.get().map(|()| clock.now()))
    }

    /// The function has returned.
    #[inline]
    pub(super) fn stop(self, clock: &Clock) -> Self {
        Self(self.0.map(|begun| clock.now().saturating_sub(begun)))
    }

    /// What the function has returned is published.
    #[inline]
    pub(super) fn record(self, meters: &Meters) {
        if let Some(ran) = self.0 {
            record(&meters.execution, ran);
        }
    }
}

/// The handle is asked for each time: a recorder may be installed at any time, or for one thread
/// alone, and the facade does not tell whether a handle is of the one that is there now.
#[inline(never)]
fn record(key: &Key, took: Nanos) {
    let histogram = with_recorder(|recorder| recorder.register_histogram(key, &METADATA));
    histogram.record(Duration::from_nanos(took));
}
