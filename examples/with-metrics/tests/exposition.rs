//! The text that Prometheus scrapes, after calls with known results.
//!
//! A program has one recorder, so this is one test.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use coalescer::{Coalescer, Error, Manager, ManualClock};

const MS: Duration = Duration::from_millis(1);
const LIMIT: Duration = Duration::from_secs(30);

type Reports = Coalescer<u32, u32, String>;
type Ending = fn() -> Result<u32, String>;
type Called = JoinHandle<Result<Arc<u32>, Error<String>>>;

/// Reports whose functions return when the test says so, with the result that it gives.
struct Stage {
    clock: ManualClock,
    manager: Manager,
    reports: Reports,
    begun: Receiver<Sender<Ending>>,
}

impl Stage {
    fn new() -> Self {
        let clock = ManualClock::new();
        let manager = Manager::with_defaults(Coalescer::builder().clock(clock.clone()));
        let (begin, begun) = channel();
        let begin = Mutex::new(begin);
        let load = move |_: &u32| {
            let (end, told_to_end) = channel::<Ending>();
            begin.lock().unwrap().send(end).unwrap();
            told_to_end.recv_timeout(LIMIT).expect("the test ends this function")()
        };
        let second = Duration::from_secs(1);
        let reports = manager
            .named_with("reports", |s| s.window(Duration::MAX).leader_timeout(second), load)
            .unwrap();
        Self { clock, manager, reports, begun }
    }

    fn call(&self, key: u32) -> Called {
        let reports = self.reports.clone();
        thread::spawn(move || reports.execute(&key))
    }

    /// Starts a call that runs the function. Returns it with the sender that ends the function.
    fn lead(&self, key: u32) -> (Called, Sender<Ending>) {
        let call = self.call(key);
        (call, self.begun.recv_timeout(LIMIT).expect("the call runs the function"))
    }

    fn wait_for_followers(&self, count: usize) {
        let begin = Instant::now();
        while self.reports.in_flight().iter().map(|flight| flight.followers).sum::<usize>() != count
        {
            assert!(begin.elapsed() < LIMIT, "the followers did not arrive");
            thread::yield_now();
        }
    }
}

/// One leader, three followers, and two calls within the window. The execution takes 250 ms.
fn a_herd(stage: &Stage) {
    let (leader, end) = stage.lead(1);
    let followers = [(); 3].map(|()| stage.call(1));
    stage.wait_for_followers(3);
    stage.clock.advance(250 * MS);
    end.send(|| Ok(1)).unwrap();
    assert_eq!(*leader.join().unwrap().unwrap(), 1);
    followers.into_iter().for_each(|call| assert_eq!(*call.join().unwrap().unwrap(), 1));
    (0..2).for_each(|_| assert_eq!(*stage.reports.execute(&1).unwrap(), 1));
}

/// An error after 100 ms, and a panic at once. During the latter one call times out and one would block.
fn trouble(stage: &Stage) {
    let (leader, end) = stage.lead(2);
    stage.clock.advance(100 * MS);
    end.send(|| Err("down".into())).unwrap();
    assert!(leader.join().unwrap().is_err());

    let (leader, end) = stage.lead(3);
    assert!(stage.reports.execute_timeout(&3, Duration::ZERO).unwrap_err().is_timeout());
    assert!(stage.reports.try_execute(&3).unwrap_err().would_block());
    end.send(|| panic!("on purpose")).unwrap();
    assert!(leader.join().is_err());
}

/// A leader that is stuck for a second, and a call that takes over and returns at once.
fn a_take_over(stage: &Stage) {
    let (stuck, end) = stage.lead(4);
    stage.clock.advance(1000 * MS);
    let (second, end_second) = stage.lead(4);
    end_second.send(|| Ok(2)).unwrap();
    assert_eq!(*second.join().unwrap().unwrap(), 2);
    end.send(|| Ok(1)).unwrap();
    assert_eq!(*stuck.join().unwrap().unwrap(), 1);
}

/// The samples of the text, by name with labels.
fn samples(text: &str) -> HashMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name, value.parse().expect("a number"))
        })
        .collect()
}

