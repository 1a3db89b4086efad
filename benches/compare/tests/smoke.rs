//! Runs every lane as small as it can be: that it ends, and that its counts are right, not its times.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::process::Command;

use compare::contender::{Contender, FLOOR, NAMES};
use compare::contenders::{Cached, Coalescer, Singleflight};
use compare::go::Go;
use compare::rows;
use compare::run;
use compare::scenarios::{self, Size};

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
    command.args([contender, "--tiny"]);
    figures_of(command)
}

fn figures_of(command: Command) -> BTreeMap<String, f64> {
    let figures = run::in_time(command).expect("the lane comes to its end");
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

#[test]
fn go_has_its_lanes_where_it_is_found() {
    let go = match Go::find() {
        Ok(go) => go,
        Err(why) => return eprintln!("Go is left out: {why}"),
    };
    let expected =
        [("lead-2t", "ns"), ("herd-64", "last_us"), ("memory", "in_flight"), ("zipf-64t", "rate")];
    for (scenario, figure) in expected {
        let figures = figures_of(go.lane(scenario, Size::Tiny).expect("it has this lane"));
        assert!(figures.get(figure).is_some_and(|value| *value > 0.0), "{scenario}: {figures:?}");
    }
    assert!(go.lane("hit-1t-1key", Size::Tiny).is_none(), "it has no window");
}
