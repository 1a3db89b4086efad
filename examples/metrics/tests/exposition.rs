//! The text that Prometheus scrapes, after calls of which all is known.
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

/// Reports whose functions end when and how the test says.
struct Stage {
    clock: ManualClock,
    manager: Manager,
    reports: Reports,
    begun: Receiver<Sender<Ending>>,
}

impl Stage {
    fn new() -> Self {
        let clock = ManualClock::new();
        let manager = Manager::with_defaults(coalescer::Settings::new().clock(clock.clone()));
        let (begin, begun) = channel();
        let begin = Mutex::new(begin);
        let load = move |_: &u32| {
            let (end, told_to_end) = channel::<Ending>();
            begin.lock().unwrap().send(end).unwrap();
            told_to_end.recv_timeout(LIMIT).expect("the test says how this function ends")()
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

    /// A call whose function runs, and the end of that.
    fn lead(&self, key: u32) -> (Called, Sender<Ending>) {
        let call = self.call(key);
        (call, self.begun.recv_timeout(LIMIT).expect("it leads"))
    }

    fn wait_for_followers(&self, count: usize) {
        let begin = Instant::now();
        while self.reports.in_flight().iter().map(|flight| flight.followers).sum::<usize>() != count
        {
            assert!(begin.elapsed() < LIMIT, "the followers do not come");
            thread::yield_now();
        }
    }
}

/// One leader, three followers, two late calls; 250 ms.
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

/// An error after 100 ms, and a panic after none, while which one call times out and one is refused.
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

/// A leader that is stuck for a second, and a call that takes over and takes no time.
fn a_take_over(stage: &Stage) {
    let (stuck, end) = stage.lead(4);
    stage.clock.advance(1000 * MS);
    let (second, end_second) = stage.lead(4);
    end_second.send(|| Ok(2)).unwrap();
    assert_eq!(*second.join().unwrap().unwrap(), 2);
    end.send(|| Ok(1)).unwrap();
    assert_eq!(*stuck.join().unwrap().unwrap(), 1);
}

/// Every sample of the text, by its name with labels.
fn samples(text: &str) -> HashMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name, value.parse().expect("a number"))
        })
        .collect()
}

/// The counters that hold when everything has returned.
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

/// Runs of 250 ms, 100 ms, none, none and 1 s; waits of 250 ms three times, and of none.
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
        assert!(is_it, "{name} is {found:?} and not {value} in\n{text}");
    }
}

#[test]
fn the_text_says_what_has_happened() {
    // A coalescer that is made and used before the recorder is there is counted all the same.
    let early = Stage::new();
    let (leader, end) = early.lead(9);
    end.send(|| Ok(9)).unwrap();
    leader.join().unwrap().unwrap();

    let exporter = metrics_example::install().unwrap();
    assert!(metrics_example::install().is_err(), "a program has one recorder");
    let stage = Stage::new();
    a_herd(&stage);
    let _ = metrics_example::answer(&exporter, &stage.manager);
    trouble(&stage);
    a_take_over(&stage);
    let text = metrics_example::answer(&exporter, &stage.manager);
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
    // Nothing has happened, so nothing is added.
    assert_has(&metrics_example::answer(&exporter, &stage.manager), &COUNTERS);
    names_add_up(&exporter, &stage, &early);
}

const IN_FLIGHT: &str = r#"coalescer_in_flight{name="reports"}"#;

/// Two coalescers of one name share its counts, and one that is dropped takes away what it had under
/// way when it last published; who has no name is `unnamed`.
fn names_add_up(
    exporter: &metrics_exporter_prometheus::PrometheusHandle,
    stage: &Stage,
    early: &Stage,
) {
    let text = metrics_example::answer(exporter, &early.manager);
    assert_has(&text, &[(COUNTERS[0].0, 6.0)]);

    let (leader, end) = stage.lead(7);
    let (other, other_end) = early.lead(7);
    let _ = metrics_example::answer(exporter, &early.manager);
    assert_has(&metrics_example::answer(exporter, &stage.manager), &[(IN_FLIGHT, 2.0)]);
    for (call, end) in [(leader, end), (other, other_end)] {
        end.send(|| Ok(7)).unwrap();
        call.join().unwrap().unwrap();
    }
    assert_has(&metrics_example::answer(exporter, &stage.manager), &[(IN_FLIGHT, 1.0)]);

    let passing = Stage::new();
    let (call, end) = passing.lead(8);
    assert_has(&metrics_example::answer(exporter, &passing.manager), &[(IN_FLIGHT, 2.0)]);
    end.send(|| Ok(8)).unwrap();
    call.join().unwrap().unwrap();
    drop(passing);
    assert_has(&metrics_example::answer(exporter, &early.manager), &[(IN_FLIGHT, 0.0)]);

    let unnamed = Coalescer::new(|n: &u32| Ok::<u32, ()>(*n));
    unnamed.execute(&1).unwrap();
    unnamed.publish_metrics();
    let leader = r#"coalescer_calls_total{name="unnamed",role="leader"}"#;
    assert_has(&exporter.render(), &[(leader, 1.0)]);
}
