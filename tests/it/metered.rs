//! The feature `metrics`, where calls are submitted. `examples/metrics` looks at all other calls.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use coalescer::{Group, ManualClock, NeverBlocks, SlowFlight};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use crate::jobs::{Jobs, assert_at_rest};
use crate::support::unlocked::{assert_no_offence, no_lock};
use crate::support::{MS, Numbers, followers, wait_until, watched};

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
        let executor = NeverBlocks(move |job| queue.try_send(job));
        let group: Numbers = Group::builder().name("n").executor(executor).build();
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

/// A recorder that panics whenever it is called, without the hook.
struct Fragile;

impl Fragile {
    fn reach() -> ! {
        no_lock("the recorder");
        resume_unwind(Box::new("the recorder panics"))
    }
}

impl Recorder for Fragile {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        Self::reach()
    }

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        Self::reach()
    }

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        Self::reach()
    }

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Self::reach()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Self::reach()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Self::reach()
    }
}

#[test]
fn a_recorder_that_panics_harms_no_call() {
    // S24 S48 S65: it takes no leader's value, and no follower's place.
    watched(|| {
        coalescer::metrics::enable();
        let group: Numbers = Group::builder().name("n").build();
        let fragile = |call: fn(&Numbers) -> u32| {
            let group = group.clone();
            move || metrics::with_local_recorder(&Fragile, || call(&group))
        };
        let (leader, told_to_end) = (group.clone(), Arc::new(Barrier::new(2)));
        let ends = Arc::clone(&told_to_end);
        let leader = thread::spawn(move || {
            let run = || {
                ends.wait();
                Ok(1)
            };
            metrics::with_local_recorder(&Fragile, || *leader.execute("k", run).unwrap())
        });
        wait_until(|| group.in_flight().len() == 1);
        let follower = thread::spawn(fragile(|group| *group.execute("k", || Ok(2)).unwrap()));
        let fresh = thread::spawn(fragile(|group| *group.execute_fresh("k", || Ok(3)).unwrap()));
        wait_until(|| followers(&group) == 2);
        told_to_end.wait();
        let values = [leader, follower, fresh].map(|call| call.join().unwrap());
        assert_eq!(values, [1, 1, 3]);
        metrics::with_local_recorder(&Fragile, || {
            coalescer::metrics::enable();
            group.publish_metrics();
        });
        assert_at_rest(&group);
        assert_no_offence();
    });
}
