//! The feature `metrics`, where calls are submitted. `examples/metrics` looks at all other calls.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use coalescer::{Group, ManualClock, SlowFlight};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use crate::jobs::{Jobs, assert_at_rest};
use crate::support::{MS, Numbers, watched};

/// The samples of this test, by name and without the label of its group.
fn samples(recorder: &PrometheusRecorder) -> HashMap<String, f64> {
    let text = recorder.handle().render();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let parse = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        (name.to_owned(), value.parse().expect("a number"))
    };
    lines.map(parse).collect()
}

#[track_caller]
fn assert_has(recorder: &PrometheusRecorder, expected: &[(&str, f64)]) {
    let samples = samples(recorder);
    for (name, value) in expected {
        let found = samples.get(*name).copied();
        let is_it = found.is_some_and(|found| (found - value).abs() < 1e-9);
        assert!(is_it, "{name} is {found:?} and not {value} in {samples:#?}");
    }
}

#[test]
fn runs_of_jobs_and_waits_of_tickets_are_in_the_histograms() {
    watched(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        coalescer::metrics::enable();
        let clock = ManualClock::new();
        let (executor, jobs) = Jobs::new();
        let (tell, waits) = channel();
        let tell = Mutex::new(tell);
        // Its hook says that the thread waits.
        let group: Numbers = Group::builder()
            .name("n")
            .clock(clock.clone())
            .executor(executor)
            .on_slow(MS, move |_: &SlowFlight<'_, String>| tell.lock().unwrap().send(()).unwrap())
            .build();
        let passes = clock.clone();
        let run = move || {
            passes.advance(100 * MS);
            Ok(1)
        };
        drop(group.submit("k", run).unwrap());
        let mut ticket = group.submit("k", || Ok(0)).unwrap();
        clock.advance(MS);
        thread::scope(|s| {
            let waiter = s.spawn(|| {
                metrics::with_local_recorder(&recorder, || ticket.wait_timeout(Duration::MAX))
            });
            waits.recv().unwrap();
            clock.advance(150 * MS);
            metrics::with_local_recorder(&recorder, || jobs.next().run());
            assert_eq!(*waiter.join().unwrap().unwrap(), 1);
        });
        assert_has(
            &recorder,
            &[
                (r#"coalescer_execution_seconds_sum{name="n"}"#, 0.1),
                (r#"coalescer_execution_seconds_count{name="n"}"#, 1.0),
                (r#"coalescer_wait_seconds_sum{name="n"}"#, 0.25),
                (r#"coalescer_wait_seconds_count{name="n"}"#, 1.0),
            ],
        );
        assert_at_rest(&group);
    });
}

#[test]
fn a_job_that_never_ran_is_a_refused_call_and_no_execution() {
    // S48
    watched(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let (queue, jobs) = std::sync::mpsc::sync_channel(1);
        let group: Numbers =
            Group::builder().name("n").executor(move |job| queue.try_send(job)).build();
        let publish = || metrics::with_local_recorder(&recorder, || group.publish_metrics());
        let dropped = group.submit("k", || Ok(1)).unwrap();
        let follower = group.submit("k", || Ok(1)).unwrap();
        publish();
        assert_has(&recorder, &[(r#"coalescer_in_flight{name="n"}"#, 1.0)]);
        assert!(group.submit("full", || Ok(2)).unwrap_err().is_rejected());
        drop(jobs.recv().unwrap());
        assert!(dropped.wait().unwrap_err().is_abandoned());
        // The follower's own job begins the flight instead (S71).
        jobs.recv().unwrap().run();
        assert_eq!(*follower.wait().unwrap(), 1);
        let ran = [group.submit("a", || Ok(1)).unwrap()];
        jobs.recv().unwrap().run();
        let failed = group.submit("b", || Err("down".into())).unwrap();
        jobs.recv().unwrap().run();
        drop((ran, failed));
        publish();
        assert_has(
            &recorder,
            &[
                (r#"coalescer_calls_total{name="n",role="leader"}"#, 3.0),
                (r#"coalescer_calls_total{name="n",role="follower"}"#, 0.0),
                (r#"coalescer_calls_total{name="n",role="refused"}"#, 2.0),
                (r#"coalescer_executions_total{name="n",result="ok"}"#, 2.0),
                (r#"coalescer_executions_total{name="n",result="error"}"#, 1.0),
                (r#"coalescer_executions_total{name="n",result="panic"}"#, 0.0),
                (r#"coalescer_in_flight{name="n"}"#, 0.0),
            ],
        );
        assert_at_rest(&group);
    });
}
