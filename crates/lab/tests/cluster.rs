//! Runs the lanes of several processes in their smallest size, and checks that they end, that they have the figures
//! of their rows, and that nobody got a wrong answer. Times are not checked.

#![cfg(all(target_os = "linux", feature = "cluster"))]

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use lab::cluster::ALL;
use lab::cluster::rows::{self, Row, Target};
use lab::raw::Line;

/// The peers of other languages, whose packages come over the network, are not part of the tests.
const FOREIGN: [&str; 2] = ["dogpile.cache", "rueidisaside"];

fn lab(arguments: &[&str]) -> Output {
    // One lane at a time has the processors, as in a run.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.args(arguments).output().expect("it was built with this test")
}

/// The sums of the figures of a lane; none if its server is not installed.
fn lane(scenario: &str, lane: &str) -> BTreeMap<String, f64> {
    let output = lab(&["lane", "cluster", scenario, lane, "tiny"]);
    assert!(output.status.success(), "{scenario} {lane}: {output:?}");
    let mut figures = BTreeMap::new();
    for line in std::str::from_utf8(&output.stdout).expect("it is text").lines() {
        let line: Line = serde_json::from_str(line).expect("a raw line");
        assert!(line.value.is_finite() && line.value >= 0.0, "{scenario} {lane}: {line:?}");
        *figures.entry(line.figure).or_insert(0.0) += line.value;
    }
    figures
}

/// The rows that hold this lane to something.
fn rows_of(scenario: &str, lane: &str) -> impl Iterator<Item = &'static Row> {
    let holds = move |target: &Target| target.lanes.contains(&lane);
    let rows = rows::ALL.iter().filter(move |row| row.scenario == Some(scenario));
    let rows: Vec<_> = rows.filter(|row| row.targets.iter().any(holds)).collect();
    rows.into_iter()
}

#[test]
fn every_lane_ends_with_the_figures_of_its_targets_and_without_a_wrong_answer() {
    for scenario in &ALL {
        for name in scenario.lanes.iter().filter(|lane| !FOREIGN.contains(lane)) {
            let figures = lane(scenario.name, name);
            for row in rows_of(scenario.name, name).filter(|_| !figures.is_empty()) {
                // Who waited for another process depends on who was first, and on a busy machine nobody may call in the
                // short time after a fault.
                let may_lack = row.figure.starts_with("back")
                    || (row.figure == "executions"
                        && ["killed", "frozen"].contains(&scenario.name));
                let is_there = figures.contains_key(row.figure) || may_lack;
                assert!(is_there, "{} {name}: {row:?}: {figures:?}", scenario.name);
            }
            let is_wrong = |name| figures.get(name).is_some_and(|count| *count > 0.0);
            assert!(
                !is_wrong("wrong") && !is_wrong("failed"),
                "{} {name}: {figures:?}",
                scenario.name
            );
        }
    }
}

#[test]
fn without_sharing_each_call_is_an_execution_and_each_process_alone_has_its_own() {
    let off = lane("hot", "no sharing");
    // Four callers, and a function of a tenth of the window.
    assert!(off["executions"] > 4.0 && off["overlaps"] > 0.0, "{off:?}");
    let alone = lane("hot", "local only");
    assert!(alone["executions"] > 1.0 && alone["executions"] <= 2.5, "{alone:?}");
    assert!(!off.contains_key("round_trips") && !alone.contains_key("round_trips"));
}

#[test]
fn a_peer_that_was_not_brought_has_no_figures() {
    for peer in FOREIGN {
        assert!(lane("hot", peer).is_empty());
    }
}

#[test]
fn what_is_measured_is_shown_and_shown_again_from_its_raw_lines() {
    let folder = tempfile::tempdir().expect("the system has room");
    let raw = folder.path().join("raw.jsonl");
    let raw = raw.to_str().expect("a path of the test's own");
    let first = lab(&["cluster", "--size", "tiny", "--raw", raw, "--only", "forget"]);
    assert!(first.status.success(), "{first:?}");
    let table = String::from_utf8_lossy(&first.stdout);
    assert!(table.contains("forget, until all 8 processes") && table.contains("files"), "{table}");

    let picture = folder.path().join("cluster.svg");
    fs::remove_file(&picture).expect("the picture is there");
    let again = lab(&["cluster", "--raw", raw, "--from", raw]);
    assert_eq!(again.stdout, first.stdout);
    assert!(picture.exists());
    let refused = lab(&["cluster", "--raw", raw, "--from", raw, "--write"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not measured: hot"), "{refused:?}");
}