/// The counters after all calls have returned.
const COUNTERS: [(&str, f64); 9] = [
    (r#"coalescer_calls_total{name="reports",role="leader"}"#, 5.0),
    (r#"coalescer_calls_total{name="reports",role="follower"}"#, 3.0),
    (r#"coalescer_calls_total{name="reports",role="late"}"#, 2.0),
    (r#"coalescer_calls_total{name="reports",role="timed_out"}"#, 1.0),
    (r#"coalescer_calls_total{name="reports",role="refused"}"#, 1.0),
    (r#"coalescer_executions_total{name="reports",result="ok"}"#, 3.0),
    (r#"coalescer_executions_total{name="reports",result="error"}"#, 1.0),
    (r#"coalescer_executions_total{name="reports",result="panic"}"#, 1.0),
    (r#"coalescer_takeovers_total{name="reports"}"#, 1.0),
];

/// Executions of 250 ms, 100 ms, 0, 0 and 1 s. Waits of three times 250 ms, and of 0.
const HISTOGRAMS: [(&str, f64); 10] = [
    (r#"coalescer_execution_seconds_bucket{name="reports",le="0.001"}"#, 2.0),
    (r#"coalescer_execution_seconds_bucket{name="reports",le="0.1"}"#, 3.0),
    (r#"coalescer_execution_seconds_bucket{name="reports",le="0.25"}"#, 4.0),
    (r#"coalescer_execution_seconds_bucket{name="reports",le="+Inf"}"#, 5.0),
    (r#"coalescer_execution_seconds_sum{name="reports"}"#, 1.35),
    (r#"coalescer_execution_seconds_count{name="reports"}"#, 5.0),
    (r#"coalescer_wait_seconds_bucket{name="reports",le="0.1"}"#, 1.0),
    (r#"coalescer_wait_seconds_bucket{name="reports",le="0.25"}"#, 4.0),
    (r#"coalescer_wait_seconds_sum{name="reports"}"#, 0.75),
    (r#"coalescer_wait_seconds_count{name="reports"}"#, 4.0),
];

fn assert_has(text: &str, expected: &[(&str, f64)]) {
    let samples = samples(text);
    for (name, value) in expected {
        let found = samples.get(name).copied();
        let is_it = found.is_some_and(|found| (found - value).abs() < 1e-9);
        assert!(is_it, "{name} is {found:?} instead of {value} in\n{text}");
    }
}

#[test]
fn the_text_has_the_counts_of_all_calls() {
    // A coalescer that is used before the recorder is installed is counted, too.
    let early = Stage::new();
    let (leader, end) = early.lead(9);
    end.send(|| Ok(9)).unwrap();
    leader.join().unwrap().unwrap();

    let exporter = with_metrics::install().unwrap();
    assert!(with_metrics::install().is_err(), "a program has one recorder");
    let stage = Stage::new();
    a_herd(&stage);
    let _ = with_metrics::answer(&exporter, &stage.manager);
    trouble(&stage);
    a_take_over(&stage);
    let text = with_metrics::answer(&exporter, &stage.manager);
    assert_has(&text, &COUNTERS);
    assert_has(&text, &HISTOGRAMS);
    assert_has(&text, &[(IN_FLIGHT, 0.0)]);
    for line in [
        "# TYPE coalescer_calls_total counter",
        "# TYPE coalescer_executions_total counter",
        "# TYPE coalescer_takeovers_total counter",
        "# TYPE coalescer_in_flight gauge",
        "# TYPE coalescer_execution_seconds histogram",
        "# TYPE coalescer_wait_seconds histogram",
        "# HELP coalescer_execution_seconds How long the function ran",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
    }
    // Publishing again without new calls changes nothing.
    assert_has(&with_metrics::answer(&exporter, &stage.manager), &COUNTERS);
    names_add_up(&exporter, &stage, &early);
}

const IN_FLIGHT: &str = r#"coalescer_in_flight{name="reports"}"#;

/// Coalescers of the same name add up. A dropped one takes back the executions that it last published as
/// running. A coalescer without a name is `unnamed`.
fn names_add_up(
    exporter: &metrics_exporter_prometheus::PrometheusHandle,
    stage: &Stage,
    early: &Stage,
) {
    let text = with_metrics::answer(exporter, &early.manager);
    assert_has(&text, &[(COUNTERS[0].0, 6.0)]);

    let (leader, end) = stage.lead(7);
    let (other, other_end) = early.lead(7);
    let _ = with_metrics::answer(exporter, &early.manager);
    assert_has(&with_metrics::answer(exporter, &stage.manager), &[(IN_FLIGHT, 2.0)]);
    for (call, end) in [(leader, end), (other, other_end)] {
        end.send(|| Ok(7)).unwrap();
        call.join().unwrap().unwrap();
    }
    assert_has(&with_metrics::answer(exporter, &stage.manager), &[(IN_FLIGHT, 1.0)]);

    let passing = Stage::new();
    let (call, end) = passing.lead(8);
    assert_has(&with_metrics::answer(exporter, &passing.manager), &[(IN_FLIGHT, 2.0)]);
    end.send(|| Ok(8)).unwrap();
    call.join().unwrap().unwrap();
    drop(passing);
    assert_has(&with_metrics::answer(exporter, &early.manager), &[(IN_FLIGHT, 0.0)]);

    let unnamed = Coalescer::new(|n: &u32| Ok::<u32, ()>(*n));
    unnamed.execute(&1).unwrap();
    unnamed.publish_metrics();
    let leader = r#"coalescer_calls_total{name="unnamed",role="leader"}"#;
    assert_has(&exporter.render(), &[(leader, 1.0)]);
}
