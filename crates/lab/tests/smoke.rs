//! Runs every lane in its smallest size, and checks that it ends and that its counts are right. Times
//! are not checked.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use lab::Size;
use lab::compare::{self, rows};
use lab::contender::{Contender, FLOOR, NAMES};
use lab::contenders::{Cached, Coalescer, Singleflight};
use lab::go::Go;
use lab::raw::Line;

fn lab(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.args(arguments).output().expect("it was built with this test")
}

/// The figures of a lane in a process of its own, as in a real run; none if there is no such lane.
///
/// The lanes assert themselves that every call had the right value, and that hits were hits.
fn lane(scenario: &str, contender: &str) -> BTreeMap<String, f64> {
    figures(&lab(&["lane", "compare", scenario, contender, "tiny"]))
}

fn figures(output: &Output) -> BTreeMap<String, f64> {
    assert!(output.status.success(), "{output:?}");
    let lines = std::str::from_utf8(&output.stdout).expect("it is text").lines();
    let lines = lines.map(|line| serde_json::from_str::<Line>(line).expect("a raw line"));
    lines.map(|line| (line.figure, line.value)).collect()
}

#[test]
fn every_lane_ends_and_only_what_a_contender_lacks_is_left_out() {
    for scenario in compare::ALL.iter().map(|scenario| scenario.name) {
        for contender in [FLOOR].into_iter().chain(NAMES) {
            let figures = lane(scenario, contender);
            let is_sound = |value: &f64| value.is_finite() && *value >= 0.0;
            assert!(figures.values().all(is_sound), "{scenario} {contender}: {figures:?}");
            let keeps = ["window", "hit", "tail"].iter().any(|part| scenario.contains(part));
            let has_lane = match contender {
                Singleflight::NAME => !keeps && scenario != "memory",
                // It has no flight without a window, but a herd can be sent to a key of its own.
                Cached::NAME => keeps || scenario == "memory" || scenario.starts_with("herd"),
                FLOOR => continue,
                _ => true,
            };
            assert_eq!(!figures.is_empty(), has_lane, "{scenario} {contender}");
        }
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
    // A key, and for a kept one a value with the two counts of its `Arc`.
    for (figure, least) in [("in_flight", 8.0), ("retained", 32.0)] {
        let bytes = lane("memory", Coalescer::NAME)[figure];
        assert!((least..2_000.0).contains(&bytes), "{figure}: {bytes}");
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
    let Some(go) = Go::or_skip("go_has_its_lanes_where_it_is_found") else { return };
    let of = |name: &str| compare::ALL.iter().find(|scenario| scenario.name == name);
    let expected = [("lead-2t", "ns"), ("herd-64", "last_us"), ("memory", "in_flight")];
    for (scenario, figure) in expected {
        let arguments =
            of(scenario).and_then(|it| it.for_go(Size::Tiny)).expect("it has this lane");
        let figures = figures(&go.command(&arguments).output().expect("it was built"));
        assert!(figures.get(figure).is_some_and(|value| *value > 0.0), "{scenario}: {figures:?}");
    }
    assert!(
        of("hit-1t-1key").is_some_and(|it| it.for_go(Size::Tiny).is_none()),
        "it has no window"
    );
}

fn in_folder(folder: &Path, command: &str, arguments: &[&str]) -> Output {
    let raw = folder.join("raw.jsonl");
    let raw = raw.to_str().expect("a path of the test's own");
    lab(&[&[command, "--size", "tiny", "--raw", raw], arguments].concat())
}

#[test]
fn what_is_measured_is_shown_and_shown_again_from_its_raw_lines() {
    for (command, only, title, picture) in [
        ("compare", "lead-1t", "runs the function, 1 thread", "compare.svg"),
        ("curves", "keys", "| live keys |", "curves/keys.svg"),
    ] {
        let folder = tempfile::tempdir().expect("the system has room");
        let first = in_folder(folder.path(), command, &["--only", only]);
        assert!(first.status.success(), "{first:?}");
        assert!(String::from_utf8_lossy(&first.stdout).contains(title), "{first:?}");

        let picture = folder.path().join(picture);
        let drawn = fs::read_to_string(&picture).expect("the picture is there");
        fs::remove_file(&picture).expect("it is there");
        let raw = folder.path().join("raw.jsonl");
        let raw = raw.to_str().expect("a path of the test's own");
        let again = in_folder(folder.path(), command, &["--from", raw]);
        assert_eq!(again.stdout, first.stdout);
        assert_eq!(fs::read_to_string(&picture).expect("it is drawn again"), drawn);
    }
}

#[test]
fn less_than_the_whole_is_not_put_into_the_docs() {
    let folder = tempfile::tempdir().expect("the system has room");
    let refused = in_folder(folder.path(), "curves", &["--only", "windows", "--write"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not measured: keys"), "{refused:?}");
}
