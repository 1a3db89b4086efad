//! Runs every lane as small as it can be: that it ends, and that its counts are right, not its times.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::process::Command;

use compare::contender::{Contender, FLOOR, NAMES};
use compare::contenders::{Cached, Coalescer, Singleflight};
use compare::rows;
use compare::scenarios;

/// The figures of a lane in a process of its own, as in a real run; none if there is no such lane.
///
/// The lanes assert themselves that every call had the right value, and that hits were hits.
fn lane(scenario: &str, contender: &str) -> BTreeMap<String, f64> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_compare"));
    let output = command.args(["--tiny", "--lane", scenario, contender]).output();
    let output = output.expect("the program can be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{scenario} {contender}: {errors}");
    let figures = String::from_utf8(output.stdout).expect("it is text");
    let pairs = figures.lines().map(|line| line.split_once('\t').expect("name and value"));
    pairs.map(|(name, value)| (name.to_owned(), value.parse().expect("a number"))).collect()
}

fn lanes() -> impl Iterator<Item = (&'static str, &'static str)> {
    let contenders = || [FLOOR].into_iter().chain(NAMES);
    scenarios::ALL.iter().flat_map(move |one| contenders().map(|name| (one.name, name)))
}

#[test]
fn every_lane_ends_and_only_what_a_contender_lacks_is_left_out() {
    for (scenario, contender) in lanes() {
        let figures = lane(scenario, contender);
        let is_sound = |value: &f64| value.is_finite() && *value >= 0.0;
        assert!(figures.values().all(is_sound), "{scenario} {contender}: {figures:?}");
        let keeps = ["window", "hit", "tail"].iter().any(|part| scenario.contains(part));
        let has_lane = match contender {
            Singleflight::NAME => !keeps,
            // It has no flight without a window, but a herd can be sent to a key of its own.
            Cached::NAME => keeps || scenario.starts_with("herd"),
            FLOOR => continue,
            _ => true,
        };
        assert_eq!(!figures.is_empty(), has_lane, "{scenario} {contender}");
    }
}

#[test]
fn every_row_stands_on_figures_that_its_scenario_has() {
    for row in rows::ALL {
        let figures = lane(row.scenario, Coalescer::NAME);
        assert!(figures.contains_key(row.figure), "{row:?}");
    }
}

#[test]
fn one_herd_is_one_execution() {
    for name in [FLOOR].into_iter().chain(NAMES) {
        assert_eq!(lane("herd-64", name)["executions"], 1.0, "{name}");
    }
}
