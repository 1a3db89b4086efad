//! The feature `metrics` at its edges: scrapes at the same time, a group that goes with executions
//! under way, and runs that panic.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use coalescer::{Batcher, Group, ManualClock};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use crate::jobs::Jobs;
use crate::support::{MS, Numbers, watched};

/// The samples of a recorder, by name and without the label of the group.
fn sample(recorder: &PrometheusRecorder, name: &str) -> Option<f64> {
    let text = recorder.handle().render();
    let lines = text.lines().filter_map(|line| line.rsplit_once(' '));
    let samples: HashMap<_, _> = lines.collect();
    samples.get(name).map(|value| value.parse().expect("a number"))
}

#[test]
fn scrapes_at_the_same_time_count_each_call_once() {
    // S49
    watched(|| {
        const CALLS: u64 = 3_000;
        let recorder = PrometheusBuilder::new().build_recorder();
        coalescer::metrics::enable();
        let group: Group<u64, u64, ()> = Group::builder().name("n").build();
        let is_over = AtomicBool::new(false);
        let (group, recorder, is_over) = (&group, &recorder, &is_over);
        let scrape = || {
            metrics::with_local_recorder(recorder, || {
                while !is_over.load(Ordering::SeqCst) {
                    group.publish_metrics();
                }
                group.publish_metrics();
            });
        };
        thread::scope(|s| {
            (0..3).for_each(|_| drop(s.spawn(scrape)));
            for n in 0..CALLS {
                group.execute(&n, || Ok(n)).unwrap();
                thread::yield_now();
            }
            is_over.store(true, Ordering::SeqCst);
        });
        let leaders = sample(recorder, r#"coalescer_calls_total{name="n",role="leader"}"#);
        assert_eq!(leaders, Some(CALLS as f64));
        assert_eq!(sample(recorder, r#"coalescer_in_flight{name="n"}"#), Some(0.0));
    });
}

#[test]
fn a_group_that_goes_takes_what_it_had_under_way_out_of_the_gauge() {
    watched(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let (executor, jobs) = Jobs::new();
        let group: Numbers = Group::builder().name("n").executor(executor).build();
        let gauge = || sample(&recorder, r#"coalescer_in_flight{name="n"}"#);
        metrics::with_local_recorder(&recorder, || {
            drop(group.submit("k", || Ok(1)).unwrap());
            group.publish_metrics();
            assert_eq!(gauge(), Some(1.0));
            drop(group);
            // The job holds the group's state until it has run.
            jobs.next().run();
            assert_eq!(gauge(), Some(0.0));
        });
    });
}

#[test]
fn a_run_that_panics_is_in_the_histogram() {
    // S24
    watched(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        coalescer::metrics::enable();
        let clock = ManualClock::new();
        let group: Numbers = Group::builder().name("n").clock(clock.clone()).build();
        let run = || {
            clock.advance(100 * MS);
            std::panic::resume_unwind(Box::new("planned"))
        };
        let call = || group.execute("k", run);
        let panicked = metrics::with_local_recorder(&recorder, || {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err()
        });
        assert!(panicked);
        let [count, sum] = ["count", "sum"].map(|what| {
            sample(&recorder, &format!(r#"coalescer_execution_seconds_{what}{{name="n"}}"#))
        });
        assert_eq!(count, Some(1.0));
        assert!(sum.is_some_and(|sum| (sum - 0.1).abs() < 1e-9), "{sum:?}");
    });
}

#[test]
fn runs_for_many_keys_are_counted_beside_their_executions() {
    // S141 S120
    watched(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let clock = ManualClock::new();
        let squares = Batcher::builder()
            .name("n")
            .window(100 * MS)
            .refresh_after(60 * MS)
            .max_batch(2)
            .clock(clock.clone())
            .build(|keys: &[u32]| {
                Ok::<_, ()>(keys.iter().map(|key| (*key, *key)).collect::<Vec<_>>())
            });
        assert!(squares.execute_many(&[1, 2, 3]).iter().all(Result::is_ok));
        clock.advance(60 * MS);
        assert!(squares.execute(&3).is_ok());
        metrics::with_local_recorder(&recorder, || squares.publish_metrics());
        for (metric, count) in [
            (r#"coalescer_batches_total{name="n"}"#, 3.0),
            (r#"coalescer_executions_total{name="n",result="ok"}"#, 4.0),
            (r#"coalescer_refreshes_total{name="n"}"#, 1.0),
            (r#"coalescer_refresh_failures_total{name="n"}"#, 0.0),
        ] {
            assert_eq!(sample(&recorder, metric), Some(count), "{metric}");
        }
    });
}
