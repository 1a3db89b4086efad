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
    let mut command = if scenario == "memory" {
        Command::new(env!("CARGO_BIN_EXE_compare-memory"))
    } else {
        let mut command = Command::new(env!("CARGO_BIN_EXE_compare"));
        command.args(["--lane", scenario]);
        command
    };
    let output = command.args([contender, "--tiny"]).output();
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
            Singleflight::NAME => !keeps && scenario != "memory",
            // It has no flight without a window, but a herd can be sent to a key of its own.
            Cached::NAME => {
                keeps || ["memory", "herd-64", "herd-256", "herd-1024"].contains(&scenario)
            }
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
        let executions = lane("herd-64", name)["executions"];
        // One of them runs the function again for followers that come back late.
        let is_sound = executions == 1.0 || (name == Singleflight::NAME && executions > 1.0);
        assert!(is_sound, "{name}: {executions}");
    }
}

#[test]
fn a_key_in_flight_or_retained_costs_at_least_itself() {
    for (contender, figure) in [(Coalescer::NAME, "in_flight"), (Coalescer::NAME, "retained")] {
        let bytes = lane("memory", contender)[figure];
        // A key, and for what is kept a value with the two counts of its `Arc`.
        let least = if figure == "retained" { 32.0 } else { 8.0 };
        assert!((least..2_000.0).contains(&bytes), "{contender} {figure}: {bytes}");
    }
}

#[test]
fn without_coalescing_every_call_is_an_execution() {
    let floor = lane("zipf-2t", FLOOR)["executions"];
    // Calls under way at the beginning and at the end are counted on one side only.
    assert!((900.0..1_100.0).contains(&floor), "{floor}");
    assert!(lane("zipf-window-64t", Coalescer::NAME)["executions"] < 1_000.0);
}
